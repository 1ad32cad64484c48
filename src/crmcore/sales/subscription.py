"""Subscriptions: what customers pay for again and again, as recorded facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from crmcore.kernel.acts import act
from crmcore.kernel.calendar import add_months, day, today
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.facts import given_day, id_of
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.instants import IN_REACH
from crmcore.kernel.late import Following
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.values import Border, read
from crmcore.kernel.where import F
from crmcore.people import Account, Contact
from crmcore.sales.pipeline import SalesRules
from crmcore.sales.product import Product

__all__ = ["Subscription", "SubscriptionDesk", "end", "reinstate", "renew", "reprice", "start"]

MONTHS = {"month": 1, "quarter": 3, "year": 12}
INTERVALS = ("week", *MONTHS)
GUARDED = frozenset({"renewed", "repriced", "ended", "reinstated"})
"""What can't have happened otherwise, had it been known whether the subscription runs."""


@record("subscription")
class Subscription(Record):
    """Something a customer pays for at every interval.

    Attributes:
        customer: The id of the contact or account that pays.
        product: The id of the product.
        amount: What is paid at each interval.
        interval: ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``.
        started_on: The first day served.
        ended_on: The first day not served; None while it runs.
        renews_on: The day the next term begins, if it is renewed; None when it has no term.
    """

    customer: str = field(key=True, references=("contact", "account"))
    product: str | None = field(default=None, key=True, references="product")
    amount: Money = field(key=True, minimum=0, by_act=True)
    interval: str = field(key=True, by_act=True)
    started_on: date = field(key=True, by_act=True)
    ended_on: date | None = field(default=None, key=True, by_act=True)
    renews_on: date | None = field(default=None, key=True, by_act=True)

    def serves(self, on: date | str) -> bool:
        """Whether it is in force on a day: from its first day, up to the first not served.

        Args:
            on: The day.

        Raises:
            Invalid: It is no day.
        """
        asked = day(on)
        return self.started_on <= asked and (self.ended_on is None or asked < self.ended_on)


def start(
    context: Context[SalesRules],
    *,
    customer: Contact | Account | str,
    amount: Money | Decimal | int | str,
    started_on: date | str,
    product: Product | str | None = None,
    interval: str = "month",
    renews_on: date | str | None = None,
    ended_on: date | str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Subscription]:
    """Start a subscription, or record one that began earlier, and may have ended already.

    Args:
        context: The circumstances.
        customer: The contact or account that pays, or its id.
        amount: What is paid at each interval; a bare number is in the business's currency.
        started_on: The first day served.
        product: The product, or its id.
        interval: ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``.
        renews_on: The day the next term begins, if it is renewed; None when it has no term.
        ended_on: The first day not served; None while it runs.
        custom: Custom fields.
        external: Its ids in other systems.

    Raises:
        Invalid: A value does not fit, or its days are not in order: every problem at once.
    """
    fields = {
        "customer": customer,
        "product": product,
        "amount": amount,
        "interval": interval,
        "started_on": started_on,
        "renews_on": renews_on,
        "ended_on": ended_on,
        "custom": custom,
        "external": external,
    }
    border = Border(currency=context.currency, zone=context.zone, custom=context.custom.get("subscription", EMPTY))
    told = read(kind_of(Subscription), fields, border=border, new=True)
    problems = [*_disordered(told)]
    if interval not in INTERVALS:
        problems.append(Problem("interval", interval, f"one of {', '.join(INTERVALS)}", "choose one"))
    if problems:
        raise Invalid(problems)
    return context.created(Subscription, "started", **told)


def _disordered(told: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the order of the days of a subscription."""
    began = told["started_on"]
    if "renews_on" in told and told["renews_on"] <= began:
        yield Problem("renews_on", told["renews_on"].isoformat(), f"a day after {began.isoformat()}", "correct one")
    if "ended_on" in told and told["ended_on"] < began:
        yield Problem("ended_on", told["ended_on"].isoformat(), f"{began.isoformat()} or later", "correct one")


def renew(
    subscription: Subscription, context: Context[SalesRules], *, until: date | str | None = None
) -> Change[Subscription]:
    """Renew a subscription for a term.

    Args:
        subscription: The subscription.
        context: The circumstances.
        until: The day the term after this one begins; default: an interval on, counted from the first day served,
            so that what began on 31 January renews on 28 February and on 31 March.

    Raises:
        NotAllowed: It has ended by the day it would renew.
        Invalid: It has no term and none is given, or the day is none, or not after the one it renews on.
    """
    due, ended = subscription.renews_on, subscription.ended_on
    if ended is not None and (due is None or ended <= due):
        message = f"{subscription.id} ends on {ended.isoformat()}, before it would renew; possible: reinstate"
        raise NotAllowed(message, act="renew", possible=("reinstate",))
    if until is not None:
        after = given_day(until, context, path="until")
    elif due is not None:
        after = _term_after(subscription, due)
    else:
        raise Invalid([Problem("until", None, "a day, since it has no term so far", "say when the term ends")])
    least = due or subscription.started_on
    if after <= least:
        raise Invalid([Problem("until", after.isoformat(), f"a day after {least.isoformat()}", "give a later day")])
    return context.changed(subscription, "renewed", renews_on=after)


def _term_after(subscription: Subscription, due: date) -> date:
    """The first day after another that is a whole number of intervals from the first day served."""
    began, months = subscription.started_on, MONTHS.get(subscription.interval)
    if months is None:
        try:
            return due + timedelta(days=7 - (due - began).days % 7)
        except OverflowError as error:
            raise Invalid([Problem("until", due.isoformat(), IN_REACH, "end it instead")]) from error
    passed = ((due.year - began.year) * 12 + due.month - began.month) // months * months
    same = add_months(began, passed)
    return same if same > due else add_months(began, passed + months)


def reprice(
    subscription: Subscription, context: Context[SalesRules], *, amount: Money | Decimal | int | str
) -> Change[Subscription]:
    """Change what is paid at each interval, from now on: an upgrade or a downgrade.

    Args:
        subscription: The subscription.
        context: The circumstances; their time is when the new amount begins.
        amount: What is paid; a bare number is in the business's currency.

    Raises:
        NotAllowed: It has ended.
        Invalid: The amount does not fit.
    """
    ended = subscription.ended_on
    if ended is not None and ended <= today(context.at, context.zone):
        message = f"{subscription.id} has ended on {ended.isoformat()}; possible: reinstate"
        raise NotAllowed(message, act="reprice", possible=("reinstate",))
    return context.changed(subscription, "repriced", amount=amount)


def end(
    subscription: Subscription, context: Context[SalesRules], *, on: date | str | None = None
) -> Change[Subscription]:
    """End a subscription, now, in the past or at a day to come.

    Args:
        subscription: The subscription.
        context: The circumstances.
        on: The first day not served; default: the day it is.

    Raises:
        NotAllowed: It has an end already.
        Invalid: The day is none, or lies before the first day served.
    """
    if subscription.ended_on is not None:
        message = f"{subscription.id} ends on {subscription.ended_on.isoformat()} already; possible: reinstate"
        raise NotAllowed(message, act="end", possible=("reinstate",))
    last = given_day(on, context, path="on")
    if last < subscription.started_on:
        expected = f"{subscription.started_on.isoformat()}, its first day, or later"
        raise Invalid([Problem("on", last.isoformat(), expected, "give a later day; delete one that never was")])
    return context.changed(subscription, "ended", ended_on=last)


def reinstate(subscription: Subscription, context: Context[SalesRules]) -> Change[Subscription]:
    """Take the end of a subscription back, as if it had gone on.

    Args:
        subscription: The subscription.
        context: The circumstances.

    Raises:
        NotAllowed: It has no end.
    """
    if subscription.ended_on is None:
        message = f"{subscription.id} has no end; possible: end, renew"
        raise NotAllowed(message, act="reinstate", possible=("end", "renew"))
    return context.changed(subscription, "reinstated", ended_on=None)


_start = act(start)


class SubscriptionDesk(Desk[Subscription]):
    """The subscriptions."""

    department = "sales"

    add = _start
    start = _start
    renew = act(renew)
    reprice = act(reprice)
    end = act(end)
    reinstate = act(reinstate)

    def joins(self, step: Following[Subscription]) -> bool:
        """Whether a change of a subscription could still have happened, had a late one before it been known."""
        same = (step.was.ended_on is None) is (step.now.ended_on is None)
        return super().joins(step) and (same or step.change.what not in GUARDED)

    def of(self, customer: Contact | Account | str) -> tuple[Subscription, ...]:
        """The subscriptions of a customer, oldest first.

        Args:
            customer: The contact or account, or its id.
        """
        asked = F.customer == id_of(customer, path="customer")
        return tuple(self.each(asked, order_by="started_on"))
