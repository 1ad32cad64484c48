"""Orders: what customers bought, as recorded facts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from crmcore.kernel.desk import Desk
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, field, part, record

__all__ = ["Order", "OrderDesk", "OrderLine"]


@part
class OrderLine:
    """One line of an order.

    Attributes:
        name: What was bought, in words.
        product: The id of the product that was bought.
        quantity: How many, in the product's unit.
        price: The price of one.
    """

    name: str | None = field(default=None)
    product: str | None = field(default=None, references="product")
    quantity: Decimal = field(default=Decimal(1))
    price: Money = field()


@record("order")
class Order(Record):
    """What a customer bought on a day.

    Attributes:
        customer: The id of the contact or account that bought.
        number: The order's number; no two live orders share it.
        ordered_on: The day of the order.
        lines: What was bought; none when only the amount is known.
        amount: What was paid in all; below zero for a return.
        opportunity: The id of the deal it came from.
    """

    customer: str = field(key=True, references=("contact", "account"))
    number: str | None = field(default=None, key=True, unique=True, searchable=True)
    ordered_on: date = field(key=True)
    lines: tuple[OrderLine, ...] = field(default=())
    amount: Money = field(key=True)
    opportunity: str | None = field(default=None, key=True, references="opportunity")


class OrderDesk(Desk[Order]):
    """The orders."""

    department = "sales"
