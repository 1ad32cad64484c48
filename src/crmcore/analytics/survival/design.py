"""What a Cox regression is fitted to: subjects with covariates, scaled, and parted by stratum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.survival.subjects import listed

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column

__all__ = ["Design", "Roles", "Scale", "Stratum", "Table"]


@attrs.frozen
class Roles:
    """The names of the columns a regression reads; None for one that is not there.

    Attributes:
        duration: The column of durations.
        observed: The column that says whether the event was seen.
        covariates: The columns of covariates.
        entry: The column of times at which subjects came under observation.
        strata: The column of strata.
        weights: The column of weights.
    """

    duration: str
    observed: str
    covariates: tuple[str, ...]
    entry: str | None
    strata: str | None
    weights: str | None

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers, in the order in which a table holds them."""
        return (self.duration, *filter(None, (self.entry, self.weights)), *self.covariates)


@attrs.frozen(eq=False)
class Table:
    """Subjects as they were read, those of weight 0 left out: lists, or arrays of numpy."""

    engine: EngineName
    durations: Column
    observed: Column
    entry: Column | None
    weights: Column | None
    strata: Sequence[object] | None
    covariates: Sequence[Column]

    def __len__(self) -> int:
        """How many subjects."""
        return len(self.durations)


@attrs.frozen
class Scale:
    """How a covariate is brought to mean 0 and spread 1.

    Attributes:
        mean: The weighted mean.
        spread: The standard deviation.
    """

    mean: float
    spread: float


@attrs.frozen(eq=False)
class Stratum:
    """The subjects of a stratum, longest duration first.

    Attributes:
        name: The stratum, as the data name it; None where they name none.
        durations: How long each was followed.
        observed: Whether the event was seen.
        entry: When each came under observation, or None.
        weights: What each counts: 1 on average over all strata.
        covariates: A column for each covariate, scaled.
    """

    name: object
    durations: Column
    observed: Column
    entry: Column | None
    weights: Column
    covariates: Sequence[Column]

    def __len__(self) -> int:
        """How many subjects."""
        return len(self.durations)

    def in_lists(self) -> Stratum:
        """The same in lists, for plain Python."""
        return Stratum(
            self.name,
            listed(self.durations),
            listed(self.observed),
            None if self.entry is None else listed(self.entry),
            listed(self.weights),
            list(map(listed, self.covariates)),
        )


@attrs.frozen(eq=False)
class Design:
    """What a Cox regression is fitted to.

    Attributes:
        engine: What the columns are made for: lists for plain Python, arrays for numpy.
        names: The covariates.
        scales: How each was scaled.
        strata: The subjects by stratum.
        subjects: How many rows there are.
        events: How many of them ended with an event.
        weight: The mean weight, by which all were divided.
        lightest: The least of them then.
    """

    engine: EngineName
    names: tuple[str, ...]
    scales: tuple[Scale, ...]
    strata: tuple[Stratum, ...]
    subjects: int
    events: int
    weight: float
    lightest: float
