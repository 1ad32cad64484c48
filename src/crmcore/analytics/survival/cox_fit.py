"""The result of a Cox regression: what each covariate does to the hazard, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import exp
from typing import TYPE_CHECKING, Literal

import attrs

from crmcore.analytics.results import Section, Tabular, written
from crmcore.analytics.survival.covariates import read_covariates
from crmcore.analytics.survival.steps import Steps, time_of, value_at
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.columns import Source
    from crmcore.analytics.survival.partial_likelihood import Ties

__all__ = ["BaselineHazard", "CoxFit", "LikelihoodRatio", "exp_of"]

LARGEST = 709.0
"""The largest number whose exponential is a double."""


@attrs.frozen
class LikelihoodRatio:
    """The likelihood-ratio test of a model against the one without covariates.

    Attributes:
        statistic: Twice the gain in log-likelihood, a chi-square.
        degrees_of_freedom: How many covariates.
        p_value: The chance of such a statistic, or a larger one, if no covariate mattered.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float


@attrs.frozen
class BaselineHazard:
    """The cumulative hazard of a stratum, of one whose covariates are all at their means (Breslow).

    Attributes:
        stratum: The stratum, as the data name it; None where they name none.
        times: The event times, ascending.
        cumulative_hazard: The hazard summed up to each.
    """

    stratum: object
    times: Steps
    cumulative_hazard: Steps


@attrs.frozen(kw_only=True, repr=False, str=False)
class CoxFit(Tabular):
    """A Cox regression: the hazard of a subject is the baseline's, times exp(Σ coefficient × covariate).

    Figures by covariate are mappings. Where a covariate separates those with the event from the rest, its coefficient
    grows without bound: ``status`` is then ``"boundary"``, ``warnings`` names it, and its figures are None.

    Attributes:
        coef: The coefficient of each covariate, per unit of it.
        se: The standard error of each.
        z: Each coefficient in standard errors.
        p: The chance of such a coefficient, or one farther from 0, if the covariate did not matter (Wald).
        hazard_ratio: By what one unit more of a covariate multiplies the hazard; None where no float can hold it.
        hazard_ratio_ci: The confidence limits of each.
        cov: The covariance of the coefficients, in the order of ``coef``.
        loglik: The logarithm of the partial likelihood.
        loglik_null: The same without covariates.
        likelihood_ratio: The test of all covariates together.
        concordance: Of pairs of whom it is known who had the event first, the share in which it was the one of higher
            hazard (Harrell's C); None without such a pair.
        means: The mean of each covariate.
        baseline: The baseline hazard of each stratum; none where the status is ``"boundary"``.
        n: How many rows were read, those of weight 0 left out.
        events: How many of them ended with an event.
        iterations: How many steps Newton's method took.
        status: ``"converged"`` or ``"boundary"``.
        warnings: What a reader should know.
        ties: How events at one time were taken.
        level: The confidence level, a fraction.
        engine: What did the counting: plain Python or numpy.
    """

    coef: Mapping[str, float | None]
    se: Mapping[str, float | None]
    z: Mapping[str, float | None]
    p: Mapping[str, float | None]
    hazard_ratio: Mapping[str, float | None]
    hazard_ratio_ci: Mapping[str, tuple[float | None, float | None]]
    cov: tuple[tuple[float | None, ...], ...]
    loglik: float
    loglik_null: float
    likelihood_ratio: LikelihoodRatio
    concordance: float | None
    means: Mapping[str, float]
    baseline: tuple[BaselineHazard, ...]
    n: int
    events: int
    iterations: int
    status: Literal["converged", "boundary"]
    warnings: tuple[str, ...]
    ties: Ties
    level: float
    engine: EngineName

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2 × coefficients - 2 × log-likelihood."""
        return 2 * len(self.coef) - 2 * self.loglik

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        endless = "the coefficient grows without bound"
        found = {f"coef.{name}": endless for name, value in self.coef.items() if value is None}
        for name, value in self.hazard_ratio.items():
            if value is None and self.coef[name] is not None:
                found[f"hazard_ratio.{name}"] = "too large for a float: give the covariate in a larger unit"
        if self.concordance is None:
            found["concordance"] = "of no pair is it known who had the event first"
        return FrozenMap(found)

    def log_partial_hazard(self, rows: Source) -> list[float]:
        """The logarithm of the hazard of each subject, against one whose covariates are all at their means.

        Args:
            rows: Any table with the covariates.

        Raises:
            Invalid: A column or a cell is missing or beyond 1e200, or a coefficient is unbounded.

        Example:
            >>> from crmcore.analytics.survival import cox
            >>> rows = {"days": [1, 2, 3, 4, 5], "ended": [1, 1, 1, 1, 0], "calls": [3, 0, 2, 1, 1]}
            >>> fit = cox(rows, duration="days", observed="ended", covariates=["calls"])
            >>> round(fit.log_partial_hazard([{"calls": 3}])[0], 3)
            1.158
        """
        slopes = [self._bounded(name, value) for name, value in self.coef.items()]
        columns = read_covariates(rows, list(self.coef))
        found = [0.0] * (len(columns[0]) if columns else 0)
        for slope, mean, column in zip(slopes, self.means.values(), columns, strict=True):
            found = [total + slope * (cell - mean) for total, cell in zip(found, column, strict=True)]
        return found

    def partial_hazard(self, rows: Source) -> list[float | None]:
        """The hazard of each subject, as a multiple of that of one whose covariates are all at their means.

        Args:
            rows: Any table with the covariates.

        Returns:
            A factor for each; None where no float can hold it.

        Raises:
            Invalid: A column or a cell is missing, or a coefficient is unbounded.

        Example:
            >>> from crmcore.analytics.survival import cox
            >>> rows = {"days": [1, 2, 3, 4, 5], "ended": [1, 1, 1, 1, 0], "calls": [3, 0, 2, 1, 1]}
            >>> fit = cox(rows, duration="days", observed="ended", covariates=["calls"])
            >>> [round(hazard, 2) for hazard in fit.partial_hazard([{"calls": 3}, {"calls": 0}])]
            [3.18, 0.36]
        """
        return [exp_of(value) for value in self.log_partial_hazard(rows)]

    def survival_at(self, t: float, rows: Source, *, stratum: object = None) -> list[float]:
        """The chance of each subject to last longer than a time.

        Args:
            t: The time, in the unit of the durations.
            rows: Any table with the covariates.
            stratum: The stratum whose baseline holds; needed where there are several.

        Raises:
            Invalid: A column or a cell is missing, a coefficient is unbounded, or there is no such stratum.

        Example:
            >>> from crmcore.analytics.survival import cox
            >>> rows = {"days": [1, 2, 3, 4, 5], "ended": [1, 1, 1, 1, 0], "calls": [3, 0, 2, 1, 1]}
            >>> fit = cox(rows, duration="days", observed="ended", covariates=["calls"])
            >>> [round(share, 2) for share in fit.survival_at(3, [{"calls": 3}, {"calls": 0}])]
            [0.09, 0.75]
        """
        moment = time_of(t, "t")
        logs = self.log_partial_hazard(rows)
        found = self._baseline(stratum)
        hazard = value_at(found.times, found.cumulative_hazard, 0.0, moment)
        return [exp(-hazard * exp(min(value, LARGEST))) if hazard else 1.0 for value in logs]

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a covariate."""
        return [
            {
                "covariate": name,
                "coef": self.coef[name],
                "se": self.se[name],
                "z": self.z[name],
                "p": self.p[name],
                "hazard_ratio": self.hazard_ratio[name],
                "lower": self.hazard_ratio_ci[name][0],
                "upper": self.hazard_ratio_ci[name][1],
            }
            for name in self.coef
        ]

    def sections(self) -> list[Section]:
        """The covariates, the fit as a whole, and how it was made."""
        rows = self.to_dicts()
        headings = tuple(name.replace("_", " ") for name in rows[0])
        cells = tuple((str(row["covariate"]), *(_shown(row[name]) for name in list(row)[1:])) for row in rows)
        test = self.likelihood_ratio
        facts = (
            ("subjects", written(self.n)),
            ("events", written(self.events)),
            ("log-likelihood", f"{self.loglik:.4f}"),
            ("without covariates", f"{self.loglik_null:.4f}"),
            ("likelihood ratio", f"{test.statistic:.4f} on {test.degrees_of_freedom}, p {test.p_value:.4g}"),
            ("concordance", "–" if self.concordance is None else f"{self.concordance:.4f}"),
        )
        made = f"Cox, ties {self.ties}, {self.status} after {self.iterations} steps, limits at {self.level:g}"
        whys = [f"{name}: {why}" for name, why in self.reasons.items()]
        return [
            Section("Cox regression", headings, cells),
            Section("The fit", (), facts),
            Section("How it was made", (), tuple((line,) for line in (made, *self.warnings, *whys))),
        ]

    def __repr__(self) -> str:
        ratios = ", ".join(f"{name} {_shown(ratio)}" for name, ratio in self.hazard_ratio.items())
        return f"<CoxFit: {self.n:,} subjects, {self.events:,} events, {self.status}; hazard ratios {ratios}>"

    def _baseline(self, stratum: object) -> BaselineHazard:
        """The baseline of a stratum; the only one there is needs no name."""
        if stratum is None and len(self.baseline) == 1:
            return self.baseline[0]
        names = [one.stratum for one in self.baseline]
        if isinstance(stratum, Hashable) and stratum in dict.fromkeys(names):
            return self.baseline[names.index(stratum)]
        expected = "none: there are no strata" if names == [None] else f"one of {', '.join(map(str, names))}"
        raise Invalid([Problem("stratum", stratum, expected, "say whose baseline is meant: stratum=…")])

    @staticmethod
    def _bounded(name: str, coefficient: float | None) -> float:
        if coefficient is None:
            raise Invalid([Problem(f"coef.{name}", None, "a finite coefficient", "fit again without the covariate")])
        return coefficient


DEFINITIONS = FrozenMap(
    {
        "coef": "β of the hazard h(t) = h₀(t) exp(Σ β × covariate), where the partial likelihood is highest",
        "se": "√ of the diagonal of the inverse information",
        "p": "erfc(|coef / se| / √2), Wald's test",
        "hazard_ratio": "exp(coef)",
        "hazard_ratio_ci": "exp(coef ± z se)",
        "likelihood_ratio": "2 (loglik - loglik_null), chi-square with a degree of freedom for each covariate",
        "concordance": "(concordant + tied / 2) / pairs, within strata; a pair is an event and one at risk then who "
        "lasted longer, or was censored at that time",
        "baseline": "Σ over event times of events / Σ over those at risk of exp(Σ β × (covariate - mean)): Breslow",
    }
)


def exp_of(value: float) -> float | None:
    """An exponential; None when no float can hold it."""
    return exp(value) if value < LARGEST else None


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.4g}"
