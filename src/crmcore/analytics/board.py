"""The pipeline as it stood at one instant: each deal's state, worth, cycle and deepest stage."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.amounts import in_one_currency
from crmcore.analytics.cells import instant_at
from crmcore.analytics.deals import LOST, OPEN, WON, Deals
from crmcore.analytics.reach import Reach
from crmcore.analytics.visits import Stays, Visits, stays

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from crmcore.analytics.scope import Scope
    from crmcore.analytics.stages import StageOrder
    from crmcore.kernel.rates import Rates

__all__ = ["GONE", "Board", "set_up"]

COUNTED = (OPEN, WON, LOST)
OUTSIDE, GONE = 3, 4  # closed outside the period; not there at the as-of


@attrs.frozen(eq=False)
class Board:
    """Deals at an as-of and in a period, as columns of one length.

    Attributes:
        deals: The deals as they were read.
        state: OPEN, WON or LOST, closed OUTSIDE the period, or GONE: not there at the as-of.
        minor: The amount in minor units of the currency; None where there is none.
        weighted: The amount times the probability, rounded half-even; None unless an open deal has both.
        unweighted: The rows of the open deals without a probability that held at the as-of.
        cohort: The place of the deepest stage reached by the as-of, of a deal opened in the period; -1 for others.
        snapshot: The same by the end of the period, of a deal that moved in it.
        recorded: The rows of the deals that have a stage history.
        stays: How long each deal stood in each stage.
        currency: The ISO 4217 code of the amounts; None where there are none.
        exclusions: What was left out, or read otherwise than it stands, with counts.
    """

    deals: Deals
    state: list[int]
    minor: list[int | None]
    weighted: list[int | None]
    unweighted: set[int]
    cohort: list[int]
    snapshot: list[int]
    recorded: set[int]
    stays: Stays
    currency: str | None
    exclusions: dict[str, int]


def set_up(
    deals: Deals,
    visits: Visits | None,
    order: StageOrder | None,
    scope: Scope,
    *,
    zone: ZoneInfo,
    currency: str | None,
    rates: Rates | None,
    keep_undated: bool,
) -> Board:
    """Set up the board.

    Args:
        deals: The deals.
        visits: Their stage history, if there is one.
        order: The stages, if they are known.
        scope: Which instants count.
        zone: Whose days count for exchange rates.
        currency: The ISO 4217 code to report in; None takes the one there is.
        rates: Dated exchange rates, needed where there are several currencies.
        keep_undated: Whether deals without an opening date count.

    Raises:
        Invalid: The amounts can't be brought to one currency.
    """
    exclusions: Counter[str] = Counter()
    state, still_open = _states(deals, scope, exclusions, keep_undated=keep_undated)

    def rate_day(row: int) -> date:
        closed = None if state[row] == OPEN else deals.closed.micros[row]
        return instant_at(scope.at if closed is None else closed).astimezone(zone).date()

    amounts = [amount if s in COUNTED else None for s, amount in zip(state, deals.amounts, strict=True)]
    minor, currency = in_one_currency(deals.columns, amounts, currency, rates, rate_day)
    weighted, unweighted = _weighted(deals, state, minor, still_open)
    told = [visit for visit in visits.visits if visit[2] <= scope.at] if visits else []
    if visits:
        exclusions["visits of deals that are not in the table"] = visits.strangers
        exclusions["visits entered after the as-of"] = len(visits.visits) - len(told)
    cohort, snapshot = (
        Reach(
            deals=deals,
            present=[s != GONE for s in state],
            still_open=still_open,
            told=told,
            won=len(order.open),
            scope=scope,
        ).both()
        if order
        else ([], [])
    )
    for outcome, name in ((WON, "won"), (LOST, "lost")) if currency else ():
        values = [amount for s, amount in zip(state, minor, strict=True) if s == outcome]
        exclusions[f"{name} deals without an amount, in no value"] = values.count(None)
    return Board(
        deals,
        state,
        minor,
        weighted,
        unweighted,
        cohort,
        snapshot,
        {visit[0] for visit in told},
        stays(told, deals, scope.at),
        currency,
        {what: count for what, count in exclusions.items() if count},
    )


def _states(deals: Deals, scope: Scope, exclusions: Counter[str], *, keep_undated: bool) -> tuple[list[int], set[int]]:
    """What each deal counts as, and which closed only after the as-of: what is known of those is hindsight."""
    last_opened, last_closed = deals.opened.latest() or 0, deals.closed.latest() or 0
    if keep_undated and scope.all_time and max(last_opened, last_closed) <= scope.at:
        return deals.outcome, set()
    state: list[int] = []
    still_open: set[int] = set()
    columns = zip(deals.outcome, deals.opened.micros, deals.closed.micros, strict=True)
    for row, (outcome, opened, closed) in enumerate(columns):
        counts = outcome
        if opened is None and not keep_undated:
            counts = _left_out(exclusions, "deals without an opening date", GONE)
        elif opened is not None and opened > scope.at:
            counts = _left_out(exclusions, "deals opened after the as-of", GONE)
        elif closed is not None and closed > scope.at:
            counts = _left_out(exclusions, "deals closed after the as-of, counted as open", OPEN)
            still_open.add(row)
        elif outcome != OPEN and not scope.all_time and closed is None:
            counts = _left_out(exclusions, "closed deals without a closing date", OUTSIDE)
        elif outcome != OPEN and not scope.all_time and not scope.holds(closed):
            counts = _left_out(exclusions, "deals closed outside the period", OUTSIDE)
        state.append(counts)
    return state, still_open


def _left_out(exclusions: Counter[str], why: str, state: int) -> int:
    exclusions[why] += 1
    return state


def _weighted(
    deals: Deals, state: list[int], minor: list[int | None], still_open: set[int]
) -> tuple[list[int | None], set[int]]:
    """Each open deal's amount times its probability: rounded half-even one by one, so that any parts re-add."""
    weighted: list[int | None] = [None] * len(state)
    unweighted: set[int] = set()
    for row, (s, amount, probability) in enumerate(zip(state, minor, deals.probability, strict=True)):
        if s != OPEN:
            continue
        if probability is None or row in still_open:
            unweighted.add(row)
        elif amount is not None:
            weighted[row] = _half_even(amount * probability[0], probability[1])
    return weighted, unweighted


def _half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))
