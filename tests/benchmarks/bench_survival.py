"""Survival curves, tests and regressions beside lifelines, on a million subjects.

``python tests/benchmarks/bench_survival.py`` needs lifelines, which is imported nowhere else. Threads of numpy's
linear algebra are held at one, for both.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import lifelines
import numpy as np
import pandas as pd
from lifelines.statistics import multivariate_logrank_test
from side_by_side import Line, quickest, show, speed

from crmcore.analytics.survival import cox, kaplan_meier, log_rank, nelson_aalen, weibull

SUBJECTS = 1_000_000
ROUNDS = 5
COVARIATES = [f"x{k}" for k in range(5)]
SLOPES = (0.3, -0.2, 0.1, 0.0, 0.5)


def subjects(chance: np.random.Generator) -> pd.DataFrame:
    """Subjects whose lifetimes depend on five covariates, about half of them censored."""
    x = chance.normal(size=(SUBJECTS, 5))
    lifetime = chance.exponential(size=SUBJECTS) * np.exp(-x @ np.array(SLOPES)) * 300
    watched = chance.exponential(size=SUBJECTS) * 450
    frame = pd.DataFrame(x, columns=COVARIATES)
    return frame.assign(
        days=np.minimum(lifetime, watched), ended=lifetime <= watched, plan=chance.integers(0, 2, SUBJECTS)
    )


def lines() -> Iterator[Line]:
    """One line for each task; every one is checked to say the same on both sides."""
    frame = subjects(np.random.default_rng(1))
    days, ended, plan = (frame[name].to_numpy() for name in ("days", "ended", "plan"))
    whole = np.ceil(days)
    for name, durations, least in (("to the moment", days, 8), ("in whole days", whole, 8)):
        curve = kaplan_meier(durations, ended)
        theirs = lifelines.KaplanMeierFitter().fit(durations, ended)
        assert curve.median == theirs.median_survival_time_
        assert abs(np.asarray(curve.survival) - theirs.survival_function_.to_numpy()[1:, 0]).max() < 1e-10
        ours, other = quickest(
            [
                lambda durations=durations: kaplan_meier(durations, ended),  # type: ignore[misc]
                lambda durations=durations: lifelines.KaplanMeierFitter().fit(durations, ended),  # type: ignore[misc]
            ],
            ROUNDS,
        )
        yield speed(f"a Kaplan-Meier curve of {SUBJECTS:,} subjects, {name}", "lifelines", ours, other, least)
    ours, other = quickest(
        [
            lambda: nelson_aalen(days, ended),
            lambda: lifelines.NelsonAalenFitter(nelson_aalen_smoothing=False).fit(days, ended),
        ],
        ROUNDS,
    )
    yield speed(f"a Nelson-Aalen estimate of {SUBJECTS:,} subjects", "lifelines", ours, other)
    test, theirs = log_rank(days, ended, plan), multivariate_logrank_test(days, plan, ended)
    assert test.statistic is not None
    assert abs(test.statistic - theirs.test_statistic) < 1e-6
    works = [lambda: log_rank(days, ended, plan), lambda: multivariate_logrank_test(days, plan, ended)]
    ours, other = quickest(works, ROUNDS)
    yield speed(f"a log-rank test of {SUBJECTS:,} subjects in two groups", "lifelines", ours, other)
    ours, other = quickest([lambda: weibull(days, ended), lambda: lifelines.WeibullFitter().fit(days, ended)], 3)
    yield speed(f"a Weibull fit to {SUBJECTS:,} subjects", "lifelines", ours, other)
    table = frame.drop(columns="plan")
    fit = cox(table, duration="days", observed="ended", covariates=COVARIATES)
    model = lifelines.CoxPHFitter().fit(table, "days", "ended")
    assert all(abs((fit.coef[name] or 0) - model.params_[name]) < 1e-5 for name in COVARIATES)
    ours, other = quickest(
        [
            lambda: cox(table, duration="days", observed="ended", covariates=COVARIATES),
            lambda: lifelines.CoxPHFitter().fit(table, "days", "ended"),
        ],
        2,
    )
    yield speed(
        f"a Cox regression of {SUBJECTS:,} subjects on 5 covariates, with concordance", "lifelines", ours, other, 5
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    show(lines())
