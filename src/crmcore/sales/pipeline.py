"""Pipelines: the stages a deal goes through, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, cast

import attrs

from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.frozen_map import EMPTY, FrozenMap
from crmcore.kernel.money import number
from crmcore.kernel.values import read_text
from crmcore.kernel.where import F, Filter

__all__ = ["Forecast", "Pipeline", "SalesRules", "Stage", "Status"]

Status = Literal["open", "won", "lost"]
Forecast = Literal["omitted", "pipeline", "best case", "most likely", "commit", "closed"]

STATUSES = ("open", "won", "lost")
FORECASTS = ("omitted", "pipeline", "best case", "most likely", "commit", "closed")


LONGEST_NAME = 100


def _probability(value: Decimal | float | str | None) -> Decimal | None:
    """The number a text says; what is none is kept, to be listed among the problems."""
    return cast("Decimal | None", value if (found := number(value)) is None else found)


def _several(values: object, path: str) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise Invalid([Problem(path, values, "several of them", "put them in a list")])
    return tuple(values)


def _requires(names: Iterable[str]) -> tuple[str, ...]:
    return _several(names, "requires")


def _criteria(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    return _several(filters, "exit_criteria")


def _stages(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    return _several(stages, "stages")


def _pipelines(pipelines: Iterable[Pipeline]) -> tuple[Pipeline, ...]:
    return _several(pipelines, "pipelines")


def _reasons(reasons: Iterable[str]) -> tuple[str, ...]:
    return _several(reasons, "lost_reasons")


CONVERTED = ("contact", "account", "opportunity")
"""The kinds a lead becomes."""


def _mapped(conversion: object) -> FrozenMap[str, str]:
    if not isinstance(conversion, Mapping):
        mend = 'write {"region": "account.territory"}'
        raise Invalid([Problem("conversion", type(conversion).__name__, "fields by the fields of leads", mend)])
    return FrozenMap(conversion)


def _strangers(values: Iterable[object], cls: type) -> list[object]:
    """The values that are of another class."""
    return [value for value in values if not isinstance(value, cls)]


def _names(names: Iterable[object], path: str) -> Iterable[Problem]:
    """What is wrong with names that must be text, each once."""
    seen: list[object] = []
    for name in names:
        try:
            read_text(name, LONGEST_NAME, path=path, empty=False)
        except Invalid as error:
            yield from error.problems
        if name in seen:
            yield Problem(path, name, "each name once", "rename one of them")
        seen.append(name)


@attrs.frozen(kw_only=True)
class Stage:
    """One stage of a pipeline.

    Attributes:
        name: What it is called.
        kind: ``"open"``, ``"won"`` or ``"lost"``.
        probability: The share of deals in it that are won, above 0 and below 1; None when unknown.
            Won is 1 and lost is 0.
        forecast: The forecast category its deals count in.
        requires: Fields a deal must have to enter it.
        exit_criteria: Filters a deal must match to move on from it.
        max_age_days: After how many days in it a deal is rotten; None for never.
    """

    name: str = attrs.field(kw_only=False)
    kind: Status = "open"
    probability: Decimal | None = attrs.field(default=None, converter=_probability)
    forecast: Forecast = "pipeline"
    requires: tuple[str, ...] = attrs.field(default=(), converter=_requires)
    exit_criteria: tuple[Filter, ...] = attrs.field(default=(), converter=_criteria)
    max_age_days: int | None = None

    def problems(self) -> Iterable[Problem]:
        """What is wrong with it."""
        path = f"stage {self.name}"
        if self.kind not in STATUSES:
            yield Problem(f"{path}.kind", self.kind, '"open", "won" or "lost"', "choose one of them")
        if self.forecast not in FORECASTS:
            yield Problem(f"{path}.forecast", self.forecast, f"one of {', '.join(FORECASTS)}", "choose one of them")
        if self.probability is not None:
            yield from self._odds(f"{path}.probability", self.probability)
        yield from _names(self.requires, f"{path}.requires")
        for stranger in _strangers(self.exit_criteria, Filter):
            yield Problem(f"{path}.exit_criteria", stranger, "a filter", "write one with F, such as F.amount.is_set")
        if self.max_age_days is not None and (type(self.max_age_days) is not int or self.max_age_days < 1):
            mend = "give a whole number of days; leave it out for never"
            yield Problem(f"{path}.max_age_days", self.max_age_days, "at least 1", mend)

    def _odds(self, path: str, probability: object) -> Iterable[Problem]:
        """What is wrong with its probability."""
        if not isinstance(probability, Decimal) or not probability.is_finite():
            yield Problem(path, probability, "a number", "give a fraction such as 0.25; leave it out when unknown")
        elif self.kind == "open" and not 0 < probability < 1:
            mend = "give a fraction such as 0.25; leave it out when unknown"
            yield Problem(path, probability, "above 0 and below 1", mend)
        elif self.kind != "open" and probability != (self.kind == "won"):
            yield Problem(path, probability, "1 when won, 0 when lost", "leave it out")


def _moves(moves: Mapping[str, Iterable[str]] | None) -> Mapping[str, tuple[str, ...]] | None:
    return None if moves is None else FrozenMap({stage: tuple(ends) for stage, ends in moves.items()})


@attrs.frozen
class Pipeline:
    """The stages of one way of selling, in order.

    Attributes:
        name: What it is called.
        stages: At least one open, one won and one lost stage, each name once.
        moves: For an open stage, the open stages it may move to; None, or a stage left out, for any.

    Raises:
        Invalid: Stages are missing, doubled, or one of them is not sound.

    Example:
        >>> from crmcore.sales import Pipeline, Stage
        >>> ends = [Stage("renewed", kind="won"), Stage("left", kind="lost")]
        >>> renewals = Pipeline("renewals", [Stage("offered", probability="0.6"), *ends])
        >>> [stage.name for stage in renewals.open_stages]
        ['offered']
    """

    name: str
    stages: tuple[Stage, ...] = attrs.field(converter=_stages)
    moves: Mapping[str, tuple[str, ...]] | None = attrs.field(default=None, converter=_moves, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check it once, when it is made."""
        problems = [attrs.evolve(p, path=f"pipeline {self.name}, {p.path}") for p in self._problems()]
        if problems:
            raise Invalid(problems)

    def _problems(self) -> Iterable[Problem]:
        yield from _names([self.name], "name")
        strangers = _strangers(self.stages, Stage)
        if strangers:
            yield Problem("stages", strangers, "stages", 'write Stage("…")')
            return
        names = [stage.name for stage in self.stages]
        yield from _names(names, "stages")
        folded = [name.casefold() for name in names if isinstance(name, str)]
        for name in [
            name for name in names if isinstance(name, str) and folded.count(name.casefold()) > names.count(name)
        ]:
            yield Problem("stages", name, "names that differ by more than capitals", "rename one of them")
        for stage in self.stages:
            yield from stage.problems()
        for kind in STATUSES:
            if kind not in [stage.kind for stage in self.stages]:
                yield Problem("stages", names, f"at least one {kind} stage", f'add Stage("…", kind="{kind}")')
        known = [stage.name for stage in self.open_stages]
        for start, ends in (self.moves or {}).items():
            for name in (start, *ends):
                if name not in known:
                    yield Problem("moves", name, "an open stage", "correct its name")

    @property
    def open_stages(self) -> tuple[Stage, ...]:
        """The stages a deal is open in, in order."""
        return tuple(stage for stage in self.stages if stage.kind == "open")

    def stage(self, name: str) -> Stage:
        """The stage of a name.

        Args:
            name: The name.

        Raises:
            Invalid: The pipeline has no such stage.
        """
        for stage in self.stages if isinstance(name, str) else ():
            if stage.name == name:
                return stage
        known = ", ".join(stage.name for stage in self.stages)
        raise Invalid([Problem("stage", name, f"a stage of {self.name}: {known}", "choose one of them")])

    def closing(self, kind: Status) -> Stage:
        """The first stage of a kind: where a deal goes when it is won or lost.

        Args:
            kind: ``"won"`` or ``"lost"``.
        """
        return next(stage for stage in self.stages if stage.kind == kind)

    def allows(self, start: str, end: str) -> bool:
        """Whether a deal may move from one open stage to another.

        Args:
            start: The stage it is in.
            end: The stage it would move to.
        """
        return self.moves is None or end in self.moves.get(start, (end,))

    def order(self, name: str) -> int:
        """How far along a stage is.

        Args:
            name: The stage.
        """
        return self.stages.index(self.stage(name))


def _standard() -> Pipeline:
    return Pipeline(
        "new business",
        [
            Stage("qualification", probability="0.1", forecast="pipeline"),
            Stage("needs analysis", probability="0.25", forecast="pipeline"),
            Stage("proposal", probability="0.5", forecast="best case", exit_criteria=(F.amount.is_set,)),
            Stage("negotiation", probability="0.75", forecast="commit", requires=("close_on",)),
            Stage("won", kind="won", forecast="closed"),
            Stage("lost", kind="lost", forecast="omitted"),
        ],
    )


@attrs.frozen(kw_only=True)
class SalesRules:
    """How this business sells.

    Attributes:
        pipelines: Its pipelines, each name once; the first is the default.
        lost_reasons: Why deals are lost; with ``"other"`` a note is required.
        conversion: Where custom fields of leads go, when not to those named alike:
            ``{"region": "account.territory"}``.

    Raises:
        Invalid: There is no pipeline, two share a name, or a custom field of leads goes nowhere.
    """

    pipelines: tuple[Pipeline, ...] = attrs.field(factory=lambda: (_standard(),), converter=_pipelines)
    lost_reasons: tuple[str, ...] = attrs.field(
        default=("price", "competitor", "no budget", "no decision", "timing", "other"), converter=_reasons
    )
    conversion: Mapping[str, str] = attrs.field(default=EMPTY, converter=_mapped)

    def __attrs_post_init__(self) -> None:
        """Check them once, when they are made."""
        problems = [*self._problems()]
        if problems:
            raise Invalid(problems)

    def _problems(self) -> Iterable[Problem]:
        strangers = _strangers(self.pipelines, Pipeline)
        if strangers or not self.pipelines:
            yield Problem("pipelines", strangers, "at least one pipeline", 'write Pipeline("…", [Stage("…"), …])')
        else:
            yield from _names([pipeline.name for pipeline in self.pipelines], "pipelines")
        if not self.lost_reasons:
            yield Problem("lost_reasons", (), "at least one reason", 'name one, such as "other"')
        yield from _names(self.lost_reasons, "lost_reasons")
        for name, home in self.conversion.items():
            whole, _, field = home.partition(".") if isinstance(home, str) else ("", "", "")
            if whole not in CONVERTED or not field or not isinstance(name, str):
                expected = f"a custom field of {', '.join(CONVERTED)}"
                yield Problem(f"conversion.{name}", home, expected, 'write "account.territory"')

    def pipeline(self, name: str | None = None) -> Pipeline:
        """The pipeline of a name.

        Args:
            name: The name; None for the default.

        Raises:
            Invalid: There is none.
        """
        if name is None:
            return self.pipelines[0]
        for pipeline in self.pipelines if isinstance(name, str) else ():
            if pipeline.name == name:
                return pipeline
        known = ", ".join(pipeline.name for pipeline in self.pipelines)
        raise Invalid([Problem("pipeline", name, f"one of {known}", "choose one, or add it to the playbook")])


def not_allowed(act: str, deal: str, problems: Iterable[Problem]) -> NotAllowed:
    """The refusal of a move whose conditions are not met, naming every one.

    Args:
        act: What was tried.
        deal: The deal's id.
        problems: What stands against it.
    """
    return NotAllowed(f"cannot {act} {deal} yet", act=act, problems=problems)
