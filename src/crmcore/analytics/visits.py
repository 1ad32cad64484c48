"""The stage history of deals: who stood in which stage, from when to when."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import attrs

from crmcore.analytics.cells import DAY, Instants, Misfit, elapsed, flag, read, read_instants, read_keys, words
from crmcore.analytics.columns import Wanted, columns_of
from crmcore.analytics.deals import OPEN
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from crmcore.analytics.columns import Columns, Source
    from crmcore.analytics.deals import Deals
    from crmcore.analytics.stages import StageOrder

__all__ = ["Stays", "Visit", "Visits", "read_visits", "stays"]

CLOSING = -1  # the place of a stage that closes a deal
NEVER = 1 << 63  # later than any instant
END = (-1, NEVER, NEVER, CLOSING, -1)  # stands after the last visit
WANTED = [
    Wanted(role, role, required=role != "left_at", mend="add it, or rename the column that holds it")
    for role in ("deal", "stage", "entered_at", "left_at")
]
MISSING = Misfit("a value", "give one, or leave the visit out")

# One visit to an open stage: the deal's row, the stage's place, when it entered and left (microseconds since 1970; None
# while it is still there) and how long that was. A plain tuple, since there are several for every deal.
Visit = tuple[int, int, int, int | None, int]

# For each deal and each stage it was in: microseconds spent there up to the as-of, and whether it has left.
Stays = dict[int, dict[int, tuple[int, bool]]]


@attrs.frozen(eq=False)
class Visits:
    """The visits of deals to open stages, by deal and then by time.

    Attributes:
        visits: The visits.
        strangers: How many were left out because their deal is not in the table.
        latest: The latest instant of the whole history, in microseconds since 1970.
    """

    visits: list[Visit]
    strangers: int
    latest: int | None


def read_visits(source: Source, deals: Deals, order: StageOrder, zone: tzinfo, date_format: str | None) -> Visits:
    """Read a stage history.

    A visit without an end ends where the deal's next one begins, or with the deal.

    Args:
        source: The table: ``deal``, ``stage``, ``entered_at`` and, if known, ``left_at``.
        deals: The deals it belongs to.
        order: The stages.
        zone: Where bare dates and naive instants are read.
        date_format: How text dates are written; None means ISO 8601.

    Raises:
        Invalid: Everything that is wrong with the table.
    """
    columns = columns_of(source, WANTED, "visits")
    problems: list[Problem] = []
    whose = read_keys(columns, "deal", problems)
    places = read(columns, "stage", _place_in(order), problems)
    entered = read_instants(columns, "entered_at", zone, date_format, problems)
    left = read_instants(columns, "left_at", zone, date_format, problems)
    for role, cells in (("deal", whose), ("stage", places), ("entered_at", entered.micros)):
        flag(columns, role, [row for row, cell in enumerate(cells) if cell is None], MISSING, problems)
    if problems:
        raise Invalid(problems)
    rows = [deals.row_of.get(key) for key in whose]
    visits = _in_order(columns, deals, rows=rows, places=cast("list[int]", places), entered=entered, left=left)
    return Visits(
        visits, rows.count(None), max((m for m in (entered.latest(), left.latest()) if m is not None), default=None)
    )


def _place_in(order: StageOrder) -> Callable[[object], int | Misfit | None]:
    misfit = order.misfit()

    def place(cell: object) -> int | Misfit | None:
        name = words(cell)
        if not isinstance(name, str):
            return name
        if order.outcome(name) is None:
            return misfit
        found = order.place(name)
        return CLOSING if found is None else found

    return place


def _in_order(
    columns: Columns,
    deals: Deals,
    *,
    rows: Sequence[int | None],
    places: Sequence[int],
    entered: Instants,
    left: Instants,
) -> list[Visit]:
    """Each visit with its end: its own, the deal's next entry, or the deal's closing."""
    starts = cast("list[int]", entered.micros)  # the missing ones were refused
    known = [(row, starts[j], _ending(left, j), places[j], j) for j, row in enumerate(rows) if row is not None]
    known.sort()
    visits: list[Visit] = []
    wrong: dict[tuple[str, str], list[int]] = {}
    for (row, start, _, place, j), (next_row, entry, *_) in zip(known, [*known, END][1:], strict=True):
        if place == CLOSING:
            continue
        own, then = left.micros[j], entry if next_row == row else None
        end, bare = (own, left.bare) if own is not None else (then, entered.bare)
        if end is None:
            end, bare = deals.closed.micros[row], deals.closed.bare
        if own is not None and then is not None and own > then:
            end, bare = then, entered.bare
            if not left.bare or entered.bare or own - then >= DAY:  # else it left at some time of that day
                wrong.setdefault(("left_at", "a date before the deal entered its next stage"), []).append(j)
        length = 0 if end is None else elapsed(start, end, start_bare=entered.bare, end_bare=bare)
        if length < 0 and own is None:
            wrong.setdefault(("entered_at", "a date before the deal was closed"), []).append(j)
        elif length < 0:
            wrong.setdefault(("left_at", "a date after entered_at"), []).append(j)
        visits.append((row, place, start, end, length))
    problems: list[Problem] = []
    for (role, expected), found in wrong.items():
        flag(columns, role, sorted(found), Misfit(expected, "correct one of the two"), problems)
    if problems:
        raise Invalid(problems)
    return visits


def _ending(left: Instants, visit: int) -> int:
    """For the order of visits entered at one instant: those that ended come first."""
    end = left.micros[visit]
    return NEVER if end is None else end


def stays(visits: Iterable[Visit], deals: Deals, at: int) -> Stays:
    """How long each deal stood in each stage, all its visits to it added up.

    A visit that nothing ends although its deal is closed has no length that could be told; it is left out.

    Args:
        visits: Visits entered by the as-of.
        deals: Their deals.
        at: The as-of, in microseconds since 1970; what goes on beyond it has not ended.
    """
    found: Stays = {}
    for row, place, start, end, length in visits:
        if end is None and deals.outcome[row] != OPEN:
            continue
        ended = end is not None and end <= at
        stay = found.setdefault(row, {})
        before, left = stay.get(place, (0, True))
        stay[place] = (before + (length if ended else at - start), left and ended)
    return found
