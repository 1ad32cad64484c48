"""Recurring revenue in movement: where it was at the start of a period, what came, what went, where it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FLOWS", "Movements", "labelled"]

FLOWS = ("new", "reactivation", "expansion", "contraction", "churned")
AMOUNTS = ("start", *FLOWS, "end")
RATES = ("gross_churn", "net_churn", "grr", "nrr")
FIGURES = (*AMOUNTS, *RATES, "quick_ratio", "quick_ratio_without_reactivation")

DEFINITIONS: Mapping[str, str] = FrozenMap(
    {
        "start": "Monthly recurring revenue (MRR) on the first day of the period.",
        "end": "MRR on the first day after it: start + new + reactivation + expansion - contraction - churned.",
        "new": "MRR at the end of customers who never had any up to the start.",
        "reactivation": "MRR at the end of customers who had some before, but none at the start.",
        "expansion": "What customers with MRR at both ends pay more at the end.",
        "contraction": "What customers with MRR at both ends pay less at the end.",
        "churned": "MRR at the start of customers who have none at the end.",
        "gross_churn": "(Contraction + churned) / start: 1 - GRR.",
        "net_churn": "(Contraction + churned - expansion) / start: 1 - NRR; below 0 where expansion is larger.",
        "grr": "Gross revenue retention: for each customer of the start the smaller of its MRR at the start and at "
        "the end, summed, / start.",
        "nrr": "Net revenue retention: MRR at the end of the customers of the start / start. New and reactivated ones "
        "are not among them.",
        "quick_ratio": "(New + reactivation + expansion) / (contraction + churned).",
        "quick_ratio_without_reactivation": "(New + expansion) / (contraction + churned).",
    }
)


@attrs.frozen(kw_only=True, repr=False, str=False)
class Movements(Tabular):
    """Monthly recurring revenue (MRR) in movement over a period, customer by customer.

    A customer is in one movement only. The amounts are exact: start + new + reactivation + expansion -
    contraction - churned = end, to the cent. A figure that is undefined is None, and ``reasons`` says why.

    Attributes:
        minor: Each amount in minor units.
        customers: How many customers each amount is of.
        group: What this part is grouped under; None for the whole, and for subscriptions without one.
        by: What ``groups`` divides by; None when nothing was asked for.
        groups: The same figures for each group. A customer with subscriptions in several is counted in each.
        parts: The same figures for each shorter period, where ``each`` was asked for.
        made: How the figures were made.
    """

    minor: Mapping[str, int]
    customers: Mapping[str, int]
    group: object = None
    by: str | None = None
    groups: Mapping[object, Movements] = attrs.field(factory=FrozenMap)
    parts: tuple[Movements, ...] = ()
    made: Provenance

    @property
    def start(self) -> Money | None:
        """MRR on the first day of the period."""
        return self._money("start")

    @property
    def new(self) -> Money | None:
        """MRR of customers who never had any before."""
        return self._money("new")

    @property
    def reactivation(self) -> Money | None:
        """MRR of customers who had some before, but none at the start."""
        return self._money("reactivation")

    @property
    def expansion(self) -> Money | None:
        """What customers pay more."""
        return self._money("expansion")

    @property
    def contraction(self) -> Money | None:
        """What customers pay less, those who left apart."""
        return self._money("contraction")

    @property
    def churned(self) -> Money | None:
        """What customers paid who left."""
        return self._money("churned")

    @property
    def end(self) -> Money | None:
        """MRR on the first day after the period."""
        return self._money("end")

    @property
    def grr(self) -> float | None:
        """Gross revenue retention, a fraction from 0 to 1."""
        kept = self.minor["start"] - self.minor["contraction"] - self.minor["churned"]
        return self._of_start(kept)

    @property
    def nrr(self) -> float | None:
        """Net revenue retention, a fraction; above 1 where customers expand by more than is lost."""
        return self._of_start(self.minor["end"] - self.minor["new"] - self.minor["reactivation"])

    @property
    def gross_churn(self) -> float | None:
        """Gross revenue churn, a fraction from 0 to 1: 1 - GRR."""
        return None if self.grr is None else 1 - self.grr

    @property
    def net_churn(self) -> float | None:
        """Net revenue churn, a fraction: 1 - NRR."""
        return None if self.nrr is None else 1 - self.nrr

    @property
    def quick_ratio(self) -> float | None:
        """What came for each unit that went; None when nothing went."""
        return self._quick_ratio("new", "reactivation", "expansion")

    @property
    def quick_ratio_without_reactivation(self) -> float | None:
        """The same, with customers who came back left out."""
        return self._quick_ratio("new", "expansion")

    @property
    def currency(self) -> str | None:
        """The ISO 4217 code of every amount."""
        return self.made.currency

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        return FrozenMap({name: self._why(name) for name in FIGURES if getattr(self, name) is None})

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a group, one a shorter period, or one for the whole; amounts in major units.

        Example:
            >>> from crmcore.analytics.retention import movements
            >>> rows = [{"customer": 1, "start": "2026-01-15", "end": None, "amount": 20}]
            >>> (row,) = movements(rows, period="2026-01", currency="EUR").to_dicts()
            >>> row["new"], row["end"]
            (Decimal('20.00'), Decimal('20.00'))
        """
        if self.groups:
            return [labelled(self.by, key, row) for key, group in self.groups.items() for row in group.to_dicts()]
        return [row for part in self.parts for row in part.to_dicts()] or [self._row()]

    def sections(self) -> list[Section]:
        """The figures, the shorter periods, the groups, and how all of it was made."""
        found = [
            Section(f"Recurring revenue a month, {_named(self)}", ("", "amount", "customers"), tuple(self._lines()))
        ]
        found.append(Section("Rates", (), tuple((name.replace("_", " "), self._shown(name)) for name in FIGURES[7:])))
        if self.parts:
            rows = [(_named(part), *_cells(part)) for part in self.parts]
            found.append(Section("Period by period", ("period", *AMOUNTS, "grr", "nrr"), tuple(rows)))
        if self.groups:
            rows = [("(none)" if key is None else str(key), *_cells(group)) for key, group in self.groups.items()]
            found.append(Section(f"By {self.by}", (str(self.by), *AMOUNTS, "grr", "nrr"), tuple(rows)))
        whys = tuple((f"{name.replace('_', ' ')}: {why}",) for name, why in self.reasons.items())
        found += [Section("Undefined, and why", (), whys)] if whys else []
        return [*found, Section("How it was made", (), ((str(self.made),),))]

    def _money(self, name: str) -> Money | None:
        return None if self.currency is None else Money.of_minor(self.minor[name], self.currency)

    def _of_start(self, minor: int) -> float | None:
        start = self.minor["start"]
        return minor / start if start else None

    def _quick_ratio(self, *gains: str) -> float | None:
        lost = self.minor["contraction"] + self.minor["churned"]
        return sum(self.minor[name] for name in gains) / lost if lost else None

    def _why(self, name: str) -> str:
        if name in AMOUNTS:
            return "the subscriptions have no amounts, and no currency= was given"
        if name in RATES:
            return "there was no recurring revenue at the start"
        return "no recurring revenue was lost"

    def _row(self) -> dict[str, object]:
        row: dict[str, object] = {"period": _named(self)}
        for name in FIGURES:
            value = getattr(self, name)
            row[name] = value.amount if isinstance(value, Money) else value
        counts = {f"{name}_customers": count for name, count in self.customers.items()}
        return row | counts | {"currency": self.currency}

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        for name in AMOUNTS:
            yield name, written(getattr(self, name)), written(self.customers[name])

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return percent(value) if name in RATES else written(value)

    def __repr__(self) -> str:
        return f"<Movements {_named(self)}: {written(self.start)} to {written(self.end)}, nrr {percent(self.nrr)}>"


def labelled(by: str | None, key: object, row: dict[str, object]) -> dict[str, object]:
    """A row of a group, under the name of its column; under ``group`` where a figure has that name."""
    return {"group" if by in row else str(by): key, **row}


def _named(movements: Movements) -> str:
    """The period they are of."""
    return movements.made.period.name if movements.made.period else ""


def _cells(movements: Movements) -> tuple[str, ...]:
    """The amounts without their currency, and the two rates of retention."""
    amounts = (getattr(movements, name) for name in AMOUNTS)
    bare = ("–" if amount is None else f"{amount.amount:,f}" for amount in amounts)
    return (*bare, percent(movements.grr), percent(movements.nrr))
