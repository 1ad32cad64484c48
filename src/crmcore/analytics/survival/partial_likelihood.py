"""Cox's partial likelihood of a stratum, with its derivatives: what whoever works it out must give."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import attrs

if TYPE_CHECKING:
    from crmcore.analytics.survival.concordance import Pairs
    from crmcore.analytics.survival.design import Stratum

__all__ = ["LOST", "TINY", "PartialLikelihood", "Point", "Ties"]

Ties: TypeAlias = Literal["efron", "breslow"]

LOST = 1e-6
"""The share of a sum below which what is left, after others were taken away again, is added up anew."""

TINY = 1e-150
"""The least hazard of a risk set whose inverse square is a double."""


@attrs.frozen
class Point:
    """The logarithm of a partial likelihood, and its derivatives.

    Attributes:
        loglik: The log-likelihood.
        score: Its gradient, shape ``(p,)``.
        information: The negative of its Hessian, shape ``(p, p)``.
    """

    loglik: float
    score: list[float]
    information: list[list[float]]

    def __add__(self, other: Point) -> Point:
        """Of two strata together."""
        return Point(
            self.loglik + other.loglik,
            list(map(add, self.score, other.score)),
            [list(map(add, *rows)) for rows in zip(self.information, other.information, strict=True)],
        )


class PartialLikelihood(Protocol):
    """The partial likelihood of a stratum.

    Attributes:
        stratum: Its subjects.
        weight: The weight of its events.
    """

    stratum: Stratum
    weight: float

    def at(self, beta: Sequence[float]) -> Point:
        """Its value and derivatives at coefficients of the scaled covariates."""
        ...

    def hazard(self, beta: Sequence[float]) -> tuple[list[float], list[float]] | None:
        """The event times, ascending, and Breslow's cumulative hazard where all covariates are at their means.

        None where no float holds it.
        """
        ...

    def pairs(self, beta: Sequence[float]) -> Pairs:
        """The pairs of subjects of whom it is known who had the event first."""
        ...
