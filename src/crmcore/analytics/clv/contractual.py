"""sBG and BdW: customers under contract, who renew or leave, and are seen to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import exp, expm1, inf, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.gamma_ratios import log_rising
from crmcore.analytics.calculus.geometric_series import mean_reciprocal
from crmcore.analytics.calculus.smooth_sums import smooth_sum
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.parameters import parameter
from crmcore.analytics.clv.prediction import predicted
from crmcore.analytics.clv.renewal_likelihood import LARGE, likelihood, log_kept, log_retention_bdw, log_retention_sbg
from crmcore.analytics.clv.rows import Rows, Rule, whole
from crmcore.analytics.clv.survivors import read_survivors, renewals
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from random import Random

    from crmcore.analytics.clv.renewal_likelihood import Jet

__all__ = ["SBG", "BdW", "ContractModel"]

FARTHEST = 10**15
"""The last renewal a whole number in a float can tell from the next."""

HALF = log(0.5) + 1e-12


def _why(n: float, _: float) -> str:
    return "a discount rate, 0 or more" if whole(n) and 1 <= n <= FARTHEST else "the number of a renewal, 1 to 10¹⁵"


SINCE = Rule(("t",), lambda t: (t >= 0) & whole(t) & (t <= FARTHEST), lambda _: "a whole number of renewals, 0 to 10¹⁵")
NEXT = Rule(("t",), lambda t: whole(t) & (t >= 1) & (t <= FARTHEST), lambda _: "the number of a renewal, 1 to 10¹⁵")
RATE = Rule(("rate",), lambda rate: (rate >= 0) & (rate < inf), lambda _: "a discount rate, 0 or more")
TENURE = Rule(("n", "rate"), lambda n, rate: whole(n) & (n >= 1) & (n <= FARTHEST) & (rate >= 0) & (rate < inf), _why)


@attrs.frozen
class ContractModel:
    """A model of when customers under contract leave; time is counted in renewals.

    A customer pays, and at each renewal stays for another period or leaves. Numbers in, a number out; a column in, the
    same shape out.
    """

    NAMES: ClassVar[tuple[str, ...]] = ()
    STARTS: ClassVar[Sequence[Sequence[float]]] = ()

    @classmethod
    def fit(cls, survivors: object, *, penalty: float = 0.0) -> Fit[Self]:
        """Fit the model by maximum likelihood.

        Args:
            survivors: How many customers there were at first and after each renewal, shape ``(n,)``:
                ``[1000, 869, 743]``; or such a list for each of several cohorts, which may be of different age.
            penalty: Adds penalty × Σ log(parameter)² to the mean negative log-likelihood.

        Raises:
            Invalid: Numbers are missing, below 0 or rising; lists them.
        """
        return cls._fitted(read_survivors(survivors), penalty)

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, _: object = None) -> Fit[Self]:
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(renewals(rows), cls._retention_jet()),
            starts=cls.STARTS,
            scales=(1.0,) * len(cls.NAMES),
            model=cls,
            limits=_limits,
        )
        return fitted(sought, rows, penalty=penalty)

    def survival(self, t: Any) -> Any:
        """The share of customers who are left after a renewal.

        Args:
            t: After which renewal, 0 or more; a whole number or shape ``(n,)``.

        Raises:
            Invalid: It is none.
        """
        return predicted("survival", _each(lambda t: exp(self._log_survival(t))), {"t": t}, SINCE)

    def retention_rate(self, t: Any) -> Any:
        """The share of those who are left for a renewal that renew: S(t) / S(t − 1).

        Args:
            t: Which renewal, 1 or more; a whole number or shape ``(n,)``.

        Raises:
            Invalid: It is none.
        """
        return predicted("retention_rate", _each(lambda t: exp(self._log_retention(t))), {"t": t}, NEXT)

    def churn_rate(self, t: Any) -> Any:
        """The share of those who are left for a renewal that leave: 1 − S(t) / S(t − 1).

        Args:
            t: Which renewal, 1 or more; a whole number or shape ``(n,)``.

        Raises:
            Invalid: It is none.
        """
        return predicted("churn_rate", _each(lambda t: -expm1(self._log_retention(t))), {"t": t}, NEXT)

    def pmf(self, t: Any) -> Any:
        """The share of all customers who leave at a renewal: S(t − 1) − S(t).

        Args:
            t: Which renewal, 1 or more; a whole number or shape ``(n,)``.

        Raises:
            Invalid: It is none.
        """

        def leaving(t: float) -> float:
            return exp(self._log_survival(t - 1)) * -expm1(self._log_retention(t))

        return predicted("pmf", _each(leaving), {"t": t}, NEXT)

    @property
    def median_lifetime(self) -> int | None:
        """After how many renewals at most half of the customers are left; None where that is beyond the 10¹⁵th."""
        low, high = 0, 1
        while high <= FARTHEST and self._log_survival(high) > HALF:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._log_survival(middle) > HALF else (low, middle)
        return high if high <= FARTHEST else None

    def expected_discounted_lifetime(self, rate: Any) -> Any:
        """The periods a new customer is expected to pay for, each at its present value: Σ S(t) / (1 + rate)ᵗ from 0 on.

        The first period is paid at once and counts in full; times what a period brings in, it is the lifetime value.

        Args:
            rate: The effective discount rate per renewal: 0.1 for 10 %; a number or shape ``(n,)``.

        Returns:
            In periods; None where it is infinite, as without discounting it may be.

        Raises:
            Invalid: It is below 0.
        """
        figure = _each(lambda rate: self._periods(0, rate))
        return predicted("expected_discounted_lifetime", figure, {"rate": rate}, RATE)

    def expected_residual_lifetime(self, n: Any, rate: Any = 0.0) -> Any:
        """The further periods expected of a customer in their n-th period: Σ S(t) / S(n − 1) / (1 + rate)ᵗ⁻ⁿ from n on.

        It is seen from just before the n-th renewal, which counts in full if it comes about. With a rate, it is the
        discounted expected residual lifetime (DERL).

        Args:
            n: The renewal just ahead, 1 or more: who has renewed twice is in the third period; shape ``(n,)``, too.
            rate: The effective discount rate per renewal: 0.1 for 10 %; 0 counts periods.

        Returns:
            In periods; None where it is infinite, as without discounting it may be.

        Raises:
            Invalid: A value does not fit.
        """

        def figure(n: float, rate: float) -> float | None:
            periods = self._periods(n, rate)
            return None if periods is None else exp(self._log_retention(n)) * periods

        return predicted("expected_residual_lifetime", _each(figure), {"n": n, "rate": rate}, TENURE)

    def simulate(self, n: int, rng: Random, *, renewals: int = 12) -> list[int]:
        """Customers made up as the model has it: how many there are at first and after each renewal.

        Args:
            n: How many customers.
            rng: Where chance comes from: ``random.Random(seed)``.
            renewals: How many renewals they are followed for.

        Raises:
            Invalid: A value does not fit.
        """
        if not (isinstance(n, int) and isinstance(renewals, int) and n >= 0 and renewals >= 0):
            raise Invalid([Problem("n, renewals", f"{n}, {renewals}", "whole numbers, 0 or more", "correct them")])
        left = [n]
        for t in range(1, renewals + 1):
            chance = exp(self._log_retention(t))
            left.append(sum(rng.random() < chance for _ in range(left[-1])))
        return left

    @classmethod
    @abstractmethod
    def _retention_jet(cls) -> Callable[[Sequence[float], int], Jet]:
        """ln S(t) − ln S(t − 1) with its derivatives."""

    @abstractmethod
    def _log_survival(self, t: float) -> float:
        """ln S(t)."""

    @abstractmethod
    def _log_retention(self, t: float) -> float:
        """ln S(t) − ln S(t − 1)."""

    @abstractmethod
    def _periods(self, n: float, rate: float) -> float | None:
        """Σ S(t) / S(n) / (1 + rate)ᵗ⁻ⁿ from n on; None where it is infinite."""


@attrs.frozen
class SBG(ContractModel):
    """The shifted beta-geometric model: every customer has a chance to leave, the same at each renewal.

    Retention rises with tenure by itself, since those who leave easily leave early.

    Attributes:
        alpha: The parameter of leaving, of the beta distribution of the chance to leave.
        beta: The parameter of staying.

    Source: P. S. Fader and B. G. S. Hardie, How to project customer retention, 2007; Customer-base valuation in a
        contractual setting, 2010.

    Example:
        >>> from crmcore.analytics.clv import SBG
        >>> model = SBG(alpha=0.668, beta=3.806)
        >>> round(model.survival(4), 3), round(model.expected_discounted_lifetime(0.1), 3)
        (0.61, 5.923)
    """

    NAMES: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    STARTS: ClassVar[Sequence[Sequence[float]]] = ((1.0, 1.0), (0.5, 3.0), (5.0, 20.0))

    alpha: float = parameter()
    beta: float = parameter()

    @classmethod
    def _retention_jet(cls) -> Callable[[Sequence[float], int], Jet]:
        return log_retention_sbg

    def _log_survival(self, t: float) -> float:
        return log_kept(self.alpha, self.beta, t)

    def _log_retention(self, t: float) -> float:
        return -log1p(self.alpha / (self.beta + (t - 1)))

    def _periods(self, n: float, rate: float) -> float | None:
        if not rate and self.alpha <= 1:
            return None
        return (1 + rate) * mean_reciprocal(self.alpha, self.beta + n, rate)


@attrs.frozen
class BdW(ContractModel):
    """The beta-discrete-Weibull model: sBG, with a chance to leave that rises or falls with tenure.

    Attributes:
        alpha: The parameter of leaving, of the beta distribution of the chance to leave.
        beta: The parameter of staying.
        c: How it changes with tenure: it rises above 1, falls below 1, and with 1 the model is sBG.

    Source: P. S. Fader, B. G. S. Hardie, Y. Liu, J. Davin and T. Steenburgh, "How to Project Customer Retention"
        Revisited: The Role of Duration Dependence, 2018.

    Example:
        >>> from crmcore.analytics.clv import BdW
        >>> model = BdW(alpha=0.259, beta=1.722, c=1.584)
        >>> round(model.survival(4), 3), round(model.expected_discounted_lifetime(0.1), 3)
        (0.593, 5.999)
    """

    NAMES: ClassVar[tuple[str, ...]] = ("alpha", "beta", "c")
    STARTS: ClassVar[Sequence[Sequence[float]]] = ((1.0, 1.0, 1.0), (0.5, 3.0, 1.5), (5.0, 20.0, 0.7))

    alpha: float = parameter()
    beta: float = parameter()
    c: float = parameter()

    @classmethod
    def _retention_jet(cls) -> Callable[[Sequence[float], int], Jet]:
        return log_retention_bdw

    def _log_survival(self, t: float) -> float:
        grown = self.c * log(t) if t else -inf
        if grown > LARGE:
            return log_rising(self.beta, self.alpha) - self.alpha * grown
        return log_kept(self.alpha, self.beta, exp(grown))

    def _log_retention(self, t: float) -> float:
        if t > 1 and self.c * log(t - 1) > LARGE:
            return self.alpha * self.c * log1p(-1 / t)
        if self.c * log(t) > LARGE:
            return self._log_survival(t) - self._log_survival(t - 1)
        before = (t - 1) ** self.c
        gap = before * expm1(self.c * log(t / (t - 1))) if before else 1.0
        return log_kept(self.alpha, self.beta + before, gap)

    def _periods(self, n: float, rate: float) -> float | None:
        if not rate and self.alpha * self.c <= 1:
            return None
        discount = log1p(rate)
        there = self._log_survival(n)
        since = max(n, 1.0)  # S is not smooth at 0

        def logarithm(k: float) -> float:
            return self._log_survival(since + k) - discount * (k + (since - n)) - there

        rest = smooth_sum(logarithm, since, inf if rate else self.alpha * self.c)
        return None if rest is None else rest + (n < since)


def _each(figure: Callable[..., float | None]) -> Callable[..., list[float | None]]:
    """A figure of one row for columns."""
    return lambda engine, *columns: list(map(figure, *map(engine.plain, columns)))


def _limits(model: Any) -> Mapping[str, float]:
    return {"alpha/(alpha+beta)": model.alpha / (model.alpha + model.beta)}
