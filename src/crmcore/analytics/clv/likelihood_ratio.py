"""Whether a model with more parameters describes customers better than chance alone would make it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from crmcore.analytics.calculus.special import chi_square_survival
from crmcore.analytics.clv.contractual import SBG, BdW
from crmcore.analytics.clv.fit import Fit
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["LikelihoodRatio", "lr_test"]

NEAR = 1e-6
"""By how much less a maximum may come out, of a model that allows for more."""


@attrs.frozen
class LikelihoodRatio:
    """A likelihood-ratio test.

    Attributes:
        statistic: Twice the difference of the log-likelihoods.
        df: By how many parameters the models differ.
        p_value: The probability of at least this statistic if the restricted model holds, by the χ² distribution.
    """

    statistic: float
    df: int
    p_value: float


def lr_test(restricted: Fit[Any], full: Fit[Any]) -> LikelihoodRatio:
    """Test whether a model describes customers better than one that is a special case of it.

    Only sBG and BdW are such a pair here: sBG is BdW with c = 1. The likelihood of NBD is that of counts, the others'
    that of times; and of BG/NBD, MBG/NBD and Pareto/NBD none is a case of another: those compare by AIC, or by what
    they expect of a holdout.

    Args:
        restricted: The fit of the model with fewer parameters: an sBG.
        full: The fit of the model it is a special case of, to the same customers: a BdW.

    Raises:
        Invalid: The first model is no special case of the second, they are fitted to different customers, or the
            second fits worse, which only a penalty does.

    Source: S. S. Wilks, The Large-Sample Distribution of the Likelihood Ratio for Testing Composite Hypotheses, 1938.

    Example:
        >>> from crmcore.analytics.clv import SBG, BdW, lr_test
        >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
        >>> test = lr_test(SBG.fit(survivors), BdW.fit(survivors))
        >>> round(test.statistic, 2), test.df, round(test.p_value, 4)
        (11.69, 1, 0.0006)
    """
    problems = list(_problems(restricted, full))
    if problems:
        raise Invalid(problems)
    df = len(full.se) - len(restricted.se)
    statistic = max(2 * (full.loglik - restricted.loglik), 0.0)
    return LikelihoodRatio(statistic, df, chi_square_survival(statistic, df))


def _problems(restricted: object, full: object) -> Iterator[Problem]:
    """Why two fits can't be tested."""
    if not (isinstance(restricted, Fit) and isinstance(full, Fit)):
        found = f"{type(restricted).__name__} and {type(full).__name__}"
        yield Problem("restricted, full", found, "the fits of two models", "give what fit() found")
        return
    if not (isinstance(restricted.model, SBG) and isinstance(full.model, BdW)):
        found = f"{type(restricted.model).__name__} and {type(full.model).__name__}"
        expected = "a model, and one of which it is a special case: SBG and BdW"
        yield Problem("restricted, full", found, expected, "compare others by AIC, or by a holdout")
        return
    if _customers(restricted) != _customers(full):
        found = f"{restricted.customers:g} and {full.customers:g}"
        yield Problem("customers", found, "the same ones", "fit both models to the same survivors")
    elif full.loglik < restricted.loglik - NEAR:
        found = f"{restricted.loglik:g} and {full.loglik:g}"
        yield Problem("loglik", found, "a second one at least as high", "fit both without a penalty")


def _customers(fit: Fit[Any]) -> dict[tuple[float, ...], float]:
    """The rows a model was fitted to, in any order."""
    return dict(zip(zip(*fit.rows.columns, strict=True), fit.rows.weights, strict=True))
