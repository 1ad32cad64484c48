"""One row a customer: how often and how recently they bought, since when they are known, and what they spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import chain
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.numeric_cells import number
from crmcore.analytics.clv.unit import Unit, UnitName
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.results import Provenance, Section, Tabular, written
from crmcore.kernel.currency import minor_units
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.missing import is_missing
from crmcore.kernel.money import WIDE

if TYPE_CHECKING:
    from crmcore.analytics.columns import Source

__all__ = ["CustomerSummary", "Spent"]

SHOWN = 10
TABLE = "customers"
CALLED = {"x": ("frequency",), "t_x": ("recency",), "T": ("n", "n_periods"), "mean": ("monetary_value",)}
"""What columns are called elsewhere."""

DEFINITIONS: Mapping[str, str] = FrozenMap(
    {
        "x": "how many days with a purchase came after the first one (frequency)",
        "t_x": "age at the last purchase: from the first to the last, in units; not the time since (recency)",
        "T": "age at the end: from the first purchase to the end, in units",
        "mean": "what a day with a repeat purchase comes to on average, the first purchase left out",
        "spend": "what all purchases came to, less what was returned",
        "x_holdout": "how many days with a purchase came after the calibration end",
        "spend_holdout": "what all purchases after the calibration end came to, less what was returned",
        "T_holdout": "from the calibration end to the end, in units",
    }
)


@attrs.frozen
class Spent:
    """Exact amounts, one a customer.

    Attributes:
        parts: In whole parts of a major unit.
        digits: How many decimals those parts are: 2 for cents.
    """

    parts: Sequence[int]
    digits: int

    def exact(self) -> tuple[Decimal, ...]:
        """In major units."""
        return tuple(Decimal(part).scaleb(-self.digits, WIDE) for part in self.parts)


@attrs.frozen(kw_only=True, repr=False, str=False)
class CustomerSummary(Tabular):
    """What a customer-base model knows of each customer; columns of one length.

    Attributes:
        customer: The customers, in the order in which they first stand in the transactions.
        x: How many days with a purchase came after the first one; elsewhere "frequency".
        t_x: Age at the last purchase, in units; elsewhere "recency". RFM's recency is another: days since.
        T: Age at the end, in units.
        mean: What a day with a repeat purchase comes to on average, in major units; None where x is 0. The column is
            None without amounts.
        unit: What time is counted in; None where nobody said.
        currency: The ISO 4217 code of amounts; None for bare numbers.
        end: The last day that counts; None where it is not known.
        calibration_end: The last day of the calibration; None without one.
        x_holdout: How many days with a purchase came after it; None without a calibration.
        T_holdout: How long the holdout lasts, in units; None without a calibration.
        spent: What customers spent until then, in whole parts of a major unit; None without amounts.
        spent_holdout: What they spent after it.
        made: How it was made, and what was left out.
    """

    customer: tuple[Any, ...]
    x: tuple[int, ...]
    t_x: tuple[float, ...]
    T: tuple[float, ...]
    mean: tuple[float | None, ...] | None
    unit: Unit | None
    currency: str | None
    end: date | None
    calibration_end: date | None = None
    x_holdout: tuple[int, ...] | None = None
    T_holdout: float | None = None
    spent: Spent | None = None
    spent_holdout: Spent | None = None
    made: Provenance

    @classmethod
    def of(
        cls,
        rows: Source,
        *,
        unit: UnitName | None,
        customer: str = "customer",
        x: str = "x",
        t_x: str = "t_x",
        T: str = "T",
        mean: str = "mean",
        currency: str | None = None,
    ) -> CustomerSummary:
        """A summary somebody else has made.

        Args:
            rows: One row a customer: records, mappings, a mapping of columns, a CSV path or a DataFrame.
            unit: What time is counted in; None where that is not known.
            customer: The column of customers; where there is none, they are numbered.
            x: The column of repeat purchases; ``frequency`` is taken where there is none.
            t_x: The column of the age at the last purchase, in units; ``recency`` is taken where there is none.
            T: The column of the age at the end, in units; BG/BB's ``n`` is taken where there is none.
            mean: The column of the mean repeat spend; ``monetary_value`` is taken where there is none.
            currency: The ISO 4217 code of spend.

        Raises:
            Invalid: A column is missing, or rows can't be; lists them.

        Example:
            >>> from crmcore.analytics.clv import CustomerSummary
            >>> rows = {"customer": ["ada"], "frequency": [2], "recency": [30.43], "T": [38.86]}
            >>> CustomerSummary.of(rows, unit="week").t_x
            (30.43,)
        """
        told, names = _told(rows, {"customer": customer, "x": x, "t_x": t_x, "T": T, "mean": mean})
        if currency is not None:
            minor_units(currency)
        people = told.cells.get(names["customer"])
        histories = [list(map(number, told.cells[names[role]])) for role in ("x", "t_x", "T")]
        means = list(map(number, told.cells[names["mean"]])) if names["mean"] in told.cells else None
        _check(told, names, histories, means or ())
        counts, recencies, ages = histories
        return cls(
            customer=tuple(people or range(1, told.length + 1)),
            x=tuple(map(int, counts)),
            t_x=tuple(recencies),
            T=tuple(ages),
            mean=means if means is None else tuple(map(_mean, means, counts)),
            unit=Unit.of(unit),
            currency=currency,
            end=None,
            made=Provenance(at=None, at_given=False, period=None, zone="UTC", currency=currency),
        )

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        until = self.calibration_end or self.end
        when = f" at {until}" if until else ""
        return f"<CustomerSummary{when}: {len(self):,} customers, {sum(self.x):,} repeat purchases, unit {self.unit}>"

    @cached_property
    def spend(self) -> tuple[Decimal, ...] | None:
        """What all purchases of each customer came to, in major units, less what was returned; None without amounts."""
        return None if self.spent is None else self.spent.exact()

    @cached_property
    def spend_holdout(self) -> tuple[Decimal, ...] | None:
        """The same after the calibration end; None without a calibration."""
        return None if self.spent_holdout is None else self.spent_holdout.exact()

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each column means."""
        return FrozenMap({name: DEFINITIONS[name] for name in self._table() if name in DEFINITIONS})

    def columns(self) -> dict[str, Sequence[Any]]:
        """The columns that models are fitted to, by name: customer, x, t_x, T, and mean where there are amounts."""
        held = {"customer": self.customer, "x": self.x, "t_x": self.t_x, "T": self.T, "mean": self.mean}
        return {name: column for name, column in held.items() if column is not None}

    def _table(self) -> dict[str, Sequence[Any]]:
        """All columns there are."""
        beside = {"spend": self.spend, "x_holdout": self.x_holdout, "spend_holdout": self.spend_holdout}
        return {**self.columns(), **{name: column for name, column in beside.items() if column is not None}}

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer."""
        columns = self._table()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def sections(self) -> Sequence[Section]:
        """The figures of the whole, and the first customers."""
        figures = [
            ("customers", written(len(self))),
            ("repeat purchases", written(sum(self.x))),
            ("without a repeat purchase", written(self.x.count(0))),
            ("unit", str(self.unit or "–")),
            ("end", str(self.calibration_end or self.end or "–")),
        ]
        if self.x_holdout is not None:
            figures += [
                ("holdout", f"{self.T_holdout:,.2f} to {self.end}"),
                ("purchases in it", written(sum(self.x_holdout))),
            ]
        columns = self._table()
        first = [tuple(map(written, row)) for row in zip(*(column[:SHOWN] for column in columns.values()), strict=True)]
        more = [(f"… and {len(self) - SHOWN:,} more", *[""] * (len(columns) - 1))] if len(self) > SHOWN else []
        figures += [(what, written(count)) for what, count in self.made.exclusions.items()]
        return (
            Section("customer summary", (), tuple(figures)),
            Section("customers", tuple(columns), (*first, *more)),
        )


def _told(rows: Source, names: Mapping[str, str]) -> tuple[Columns, dict[str, str]]:
    """The columns, and what each is called: as the caller says, or as elsewhere."""
    known = {role: (name, *(CALLED.get(role, ()) if name == role else ())) for role, name in names.items()}
    told = columns_of(rows, [Wanted(name, name) for name in dict.fromkeys(chain(*known.values()))], TABLE)
    called = {role: next(filter(told.cells.__contains__, each), each[0]) for role, each in known.items()}
    missing = [role for role in ("x", "t_x", "T") if called[role] not in told.cells]
    missing += [role for role in ("customer", "mean") if called[role] not in told.cells and names[role] != role]
    if missing:
        raise Invalid(
            Problem(f"{TABLE} columns", ", ".join(told.cells), f'a column "{names[role]}"', f'say {role}="…"')
            for role in missing
        )
    return told, called


def _check(
    told: Columns, names: Mapping[str, str], histories: Sequence[Sequence[float]], means: Sequence[float]
) -> None:
    """Refuse rows that can't be; a NaN fails every comparison."""
    wrong: dict[tuple[str, str], list[int]] = {}
    for row, mean in enumerate(means):
        if not isfinite(mean) and not is_missing(told.cells[names["mean"]][row]):
            wrong.setdefault(("mean", "an amount in major units"), []).append(row)
    for row, (x, t_x, age) in enumerate(zip(*histories, strict=True)):
        if not (0 <= x < inf and x == int(x)):
            wrong.setdefault(("x", "a whole number of repeat purchases"), []).append(row)
        elif not 0 <= age < inf:
            wrong.setdefault(("T", "an age in units, 0 or more"), []).append(row)
        elif not 0 <= t_x <= age:
            wrong.setdefault(("t_x", "an age from 0 to T"), []).append(row)
        elif (x == 0) != (t_x == 0):
            wrong.setdefault(("t_x", "0 where x is 0, and above it elsewhere"), []).append(row)
    if wrong:
        raise Invalid(
            Problem(
                told.place(names[role], rows),
                told.cells[names[role]][rows[0]],
                expected,
                "correct or leave out these rows",
            )
            for (role, expected), rows in wrong.items()
        )


def _mean(mean: float, x: float) -> float | None:
    return mean if x and isfinite(mean) else None
