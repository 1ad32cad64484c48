"""The intake of a desk: what rows of elsewhere may tell of its records, and what that changes."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.values import nearest

__all__ = ["Intake", "Spelling", "arguments_of", "called_with", "check_call", "value_at"]

Spelling = Callable[[str], str | None]
"""How a value is spelt when it is compared with others; None when it is not worth comparing."""


class Intake(Reading[R]):
    """What a load needs to know of a desk.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    recounts: ClassVar[tuple[str, ...]] = ()
    """Fields that only acts write, of which rows may tell all the same."""

    began: ClassVar[str | None] = None
    """The field among them that says when a record came to be; None when its first change alone does."""

    happened: ClassVar[str | None] = None
    """The field that says when it was that a record tells of; None when its first change alone does."""

    matching: ClassVar[Mapping[str, Spelling]] = EMPTY
    """The fields by which a new record may turn out to be one there is already, and how they are spelt then."""

    matching_kinds: ClassVar[tuple[str, ...]] = ()
    """The other kinds of record it may turn out to be; those have the same fields."""

    @property
    def opening(self) -> Callable[..., Any] | None:
        """The act that makes a record; None when a record is made of any fields."""
        found: Callable[..., Any] | None = getattr(getattr(type(self), "add", None), "__wrapped__", None)
        return found

    @functools.cached_property
    def beside(self) -> frozenset[str]:
        """The arguments of that act that are no fields."""
        pure = self.opening
        return frozenset(() if pure is None else arguments_of(pure).keys() - {*self.kind.names})

    @functools.cached_property
    def needed(self) -> frozenset[str]:
        """The fields that a new record must be given."""
        return frozenset(name for name, told in self.kind.fields.items() if told.required)

    def differing(self, record: R, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is said otherwise than a record has it.

        Args:
            record: The record.
            said: Values by field, dotted names among them; what is no field of the kind is left out.
        """
        return {
            name: value
            for name, value in said.items()
            if name.partition(".")[0] in self.kind.names and value_at(record, name) != value
        }

    @abstractmethod
    def stated(self, known: R | None, said: Mapping[str, Any], context: Context[Any]) -> Sequence[Change[Any]]:
        """What a row of elsewhere changes, its values read.

        Args:
            known: The record it is about; None for a new one.
            said: What it says, by field: values as the fields hold them.
            context: The circumstances; of a new record, the time it came to be.

        Raises:
            Invalid: It can't be so.
            NotAllowed: It is not for rows to say so.
        """

    @abstractmethod
    def along(self, changes: Sequence[Change[Any]], context: Context[Any]) -> Sequence[Change[Any]]:
        """What other records change along with changes of this desk, in the same commit; their values are read.

        Args:
            changes: What would be written, read and checked; of a load, all of it.
            context: The circumstances.
        """


def value_at(record: Record, path: str) -> object:
    """The value under a field's name or dotted name.

    Args:
        record: The record.
        path: The name.
    """
    whole, dot, part = path.partition(".")
    value = getattr(record, whole)
    return value.get(part) if dot else value


@functools.cache
def arguments_of(pure: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The arguments of an act, without its record and its context.

    Args:
        pure: The act.
    """
    told = inspect.signature(pure).parameters
    after = [*told].index("context") + 1 if "context" in told else 0
    return dict([*told.items()][after:])


def called_with(pure: Callable[..., Any], kind: Kind[Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an act that makes a record, from what is said by field.

    Args:
        pure: The act.
        kind: The kind of record.
        said: Values by field; dotted names are gathered into whole mappings.

    Raises:
        Invalid: An argument is missing, or the act does not take one: every such.
    """
    given: dict[str, Any] = {}
    for name, value in said.items():
        whole, dot, member = name.partition(".")
        before = given.get(whole, EMPTY)
        if not dot or whole not in kind.mappings:
            given[name] = value
        elif isinstance(before, Mapping):
            given[whole] = {**before, member: value}
    check_call(pure, (), given)
    return given


def check_call(pure: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse a call of an act that lacks arguments, or has others than it takes.

    Args:
        pure: The act.
        args: Its positional arguments, without record and context.
        kwargs: Its keyword arguments.

    Raises:
        Invalid: Every such argument.

    Example:
        >>> from crmcore.kernel.loading.intake import check_call
        >>> from crmcore.sales.lead import disqualify
        >>> check_call(disqualify, (), {})
        Traceback (most recent call last):
        crmcore.kernel.errors.Invalid: reason: got None, expected a value; give reason
    """
    required, taken = _shape(pure)
    if args or not required <= kwargs.keys() or not (taken is None or kwargs.keys() <= taken):
        problems = [*_misfits(pure, args, kwargs)]
        if problems:
            raise Invalid(problems)


@functools.cache
def _shape(pure: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str] | None]:
    """The arguments an act needs, and those it takes; None when it takes any."""
    arguments = arguments_of(pure)
    anything = any(one.kind is one.VAR_KEYWORD for one in arguments.values())
    needed = [name for name, one in arguments.items() if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    return frozenset(needed), None if anything else frozenset(arguments)


def _misfits(pure: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Problem]:
    """The arguments that an act lacks, does not take, or is given twice."""
    required, taken = _shape(pure)
    unnamed = [name for name, one in arguments_of(pure).items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    given = {*unnamed[: len(args)]}
    if len(args) > len(unnamed):
        yield Problem("arguments", f"{len(args)} without a name", f"{len(unnamed)} at most", "give them by name")
    for name in sorted(required - kwargs.keys() - given):
        yield Problem(name, None, "a value", f"give {name}")
    for name in sorted(kwargs.keys() & given):
        yield Problem(name, "two values", "one value", "give it once")
    for name in () if taken is None else sorted(kwargs.keys() - taken):
        yield Problem(name, "a value", f"an argument of {pure.__name__}", nearest(name, arguments_of(pure)))
