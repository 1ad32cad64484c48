"""Every error crmcore raises, in one tree.

::

    CrmError
    ├── NotFound(LookupError)          no such record
    ├── Conflict                       the record moved on since it was read
    │   └── Duplicate                  a value that must be unique is taken
    ├── NotAllowed                     the lifecycle or a permission says no
    ├── Invalid(ValueError)            bad input: every problem at once
    │   └── MixedCurrency              amounts of several currencies without rates
    ├── NotConverged(ArithmeticError)  a fit found no optimum
    └── StoreError                     the store itself is in trouble
        ├── Busy                       locked by another writer; try again
        ├── Full                       no room left
        ├── ReadOnly                   the store may not be written
        ├── Corrupt                    what was stored can't be trusted
        ├── SchemaTooNew               written by a newer crmcore
        └── Closed                     used after it was closed

A message says what happened, where, and what to do. Values of personal fields
never appear in one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Busy",
    "Closed",
    "Conflict",
    "Corrupt",
    "CrmError",
    "Duplicate",
    "Full",
    "Invalid",
    "MixedCurrency",
    "NotAllowed",
    "NotConverged",
    "NotFound",
    "Problem",
    "ReadOnly",
    "SchemaTooNew",
    "StoreError",
]

SHOWN = 60
"""How many characters of a value a message shows."""

LISTED = 20
"""How many problems a message lists."""

_ID = re.compile(r"[a-z][a-z0-9_]*_[\w-]+", re.ASCII)
"""What an id looks like: the kind, and what tells one from others."""


def shown(value: object) -> str:
    """A value as an error may print it: its repr, cut to a readable length."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an error message must survive a hostile __repr__
        text = f"<{type(value).__name__}>"
    text = _printable(text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def as_id(value: object) -> object:
    """What was given for an id, as an error may print it: what does not look like one may be a name or an address."""
    return value if not isinstance(value, str) or _ID.fullmatch(value) else "•••"


def _printable(text: object) -> str:
    """Text that can be written anywhere, also where it names what somebody misspelt."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


@attrs.frozen
class Problem:
    """One thing wrong with an input.

    Attributes:
        path: Where it is, as a person would point at it: ``amount``, ``row 7, column "Close date"``.
        value: What was found there (already masked where the field is personal).
        expected: What would have been right.
        mend: What to do about it.
    """

    path: str = attrs.field(converter=_printable)
    value: object = attrs.field(repr=shown)
    expected: str
    mend: str

    def __str__(self) -> str:
        """One line: where, what was found, what was expected, the mend."""
        return f"{self.path}: got {shown(self.value)}, expected {self.expected}; {self.mend}"


class CrmError(Exception):
    """Every error crmcore raises."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state, so that errors cross process borders with their attributes."""
        return (_restored, (type(self), self.args, self.__dict__))


def _restored(cls: type[CrmError], args: tuple[object, ...], state: dict[str, object]) -> CrmError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class NotFound(CrmError, LookupError):
    """No such record.

    Attributes:
        kind: The kind of record looked for.
        id: What it was looked up by.
    """

    def __init__(self, kind: str, id: str, mend: str = "check the id, or look with find()") -> None:
        self.kind, self.id = kind, id
        super().__init__(f"no {kind} with id {shown(as_id(id))}; {mend}")


class Conflict(CrmError):
    """The record moved on since it was read, or a key was used for something else.

    Attributes:
        kind: The kind of the record.
        id: Its id.
        expected: The version the writer had read.
        found: The version that stands now.
    """

    def __init__(self, kind: str, id: str, *, expected: object, found: object, message: str | None = None) -> None:
        self.kind, self.id, self.expected, self.found = kind, id, expected, found
        super().__init__(
            message
            or f"{kind} {id} was changed by someone else: you read version {shown(expected)}, "
            f"it is now {shown(found)}; read it again and repeat the act",
        )


class Duplicate(Conflict):
    """A value that must be unique among live records is taken.

    Attributes:
        field: The field whose value is taken.
        holder: The id of the record that has it.
    """

    def __init__(self, kind: str, id: str, *, field: str, holder: str) -> None:
        self.field, self.holder = field, holder
        super().__init__(
            kind,
            id,
            expected=None,
            found=None,
            message=f"{field} of {kind} {id} is already taken by {kind} {holder}; "
            "change that record instead, or give another value",
        )


class NotAllowed(CrmError):
    """The lifecycle, a rule of the playbook or a permission refuses the act.

    Attributes:
        act: What was tried.
        possible: What is possible instead.
        problems: Every reason against it.
    """

    def __init__(
        self,
        message: str,
        *,
        act: str,
        possible: Iterable[str] = (),
        problems: Iterable[Problem] = (),
    ) -> None:
        self.act, self.possible, self.problems = act, tuple(possible), tuple(problems)
        super().__init__("\n  ".join([message, *map(str, self.problems)]))


class Invalid(CrmError, ValueError):
    """Bad input. Nothing of it was taken.

    Attributes:
        problems: Everything that is wrong, not only the first.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:LISTED]]
        head = [] if len(self.problems) == 1 else [f"{len(self.problems):,} problems"]
        more = len(self.problems) - LISTED
        rest = [f"… and {more:,} more, in .problems"] if more > 0 else []
        super().__init__("\n  ".join(head + lines + rest))


class MixedCurrency(Invalid):
    """Amounts of several currencies met where one is needed, and no rates were given."""


class NotConverged(CrmError, ArithmeticError):
    """A fit found no optimum.

    Attributes:
        iterations: How many steps were taken.
        last: The last parameters tried.
    """

    def __init__(self, message: str, *, iterations: int, last: object) -> None:
        self.iterations, self.last = iterations, last
        super().__init__(message)


class StoreError(CrmError):
    """The store itself is in trouble; the driver's own error is the ``__cause__``."""


class Busy(StoreError):
    """Another writer holds the store; nothing was written, and trying again may succeed."""


class Full(StoreError):
    """The disk or the database has no room left; nothing of the act was written."""


class ReadOnly(StoreError):
    """The store may not be written."""


class Corrupt(StoreError):
    """What was stored can't be trusted: not a database, a damaged page, a body whose checksum is wrong."""


class SchemaTooNew(StoreError):
    """The store was written by a newer crmcore than this one."""


class Closed(StoreError):
    """The store was used after it was closed."""
