"""What the command line prints: tables and colours for a person, plain text and JSON for a pipe."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from crmcore.analytics import PipelineReport
    from crmcore.analytics.results import Section
    from crmcore.interchange.deal_import import DealImport

__all__ = ["progress", "show", "show_json"]

HINT = 'for tables and colours: pip install "crmcore[cli]"'


def _rich() -> bool:
    """Whether tables can be drawn."""
    try:
        import rich  # noqa: F401 - asked for, not used
    except ImportError:
        return False
    return True


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing anywhere else.

    Args:
        what: What is being done.
        total: How many there are to do.
    """
    if not (sys.stderr.isatty() and _rich()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, _: bar.update(task, completed=done)


def show(report: PipelineReport, notes: Sequence[str], *, definitions: bool) -> None:
    """Print a report for a person.

    Args:
        report: The report.
        notes: Sentences to stand below it.
        definitions: Whether to say what each figure means.
    """
    meanings = [f"{name.replace('_', ' ')}: {meaning}" for name, meaning in report.definitions.items()]
    below = [*notes, *([""] + meanings if definitions else [])]
    if sys.stdout.isatty() and _rich():
        _draw(report.sections(), below)
        return
    print("\n".join([str(report), "", *below]))  # noqa: T201 - a command line prints
    if sys.stdout.isatty():
        print(HINT, file=sys.stderr)  # noqa: T201


def _draw(sections: Sequence[Section], below: Sequence[str]) -> None:
    """Tables with colours; rich leaves colours out when NO_COLOR is set."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for section in sections:
        table = Table(title=section.title, title_style="bold", title_justify="left", box=SIMPLE_HEAD)
        table.show_header = bool(section.headings)
        width = len(section.rows[0]) if section.rows else len(section.headings)
        for place in range(width):
            heading = section.headings[place] if section.headings else ""
            style = "cyan" if place == 0 and width > 1 else None
            table.add_column(heading, justify="left" if place == 0 else "right", style=style)
        for row in section.rows:
            table.add_row(*map(Text, row))
        console.print(table)
    console.print(Text("\n".join(below)))


def show_json(report: PipelineReport, done: DealImport) -> None:
    """Print a report as JSON, amounts as numbers in major units.

    Args:
        report: The report.
        done: What the import did.
    """
    shown = {**_figures(report), "undated": done.undated, "import": attrs.asdict(done), "made": str(report.made)}
    shown["as_of"] = None if report.made.local is None else report.made.local.isoformat()
    shown["currency"] = report.currency
    if report.groups:
        groups = [{str(report.by): group, **_figures(part)} for group, part in report.groups.items()]
        shown["groups"] = groups
    shown["stages"] = {} if report.cohort is None else {step.stage: step.reached for step in report.cohort.steps}
    shown["definitions"] = dict(report.definitions)
    print(json.dumps(shown, indent=2, ensure_ascii=False))  # noqa: T201 - a command line prints


NUMBERS = (
    "deals won lost open unvalued unweighted no_account win_rate win_rate_by_value open_value weighted_value won_value "
    "lost_value average_won velocity open_velocity bottleneck"
).split()


def _figures(report: PipelineReport) -> dict[str, Any]:
    figures: dict[str, Any] = {name: _plain(getattr(report, name)) for name in NUMBERS}
    for name in ("won_cycle_days", "lost_cycle_days"):
        cycle = getattr(report, name)
        parts = ("mean", "median", "n")
        figures[name] = None if cycle is None else {part: getattr(cycle, part) for part in parts}
    return {**figures, "undated": report.undated}


def _plain(value: object) -> object:
    """A figure as JSON can hold it."""
    number = value.amount if isinstance(value, Money) else value
    if isinstance(number, Decimal):
        return int(number) if number == number.to_integral_value() else float(number)
    return number
