"""Churn in figures: how many customers a period began with, who came, who left, and what that comes to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import attrs

from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.analytics.retention.revenue_result import Movements, labelled
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Churn"]

COUNTS = ("start", "joined", "reactivated", "lost", "end", "only_inside", "left_and_returned", "pending")
RATES = ("rate", "retention", "annualised")
REVENUE = ("gross_revenue_churn", "net_revenue_churn", "grr", "nrr")
FIGURES = (*COUNTS, "base", *RATES, *REVENUE)
SIDE_BY_SIDE = (*COUNTS[:5], *RATES, "gross_revenue_churn", "net_revenue_churn")

DEFINITIONS: Mapping[str, str] = FrozenMap(
    {
        "start": "Customers served on the first day of the period.",
        "end": "Customers served on the first day after it: start + joined + reactivated - lost.",
        "joined": "Customers at the end whose first day ever is after the first of the period; on the exposed base, "
        "every first day from then on.",
        "reactivated": "Customers at the end who were customers before, but not at the start; on the exposed base, "
        "every return in the period.",
        "lost": "Customers at the start who are none at the end; on the exposed base, every leaving in the period, at "
        "the first day of the gap.",
        "only_inside": "Customers in between who are none at the start and none at the end. On the start base they "
        "are in no other figure.",
        "left_and_returned": "Customers at both ends who were none in between. On the start base they are not lost.",
        "pending": "Customers counted at the end because their gap has not lasted as long as the grace at the as-of. "
        "They may turn out to be lost.",
        "base": "What was at risk: the start; on the exposed base, start + joined + reactivated.",
        "rate": "Logo churn: lost / base.",
        "retention": "1 - churn rate.",
        "annualised": "1 - (1 - churn rate) ^ periods a year: what the rate would come to if it held for a year.",
        "gross_revenue_churn": "Recurring revenue lost to leaving and to lower prices / that of the start.",
        "net_revenue_churn": "The same, less what customers of the start pay more. It may be below 0.",
        "grr": "Gross revenue retention: 1 - gross revenue churn.",
        "nrr": "Net revenue retention: 1 - net revenue churn.",
    }
)


@attrs.frozen(kw_only=True, repr=False, str=False)
class Churn(Tabular):
    """Churn over a period, of customers and of the revenue they bring.

    Rates are fractions. A figure that is undefined is None, and ``reasons`` says why.

    Attributes:
        method: What the rate is of: those of the start (``start_base``), or also those who came (``exposed_base``).
        start: Customers on the first day of the period.
        joined: Customers who came for the first time.
        reactivated: Customers who came back.
        lost: Customers who left.
        end: Customers on the first day after it.
        only_inside: Customers who came and left in between.
        left_and_returned: Customers who left and came back in between.
        pending: Customers at the end whose gap is too short so far to say that they left.
        per_year: How many such periods a year has; None where the as-of is its first day.
        movements: The movements of recurring revenue; None without amounts.
        group: What this part is grouped under; None for the whole, and for subscriptions without one.
        by: What ``groups`` divides by; None when nothing was asked for.
        groups: The same figures for each group. A customer with subscriptions in several is counted in each.
        parts: The same figures for each shorter period, where ``each`` was asked for.
        made: How the figures were made.
    """

    method: Literal["start_base", "exposed_base"]
    start: int
    joined: int
    reactivated: int
    lost: int
    end: int
    only_inside: int
    left_and_returned: int
    pending: int
    per_year: float | None
    movements: Movements | None
    group: object = None
    by: str | None = None
    groups: Mapping[object, Churn] = attrs.field(factory=FrozenMap)
    parts: tuple[Churn, ...] = ()
    made: Provenance

    @property
    def base(self) -> int:
        """What the rate is of."""
        return self.start if self.method == "start_base" else self.start + self.joined + self.reactivated

    @property
    def rate(self) -> float | None:
        """Logo churn: the share of customers lost, a fraction."""
        return self.lost / self.base if self.base else None

    @property
    def retention(self) -> float | None:
        """The share of customers kept: exactly 1 - churn."""
        return None if self.rate is None else 1 - self.rate

    @property
    def annualised(self) -> float | None:
        """The churn of a year in which every period were like this one, a fraction."""
        if self.rate is None or self.per_year is None:
            return None
        return -math.expm1(self.per_year * math.log1p(-self.rate)) if self.rate < 1 else 1.0

    @property
    def gross_revenue_churn(self) -> float | None:
        """The share of recurring revenue lost, a fraction."""
        return None if self.movements is None else self.movements.gross_churn

    @property
    def net_revenue_churn(self) -> float | None:
        """The share of recurring revenue lost, less expansion, a fraction that may be below 0."""
        return None if self.movements is None else self.movements.net_churn

    @property
    def grr(self) -> float | None:
        """Gross revenue retention, a fraction from 0 to 1."""
        return None if self.movements is None else self.movements.grr

    @property
    def nrr(self) -> float | None:
        """Net revenue retention, a fraction."""
        return None if self.movements is None else self.movements.nrr

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        return FrozenMap({name: self._why(name) for name in (*RATES, *REVENUE) if getattr(self, name) is None})

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a group, one a shorter period, or one for the whole.

        Example:
            >>> from crmcore.analytics.retention import churn
            >>> rows = [{"customer": 1, "start": "2025-11-01", "end": "2026-01-15"}]
            >>> (row,) = churn(rows, period="2026-01").to_dicts()
            >>> row["start"], row["lost"], row["rate"]
            (1, 1, 1.0)
        """
        if self.groups:
            return [labelled(self.by, key, row) for key, group in self.groups.items() for row in group.to_dicts()]
        return [row for part in self.parts for row in part.to_dicts()] or [self._row()]

    def sections(self) -> list[Section]:
        """The figures, the revenue, the shorter periods, the groups, and how all of it was made."""
        lines = zip((name.replace("_", " ") for name in FIGURES), _shown(self, FIGURES), strict=True)
        found = [Section(f"Churn, {_named(self)}", (), (("method", self.method), *lines))]
        if self.movements is not None:
            found.append(self.movements.sections()[0])
        headings = tuple(name.replace("_", " ") for name in SIDE_BY_SIDE)
        if self.parts:
            rows = tuple((_named(part), *_shown(part, SIDE_BY_SIDE)) for part in self.parts)
            found.append(Section("Period by period", ("period", *headings), rows))
        if self.groups:
            rows = tuple(
                ("(none)" if key is None else str(key), *_shown(group, SIDE_BY_SIDE))
                for key, group in self.groups.items()
            )
            found.append(Section(f"By {self.by}", (str(self.by), *headings), rows))
        whys = tuple((f"{name.replace('_', ' ')}: {why}",) for name, why in self.reasons.items())
        found += [Section("Undefined, and why", (), whys)] if whys else []
        return [*found, Section("How it was made", (), ((str(self.made),),))]

    def _why(self, name: str) -> str:
        if name in RATES:
            return "there was no customer to lose" if self.rate is None else "the as-of is the first day of the period"
        if self.movements is None:
            return "the subscriptions have no amounts"
        return self.movements.reasons[name.replace("revenue_churn", "churn")]

    def _row(self) -> dict[str, object]:
        figures = {name: getattr(self, name) for name in FIGURES}
        return {"period": _named(self), "method": self.method, **figures}

    def __repr__(self) -> str:
        return f"<Churn {_named(self)}: {self.lost:,} lost of {self.base:,}, {percent(self.rate)}>"


def _named(churn: Churn) -> str:
    """The period it is of."""
    return churn.made.period.name if churn.made.period else ""


def _shown(churn: Churn, names: Iterable[str]) -> list[str]:
    """Figures as a person reads them."""
    values = [(name in RATES or name in REVENUE, getattr(churn, name)) for name in names]
    return [percent(value) if is_rate else written(value) for is_rate, value in values]
