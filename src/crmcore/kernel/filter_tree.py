"""A filter as a tree of frozen values: what is asked of one field, joined by all, any and not.

Filters are data. They compare and hash by content, and everything else (checking, Python, SQL,
JSON, explanations) is a walk over these seven shapes. A missing value makes every leaf false;
``Not`` is the plain complement.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal, TypeAlias

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_values import Ago, Value, misfit, plain, said

__all__ = [
    "AllOf",
    "AnyOf",
    "Comparison",
    "Filter",
    "Leaf",
    "Membership",
    "Not",
    "Operator",
    "Presence",
    "TextMatch",
    "TextOperator",
]

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
TextOperator: TypeAlias = Literal["contains", "starts with", "has"]

DEEPEST = 100
LONGEST_NAME = 200
_OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
_TEXT_OPERATORS = ("contains", "starts with", "has")
_ORDER = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least "}
_TIME_ORDER = {"<": "before ", "<=": "at or before ", ">": "after ", ">=": "at or after "}


class Filter:
    """A question a record matches or not.

    Join filters with ``&``, ``|`` and ``~``; ``str()`` gives the question as a sentence.

    Example:
        >>> from crmcore.kernel.where import F
        >>> asked = (F.stage == "open") & ~F.close_on.is_set
        >>> str(asked)
        'stage is open and close_on is missing'
        >>> sorted(asked.fields)
        ['close_on', 'stage']
    """

    __slots__ = ()

    depth: int = 1
    """How many levels the tree has; at most 100."""

    @property
    def parts(self) -> tuple[Filter, ...]:
        """The filters it joins or turns round; a leaf has none."""
        return ()

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """What is asked of single fields, from left to right."""
        return tuple(leaf for part in self.parts for leaf in part.leaves)

    @property
    def fields(self) -> frozenset[str]:
        """The fields the filter needs."""
        return frozenset(leaf.field for leaf in self.leaves)

    def __and__(self, other: Filter) -> AllOf:
        """Both match."""
        return AllOf((*_flat(self, AllOf), *_flat(other, AllOf)))

    def __or__(self, other: Filter) -> AnyOf:
        """At least one matches."""
        return AnyOf((*_flat(self, AnyOf), *_flat(other, AnyOf)))

    def __invert__(self) -> Filter:
        """The complement: whatever does not match, missing values included."""
        return Not(self)

    def __bool__(self) -> bool:
        """Refused: ``and``, ``or``, ``not`` and chained comparisons would silently drop half of it."""
        raise no_truth()


class Leaf(Filter):
    """What is asked of one field."""

    __slots__ = ()

    field: str

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Itself."""
        return (self,)


def no_truth() -> Invalid:
    """What to raise where a filter is taken for true or false."""
    mend = "join filters with & | ~, each in parentheses; write 1 < F.x < 5 as F.x.between(…)"
    return Invalid([Problem("filter", "and, or, not, if or a chained comparison", "&, | or ~", mend)])


def _flat(part: Filter, kind: type[AllOf | AnyOf]) -> tuple[Filter, ...]:
    """The parts of a filter that is already joined the same way."""
    return part.parts if isinstance(part, kind) else (part,)


def a_filter(value: object) -> Filter:
    """The value, if it is a filter.

    Raises:
        Invalid: It is something else.
    """
    if isinstance(value, Filter):
        return value
    raise misfit(value, "a filter", "write one with F, such as F.stage == 'open'", path="filter")


def _parts(values: Iterable[Filter]) -> tuple[Filter, ...]:
    return tuple(map(a_filter, values))


def _field_name(name: object) -> str:
    """A name that can be looked up: a field, or any text below a field that holds members by name."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable():
        expected = f"a field's name of at most {LONGEST_NAME} printable characters"
        raise misfit(name, expected, "write it as F.name", path="field")
    whole, dot, key = name.partition(".")
    if bool(key) is not bool(dot) or not _identifier(whole):
        raise Invalid([Problem("field", name, "a field, or custom.…", "write it as F.name or F.custom.name")])
    return str.__str__(name)


def _identifier(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and not keyword.iskeyword(name)


def _exactly(value: Value) -> object:
    """What makes two constants the same: 1 is not True."""
    return (type(value), value)


def _same_members(values: Iterable[Value]) -> object:
    return frozenset(map(_exactly, values))


def _members(values: object) -> tuple[Value, ...]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise misfit(values, "several values", 'give a list, such as is_in(["DE", "FR"])')
    return tuple({_exactly(value): value for value in map(plain, values)}.values())


def _search_text(text: object) -> str:
    value = plain(text)
    if not isinstance(value, str):
        raise misfit(text, "text", "give the text to look for")
    return value


def in_words(operator: Operator, value: Value, *, equal: str = "", other: str = "not ") -> str:
    """A comparison without its field: ``at least 10``, ``before 2026-11-13``, ``not lost``."""
    order = _TIME_ORDER if isinstance(value, date | Ago) else _ORDER
    return {"==": equal, "!=": other, **order}[operator] + said(value)


@attrs.frozen(cache_hash=True)
class Comparison(Leaf):
    """A field's value, compared with a constant.

    Attributes:
        field: The field's name.
        operator: One of ``== != < <= > >=``.
        value: The constant, in its plain type.

    Raises:
        Invalid: A name, operator or constant a filter can't hold.
    """

    field: str = attrs.field(converter=_field_name)
    operator: Operator = attrs.field()
    value: Value = attrs.field(converter=plain, eq=_exactly)

    @operator.validator
    def _known(self, _: attrs.Attribute[Operator], operator: object) -> None:
        if operator not in _OPERATORS:
            raise misfit(operator, f"one of {' '.join(_OPERATORS)}", "choose one of them", path="operator")

    def __str__(self) -> str:
        """In words."""
        return f"{said(self.field)} is {in_words(self.operator, self.value)}"


@attrs.frozen(cache_hash=True)
class Membership(Leaf):
    """A field's value is one of several constants.

    Attributes:
        field: The field's name.
        values: The constants, in their plain types; their order does not matter.

    Raises:
        Invalid: A name or constant a filter can't hold.
    """

    field: str = attrs.field(converter=_field_name)
    values: tuple[Value, ...] = attrs.field(converter=_members, eq=_same_members)

    def __str__(self) -> str:
        """In words."""
        return f"{said(self.field)} is one of ({said(self.values)})"


@attrs.frozen(cache_hash=True)
class Presence(Leaf):
    """A field has a value.

    Attributes:
        field: The field's name.
        filled: Whether an empty tuple counts as missing; ``checked`` sets it for fields of several texts.

    Raises:
        Invalid: A name a filter can't hold.
    """

    field: str = attrs.field(converter=_field_name)
    filled: bool = attrs.field(default=False, converter=bool)

    def __str__(self) -> str:
        """In words."""
        return f"{said(self.field)} is set"


@attrs.frozen(cache_hash=True)
class TextMatch(Leaf):
    """A field's text contains another, in upper or lower case.

    Attributes:
        field: The field's name.
        operator: ``contains``, ``starts with``, or, for a field of several texts, ``has`` one equal to it.
        text: What to look for; both sides are case-folded.

    Raises:
        Invalid: A name, operator or text a filter can't hold.
    """

    field: str = attrs.field(converter=_field_name)
    operator: TextOperator = attrs.field()
    text: str = attrs.field(converter=_search_text)

    @operator.validator
    def _known(self, _: attrs.Attribute[TextOperator], operator: object) -> None:
        if operator not in _TEXT_OPERATORS:
            raise misfit(operator, f"one of {', '.join(_TEXT_OPERATORS)}", "choose one of them", path="operator")

    def __str__(self) -> str:
        """In words."""
        return f"{said(self.field)} {self.operator} {said(self.text)}"


@attrs.frozen(cache_hash=True)
class _Joined(Filter):
    """Several filters joined."""

    parts: tuple[Filter, ...] = attrs.field(converter=_parts)
    depth: int = attrs.field(init=False, eq=False, repr=False)

    @depth.default
    def _depth(self) -> int:
        return _deeper(*self.parts)


@attrs.frozen(cache_hash=True)
class AllOf(_Joined):
    """Every part matches; with no part at all, everything does.

    Attributes:
        parts: The filters joined.

    Raises:
        Invalid: A part is no filter, or the tree is deeper than 100 levels.
    """

    def __str__(self) -> str:
        """In words."""
        return " and ".join(_said_within(part, AnyOf) for part in self.parts) or "everything"


@attrs.frozen(cache_hash=True)
class AnyOf(_Joined):
    """At least one part matches; with no part at all, nothing does.

    Attributes:
        parts: The filters joined.

    Raises:
        Invalid: A part is no filter, or the tree is deeper than 100 levels.
    """

    def __str__(self) -> str:
        """In words."""
        return " or ".join(_said_within(part, AllOf) for part in self.parts) or "nothing"


@attrs.frozen(cache_hash=True)
class Not(Filter):
    """The part does not match: the plain complement, missing values included.

    Attributes:
        part: The filter turned round.

    Raises:
        Invalid: The part is no filter, or the tree is deeper than 100 levels.
    """

    part: Filter = attrs.field(converter=a_filter)
    depth: int = attrs.field(init=False, eq=False, repr=False)

    @depth.default
    def _depth(self) -> int:
        return _deeper(self.part)

    @property
    def parts(self) -> tuple[Filter, ...]:
        """The one part."""
        return (self.part,)

    def __invert__(self) -> Filter:
        """The part itself."""
        return self.part

    def __str__(self) -> str:
        """In words."""
        return f"{said(self.part.field)} is missing" if isinstance(self.part, Presence) else f"not ({self.part})"


def _said_within(part: Filter, other: type[_Joined]) -> str:
    """A part in words, in parentheses where ``and`` and ``or`` meet."""
    return f"({part})" if isinstance(part, other) else str(part)


def _deeper(*parts: Filter) -> int:
    """One level more than the deepest part; bounded, so that every walk over a tree ends."""
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > DEEPEST:
        raise Invalid(
            [Problem("filter", f"{depth} levels", f"at most {DEEPEST} levels", "join parts of one kind flat")]
        )
    return depth
