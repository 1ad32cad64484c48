"""What the command line prints: tables and colours for a person, plain text and JSON for a pipe."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from crmcore.analytics.results import Section
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from crmcore.analytics import CycleDays, PipelineReport
    from crmcore.interchange.deal_import import DealImport

__all__ = ["Report", "progress", "show", "show_data", "show_json"]

HINT = 'for tables and colours on a terminal: pip install "crmcore[cli]"'
GAP = 2
"""How many blanks stand before a column."""

HARMLESS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) != "\n"}
"""What stands for a control character, which a cell of somebody's file may hold: a terminal would obey it."""


class Report(Protocol):
    """A report: tables, and what each of its figures means."""

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        ...

    def sections(self) -> Sequence[Section]:
        """The tables a person reads."""
        ...


def _rich() -> bool:
    """Whether tables can be drawn."""
    try:
        import rich  # noqa: F401 - asked for, not used
    except ImportError:
        return False
    return True


def _console(*, stderr: bool = False) -> Console:
    """Where to draw; with NO_COLOR set, without any style."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    return Console(stderr=stderr, highlight=False, color_system=None) if console.no_color else console


@contextlib.contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing anywhere else.

    Args:
        what: What is being done.
        total: How many there are to do; None while that is not known.
    """
    if not (sys.stderr.isatty() and _rich()):
        yield None
        return
    from rich.progress import Progress

    with Progress(console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def show(report: Report, notes: Sequence[str], *, definitions: bool) -> None:
    """Print a report for a person.

    Args:
        report: The report.
        notes: Sentences to stand below it.
        definitions: Whether to say what each figure means.
    """
    meanings = [f"{name.replace('_', ' ')}: {meaning}" for name, meaning in report.definitions.items()]
    below = ["\n".join(lines) for lines in (notes, meanings if definitions else ()) if lines]
    if sys.stdout.isatty() and _rich():
        _draw(report.sections(), "\n\n".join(below))
    else:
        print("\n\n".join([str(report), *below]).translate(HARMLESS))  # noqa: T201 - a command line prints
    if not _rich():
        print(HINT, file=sys.stderr)  # noqa: T201


def _draw(sections: Iterable[Section], below: str) -> None:
    """Tables with colours, none wider than the terminal."""
    from rich.text import Text

    console = _console()
    for section in sections:
        console.print(Text(section.title, style="bold"))
        for part in _parts(section, console.width):
            console.print(_table(part, console.width // 2))
        console.print()
    console.print(Text(below))


def _parts(section: Section, room: int) -> Iterator[Section]:
    """A table that is too wide as several of equally many columns, each led by the first one."""
    from rich.cells import cell_len

    lines = [section.headings, *section.rows] if section.headings else section.rows
    first, *widths = (GAP + max(map(cell_len, column)) for column in zip(*lines, strict=True))
    room -= min(first, room // 2)
    sizes = (-(-len(widths) // parts) for parts in range(1, len(widths) + 1))
    size = next((size for size in sizes if all(sum(part) <= room for part in _cut(widths, size))), 1)
    for places in _cut(range(1, len(widths) + 1), size) or [()]:
        yield _only(section, [0, *places])


def _cut(items: Sequence[int], size: int) -> list[Sequence[int]]:
    """Things in a row, in pieces of one size."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _only(section: Section, places: Sequence[int]) -> Section:
    """Some columns of a table."""
    headings = tuple(section.headings[place] for place in places) if section.headings else ()
    return Section(section.title, headings, tuple(tuple(row[place] for place in places) for row in section.rows))


def _table(section: Section, widest: int) -> Table:
    """A table to draw: names left, in a column that may be folded, figures right, in columns that may not."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 0, 0, GAP), header_style="dim", show_header=bool(section.headings))
    names, *figures = section.headings or section.rows[0]
    table.add_column(names, overflow="fold", style="cyan" if figures else None, max_width=widest if figures else None)
    for heading in figures:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in section.rows:
        table.add_row(*(Text(cell.translate(HARMLESS)) for cell in row))
    return table


def show_data(data: Mapping[str, Any]) -> None:
    """Print figures as JSON.

    Args:
        data: The figures, as JSON can hold them.
    """
    print(json.dumps(data, indent=2))  # noqa: T201 - a command line prints


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
        shown["groups"] = [{str(report.by): group, **_figures(part)} for group, part in report.groups.items()]
    shown["stages"] = dict(report.reached)
    shown["definitions"] = dict(report.definitions)
    show_data(shown)


NUMBERS = (
    *("deals", "won", "lost", "open", "unvalued", "unweighted", "undated", "no_account"),
    *("win_rate", "win_rate_by_value", "open_value", "weighted_value", "won_value", "lost_value", "average_won"),
    *("velocity", "open_velocity", "bottleneck"),
)


def _figures(report: PipelineReport) -> dict[str, Any]:
    figures: dict[str, Any] = {name: _plain(getattr(report, name)) for name in NUMBERS}
    for name in ("won_cycle_days", "lost_cycle_days"):
        cycle: CycleDays | None = getattr(report, name)
        figures[name] = {
            "mean": cycle and cycle.mean,
            "median": cycle and cycle.median,
            "n": cycle.n if cycle else 0,
        }
    return figures


def _plain(value: object) -> object:
    """A figure as JSON can hold it."""
    number = value.amount if isinstance(value, Money) else value
    if isinstance(number, Decimal):
        return int(number) if number == number.to_integral_value() else float(number)
    return number
