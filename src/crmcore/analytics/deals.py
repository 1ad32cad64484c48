"""The table of deals, read: one list a column, nothing decided yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.amounts import Amount, read_amounts
from crmcore.analytics.cells import Instants, Misfit, elapsed, flag, keys, read, read_instants, share, words
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from crmcore.analytics.columns import Source
    from crmcore.analytics.stages import StageOrder

__all__ = ["LOST", "OPEN", "OUTCOMES", "WON", "Deals", "read_deals"]

OPEN, WON, LOST = range(3)
OUTCOMES = {"open": OPEN, "won": WON, "lost": LOST}
GROUPS = ("owner", "account", "product")


@attrs.frozen(eq=False)
class Deals:
    """Deals as columns of one length.

    Attributes:
        columns: The table they were read from.
        outcome: OPEN, WON or LOST, as the data say.
        place: Where the open stage the deal names stands; None where it names none.
        opened: When each was opened.
        closed: When each was closed; None for an open deal, whose date is only expected.
        cycle: Microseconds from opened to closed; None unless both are known.
        amounts: What each is worth.
        probability: The exact chance of winning: numerator and denominator.
        row_of: The row of each id.
        group: What each is grouped by; empty when nothing was asked for.
    """

    columns: Columns
    outcome: list[int]
    place: list[int | None]
    opened: Instants
    closed: Instants
    cycle: list[int | None]
    amounts: list[Amount]
    probability: list[tuple[int, int] | None]
    row_of: Mapping[object, int]
    group: list[object]
    no_account: list[bool] | None


def read_deals(
    source: Source,
    names: Mapping[str, str],
    *,
    by: str | None,
    order: StageOrder | None,
    zone: tzinfo,
    date_format: str | None,
    currency: str | None,
) -> Deals:
    """Read a table of deals.

    Args:
        source: The table.
        names: What each column is called, by role.
        by: What to group by: a role, or a column's own name.
        order: The stages; needed where no column says open, won or lost.
        zone: Where bare dates and naive instants are read.
        date_format: How text dates are written; None means ISO 8601.
        currency: What bare amounts are in.

    Raises:
        Invalid: Everything that is wrong with the table.
    """
    wanted = [Wanted(role, name, required=by == role) for role, name in names.items()]
    if by is not None and by not in names:
        wanted.append(Wanted("group", by, required=True))
    columns = columns_of(source, wanted, "deals")
    problems: list[Problem] = []
    outcome = _outcomes(columns, order, problems)
    opened = read_instants(columns, "opened_at", zone, date_format, problems)
    dates = read_instants(columns, "closed_at", zone, date_format, problems)
    closed = Instants([None if o == OPEN else c for o, c in zip(outcome, dates.micros, strict=True)], dates.bare)
    accounts = read(columns, "account", keys, problems)
    deals = Deals(
        columns,
        outcome,
        _places(columns, outcome, order, problems),
        opened,
        closed,
        _cycles(columns, opened, closed, problems),
        read_amounts(columns, "amount", currency, problems),
        read(columns, "probability", share, problems),
        _rows(columns, problems),
        [] if by is None else read(columns, by if by in names else "group", keys, problems),
        [account is None for account in accounts] if "account" in columns.cells else None,
    )
    if problems:
        raise Invalid(problems)
    return deals


def _outcomes(columns: Columns, order: StageOrder | None, problems: list[Problem]) -> list[int]:
    if "status" in columns.cells:
        return _read_outcomes(columns, "status", OUTCOMES.get, "open, won or lost", problems)
    if "stage" in columns.cells and order is not None:
        known = ", ".join([*order.open, *order.won, *order.lost])
        return _read_outcomes(
            columns, "stage", lambda name: OUTCOMES.get(order.outcome(name) or ""), f"one of {known}", problems
        )
    if columns.length:
        mend = 'say status="…", or stage="…" with stages=[…] in order'
        raise Invalid([Problem("deals columns", None, "a column that says open, won or lost", mend)])
    return []


def _read_outcomes(
    columns: Columns, role: str, meaning: Callable[[str], int | None], expected: str, problems: list[Problem]
) -> list[int]:
    misfit = Misfit(expected, 'name every stage in stages=, or say which column holds open, won or lost: status="…"')

    def outcome(cell: object) -> int | Misfit:
        name = words(cell)
        found = meaning(name.casefold()) if isinstance(name, str) else None
        return misfit if found is None else found

    return [OPEN if found is None else found for found in read(columns, role, outcome, problems)]


def _places(
    columns: Columns, outcome: list[int], order: StageOrder | None, problems: list[Problem]
) -> list[int | None]:
    """Where the stage of each deal stands; an open deal must be in an open stage, if in any."""
    names = read(columns, "stage", words, problems)
    if order is None:
        return [None] * columns.length
    places = {name: order.place(name) for name in set(names) if name is not None}
    misfit = Misfit(f"one of the open stages: {', '.join(order.open)}", "name it in stages=, or correct it")
    for name in sorted(name for name, place in places.items() if place is None):
        rows = [row for row, found in enumerate(names) if found == name and outcome[row] == OPEN]
        if "status" in columns.cells:
            flag(columns, "stage", rows, misfit, problems)
    return [None if name is None else places[name] for name in names]


def _cycles(columns: Columns, opened: Instants, closed: Instants, problems: list[Problem]) -> list[int | None]:
    def days(start: int | None, end: int | None) -> int | None:
        if start is None or end is None:
            return None
        return elapsed(start, end, start_bare=opened.bare, end_bare=closed.bare)

    cycles = list(map(days, opened.micros, closed.micros))
    early = [row for row, cycle in enumerate(cycles) if cycle is not None and cycle < 0]
    flag(columns, "closed_at", early, Misfit("a date after the deal was opened", "correct one of the two"), problems)
    return cycles


def _rows(columns: Columns, problems: list[Problem]) -> dict[object, int]:
    ids = read(columns, "id", keys, problems)
    row_of = {id: row for row, id in enumerate(ids) if id is not None}
    if len(row_of) < len(ids) - ids.count(None):
        twice = [row for row, id in enumerate(ids) if id is not None and row_of[id] != row]
        flag(columns, "id", twice, Misfit("each deal once", "drop the repeated rows"), problems)
    return row_of
