"""The stages of a pipeline: their order, how many deals pass each, how long they stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import attrs

from crmcore.analytics.cells import DAY, Misfit
from crmcore.analytics.results import Section, Tabular, percent, written
from crmcore.analytics.survival.product_limit import median_survival
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Stage", "StageConversion", "StageOrder", "StageStep", "TimeInStage"]

Outcome = Literal["open", "won", "lost"]


@runtime_checkable
class Stage(Protocol):
    """What a stage of any pipeline tells about itself."""

    @property
    def name(self) -> str:
        """What the stage is called in the data."""
        ...

    @property
    def kind(self) -> str:
        """Whether deals in it are ``open``, ``won`` or ``lost``."""
        ...


def _names(names: Iterable[str] | str) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


@attrs.frozen
class StageOrder:
    """The stages of a pipeline: the open ones in order, and those that close a deal.

    Args:
        open: The names of the open stages, first to last.
        won: The names that mean won.
        lost: The names that mean lost.

    Raises:
        Invalid: There is no open stage, or a name stands twice.

    Example:
        >>> from crmcore.analytics import StageOrder
        >>> StageOrder(["demo", "proposal"], won=["signed"]).outcome("signed")
        'won'
    """

    open: tuple[str, ...] = attrs.field(converter=_names)
    won: tuple[str, ...] = attrs.field(default=("won",), converter=_names, kw_only=True)
    lost: tuple[str, ...] = attrs.field(default=("lost",), converter=_names, kw_only=True)
    _outcomes: Mapping[str, Outcome] = attrs.field(init=False, eq=False, repr=False)
    _places: Mapping[str, int] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        names = [*self.open, *self.won, *self.lost]
        strange = [name for name in names if not isinstance(name, str)]
        twice = [] if strange else [name for name, count in Counter(map(str.casefold, names)).items() if count > 1]
        problems = [Problem("stages", name, "each name once", "rename or drop the other") for name in twice]
        problems += [Problem("stages", name, "the name of a stage", "give text") for name in strange]
        if not self.open:
            problems.append(Problem("stages", (), "at least one open stage", "name the open stages in order"))
        if problems:
            raise Invalid(problems)
        kinds: list[tuple[Outcome, tuple[str, ...]]] = [("open", self.open), ("won", self.won), ("lost", self.lost)]
        outcomes = {name.casefold(): kind for kind, names in kinds for name in names}
        object.__setattr__(self, "_outcomes", outcomes)
        object.__setattr__(self, "_places", {name.casefold(): place for place, name in enumerate(self.open)})

    @classmethod
    def of(cls, stages: StageOrder | Iterable[str] | Iterable[Stage]) -> StageOrder:
        """The order a caller means: an order, the names of the open stages, or stages that say their kind.

        Args:
            stages: Names of open stages in order, or values with a ``name`` and a ``kind``.

        Raises:
            Invalid: They don't make an order.
        """
        if isinstance(stages, StageOrder):
            return stages
        if isinstance(stages, str) or not isinstance(stages, Iterable):
            raise Invalid([Problem("stages", stages, "the open stages in order", 'give a list: ["demo", "proposal"]')])
        items: list[Any] = list(stages)
        if not any(isinstance(item, Stage) for item in items):
            return cls(items)
        kinds: dict[str, list[str]] = {"open": [], "won": [], "lost": []}
        strange = [item for item in items if getattr(item, "kind", None) not in kinds]
        if strange:
            mend = "give every stage a name and a kind, or only the names of the open ones"
            raise Invalid([Problem("stages", item, "a stage of kind open, won or lost", mend) for item in strange])
        for item in items:
            kinds[item.kind].append(item.name)
        return cls(kinds["open"], won=kinds["won"], lost=kinds["lost"])

    def outcome(self, name: str) -> Outcome | None:
        """What a stage means for its deal; None for a name that is not in the order.

        Args:
            name: The stage; capitals make no difference.
        """
        return self._outcomes.get(name.casefold())

    def place(self, name: str) -> int | None:
        """Where an open stage stands, counting from 0; None for any other name.

        Args:
            name: The stage; capitals make no difference.
        """
        return self._places.get(name.casefold())

    def misfit(self, *, only_open: bool = False) -> Misfit:
        """What a name that is not in the order should have been.

        Args:
            only_open: Whether only an open stage would have been right.
        """
        names = self.open if only_open else (*self.open, *self.won, *self.lost)
        return Misfit(f"one of the stages {', '.join(names)}", "name it in stages=, or correct it")


@attrs.frozen
class StageStep:
    """How many deals reached a stage, and what became of them.

    Attributes:
        stage: The open stage; ``won`` in the last step.
        reached: How many deals entered this stage or any later one.
        conversion: The share of those that reached the next step (a fraction); None when nobody reached
            this one, and in the last step.
        overall: The share of all deals here that reached this one (a fraction); None when there are none.
    """

    stage: str
    reached: int
    conversion: float | None
    overall: float | None


@attrs.frozen
class StageConversion(Tabular):
    """Stage conversion: of the deals that reached a stage, the share that reached the next.

    Attributes:
        basis: ``cohort`` (deals opened in the period) or ``snapshot`` (deals that moved in the period).
        deals: How many deals that is.
        without_history: How many of them had no stage history, only what the deal itself says.
        steps: The open stages in order, then ``won``.
        blind: Whether most of the lost ones had no stage history, so that it is not known where they were lost.
    """

    basis: Literal["cohort", "snapshot"]
    deals: int
    without_history: int
    steps: tuple[StageStep, ...]
    blind: bool = False

    @classmethod
    def of(
        cls, basis: Literal["cohort", "snapshot"], order: StageOrder, deepest: Sequence[int], without_history: int
    ) -> StageConversion:
        """Count the deals that reached each stage.

        Args:
            basis: Whose stages these are.
            order: The stages.
            deepest: For each deal the place of the deepest stage it reached, from 0; the number of open stages
                means won.
            without_history: How many of the deals had no stage history.
        """
        counts = Counter(deepest)
        places = range(len(order.open), -1, -1)
        reached = list(accumulate(counts[place] for place in places))[::-1]
        following = [*reached[1:], None]
        steps = tuple(
            StageStep(stage, here, None if after is None else _share(after, here), _share(here, reached[0]))
            for stage, here, after in zip([*order.open, "won"], reached, following, strict=True)
        )
        return cls(basis, len(deepest), without_history, steps)

    @property
    def overall(self) -> float | None:
        """The share of the deals that were won: the product of the stage conversions."""
        return self.steps[-1].overall

    def bottleneck(self, n_min: int) -> str | None:
        """The open stage that the smallest share of its deals got past; the earliest on a tie.

        Args:
            n_min: How many deals must have reached a stage for it to count.
        """
        known = [(step.conversion, i) for i, step in enumerate(self.steps) if step.conversion is not None]
        known = [(conversion, i) for conversion, i in known if self.steps[i].reached >= n_min]
        return self.steps[min(known)[1]].stage if known else None

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a stage."""
        return [{"basis": self.basis, **attrs.asdict(step)} for step in self.steps]

    def sections(self) -> list[Section]:
        """The stages as one table."""
        deals = f"{self.deals:,} deals, {self.without_history:,} without stage history"
        title = f"Stage conversion by {self.basis}: {deals}"
        rows = [
            (step.stage, written(step.reached), percent(step.conversion), percent(step.overall)) for step in self.steps
        ]
        return [Section(title, ("stage", "reached", "to next", "overall"), tuple(rows))]

    def __repr__(self) -> str:
        reached = " → ".join(f"{step.stage} {step.reached:,}" for step in self.steps)
        return f"<StageConversion by {self.basis}: {reached}>"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@attrs.frozen
class TimeInStage:
    """How many days deals spend in a stage, all their visits to it added up.

    Attributes:
        stage: The open stage.
        median_days: The Kaplan-Meier median: deals still in the stage count as lasting at least this long.
            None when fewer than half are seen to leave.
        mean_days: The mean of those that left; None when none did.
        n: How many left.
        censored: How many are still there at the as-of instant.
    """

    stage: str
    median_days: float | None
    mean_days: float | None
    n: int
    censored: int

    @classmethod
    def of(cls, stage: str, stays: Sequence[tuple[int, bool]]) -> TimeInStage:
        """Sum up the stays of many deals in one stage.

        Args:
            stage: The open stage.
            stays: For each deal the microseconds spent, and whether it has left.
        """
        lengths, left = [length for length, _ in stays], [ended for _, ended in stays]
        median = median_survival(lengths, left)
        n = sum(left)
        mean = sum(length for length, ended in stays if ended) / n / DAY if n else None
        return cls(stage, None if median is None else median / DAY, mean, n, len(stays) - n)

    @staticmethod
    def section(times: Sequence[TimeInStage]) -> Section:
        """The times of several stages as one table.

        Args:
            times: One a stage, in order.
        """
        rows = [
            (time.stage, written(time.median_days), written(time.mean_days), written(time.n), written(time.censored))
            for time in times
        ]
        return Section("Days in stage", ("stage", "median", "mean of those left", "left", "still there"), tuple(rows))
