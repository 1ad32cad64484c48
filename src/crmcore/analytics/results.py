"""What every result of an analysis shares: how it was made, and how it can be shown."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.kernel.calendar import zone
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from crmcore.kernel.calendar import Period

__all__ = ["Provenance", "Section", "Tabular", "percent", "written"]


@attrs.frozen(kw_only=True)
class Provenance:
    """How a result was made: enough to make it again.

    Attributes:
        at: The as-of instant: nothing later was looked at. None only when the data hold no instant.
        at_given: Whether the caller said ``at``; otherwise it is the latest instant in the data.
        period: The period the figures are restricted to; None for all time.
        zone: The time zone in which bare dates and naive instants were read.
        currency: The ISO 4217 code every amount is in; None when there were no amounts.
        exclusions: What was left out or read otherwise than it stands, in words, with counts.
    """

    at: datetime | None
    at_given: bool
    period: Period | None
    zone: str
    currency: str | None
    exclusions: Mapping[str, int] = attrs.field(factory=FrozenMap)

    @property
    def local(self) -> datetime | None:
        """The as-of instant by the clocks of the zone."""
        return self.at and self.at.astimezone(zone(self.zone))

    def __str__(self) -> str:
        """One line, as it stands under a table."""
        at = f"as of {self.local.isoformat()}" if self.local else "no instant in the data"
        parts = [at if self.at_given or self.at is None else f"{at} (the latest instant in the data)"]
        parts.append(f"period {self.period.name}" if self.period else "all time")
        parts += [f"zone {self.zone}", *([f"in {self.currency}"] if self.currency else [])]
        parts += [f"{count:,} {what}" for what, count in self.exclusions.items()]
        return "; ".join(parts)


@attrs.frozen
class Section:
    """One table of a result, as it is printed.

    Attributes:
        title: What stands above it.
        headings: One text a column; may be empty.
        rows: The cells, already written out.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Tabular:
    """A result that can be shown as tables and handed on as rows."""

    __slots__ = ()

    @abstractmethod
    def to_dicts(self) -> list[dict[str, object]]:
        """The result as plain rows, for JSON, a template or any frame."""

    @abstractmethod
    def sections(self) -> Sequence[Section]:
        """The tables a person reads."""

    def __str__(self) -> str:
        """The tables as text."""
        return "\n\n".join("\n".join(_text(section)) for section in self.sections())

    def _repr_html_(self) -> str:
        """The tables for a notebook."""
        return "\n".join(_html(section) for section in self.sections())

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame.

        Raises:
            Invalid: pandas is not installed; says how to install it.
        """
        return _frames("pandas").DataFrame(self.to_dicts())

    def to_polars(self) -> Any:
        """The rows as a polars DataFrame.

        Raises:
            Invalid: polars is not installed; says how to install it.
        """
        return _frames("polars").DataFrame(self.to_dicts(), infer_schema_length=None, strict=False)


def _frames(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        mend = f"pip install {library}, or take to_dicts()"
        raise Invalid([Problem(f"to_{library}()", "no such package here", f"{library} installed", mend)]) from error


def percent(share: float | None) -> str:
    """A fraction as a person reads it."""
    return "–" if share is None else f"{share:.2%}"


def written(value: object) -> str:
    """A figure as a person reads it; a dash where it is undefined."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _text(section: Section) -> Iterator[str]:
    """The first column stands left, the others right."""
    lines = [section.headings, *section.rows] if section.headings else list(section.rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    yield section.title
    for line in lines:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(["", first, *others]).rstrip()


def _html(section: Section) -> str:
    from html import escape

    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head = f"<thead>{row(section.headings, 'th')}</thead>" if section.headings else ""
    body = "".join(row(cells, "td") for cells in section.rows)
    return f"<table><caption>{escape(section.title)}</caption>{head}<tbody>{body}</tbody></table>"
