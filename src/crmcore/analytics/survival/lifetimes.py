"""Distributions of lifetimes: exponential, whose hazard stays the same, and Weibull, whose hazard rises or falls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import exp, inf, lgamma, log
from typing import TYPE_CHECKING, overload

import attrs

from crmcore.analytics.survival.steps import several, time_of
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from typing import TypeAlias

    Times: TypeAlias = float | Iterable[float]

__all__ = ["Exponential", "Weibull"]

LARGEST = 700.0
"""A number whose exponential is well within the doubles."""


def _positive(_: object, field: attrs.Attribute[float], value: float) -> None:
    """A parameter is a number that a double and its inverse can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e-300 <= value <= 1e300:
        raise Invalid([Problem(field.name, value, "a number from 1e-300 to 1e300", "give it in another unit of time")])


def _each(share: Callable[[float], float], t: Times) -> float | list[float]:
    """A share at a time, or at each of several."""
    moments = several(t)
    return share(_time(t)) if moments is None else [share(_time(moment)) for moment in moments]


def _time(t: object) -> float:
    found = time_of(t, "t")
    if not 0 <= found < inf:
        raise Invalid([Problem("t", t, "a finite time from 0 on", "give it in the unit of the durations")])
    return found


@attrs.frozen(kw_only=True)
class Weibull:
    """Weibull lifetimes: S(t) = exp(-(t / scale)^shape). With a shape above 1 the hazard rises, below 1 it falls.

    Attributes:
        scale: λ, the time by which 63.2 % have ended, in the unit of the durations.
        shape: ρ, also written k: the hazard goes like t^(shape - 1).

    Source: W. Weibull, A Statistical Distribution Function of Wide Applicability, 1951.

    Example:
        >>> from crmcore.analytics.survival import Weibull
        >>> model = Weibull(scale=12.0, shape=1.5)
        >>> round(model.survival(12), 4), round(model.median, 4), round(model.mean, 4)
        (0.3679, 9.3986, 10.8329)
    """

    scale: float = attrs.field(validator=_positive)
    shape: float = attrs.field(validator=_positive)

    @overload
    def survival(self, t: float) -> float: ...
    @overload
    def survival(self, t: Iterable[float]) -> list[float]: ...
    def survival(self, t: Times) -> float | list[float]:
        """The share that lasts longer than a time, or than each of several.

        Args:
            t: The time or times, in the unit of the durations.

        Raises:
            Invalid: A time is no number from 0 on.
        """
        return _each(self._survival, t)

    def _survival(self, t: float) -> float:
        return exp(-exp(min(self.shape * (log(t) - log(self.scale)), LARGEST))) if t else 1.0

    @property
    def median(self) -> float:
        """The time by which half have ended, in the unit of the durations: scale × (ln 2)^(1 / shape)."""
        return self.scale * exp(log(log(2)) / self.shape)

    @property
    def mean(self) -> float | None:
        """The mean lifetime: scale × Γ(1 + 1 / shape); None where it is beyond 1e300."""
        logarithm = lgamma(1 + 1 / self.shape) + log(self.scale) if self.shape > 1e-6 else inf
        return exp(logarithm) if logarithm < log(1e300) else None


@attrs.frozen(kw_only=True)
class Exponential:
    """Exponential lifetimes: S(t) = exp(-rate × t). The hazard is always the same.

    Attributes:
        rate: λ, the hazard: events per unit of the durations.

    Example:
        >>> from crmcore.analytics.survival import Exponential
        >>> model = Exponential(rate=0.05)
        >>> round(model.survival(12), 4), round(model.median, 4), model.mean
        (0.5488, 13.8629, 20.0)
    """

    rate: float = attrs.field(validator=_positive)

    @overload
    def survival(self, t: float) -> float: ...
    @overload
    def survival(self, t: Iterable[float]) -> list[float]: ...
    def survival(self, t: Times) -> float | list[float]:
        """The share that lasts longer than a time, or than each of several.

        Args:
            t: The time or times, in the unit of the durations.

        Raises:
            Invalid: A time is no number from 0 on.
        """
        return _each(lambda moment: exp(-self.rate * moment), t)

    @property
    def median(self) -> float:
        """The time by which half have ended, in the unit of the durations: ln 2 / rate."""
        return log(2) / self.rate

    @property
    def mean(self) -> float:
        """The mean lifetime, in the unit of the durations: 1 / rate."""
        return 1 / self.rate
