"""Orders: what customers bought, as recorded facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from crmcore.kernel.acts import act
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.facts import id_of, yet_to_come
from crmcore.kernel.fields import field, part
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.values import Border, read
from crmcore.kernel.where import F
from crmcore.people import Account, Contact
from crmcore.sales.opportunity import Opportunity
from crmcore.sales.pipeline import SalesRules

__all__ = ["Order", "OrderDesk", "OrderLine", "add"]


@part
class OrderLine:
    """One line of an order.

    Attributes:
        name: What was bought, in words.
        product: The id of the product that was bought.
        quantity: How many, in the product's unit; below zero for a return.
        price: The price of one.

    Example:
        >>> from crmcore import Money, OrderLine
        >>> OrderLine(name="Rope, by the metre", quantity="2.5", price=Money("1.25", "EUR")).amount
        Money('3.12', 'EUR')
    """

    name: str | None = field(default=None)
    product: str | None = field(default=None, references="product")
    quantity: Decimal = field(default=Decimal(1))
    price: Money = field()

    @property
    def amount(self) -> Money:
        """Price times quantity, rounded half to even to the currency's minor unit.

        Raises:
            Invalid: The price is no money; an order reads one that is given as a number in the business's currency.
        """
        if not isinstance(self.price, Money):
            raise Invalid([Problem("price", self.price, "an amount of money", f'write Money("{self.price}", "EUR")')])
        return self.price.times(self.quantity, rounding=ROUND_HALF_EVEN)


@record("order")
class Order(Record):
    """What a customer bought on a day.

    Attributes:
        customer: The id of the contact or account that bought.
        number: The order's number; no two live orders share it.
        ordered_on: The day of the order.
        lines: What was bought; none when only the amount is known.
        amount: What was paid in all; below zero for a return. One that is the sum of the lines follows them when
            they are updated; without lines it stays what it was.
        opportunity: The id of the deal it came from.
    """

    customer: str = field(key=True, references=("contact", "account"))
    number: str | None = field(default=None, key=True, unique=True, searchable=True)
    ordered_on: date = field(key=True)
    lines: tuple[OrderLine, ...] = field(default=())
    amount: Money = field(key=True)
    opportunity: str | None = field(default=None, key=True, references="opportunity")

    def flaws(self) -> list[Problem]:
        """What is wrong with it as a whole: something must be bought with each line, and all is of one currency."""
        return [*_idle(self.lines), *_mixed(self.lines, self.amount)]


def add(
    context: Context[SalesRules],
    *,
    customer: Contact | Account | str,
    ordered_on: date | str,
    lines: Iterable[OrderLine | Mapping[str, Any]] = (),
    amount: Money | Decimal | int | str | None = None,
    number: str | None = None,
    opportunity: Opportunity | str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Order]:
    """Record what a customer bought.

    Args:
        context: The circumstances.
        customer: The contact or account that bought, or its id.
        ordered_on: The day of the order.
        lines: What was bought; none when only the amount is known.
        amount: What was paid in all; default: the sum of the lines. A bare number is in the business's currency.
        number: The order's number.
        opportunity: The deal it came from, or its id.
        custom: Custom fields.
        external: Its ids in other systems.

    Raises:
        Invalid: There are neither lines nor an amount, the day has not come, a quantity is 0, or a value does not fit.
        MixedCurrency: Lines and amount are of several currencies.
    """
    fields = {
        "customer": customer,
        "ordered_on": ordered_on,
        "lines": lines,
        "amount": amount,
        "number": number,
        "opportunity": opportunity,
        "custom": custom,
        "external": external,
    }
    border = Border(currency=context.currency, zone=context.zone, custom=context.custom.get("order", EMPTY))
    told = read(kind_of(Order), {name: value for name, value in fields.items() if value is not None}, border=border)
    bought, paid = told.get("lines", ()), told.get("amount")
    _check(context, bought, paid, told.get("ordered_on"))
    return context.created(Order, "placed", **told, **({"amount": _total(bought)} if paid is None else {}))


def _check(context: Context[Any], lines: Sequence[OrderLine], amount: Money | None, ordered_on: date | None) -> None:
    """Refuse an order that can't be."""
    problems = [*yet_to_come("ordered_on", ordered_on, context), *_idle(lines)]
    if amount is None and not lines:
        problems.append(Problem("amount", None, "an amount, or lines that add up to one", "give one of them"))
    mixed = _mixed(lines, amount)
    if mixed:
        raise MixedCurrency([*problems, *mixed])
    if problems:
        raise Invalid(problems)


def _mixed(lines: Sequence[OrderLine], amount: Money | None) -> list[Problem]:
    """What is wrong when lines and amount are of several currencies."""
    currencies = {line.price.currency for line in lines} | ({amount.currency} if amount is not None else set())
    shown, mend = " and ".join(sorted(currencies)), "make an order for each, or convert with Rates"
    return [Problem("currency", shown, "one currency in an order", mend)] if len(currencies) > 1 else []


def _idle(lines: Sequence[OrderLine]) -> Iterator[Problem]:
    """The lines of which nothing was bought."""
    for place, line in enumerate(lines):
        if not line.quantity:
            mend = "take the line out, or say how many; below zero for a return"
            yield Problem(f"lines[{place}].quantity", str(line.quantity), "a quantity other than 0", mend)


def _total(lines: Sequence[OrderLine]) -> Money:
    """What lines add up to; there is at least one, and all are of one currency."""
    return sum((line.amount for line in lines), start=Money.of_minor(0, lines[0].price.currency))


_add = act(add)


class OrderDesk(Desk[Order]):
    """The orders."""

    department = "sales"

    add = _add

    def revise(
        self, record: Order, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[Order]:
        """Change fields of an order: the act behind ``update``.

        An amount that was the sum of the lines becomes that of the new ones, unless it is given too. Where no line
        is left it stays: that much was paid, for whatever it was.
        """
        told = read(self.kind, fields, border=self.front.border(self.kind))
        lines = told.get("lines", record.lines)
        summed = bool(record.lines) and record.amount == _total(record.lines)
        if "lines" in told and "amount" not in told and summed and lines:
            _check(context, lines, None, None)
            told["amount"] = _total(lines)
        _check(context, lines, told.get("amount", record.amount), told.get("ordered_on"))
        return super().revise(record, context, fields=told, version=version)

    def of(self, customer: Contact | Account | str) -> tuple[Order, ...]:
        """The orders of a customer, oldest first.

        Args:
            customer: The contact or account, or its id.
        """
        asked = F.customer == id_of(customer, path="customer")
        return tuple(self.each(asked, order_by="ordered_on"))
