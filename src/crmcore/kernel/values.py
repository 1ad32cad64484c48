"""Reading values at the border: what a caller gave becomes what a field holds, or a problem.

Everything written passes here once, so that below it every value has its declared type: money in
minor units, instants aware and in UTC, text that can be stored, numbers that are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.kernel.calendar import day, instant
from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import LONGEST_TEXT, Field, part_of
from crmcore.kernel.filter_values import kind_of_value
from crmcore.kernel.keys import scaled
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.money import Money, number
from crmcore.kernel.personal import in_part
from crmcore.kernel.records import Kind, Record

__all__ = ["Border", "declared_custom", "nearest", "read", "read_boolean", "read_text"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LARGEST_INTEGER = 2**63
MOST_DIGITS = 1_000
LONGEST_NAME = 100
"""The longest name of a member, in characters, so that filters can name it."""


@attrs.frozen(kw_only=True)
class Border:
    """What reading a value needs to know of the business.

    Attributes:
        currency: What a bare number means where money is asked for.
        zone: The time zone a bare date is read in.
        custom: The declared custom fields of the kind, by name.
    """

    currency: str
    zone: str
    custom: Mapping[str, CustomField]


class _Misfit(Exception):
    """A value does not fit; carries what was expected and the mend."""


def read(kind: Kind[Any], sets: Mapping[str, Any], *, border: Border, new: bool = False) -> dict[str, Any]:
    """The values of a change as its kind's fields hold them.

    Args:
        kind: The kind of the record.
        sets: What the caller gave, by field; fields that hold members may be whole mappings.
        border: Currency, zone and custom fields of the business.
        new: Whether a new record is made, so that required fields must be there.

    Returns:
        The same fields with their values read; whole mappings opened into dotted names.

    Raises:
        Invalid: A field is unknown, missing, or a value does not fit: every problem at once.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, value in _opened(kind, sets):
        try:
            values[name] = _read(kind, name, value, border, new=new)
        except Invalid as error:
            problems += [_placed(problem, kind, name, value, border) for problem in error.problems]
        except _Misfit as misfit:
            expected, mend = misfit.args
            problems.append(Problem(name, _safe(kind, name, value, border), expected, mend))
    problems += _missing(kind, sets) if new else ()
    if problems:
        raise Invalid(problems)
    return {name: value for name, value in values.items() if value is not None} if new else values


def _placed(problem: Problem, kind: Kind[Any], name: str, value: object, border: Border) -> Problem:
    """A problem with a value, said of its field; with a field of a part, said of that."""
    if problem.path[:1] not in {".", "["}:
        return attrs.evolve(problem, path=name, value=_safe(kind, name, value, border))
    declared = kind.declared(name)
    shown = "•••" if declared is not None and declared.personal else problem.value
    return attrs.evolve(problem, path=f"{name}{problem.path}", value=shown)


def _opened(kind: Kind[Any], sets: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every field and its value, whole mappings as dotted names."""
    mappings = kind.mappings
    for name, value in sets.items():
        if name in mappings and isinstance(value, Mapping):
            yield from ((f"{name}.{key}" if isinstance(key, str) else f"{name}.", item) for key, item in value.items())
        else:
            yield name, value


def _missing(kind: Kind[Any], sets: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(name, None, _EXPECTED[declared.type], f"give {name}")
        for name, declared in kind.fields.items()
        if declared.required and name not in sets
    ]


def _safe(kind: Kind[Any], name: str, value: object, border: Border) -> object:
    """The value as an error may show it."""
    whole, _, member = name.partition(".")
    if whole == "external":
        return "•••"  # whose ids they are is not ours to tell
    if whole != "custom":
        return _shown(kind.declared(name), value)
    custom = border.custom.get(member)
    return _shown(None if custom is None else declared_custom(member, custom), value)


def _shown(told: Field | None, value: object) -> object:
    """A value as an error may show it: never what a personal field holds, or the misspelt name of one."""
    if value is None:
        return None
    if told is None or in_part(told):
        return kind_of_value(value)
    return "•••" if told.personal else value


def _read(kind: Kind[Any], name: str, value: object, border: Border, *, new: bool) -> object:
    declared = kind.fields.get(name)
    if declared is None:
        whole, dot, member = name.partition(".")
        if whole in kind.mappings:
            return _member(kind, whole, member if dot else None, value, border)
        raise _Misfit(f"a field of {kind.name}", nearest(name, (*kind.fields, *kind.mappings)))
    if value is None:
        if declared.optional:
            return None
        raise _Misfit(_EXPECTED[declared.type], f"give {name}")
    read = _READERS[declared.type](value, declared, border)
    if declared.optional and isinstance(read, str) and not read.strip():
        return None  # blanks say nothing
    if kind.lifecycle is not None and kind.lifecycle[0] == name:
        _check_state(kind.lifecycle[1], read, new=new)
    return read


def _check_state(table: Lifecycle, state: object, *, new: bool) -> None:
    """An act never leads to a state its lifecycle does not list, and a record starts in an initial one."""
    possible = table.initial if new else table.states
    if state not in possible:
        raise _Misfit(f"one of {', '.join(possible)}", "correct the act, or the lifecycle")


def _member(kind: Kind[Any], whole: str, name: str | None, value: object, border: Border) -> object:
    """A member of a field that holds several by name; None takes it away."""
    if name is None:
        raise _Misfit("names with their values", f'write {whole}={{"name": value}}')
    if whole == "custom":
        return _custom(name, value, border)
    declared = kind.members[whole]
    read_text(name, LONGEST_NAME, empty=False)
    return None if value is None else _READERS[declared.type](value, attrs.evolve(declared, required=True), border)


def _custom(name: str, value: object, border: Border) -> object:
    declared = border.custom.get(name)
    if declared is None:
        raise _Misfit("a custom field declared in the playbook", nearest(name, border.custom))
    if value is None:
        return None
    read = _READERS[declared.type](value, declared_custom(name, declared), border)
    if declared.choices and not {*(read if isinstance(read, tuple) else (read,))} <= {*declared.choices}:
        raise _Misfit(f"one of {', '.join(declared.choices)}", "choose one of them, or add it to the playbook")
    return read


def declared_custom(name: str, declared: CustomField) -> Field:
    """A custom field as a record class would declare it.

    Args:
        name: Its name, without ``custom.`` before it.
        declared: What the playbook says of it.
    """
    longest = LONGEST_TEXT if declared.longest is None else declared.longest
    told = {"minimum": declared.minimum, "maximum": declared.maximum, "personal": declared.personal}
    return Field(name=name, type=declared.type, optional=True, required=False, longest=longest, **told)  # type: ignore[arg-type]


def nearest(name: str, known: Iterable[str]) -> str:
    """What to do about a name there is not: the one that may have been meant, or to leave it.

    Args:
        name: The name.
        known: The names there are.
    """
    import difflib

    near = difflib.get_close_matches(name, known, n=1) if len(name) <= LONGEST_NAME else []
    return f"did you mean {near[0]}?" if near else f"take it out; known: {', '.join(known) or 'none'}"


def read_text(value: object, longest: int = LONGEST_TEXT, *, path: str = "text", empty: bool = True) -> str:
    """Text that every store can keep.

    Args:
        value: What was given.
        longest: The most characters it may have.
        path: What it is, for the message.
        empty: Whether it may be empty, or nothing but blanks.

    Raises:
        Invalid: It is not text, empty, too long, or holds a character no database takes.
    """
    if not isinstance(value, str):
        shown = None if value is None else kind_of_value(value)  # whatever it is, somebody may have meant it as a name
        raise Invalid([Problem(path, shown, "text", "give it as a string")])
    if len(value) > longest:
        raise Invalid([Problem(path, f"{len(value):,} characters", f"at most {longest:,} characters", "shorten it")])
    if not empty and not value.strip():
        raise Invalid([Problem(path, value, "text that is not empty", "leave it out when there is none")])
    if _UNSTORABLE.search(value):
        raise Invalid([Problem(path, "text", "text without NUL or lone surrogates", "clean it at its source")])
    return str.__str__(value)


def read_boolean(value: object, *, path: str) -> bool:
    """Yes or no. What merely counts as one, such as ``"no"``, is refused: it is seldom meant so.

    Args:
        value: What was given.
        path: What it is, for the message.

    Raises:
        Invalid: It is neither True nor False.
    """
    if not isinstance(value, bool):
        raise Invalid([Problem(path, value, "True or False", "give a bool")])
    return value


def _text(value: object, declared: Field, _: Border) -> str:
    """Text; where that is the id of another record, the record will do."""
    if declared.references and isinstance(value, Record):
        value = value.id
    return read_text(value, declared.longest, empty=not declared.required)


def _within(number: Decimal | int, declared: Field) -> None:
    low, high = declared.minimum, declared.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        wanted = (
            f"{low} to {high}" if None not in (low, high) else f"at least {low}" if high is None else f"at most {high}"
        )
        raise _Misfit(f"a value of {wanted}", "check its sign and its unit")


def _integer(value: object, declared: Field, _: Border) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Misfit("a whole number", "give it as an int")
    if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
        raise _Misfit("a whole number below 2**63", "check the number")
    _within(value, declared)
    return int(value)


def _decimal(value: object, declared: Field, _: Border) -> Decimal:
    found = number(value)
    if found is None:
        raise _Misfit("a finite number", 'give it as Decimal, int or text such as "0.25"; leave it out when unknown')
    if abs(found.adjusted()) >= MOST_DIGITS or len(found.as_tuple().digits) > MOST_DIGITS:
        raise _Misfit(f"a number of at most {MOST_DIGITS:,} digits", "check the number")
    if declared.key or declared.unique:
        _check_scale(found, declared.scale)
    _within(found, declared)
    return found


def _check_scale(number: Decimal, scale: int) -> None:
    """A decimal that stores order or claim is kept as a scaled whole number."""
    whole = scaled(number, scale)
    if whole != whole.to_integral_value():
        raise _Misfit(f"at most {scale} digits after the point", "round it first")
    if whole.copy_abs() >= LARGEST_INTEGER:
        raise _Misfit(f"a number below {LARGEST_INTEGER // 10**scale:,}", "check the number")


def _money(value: object, declared: Field, border: Border) -> Money:
    told = isinstance(value, (Money, Mapping))
    money = Money.from_data(value) if told else Money(value, border.currency)  # type: ignore[arg-type]
    _within(money.minor, declared)
    return money


def _boolean(value: object, declared: Field, _: Border) -> bool:
    return read_boolean(value, path=declared.name)


def _date(value: object, _: Field, __: Border) -> date:
    return day(value)  # type: ignore[arg-type]


def _instant(value: object, _: Field, border: Border) -> datetime:
    return instant(value, zone=border.zone)  # type: ignore[arg-type]


def _texts(value: object, declared: Field, _: Border) -> tuple[str, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise _Misfit("several texts", "give a list of strings")
    found = [read_text(item, declared.longest) for item in value]
    return tuple(sorted(found) if isinstance(value, AbstractSet) else found)


def _part(value: object, declared: Field, border: Border) -> object:
    """A part, from one or from a mapping of its fields."""
    cls = declared.part
    assert cls is not None
    fields = part_of(cls)  # type: ignore[arg-type]
    if not isinstance(value, (cls, Mapping)):
        raise _Misfit(_named(cls), f"write {cls.__name__}(…), or a mapping of {', '.join(fields)}")
    given = value if isinstance(value, Mapping) else {name: getattr(value, name) for name in fields}
    problems, values = [], {}
    for name, one in given.items():
        told = fields.get(name)
        try:
            values[name] = _part_value(name, told, one, fields, border)
        except Invalid as error:
            problems += [attrs.evolve(problem, path=f".{name}", value=_shown(told, one)) for problem in error.problems]
        except _Misfit as misfit:
            problems.append(Problem(f".{name}", _shown(told, one), *misfit.args))
    missing = [told for name, told in fields.items() if told.required and name not in given]
    problems += [Problem(f".{told.name}", None, _EXPECTED[told.type], f"give {told.name}") for told in missing]
    if problems:
        raise Invalid(problems)
    return cls(**values)


def _part_value(name: str, told: Field | None, value: object, fields: Iterable[str], border: Border) -> object:
    """The value of one field of a part."""
    if told is None:
        raise _Misfit(f"one of {', '.join(fields)}", nearest(str(name), fields))
    if value is None and not told.optional:
        raise _Misfit(_EXPECTED[told.type], f"give {name}")
    return None if value is None else _READERS[told.type](value, told, border)


def _parts(value: object, declared: Field, border: Border) -> tuple[object, ...]:
    if isinstance(value, str | bytes | Mapping | AbstractSet) or not isinstance(value, Iterable):
        assert declared.part is not None
        raise _Misfit(f"several of {_named(declared.part)}", "give a list")
    problems, found = [], []
    for place, one in enumerate(value):
        try:
            found.append(_part(one, declared, border))
        except Invalid as error:
            problems += [attrs.evolve(problem, path=f"[{place}]{problem.path}") for problem in error.problems]
        except _Misfit as misfit:
            problems.append(Problem(f"[{place}]", kind_of_value(one), *misfit.args))
    if problems:
        raise Invalid(problems)
    return tuple(found)


def _named(cls: type) -> str:
    """What a part is called."""
    return f"a value of {cls.__name__}"


_READERS: dict[str, Callable[[object, Field, Border], object]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "boolean": _boolean,
    "date": _date,
    "instant": _instant,
    "texts": _texts,
    "part": _part,
    "parts": _parts,
}

_EXPECTED = {
    "text": "text",
    "integer": "a whole number",
    "decimal": "a number",
    "money": "an amount of money",
    "boolean": "True or False",
    "date": "a date",
    "instant": "an instant",
    "texts": "several texts",
    "part": "a value with fields of its own",
    "parts": "several values with fields of their own",
}
