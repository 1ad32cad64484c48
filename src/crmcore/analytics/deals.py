"""The table of deals, read: one list a column, nothing decided yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.amounts import Amount, read_amounts
from crmcore.analytics.cells import Instants, Misfit, elapsed, flag, read, read_instants, read_keys, share, words
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
        no_account: Whether each names no account; None where there is no such column.
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
        wanted.append(Wanted("group", by, required=True, mend='say by="…" with the name of a column'))
    columns = columns_of(source, wanted, "deals")
    problems: list[Problem] = []
    outcome = _outcomes(columns, order, problems)
    opened = read_instants(columns, "opened_at", zone, date_format, problems)
    dates = read_instants(columns, "closed_at", zone, date_format, problems)
    closed = Instants([None if o == OPEN else c for o, c in zip(outcome, dates.micros, strict=True)], dates.bare)
    accounts = read_keys(columns, "account", problems)
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
        [] if by is None else read_keys(columns, by if by in names else "group", problems),
        [account is None for account in accounts] if "account" in columns.cells else None,
    )
    if problems:
        raise Invalid(problems)
    return deals


def _outcomes(columns: Columns, order: StageOrder | None, problems: list[Problem]) -> list[int]:
    if "status" in columns.cells:
        mend = "correct it; where the column holds stages, name it as stage=, with stages=[…] in order, not as status="
        meaning, misfit = OUTCOMES.get, Misfit("open, won or lost", mend)
        return _read_outcomes(columns, "status", meaning, misfit, problems)
    if "stage" in columns.cells and order is not None:
        misfit = order.misfit()
        return _read_outcomes(columns, "stage", lambda name: OUTCOMES.get(order.outcome(name) or ""), misfit, problems)
    if columns.length:
        mend = 'say status="…", or stage="…" with stages=[…] in order'
        raise Invalid([Problem("deals columns", None, "a column that says open, won or lost", mend)])
    return []


def _read_outcomes(
    columns: Columns, role: str, meaning: Callable[[str], int | None], misfit: Misfit, problems: list[Problem]
) -> list[int]:
    def outcome(cell: object) -> int | Misfit:
        name = words(cell)
        found = meaning(name.casefold()) if isinstance(name, str) else None
        return misfit if found is None else found

    return [found or OPEN for found in read(columns, role, outcome, problems)]


def _places(
    columns: Columns, outcome: list[int], order: StageOrder | None, problems: list[Problem]
) -> list[int | None]:
    """Where the stage of each deal stands; an open deal must be in an open stage, if in any."""
    if order is None:
        return [None] * columns.length
    names = read(columns, "stage", words, problems)
    places = {name: None if name is None else order.place(name) for name in set(names)}
    found = [places[name] for name in names]
    if "status" in columns.cells:
        strange = dict[str, list[int]]()
        for row, (name, place) in enumerate(zip(names, found, strict=True)):
            if name is not None and place is None and outcome[row] == OPEN:
                strange.setdefault(name, []).append(row)
        for rows in strange.values():
            flag(columns, "stage", rows, order.misfit(only_open=True), problems)
    return found


def _cycles(columns: Columns, opened: Instants, closed: Instants, problems: list[Problem]) -> list[int | None]:
    cycles = [
        None if start is None or end is None else elapsed(start, end, start_bare=opened.bare, end_bare=closed.bare)
        for start, end in zip(opened.micros, closed.micros, strict=True)
    ]
    early = [row for row, cycle in enumerate(cycles) if cycle is not None and cycle < 0]
    flag(columns, "closed_at", early, Misfit("a date after the deal was opened", "correct one of the two"), problems)
    return cycles


def _rows(columns: Columns, problems: list[Problem]) -> dict[object, int]:
    ids = read_keys(columns, "id", problems)
    row_of = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    row_of.pop(None, None)
    if len(row_of) < len(ids) - ids.count(None):
        again = [row for row, id in enumerate(ids) if id is not None and row_of[id] != row]
        flag(columns, "id", again, Misfit("each deal once", "drop the repeated rows"), problems)
    return row_of
