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
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import EMPTY, Kind, R, Record

__all__ = ["Intake", "Spelling", "arguments_of", "called_with", "value_at"]

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

    trees: ClassVar[tuple[str, ...]] = ()
    """References to the same kind that must lead to an end: parents."""

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

    @abstractmethod
    def ground(self, changes: Sequence[Change[Any]]) -> Mapping[tuple[str, str], int]:
        """The other records that changes rest on, and the versions these must still have when they are written.

        Args:
            changes: What would be written.
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
    """The arguments of an act that makes a record, without its context.

    Args:
        pure: The act.
    """
    told = inspect.signature(pure).parameters
    return {name: one for name, one in told.items() if name != "context"}


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
    required, taken = _shape(pure)
    if not required <= given.keys() or not (taken is None or given.keys() <= taken):
        raise Invalid(_misfits(pure, given))
    return given


@functools.cache
def _shape(pure: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str] | None]:
    """The arguments an act needs, and those it takes; None when it takes any."""
    arguments = arguments_of(pure)
    anything = any(one.kind is one.VAR_KEYWORD for one in arguments.values())
    needed = [name for name, one in arguments.items() if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    return frozenset(needed), None if anything else frozenset(arguments)


def _misfits(pure: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[Problem]:
    """The arguments that an act lacks or does not take."""
    required, taken = _shape(pure)
    yield from (Problem(name, None, "a value", f"give {name}") for name in sorted(required - given.keys()))
    known = ", ".join(arguments_of(pure))
    strange = () if taken is None else sorted(given.keys() - taken)
    yield from (Problem(name, "a value", f"one of {known}", "take it out") for name in strange)
