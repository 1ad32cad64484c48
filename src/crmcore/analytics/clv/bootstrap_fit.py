"""How much a fit depends on which customers happened to be in the data."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import stdev
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from crmcore.analytics.quantiles import quantile
from crmcore.analytics.results import Section, Tabular
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from crmcore.analytics.clv.fit import Fit

__all__ = ["Bootstrap", "Chance", "bootstrap"]

LEAST = 2


class Chance(Protocol):
    """Where chance comes from: ``random.Random(seed)``."""

    def random(self) -> float:
        """A number from 0 to 1."""
        ...


@attrs.frozen
class Bootstrap(Tabular):
    """The parameters of a model, fitted to samples of the customers drawn with replacement.

    Attributes:
        params: The fitted values of each parameter, one a sample.
        statuses: How many fits came out how: ``{"converged": 98, "boundary": 2}``.
    """

    params: Mapping[str, tuple[float, ...]]
    statuses: Mapping[str, int]

    def __len__(self) -> int:
        return sum(self.statuses.values())

    @property
    def se(self) -> Mapping[str, float]:
        """The standard deviation of each parameter over the samples."""
        return FrozenMap({name: stdev(values) for name, values in self.params.items()})

    def ci(self, level: float = 0.95) -> Mapping[str, tuple[float, float]]:
        """The interval that holds the middle of the samples, for each parameter, by quantiles of type 7.

        Args:
            level: The share of samples in it, above 0 and below 1.

        Raises:
            Invalid: It is no such share.
        """
        if not 0 < level < 1:
            raise Invalid([Problem("level", level, "a share above 0 and below 1", "write 95 % as 0.95")])
        edges = (1 - level) / 2, (1 + level) / 2
        found = {name: [quantile(values, edge) for edge in edges] for name, values in self.params.items()}
        return FrozenMap({name: (low or 0.0, high or 0.0) for name, (low, high) in found.items()})

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a parameter."""
        return [
            {"parameter": name, "se": error, "lower": self.ci()[name][0], "upper": self.ci()[name][1]}
            for name, error in self.se.items()
        ]

    def sections(self) -> Sequence[Section]:
        """The spread of each parameter, and how the fits came out."""
        rows = tuple(tuple(_short(cell) for cell in row.values()) for row in self.to_dicts())
        outcomes = tuple((status, f"{count:,}") for status, count in self.statuses.items())
        return (
            Section(f"{len(self):,} samples of the customers", ("parameter", "se", "2.5 %", "97.5 %"), rows),
            Section("fits", (), outcomes),
        )


def bootstrap(fit: Fit[Any], n: int, seed: int | Chance) -> Bootstrap:
    """Fit a model again to samples of its customers, each as many as there are, drawn with replacement.

    A penalty is not repeated: the fits are those of maximum likelihood.

    Args:
        fit: The fit of a model of customers.
        n: How many samples, at least 2; some hundreds tell standard errors, some thousands intervals.
        seed: A whole number, from which the samples follow; or where chance comes from, such as ``random.Random(1)``.

    Raises:
        Invalid: There are too few samples, the seed is none, or the model is not fitted to customers one by one.

    Source: B. Efron, Bootstrap Methods: Another Look at the Jackknife, 1979.

    Example:
        >>> from crmcore.analytics.clv import NBD, bootstrap
        >>> fit = NBD.fit(x=[0, 1, 2, 5], t_x=[0, 3, 9, 9], T=[10, 10, 10, 10], weights=[40, 30, 20, 10])
        >>> len(bootstrap(fit, 5, seed=1))
        5
    """
    cls: Any = type(getattr(fit, "model", fit))
    names = getattr(getattr(cls, "RULE", None), "names", None)
    if names is None or not hasattr(fit, "rows"):
        mend = "give what fit() found; of survivors, resample those of each period yourself"
        raise Invalid([Problem("fit", cls.__name__, "the fit of a model to customers", mend)])
    if type(n) is not int or n < LEAST:
        raise Invalid([Problem("n", n, f"a whole number of samples, {LEAST} or more", "say n=200")])
    rng = _chance(seed)
    known = {"unit": fit.model.unit} if hasattr(fit.model, "unit") else {}
    columns = dict(zip(names, fit.rows.columns, strict=True))
    shares = list(accumulate(map(float, fit.rows.weights)))
    fits = [cls.fit(columns, weights=_drawn(shares, round(fit.customers), rng), **known) for _ in range(n)]
    return Bootstrap(
        params=FrozenMap({name: tuple(each.params[name] for each in fits) for name in fit.params}),
        statuses=FrozenMap(Counter(each.status for each in fits)),
    )


def _chance(seed: int | Chance) -> Chance:
    """Chance that follows from a seed; chance itself as it is."""
    from random import Random

    if type(seed) is int:
        return Random(seed)  # noqa: S311 - samples, not secrets
    if not hasattr(seed, "random"):
        raise Invalid([Problem("seed", seed, "a whole number, or random.Random(1)", "say seed=1")])
    return seed


def _drawn(shares: Sequence[float], size: int, rng: Chance) -> list[int]:
    """How often each row is drawn."""
    drawn = Counter(bisect_right(shares, rng.random() * shares[-1], hi=len(shares) - 1) for _ in range(size))
    return [drawn[row] for row in range(len(shares))]


def _short(cell: object) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
