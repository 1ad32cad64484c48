"""The source of a load: where its rows come from, and how they are to be understood."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.loading.cells import check_date_format
from crmcore.kernel.values import read_boolean, read_text

__all__ = ["Source", "check_source"]


@attrs.frozen(kw_only=True)
class Source:
    """How the rows of a load are to be understood.

    Attributes:
        key: The column with each record's id in the other system.
        system: The other system's name.
        columns: The column of each field; None for columns named like fields.
        at: The column that says when a record came to be.
        create: The fields whose records are made when they are not there.
        kinds: Of fields that may refer to several kinds, the one they do.
        date_format: How dates are written, as in ``strptime``; None for ISO 8601.
        also: The columns of fields that are read whatever ``columns`` says.
    """

    key: str
    system: str
    columns: Mapping[str, str] | None = None
    also: Mapping[str, str] = attrs.field(factory=dict)
    at: str | None = None
    create: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = attrs.field(factory=dict)
    date_format: str | None = None

    @property
    def field(self) -> str:
        """The field with each record's id in the other system."""
        return f"external.{self.system}"

    @property
    def required(self) -> list[str]:
        """The columns that must be there."""
        named = [] if self.columns is None else self.columns.values()
        return list(dict.fromkeys([self.key, *named, *self.also.values(), *([] if self.at is None else [self.at])]))


def check_source(given: Mapping[str, object]) -> None:
    """Refuse arguments of a load that are of no use, before a row is read.

    Args:
        given: The arguments by name.

    Raises:
        Invalid: A name is no text, a date format no format, or a mapping no mapping: all at once.
    """
    problems: list[Problem] = []
    for name in ("key", "system", "at"):
        value = given[name]
        if value is not None or name != "at":
            problems += _refused(functools.partial(read_text, value, path=name, empty=False))
    problems += _unmapped("columns", given["columns"], "the column of each field", 'write {"email": "E-mail"}')
    problems += _unmapped("kinds", given["kinds"], "the kind each field refers to", 'write {"record": "contact"}')
    create = given["create"]
    if isinstance(create, str) or not isinstance(create, Iterable) or not all(isinstance(one, str) for one in create):
        problems.append(Problem("create", create, "names of fields", 'write ["account"]'))
    on_error, progress = given["on_error"], given["progress"]
    if not (isinstance(on_error, str) and on_error in {"reject", "raise"}):
        problems.append(Problem("on_error", on_error, '"reject" or "raise"', "choose one of them"))
    if not (progress is None or callable(progress)):
        problems.append(Problem("progress", type(progress).__name__, "a function", "give one that takes two numbers"))
    problems += _refused(functools.partial(check_date_format, given["date_format"]))
    problems += _refused(functools.partial(read_boolean, given["dry_run"], path="dry_run"))
    if problems:
        raise Invalid(problems)


def _unmapped(name: str, value: object, expected: str, mend: str) -> Iterator[Problem]:
    """What is wrong with an argument that maps names to names."""
    if value is not None and not isinstance(value, Mapping):
        yield Problem(name, type(value).__name__, expected, mend)
    for field, told in value.items() if isinstance(value, Mapping) else ():
        if not (isinstance(field, str) and isinstance(told, str)):
            yield Problem(f"{name}[{field!r}]", told, f"text: {expected}", mend)


def _refused(check: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        check()
    except Invalid as error:
        return error.problems
    return ()
