"""BG/BB: customers who may buy once a period, until they leave unseen between two periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from math import exp, expm1, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.engines import Engine, EngineName
from crmcore.analytics.calculus.gamma_ratios import log_rising
from crmcore.analytics.calculus.geometric_series import mean_geometric_sum, mean_reciprocal
from crmcore.analytics.clv.bgbb_likelihood import likelihood, silences
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.parameters import parameter
from crmcore.analytics.clv.periods import AHEAD, COUNT, PERIODS, history, in_periods, whole_periods
from crmcore.analytics.clv.prediction import predicted
from crmcore.analytics.clv.renewal_likelihood import log_kept
from crmcore.analytics.clv.rows import Rows, Rule, read_rows
from crmcore.analytics.clv.unit import Unit, UnitName
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from random import Random

    from crmcore.analytics.columns import Source

__all__ = ["BGBB"]

STARTS = ((1.0, 1.0, 1.0, 3.0), (0.5, 0.5, 0.5, 0.5), (3.0, 5.0, 0.3, 5.0))

LARGEST = 700.0
"""A discount rate beyond which nothing to come is worth anything."""


def _unit(unit: UnitName | None) -> Unit | None:
    return Unit.of(unit)


@attrs.frozen
class BGBB:
    """The BG/BB model: each period a customer who is still one buys or does not, and before each they may leave.

    It is for opportunities that come once a period: a donation a year, a conference, a box a month. Time is counted in
    whole periods after that of the first purchase.

    Attributes:
        alpha: The parameter of buying, of the beta distribution of the chance to buy in a period.
        beta: The parameter of not buying.
        gamma: The parameter of leaving, of the beta distribution of the chance to leave before a period.
        delta: The parameter of staying.
        unit: How long a period is; None where nobody said.

    Source: P. S. Fader, B. G. S. Hardie and J. Shang, Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
        2010.

    Example:
        >>> from crmcore.analytics.clv import BGBB
        >>> model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")
        >>> round(model.p_alive(x=2, t_x=4, n=6, ahead=1), 2)
        0.59
        >>> round(model.conditional_expected_purchases("5 years", x=6, t_x=6, n=6), 2)
        3.75
    """

    NAMES: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")
    RULE: ClassVar[Rule] = PERIODS

    alpha: float = parameter()
    beta: float = parameter()
    gamma: float = parameter()
    delta: float = parameter()
    unit: Unit | None = attrs.field(default=None, kw_only=True, converter=_unit)

    @classmethod
    def fit(
        cls,
        summary: Source | None = None,
        *,
        x: object = None,
        t_x: object = None,
        n: object = None,
        weights: object = None,
        penalty: float = 0.0,
        unit: Unit | timedelta | str | None = None,
        engine: EngineName | None = None,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Fit[Self]:
        """Fit the model by maximum likelihood.

        Args:
            summary: Any table with the columns x, t_x and n.
            x: In how many periods they bought, shape ``(n,)``, where no table is given.
            t_x: The period of the last purchase, 0 where there was none, shape ``(n,)``.
            n: How many periods there were, shape ``(n,)``.
            weights: How many customers each row stands for, shape ``(n,)``, or the name of a column; default: 1.
            penalty: Adds penalty × Σ log(parameter)² to the mean negative log-likelihood.
            unit: How long a period is.
            engine: ``"python"`` or ``"numpy"``; default: numpy where it is installed and there are many rows.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Raises:
            Invalid: A column is missing or rows are wrong; lists them.
        """
        told = history(x, t_x, n, frequency, recency, n_periods)
        given = {name: column for name, column in told.items() if column is not None}
        rows = read_rows(summary, given, PERIODS, weights=weights, engine=engine)
        return cls._fitted(rows, penalty, Unit.of(unit) or getattr(summary, "unit", None))

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(rows),
            starts=STARTS,
            scales=(1.0,) * 4,
            model=partial(cls, unit=unit),
            limits=_limits,
        )
        return fitted(sought, rows, penalty=penalty)

    def p_alive(
        self,
        x: Any = None,
        t_x: Any = None,
        n: Any = None,
        ahead: Any = 0,
        *,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Any:
        """The probability that a customer is still one, in period n or in one after it.

        Who bought in period n was surely there then. The paper's P(alive) is that of the next period: ``ahead=1``.

        Args:
            x: In how many periods they bought; a number, shape ``(n,)``, or a table in place of all three.
            t_x: The period of the last purchase, 0 where there was none.
            n: How many periods there were.
            ahead: How many periods after period n, or as text: ``"1 year"``.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Raises:
            Invalid: A value does not fit.
        """
        known = history(x, t_x, n, frequency, recency, n_periods)
        return predicted(
            "p_alive", self._alive_later, known, PERIODS, also={"ahead": in_periods(self.unit, ahead, "ahead")}
        )

    def conditional_expected_purchases(
        self,
        t: Any,
        x: Any = None,
        t_x: Any = None,
        n: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Any:
        """The purchases expected of a customer in the periods after period n.

        Args:
            t: In how many periods, or as text: ``"5 years"``.
            x: In how many periods they bought; a number, shape ``(n,)``, or a table in place of all three.
            t_x: The period of the last purchase, 0 where there was none.
            n: How many periods there were.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Raises:
            Invalid: A value does not fit.
        """
        known = history(x, t_x, n, frequency, recency, n_periods)
        also = {"rate": 0.0, "t": in_periods(self.unit, t, "t")}
        return predicted("conditional_expected_purchases", self._discounted, known, PERIODS, also=also)

    def expected_purchases(self, t: Any) -> Any:
        """The purchases expected of a new customer in the periods after that of the first one.

        Args:
            t: In how many periods, or as text: ``"5 years"``; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.
        """
        return predicted("expected_purchases", self._new, {}, AHEAD, also={"t": in_periods(self.unit, t, "t")})

    def pmf(self, n: Any, t: Any) -> Any:
        """The probability that a new customer buys in exactly so many periods after that of the first purchase.

        Args:
            n: In how many they buy; a whole number or shape ``(n,)``.
            t: Of how many periods, or as text; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.
        """
        return predicted("pmf", self._chances, {"n": n, "t": in_periods(self.unit, t, "t")}, COUNT)

    def dert(
        self,
        rate: Any,
        x: Any = None,
        t_x: Any = None,
        n: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Any:
        """The discounted expected residual transactions: all purchases to come, each at its present value.

        A purchase in the i-th period from now counts e^(−rate i), the first one discounted, too. For the paper's rate d
        by period, give ln(1 + d).

        Args:
            rate: The continuous discount rate per period.
            x: In how many periods they bought; a number, shape ``(n,)``, or a table in place of all three.
            t_x: The period of the last purchase, 0 where there was none.
            n: How many periods there were.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Returns:
            In purchases; None where the sum is infinite, as without discounting it may be.

        Raises:
            Invalid: A value does not fit.
        """
        known = history(x, t_x, n, frequency, recency, n_periods)
        return predicted("dert", self._discounted_forever, known, PERIODS, also={"rate": rate})

    def discounted_expected_purchases(
        self,
        rate: Any,
        horizon: Any,
        x: Any = None,
        t_x: Any = None,
        n: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Any:
        """The purchases expected of a customer in the periods after period n, each at its present value.

        Args:
            rate: The continuous discount rate per period, as in ``dert``.
            horizon: In how many periods, or as text: ``"5 years"``.
            x: In how many periods they bought; a number, shape ``(n,)``, or a table in place of all three.
            t_x: The period of the last purchase, 0 where there was none.
            n: How many periods there were.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Raises:
            Invalid: A value does not fit.
        """
        known = history(x, t_x, n, frequency, recency, n_periods)
        also = {"rate": rate, "horizon": in_periods(self.unit, horizon, "horizon")}
        return predicted("discounted_expected_purchases", self._discounted, known, PERIODS, also=also)

    def expected_residual_lifetime(
        self,
        x: Any = None,
        t_x: Any = None,
        n: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
        n_periods: object = None,
    ) -> Any:
        """In how many periods after period n a customer is expected to be one, those counted who have left already.

        Args:
            x: In how many periods they bought; a number, shape ``(n,)``, or a table in place of all three.
            t_x: The period of the last purchase, 0 where there was none.
            n: How many periods there were.
            frequency: Another word for x.
            recency: Another word for t_x.
            n_periods: Another word for n.

        Returns:
            In periods; None where it is infinite, with gamma at 1 or below.

        Raises:
            Invalid: A value does not fit.
        """
        known = history(x, t_x, n, frequency, recency, n_periods)
        return predicted("expected_residual_lifetime", self._residual, known, PERIODS)

    def simulate(self, n: int, rng: Random, *, periods: int = 12) -> dict[str, list[int]]:
        """Customers made up as the model has it: the columns x, t_x and n.

        Args:
            n: How many customers.
            rng: Where chance comes from: ``random.Random(seed)``.
            periods: How many periods each is observed.

        Raises:
            Invalid: A value does not fit.
        """
        if not (isinstance(n, int) and isinstance(periods, int) and n >= 0 and periods >= 0):
            raise Invalid([Problem("n, periods", f"{n}, {periods}", "whole numbers, 0 or more", "correct them")])
        lives = [self._life(rng, periods) for _ in range(n)]
        return {"x": [x for x, _ in lives], "t_x": [t_x for _, t_x in lives], "n": [periods] * n}

    # --- figures ------------------------------------------------------------------------------------------------------

    def _alive(self, x: Iterable[float], t_x: Iterable[float], n: Iterable[float]) -> list[float]:
        """P(alive) in period n."""
        point = (self.alpha, self.beta, self.gamma, self.delta)
        known: dict[tuple[float, float], list[tuple[float, float]]] = {}
        found = []
        for count, last, periods in zip(x, t_x, n, strict=True):
            key = count, periods
            if key not in known:
                known[key] = silences(point, round(count), round(periods))
            stayed, silent = known[key][round(periods - last)]
            found.append(stayed / (silent or 1.0))
        return found

    def _alive_later(self, engine: Engine, ahead: Any, x: Any, t_x: Any, n: Any) -> list[float]:
        later, periods = whole_periods("ahead", engine.plain(ahead)), engine.plain(n)
        alive = self._alive(engine.plain(x), engine.plain(t_x), periods)
        return [
            chance * exp(log_kept(self.gamma, self.delta + since, time))
            for chance, since, time in zip(alive, periods, later, strict=True)
        ]

    def _expecting(self, x: Sequence[float], t_x: Sequence[float], n: Sequence[float]) -> list[float]:
        """The chance to be there in period n and then, while there, to buy in a period."""
        alive = self._alive(x, t_x, n)
        return [
            chance * (self.alpha + count) / (self.alpha + self.beta + periods)
            for chance, count, periods in zip(alive, x, n, strict=True)
        ]

    def _discounted(self, engine: Engine, rate: Any, t: Any, x: Any, t_x: Any, n: Any) -> list[float]:
        times, rates, since = whole_periods("t", engine.plain(t)), engine.plain(rate), engine.plain(n)
        expecting = self._expecting(engine.plain(x), engine.plain(t_x), since)
        return [
            chance * mean_geometric_sum(self.gamma, self.delta + periods, min(d, LARGEST), time)
            for chance, d, time, periods in zip(expecting, rates, times, since, strict=True)
        ]

    def _discounted_forever(self, engine: Engine, rate: Any, x: Any, t_x: Any, n: Any) -> list[float | None]:
        expecting = self._expecting(engine.plain(x), engine.plain(t_x), engine.plain(n))
        return self._forever(expecting, engine.plain(rate), engine.plain(n))

    def _residual(self, engine: Engine, x: Any, t_x: Any, n: Any) -> list[float | None]:
        periods = engine.plain(n)
        return self._forever(self._alive(engine.plain(x), engine.plain(t_x), periods), [0.0] * len(periods), periods)

    def _forever(self, chances: list[float], rates: list[float], n: list[float]) -> list[float | None]:
        """Chances times the discounted shares who stay, for ever: E[(1 − p) / (p + d)] for the chance p to leave."""
        found: list[float | None] = []
        for chance, rate, periods in zip(chances, rates, n, strict=True):
            stay = self.delta + periods
            mean = mean_reciprocal(self.gamma, stay + 1, expm1(min(rate, LARGEST))) if rate or self.gamma > 1 else None
            found.append(None if mean is None else chance * stay / (self.gamma + stay) * mean)
        return found

    def _new(self, engine: Engine, t: Any) -> list[float]:
        none = [0.0] * len(t)
        return self._discounted(engine, none, t, none, none, none)

    def _chances(self, _: Engine, n: Any, t: Any) -> list[float]:
        return [self._chance(round(count), round(time)) for count, time in zip(n, t, strict=True)]

    def _chance(self, n: int, t: int) -> float:
        """Σ over when they leave of the chance of n purchases until then."""
        if n > t:
            return 0.0
        alpha, beta, gamma, delta = self.alpha, self.beta, self.gamma, self.delta
        bought = log_rising(alpha, n) - log_rising(alpha + beta, n)
        there, found = log_kept(gamma, delta, n), 0.0
        for i in range(n, t):
            found += exp(bought + there) * gamma / (gamma + delta + i)
            bought += log((i + 1) / (i + 1 - n)) - log1p((alpha + n) / (beta + (i - n)))
            there -= log1p(gamma / (delta + i))
        return found + exp(bought + there)

    def _life(self, rng: Random, periods: int) -> tuple[int, int]:
        buying, leaving = rng.betavariate(self.alpha, self.beta), rng.betavariate(self.gamma, self.delta)
        x, last = 0, 0
        for period in range(1, periods + 1):
            if rng.random() < leaving:
                break
            if rng.random() < buying:
                x, last = x + 1, period
        return x, last


def _limits(model: BGBB) -> Mapping[str, float]:
    return {
        "alpha/(alpha+beta)": model.alpha / (model.alpha + model.beta),
        "gamma/(gamma+delta)": model.gamma / (model.gamma + model.delta),
    }
