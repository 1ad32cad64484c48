"""What a fit of Gamma-Gamma costs beside lifetimes, and whether it is as good.

``python tests/benchmarks/bench_gamma_gamma.py`` fits the same customers, made up by the model, both ways.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from side_by_side import Line, quickest, show, speed

from crmcore.analytics.clv import GammaGamma

TRUTH = GammaGamma(p=6.25, q=3.74, v=15.44)
SIZES = {2_357: 15, 100_000: 7}
"""How many customers, and how often each way is timed."""

LEAST = {"numpy": 30.0, "python": 1.0}
"""How many times as fast crmcore should be with 100,000 customers."""


def customers(count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Repeat purchases and mean spend."""
    chance = random.Random(count)
    x = [1 + int(chance.expovariate(0.4)) for _ in range(count)]
    return np.array(x, float), np.array(TRUTH.simulate(x, chance), float)


def theirs(x: np.ndarray[Any, Any], mean: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - a model of theirs
    """A fit of lifetimes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import GammaGammaFitter

        return GammaGammaFitter().fit(x, mean)


def check(x: np.ndarray[Any, Any], mean: np.ndarray[Any, Any]) -> None:
    """Ours is at least as likely, and theirs is near."""
    ours = GammaGamma.fit(x=x, mean=mean)
    found = theirs(x, mean).params_
    beside = GammaGamma(p=found["p"], q=found["q"], v=found["v"])
    assert ours.status == "converged"
    for name in ("p", "q", "v"):
        assert abs(getattr(beside, name) / getattr(ours.model, name) - 1) < 0.01, name


def lines() -> Iterator[Line]:
    """One line for each engine and size."""
    for count, rounds in SIZES.items():
        x, mean = customers(count)
        check(x, mean)
        plain = x.tolist(), mean.tolist()
        works = (
            partial(GammaGamma.fit, x=x, mean=mean, engine="numpy"),
            partial(GammaGamma.fit, x=plain[0], mean=plain[1], engine="python"),
            partial(theirs, x, mean),
        )
        numpy, python, other = quickest(works, rounds)
        for engine, ours in (("numpy", numpy), ("python", python)):
            least = LEAST[engine] if count == max(SIZES) else None
            yield speed(f"Gamma-Gamma fit, {count:,} customers: {engine}", "lifetimes", ours, other, least)


if __name__ == "__main__":
    show(lines())
