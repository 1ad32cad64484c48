"""The command line: ``crmcore pipeline DEALS.csv …``, and one module of ``crmcore.commands`` for each other command."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence

import crmcore
from crmcore.commands import churn, cohorts, customer_value, demo, pipeline

COMMANDS = {
    "pipeline": (pipeline, "a CSV file of deals as a pipeline, as of any day"),
    "clv": (customer_value, "a CSV file of orders: what each customer has brought in, and will"),
    "cohorts": (cohorts, "a CSV file of orders: who comes back, by when they began"),
    "churn": (churn, "a CSV file of subscriptions: who leaves, and the revenue that goes with them"),
    "demo": (demo, "a made-up company: its exports loaded, its pipeline then and now"),
}

EPILOG = """examples:
  crmcore demo
  crmcore pipeline deals.csv --id ID --stage Stage --opened Created --closed Closed --amount Amount \\
      --won Won --lost Lost --open Demo,Proposal --currency EUR --by owner --owner Rep --as-of 2026-06-30
  crmcore clv orders.csv --customer Customer --date Date --amount Total --horizon "12 months"
  crmcore cohorts orders.csv --customer Customer --date Date --end 2026-06-30
  crmcore churn subscriptions.csv --customer Customer --start Start --end End --amount Monthly --period 2026-06
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What stands after ``crmcore``; default: the command line's.

    Returns:
        The exit code: 0 when all went well, 1 after an error, which is printed, 130 when interrupted.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter gets the others
    given = _parser().parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except crmcore.CrmError as error:
        print(f"crmcore: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        # What is still buffered has nowhere to go: whoever read our output has gone, or its disk is full.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"crmcore: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    about = (crmcore.__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser("crmcore", description=about, epilog=EPILOG, formatter_class=form)
    parser.add_argument("--version", action="version", version=f"crmcore {crmcore.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, what) in COMMANDS.items():
        module.add_to(commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}."))
    return parser


if __name__ == "__main__":
    sys.exit(main())
