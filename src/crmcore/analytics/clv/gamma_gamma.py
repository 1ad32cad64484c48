"""Gamma-Gamma: what a purchase of each customer comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, gcd, log
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.engines import Engine, EngineName
from crmcore.analytics.calculus.maximum import maximum
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.gamma_gamma_likelihood import likelihood
from crmcore.analytics.clv.parameters import parameter
from crmcore.analytics.clv.prediction import Prediction, is_table, predicted
from crmcore.analytics.clv.rows import Rows, Rule, read_columns
from crmcore.analytics.clv.spend_rows import SPEND, buyers, everybody, filled, remarks
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from random import Random

    from crmcore.analytics.columns import Source

__all__ = ["GammaGamma"]

STARTS = ((4.0, 3.5, 0.7), (6.0, 4.0, 0.5), (1.0, 1.5, 1.0))

MANY = 20_000
SOME = 2_000
"""Rows: how many are many, and how many tell where to begin."""

PRIMES = 2 * 3 * 5 * 7 * 11 * 13

LARGE = 1e6
"""A parameter that is on its way to infinity."""


@attrs.frozen
class GammaGamma:
    """The Gamma-Gamma model of spend: purchases differ around a customer's mean, and means differ between customers.

    It takes spend to be independent of how often a customer buys. Amounts are floats in major units, of one currency:
    they are expectations, not sums that were paid.

    Attributes:
        p: The shape of the gamma distribution of a customer's purchases.
        q: The shape of the gamma distribution of its rate between customers; at 1 or below, the mean is infinite.
        v: The rate of that, in major units; elsewhere "gamma".

    Source: P. S. Fader and B. G. S. Hardie, The Gamma-Gamma Model of Monetary Value, 2013.

    Example:
        >>> from crmcore.analytics.clv import GammaGamma
        >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> round(model.expected_spend(x=2, mean=22.35), 2), round(model.population_mean, 2)
        (24.66, 35.22)
    """

    NAMES: ClassVar[tuple[str, ...]] = ("p", "q", "v")
    RULE: ClassVar[Rule] = SPEND

    p: float = parameter()
    q: float = parameter()
    v: float = parameter()

    @classmethod
    def fit(
        cls,
        summary: Source | None = None,
        *,
        x: object = None,
        mean: object = None,
        weights: object = None,
        penalty: float = 0.0,
        engine: EngineName | None = None,
        frequency: object = None,
        monetary_value: object = None,
    ) -> Fit[Self]:
        """Fit the model by maximum likelihood, to those who bought again.

        Customers without a repeat purchase are left out, and counted in the warnings; so is a correlation of x and mean
        of 0.1 or more, which the model takes to be 0.

        Args:
            summary: What ``summarize`` gave, or any table with the columns x and mean.
            x: Repeat purchases, shape ``(n,)``, where no table is given.
            mean: What a repeat purchase of each comes to on average, shape ``(n,)``, in major units.
            weights: How many customers each row stands for, shape ``(n,)``, or the name of a column; default: 1.
            penalty: Adds penalty × Σ log(parameter)² to the mean negative log-likelihood.
            engine: ``"python"`` or ``"numpy"``; default: numpy where it is installed and there are many rows.
            frequency: Another word for x.
            monetary_value: Another word for mean.

        Raises:
            Invalid: A column is missing or rows are wrong, such as a mean of 0 or below; lists them.
        """
        told = {"x": x if x is not None else frequency, "mean": mean if mean is not None else monetary_value}
        given = {name: column for name, column in told.items() if column is not None}
        rows = everybody(read_columns(summary, given, SPEND, weights=weights), engine)
        bought = buyers(rows)
        fit = cls._fitted(bought, penalty, warnings=remarks(rows, bought))
        if fit.model.q <= 1:
            fit = attrs.evolve(fit, warnings=(*fit.warnings, "q is 1 or below: the mean spend of all is infinite"))
        return fit

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, _: object = None, *, warnings: Sequence[str] = ()) -> Fit[Self]:
        some = _some(rows)
        scale = exp(sum(map(log, some.columns[1])) / len(some))
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(rows, scale),
            starts=_starts(some, scale) if len(some) < len(rows) else STARTS,
            scales=(1.0, 1.0, scale),
            model=cls,
            limits=_limits,
        )
        return fitted(sought, rows, penalty=penalty, warnings=warnings)

    @property
    def population_mean(self) -> float | None:
        """The mean spend over all customers, in major units; None where it is infinite, with q at 1 or below."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else None

    def expected_spend(
        self,
        x: Any = None,
        mean: Any = None,
        *,
        frequency: object = None,
        monetary_value: object = None,
    ) -> Any:
        """What a purchase of a customer is expected to come to, given what theirs came to so far.

        It lies between their own mean and that of the population, the nearer to their own the more they bought; without
        a repeat purchase it is that of the population.

        Args:
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of both.
            mean: What a repeat purchase came to on average, in major units; unused where x is 0, and may be missing.
            frequency: Another word for x.
            monetary_value: Another word for mean.

        Returns:
            In major units, as floats; None where it is infinite: p x + q is 1 or below.

        Raises:
            Invalid: A value does not fit.
        """
        counts = x if x is not None else frequency
        means = mean if mean is not None else monetary_value
        if not is_table(counts):
            return self._predicted(counts, means)
        columns = read_columns(counts, {}, SPEND, also=("customer",))  # type: ignore[arg-type] # checked there
        customers = columns.cells.get("customer", range(1, columns.length + 1))
        return Prediction("expected_spend", customers, self._predicted(columns.cells["x"], columns.cells["mean"]))

    def _predicted(self, x: Any, mean: Any) -> Any:
        return predicted("expected_spend", self._spend, {"x": x, "mean": filled(mean)}, SPEND, cheap=self.q > 1)

    def _spend(self, engine: Engine, x: Any, mean: Any) -> Any:
        p, q, v = self.p, self.q, self.v
        if q > 1:
            return engine.one(lambda _, x, mean: p * (v + x * mean) / (p * x + (q - 1)), x, mean)
        return [
            p * (v + count * each) / (p * count + q - 1) if p * count + q > 1 else None
            for count, each in zip(engine.plain(x), engine.plain(mean), strict=True)
        ]

    def simulate(self, x: Sequence[int], rng: Random) -> list[float | None]:
        """The mean spend of customers made up as the model has it, in major units; None where x is 0.

        Args:
            x: How often each bought again, shape ``(n,)``.
            rng: Where chance comes from: ``random.Random(seed)``.

        Raises:
            Invalid: A number of purchases is none.
        """
        wrong = [count for count in x if not (isinstance(count, int) and count >= 0)]
        if wrong:
            raise Invalid([Problem("x", wrong[0], "whole numbers of purchases, 0 or more", "correct them")])
        return [self._made_up(count, rng) if count else None for count in x]

    def _made_up(self, count: int, rng: Random) -> float:
        rate = rng.gammavariate(self.q, 1 / self.v) or 5e-324
        return rng.gammavariate(self.p * count, 1 / count) / rate


def _some(rows: Rows) -> Rows:
    """Of many rows, some that do not lie in step with anything."""
    step = len(rows) // SOME if len(rows) >= MANY else 1
    while gcd(step, PRIMES) > 1:
        step += 1
    weights = rows.weights[::step]
    return Rows(tuple(column[::step] for column in rows.columns), weights, float(sum(weights)), rows.engine)


def _starts(rows: Rows, scale: float) -> Sequence[Sequence[float]]:
    """Where to begin: at what some rows tell, if they tell it."""
    found = maximum(likelihood(rows, scale), STARTS)
    return (found.point, *STARTS) if found.status == "converged" else STARTS


def _limits(model: GammaGamma) -> Mapping[str, float]:
    found = {
        "p*v/(q-1)": model.population_mean,
        "v/q": model.v / model.q if model.q > LARGE else None,
        "p*v": model.p * model.v if model.p > LARGE else None,
    }
    return {name: value for name, value in found.items() if value is not None}
