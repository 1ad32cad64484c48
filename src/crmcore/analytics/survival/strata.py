"""The partial likelihood and the pairs of a stratum: by arrays where it is large, in plain Python where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.survival.concordance import Pairs, plain_pairs
from crmcore.analytics.survival.design import Stratum
from crmcore.analytics.survival.partial_likelihood_plain import PlainLikelihood
from crmcore.analytics.survival.subjects import listed

if TYPE_CHECKING:
    from crmcore.analytics.survival.partial_likelihood import PartialLikelihood, Ties

__all__ = ["pairs_of", "partial_likelihood"]

WORTH_IT = 300
"""Rows of a stratum from which on arrays pay."""


def partial_likelihood(stratum: Stratum, ties: Ties, engine: str) -> PartialLikelihood:
    """The partial likelihood of a stratum, held as pays for its size.

    Args:
        stratum: The subjects.
        ties: How events at one time are taken.
        engine: ``"python"`` or ``"numpy"``.
    """
    if engine == "numpy" and len(stratum) >= WORTH_IT:
        from crmcore.analytics.survival.partial_likelihood_arrays import FastLikelihood

        return FastLikelihood(stratum, ties)
    return PlainLikelihood(_plain(stratum), ties)


def _plain(stratum: Stratum) -> Stratum:
    """A stratum in lists."""
    if isinstance(stratum.durations, list):
        return stratum
    return attrs.evolve(
        stratum,
        durations=listed(stratum.durations),
        observed=listed(stratum.observed),
        entry=None if stratum.entry is None else listed(stratum.entry),
        weights=listed(stratum.weights),
        covariates=list(map(listed, stratum.covariates)),
    )


def pairs_of(stratum: Stratum, risks: Sequence[float]) -> Pairs:
    """The pairs of a stratum: an event, and one who was at risk then and lasted longer.

    Args:
        stratum: The subjects, in lists or in arrays, longest duration first.
        risks: How great the risk of each is.
    """
    if not isinstance(stratum.durations, list):
        from crmcore.analytics.survival.concordance_arrays import fast_pairs

        return fast_pairs(stratum, risks)
    return plain_pairs(stratum, risks)
