"""Whether a model with more parameters describes customers better than chance alone would make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.calculus.special import chi_square_survival
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.clv.fit import Fit

__all__ = ["LikelihoodRatio", "lr_test"]

NEAR = 1e-6


@attrs.frozen
class LikelihoodRatio:
    """A likelihood-ratio test.

    Attributes:
        statistic: Twice the difference of the log-likelihoods.
        df: By how many parameters the models differ.
        p_value: The probability of at least this statistic if the restricted model holds, by the χ² distribution. Where
            the restriction is a parameter at its boundary, the truth is below it.
    """

    statistic: float
    df: int
    p_value: float


def lr_test(restricted: Fit[Any], full: Fit[Any]) -> LikelihoodRatio:
    """Test whether a model describes customers better than one of which it is a generalisation.

    Args:
        restricted: The fit of the model with fewer parameters, such as an sBG.
        full: The fit of the model it is a special case of, such as a BdW, to the same customers.

    Raises:
        Invalid: The models have as many parameters, are fitted to different customers, or the first is no special case
            of the second, since it fits better.

    Source: S. S. Wilks, The Large-Sample Distribution of the Likelihood Ratio for Testing Composite Hypotheses, 1938.
    """
    df = len(full.se) - len(restricted.se)
    statistic = 2 * (full.loglik - restricted.loglik)
    sizes, customers = f"{len(restricted.se)} and {len(full.se)}", f"{restricted.customers:g} and {full.customers:g}"
    wrong = [
        (df < 1, "parameters", sizes, "more in the second model", "swap the two"),
        (restricted.customers != full.customers, "customers", customers, "the same ones", "fit both to one summary"),
        (
            statistic < -NEAR,
            "loglik",
            statistic / 2,
            "a second model that fits at least as well",
            "the first must be a special case of the second",
        ),
    ]
    problems = [Problem(path, value, expected, mend) for is_wrong, path, value, expected, mend in wrong if is_wrong]
    if problems:
        raise Invalid(problems)
    statistic = max(statistic, 0.0)
    return LikelihoodRatio(statistic, df, chi_square_survival(statistic, df))
