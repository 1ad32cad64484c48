"""What the columns of a table tell of: fields, members and parts of them, and arguments of acts."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import ANY, Field, part_of
from crmcore.kernel.loading.intake import Intake, arguments_of
from crmcore.kernel.loading.source import Source
from crmcore.kernel.money import Money
from crmcore.kernel.pointing import pointing
from crmcore.kernel.table import Table
from crmcore.kernel.values import Border

__all__ = ["Column", "bound", "wanted"]

TYPES: tuple[tuple[type, str], ...] = (
    (Money, "money"),
    (datetime, "instant"),
    (date, "date"),
    (Decimal, "decimal"),
    (bool, "boolean"),
    (int, "integer"),
)
"""What a parameter that is no field takes: the first of these among its types, else text."""


@attrs.frozen
class Column:
    """A column, and what it tells of.

    Attributes:
        path: The field, or the member of one, it sets: ``"emails.work"``.
        name: What the column is called.
        told: What is declared of the value.
        part: The field of the part it tells of, when ``path`` holds a part.
        own: Whether ``path`` is a field of the kind, rather than an argument of the act that makes a record.
    """

    path: str
    name: str
    told: Field
    part: str | None = None
    own: bool = True


def _accepted(desk: Intake[Any]) -> dict[str, Field | None]:
    """What rows may tell of: fields and whole mappings with None, other arguments of the act with what they take."""
    kind, pure = desk.kind, desk.opening
    every = {**kind.fields, **kind.members}
    free = {name: None for name, told in every.items() if not told.by_act} | {"custom": None}
    if pure is None:
        return {**free, **dict.fromkeys(desk.recounts)}
    arguments = arguments_of(pure)
    rest = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments.values())
    named = {name: None for name in arguments if name in every or name == "custom"}
    strange = {
        name: _argument(pure, name)
        for name, one in arguments.items()
        if name not in {*every, "custom"} and one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return {**(free if rest else {}), **named, **strange, **dict.fromkeys(desk.recounts)}


def _argument(pure: Callable[..., Any], name: str) -> Field:
    """What an argument that is no field takes, as a field would be declared."""
    hint = typing.get_type_hints(pure).get(name, str)
    types = typing.get_args(hint) or (hint,)
    type = next((word for cls, word in TYPES if cls in types), "text")
    return Field(name=name, type=type, optional=True, required=False)  # type: ignore[arg-type]


def _told(path: str, desk: Intake[Any], border: Border, accepted: Mapping[str, Field | None]) -> Column | None:
    """What a dotted name leads to; None when rows may not tell of it."""
    head, dot, rest = path.partition(".")
    if head not in accepted:
        return None
    argument = accepted[head]
    if argument is not None:
        return None if dot else Column(path, "", argument, own=False)
    if head == "custom":
        return _custom(path, rest, border) if dot else Column(path, "", _whole("custom"))
    declared = desk.kind.members.get(head) or desk.kind.fields[head]
    return _within(path, declared) if dot else Column(path, "", declared)


def _within(path: str, declared: Field) -> Column | None:
    """What a dotted name leads to within a field that holds members, a part, or both."""
    head, _, rest = path.partition(".")
    label, _, field = rest.rpartition(".") if declared.members else ("", "", rest)
    told = part_of(declared.part).get(field) if declared.type == "part" else None  # type: ignore[arg-type]
    if told is not None and bool(label) is declared.members:
        masked = attrs.evolve(told, personal=told.personal or declared.personal)
        return Column(f"{head}.{label}" if label else head, "", masked, field)
    if not (declared.members and rest) or (declared.type == "part" and "." in rest):
        return None
    return Column(path, "", attrs.evolve(declared, members=False, references=()))  # the name refers, not the value


def _whole(name: str) -> Field:
    return Field(name=name, type="text", optional=True, required=False, members=True)


def _custom(path: str, name: str, border: Border) -> Column | None:
    declared = border.custom.get(name)
    if declared is None:
        return None
    return Column(path, "", Field(name=name, type=declared.type, optional=True, required=False))


def wanted(desk: Intake[Any], source: Source, border: Border) -> Callable[[str], bool]:
    """Which columns of a file are read beside the required ones.

    Args:
        desk: The desk of the records.
        source: How the rows are to be understood.
        border: Which custom fields there are.
    """
    accepted = _accepted(desk)
    return lambda name: source.columns is None and _told(name, desk, border, accepted) is not None


def bound(desk: Intake[Any], table: Table, source: Source, border: Border) -> tuple[Column, ...]:
    """The columns of a table, each with the field it tells of.

    Args:
        desk: The desk of the records.
        table: The table.
        source: How its rows are to be understood.
        border: Which custom fields there are.

    Raises:
        Invalid: A column is missing, a field is unknown or written by acts only, or a name in ``create`` is none of
            a record that needs nothing but a name: all at once.
    """
    accepted = _accepted(desk)
    alike = {name: name for name in table.columns if name not in {source.at, source.field}}
    named = alike if source.columns is None else source.columns
    columns = [
        attrs.evolve(told, name=name)
        for path, name in {**named, **source.also}.items()
        if (told := _told(path, desk, border, accepted)) is not None
    ]
    problems = [*_missing(table, source), *_unknown(desk, source, border, accepted)]
    problems += [*_uncreatable(desk, source, columns), *_kindless(desk, source)]
    if problems:
        raise Invalid(problems)
    return tuple(columns)


def _missing(table: Table, source: Source) -> Iterator[Problem]:
    """The columns that should be there."""
    known = ", ".join([*table.columns, *table.others])
    for name in source.required if table.headed else ():
        if name not in table.columns:
            yield Problem(f'column "{name}"', "no such column", f"one of {known}", "correct its name")


def _unknown(
    desk: Intake[Any], source: Source, border: Border, accepted: Mapping[str, Field | None]
) -> Iterator[Problem]:
    """The fields that rows can't tell of."""
    import difflib

    for path, name in (source.columns or {}).items():
        if path == source.field and name != source.key:
            yield Problem(f"columns[{path!r}]", name, f"nothing, since key={source.key!r} says it", "take it out")
        if _told(path, desk, border, accepted) is None:
            known = [*accepted, *(f"custom.{name}" for name in border.custom)]
            near = difflib.get_close_matches(path, known, n=1)
            mend = f"did you mean {near[0]}?" if near else f"take it out; known: {', '.join(known)}"
            yield Problem(f"columns[{path!r}]", path, f"a field that rows of {desk.kind.plural} may tell of", mend)


def _uncreatable(desk: Intake[Any], source: Source, columns: Sequence[Column]) -> Iterator[Problem]:
    """The fields whose records can't be made by name alone."""
    known = {column.path: column.told.references for column in columns}
    for path in sorted(source.create if known else ()):
        references = known.get(path, ())
        kind = desk.front.kinds.get(references[0]) if len(references) == 1 else None
        needed = [] if kind is None else [told.name for told in kind.fields.values() if told.required]
        if needed != ["name"]:
            expected = "a field read from a column, whose records need nothing but a name"
            yield Problem("create", path, expected, "take it out, and load those records first")


def _kindless(desk: Intake[Any], source: Source) -> Iterator[Problem]:
    """The fields that do not refer to the kind they are said to."""
    known = {name: told.own for name, told in pointing(desk.kind).items() if told.own}
    known |= {
        f"{name}.{inner}": kinds for name, told in pointing(desk.kind).items() for inner, kinds in told.inner.items()
    }
    for path, name in source.kinds.items():
        possible = tuple(desk.front.kinds) if ANY in known.get(path, ()) else known.get(path, ())
        if name not in possible:
            expected = (
                f"one of {', '.join(possible)}" if possible else f"a field that refers to others: {', '.join(known)}"
            )
            yield Problem(f"kinds[{path!r}]", name, expected, "correct it, or take it out")
