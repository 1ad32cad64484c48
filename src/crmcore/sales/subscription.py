"""Subscriptions: what customers pay for again and again, as recorded facts."""

from __future__ import annotations

from datetime import date

from crmcore.kernel.desk import Desk
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, field, record

__all__ = ["Subscription", "SubscriptionDesk"]


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


class SubscriptionDesk(Desk[Subscription]):
    """The subscriptions."""

    department = "sales"
