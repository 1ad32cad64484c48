"""A filter as one Python expression, compiled once.

The tree becomes the comprehension a programmer would have written: a value that may be missing is
looked up once and kept, and a field known to be there is not asked for again. Constants are passed
by name and never become source text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import CodeType
from typing import TypeAlias, TypeVar, cast

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_tree import (
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    Leaf,
    Membership,
    Not,
    Presence,
    TextMatch,
    a_filter,
)
from crmcore.kernel.filter_values import Ago, misfit
from crmcore.kernel.money import Money

__all__ = ["predicate", "select"]

T = TypeVar("T")
Known: TypeAlias = frozenset[object]
"""What the tests before established: ``field`` has a value and is kept, ``(field, currency)`` is its currency."""

_UNFIT = (TypeError, AttributeError, ArithmeticError)
_SOURCE = """
def matches(record):
    try:
        return CONDITION
    except UNFIT as error:
        raise refusal(error) from error

def chosen(records):
    try:
        return [record for record in records if CONDITION]
    except UNFIT as error:
        raise refusal(error) from error
"""
_OPERATORS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}


def predicate(filter: Filter) -> Callable[[object], bool]:
    """The filter as a function of a record.

    Args:
        filter: A checked filter.

    Returns:
        Whether a record matches. It raises Invalid for a record without the fields, or with values of other types.

    Raises:
        Invalid: The filter holds ``ago(…)``: check it first.

    Example:
        >>> from types import SimpleNamespace
        >>> from crmcore.kernel.where import F, predicate
        >>> is_open = predicate(F.stage == "open")
        >>> is_open(SimpleNamespace(stage="open")), is_open(SimpleNamespace(stage=None))
        (True, False)
    """
    return _compiled(a_filter(filter)).matches


def select(filter: Filter, records: Iterable[T]) -> list[T]:
    """The records that match, in their order.

    Args:
        filter: A checked filter.
        records: The records to look through.

    Raises:
        Invalid: The filter holds ``ago(…)``, or a record has no such fields or values of other types.

    Example:
        >>> from types import SimpleNamespace
        >>> from crmcore.kernel.where import F, select
        >>> deals = [SimpleNamespace(id=1, stage="open"), SimpleNamespace(id=2, stage=None)]
        >>> [deal.id for deal in select(~(F.stage == "open"), deals)]
        [2]
    """
    return cast("list[T]", _compiled(a_filter(filter)).chosen(records))


@attrs.frozen
class _Compiled:
    matches: Callable[[object], bool]
    chosen: Callable[[Iterable[object]], list[object]]


@lru_cache(maxsize=512)
def _compiled(filter: Filter) -> _Compiled:
    for leaf in filter.leaves:
        _refuse_relative(leaf)
    writer = _Writer()
    condition, _ = writer.written(filter, frozenset())
    names: dict[str, object] = {**writer.constants, "UNFIT": _UNFIT, "refusal": _refusal(filter)}
    exec(_code(_Shape(ast.dump(condition), condition)), names)  # noqa: S102 - made of nodes, never of a caller's text
    return _Compiled(names["matches"], names["chosen"])  # type: ignore[arg-type]


@attrs.frozen
class _Shape:
    """A condition, whatever its constants are."""

    text: str
    tree: ast.expr = attrs.field(eq=False)


@lru_cache(maxsize=512)
def _code(shape: _Shape) -> CodeType:
    tree = ast.fix_missing_locations(_Template(shape.tree).visit(ast.parse(_SOURCE)))
    return compile(tree, "<filter>", "exec")


def _refuse_relative(leaf: Leaf) -> None:
    values = leaf.values if isinstance(leaf, Membership) else (getattr(leaf, "value", None),)
    for value in values:
        if isinstance(value, Ago):
            raise misfit(value, "an instant", "check the filter first: checked(…, at=…)", path=leaf.field)


def _refusal(filter: Filter) -> Callable[[Exception], Invalid]:
    """What to raise for a record that is not of the kind the filter was checked against."""

    def refusal(error: Exception) -> Invalid:
        mend = "check the filter with checked(), and give it records of the kind it was checked against"
        path = ", ".join(sorted(filter.fields))
        return Invalid([Problem(path, type(error).__name__, "records with values of the fields' types", mend)])

    return refusal


class _Template(ast.NodeTransformer):
    """Puts the condition in its place."""

    def __init__(self, condition: ast.expr) -> None:
        self._condition = condition

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._condition if node.id == "CONDITION" else node


class _Writer:
    """Writes conditions, and collects the constants they name."""

    def __init__(self) -> None:
        self.constants: dict[str, object] = {}
        self._names: dict[str, str] = {}

    def written(self, filter: Filter, known: Known) -> tuple[ast.expr, Known]:
        """A condition, and what is known wherever it holds."""
        match filter:
            case AllOf():
                tests = []
                for part in filter.parts:
                    test, known = self.written(part, known)
                    tests.append(test)
                return _joined(ast.And(), tests), known
            case AnyOf():
                return _joined(ast.Or(), [self.written(part, known)[0] for part in filter.parts]), known
            case Not():
                return ast.UnaryOp(ast.Not(), self.written(filter.part, known)[0]), known
            case Membership() | Comparison(operator="==", value=str() | int() | Decimal() | date()):
                return self._equality(filter, known), known
            case _:
                tests, known = self._leaf(cast("Leaf", filter), known)
                return _joined(ast.And(), tests), known

    def _equality(self, leaf: Membership | Comparison, known: Known) -> ast.expr:
        """A test no missing value passes, so that presence need not be asked for first."""
        value = self._kept(leaf.field) if leaf.field in known else _looked_up(leaf.field)
        if isinstance(leaf, Membership):
            return self._compared(value, ast.In(), frozenset(leaf.values))
        return self._compared(value, ast.Eq(), leaf.value)

    def _leaf(self, leaf: Leaf, known: Known) -> tuple[list[ast.expr], Known]:
        """Tests that all hold where the leaf does: presence first, then what it asks."""
        value = self._kept(leaf.field)
        tests = [] if leaf.field in known else [self._presence(leaf.field)]
        known |= {leaf.field}
        match leaf:
            case Comparison(value=Money() as money):
                if (leaf.field, money.currency) not in known:
                    tests.append(self._compared(_attribute(value, "currency"), ast.Eq(), money.currency))
                tests.append(self._compared(_attribute(value, "minor"), _OPERATORS[leaf.operator](), money.minor))
                known |= {(leaf.field, money.currency)}
            case Comparison():
                tests.append(self._compared(value, _OPERATORS[leaf.operator](), leaf.value))
            case TextMatch():
                tests.append(self._text_match(value, leaf))
            case Presence(filled=True):
                tests.append(self._compared(value, ast.NotEq(), ()))
        return tests, known

    def _text_match(self, value: ast.expr, leaf: TextMatch) -> ast.expr:
        text = self._constant(leaf.text.casefold())
        if leaf.operator == "has":
            return ast.Compare(text, [ast.In()], [_call(_name("map"), self._constant(str.casefold), value)])
        folded = _call(_attribute(value, "casefold"))
        if leaf.operator == "starts with":
            return _call(_attribute(folded, "startswith"), text)
        return ast.Compare(text, [ast.In()], [folded])

    def _presence(self, field: str) -> ast.expr:
        """Looks a value up, keeps it, and tests that there is one."""
        kept = ast.NamedExpr(ast.Name(self._kept(field).id, ast.Store()), _looked_up(field))
        return ast.Compare(kept, [ast.IsNot()], [ast.Constant(None)])

    def _compared(self, value: ast.expr, operator: ast.cmpop, constant: object) -> ast.expr:
        return ast.Compare(value, [operator], [self._constant(constant)])

    def _kept(self, field: str) -> ast.Name:
        return _name(self._names.setdefault(field, f"value{len(self._names)}"))

    def _constant(self, value: object) -> ast.Name:
        name = f"constant{len(self.constants)}"
        self.constants[name] = value
        return _name(name)


def _joined(operator: ast.boolop, tests: list[ast.expr]) -> ast.expr:
    """Tests joined by and, or or; none at all is what the operator begins with."""
    if not tests:
        return ast.Constant(isinstance(operator, ast.And))
    return tests[0] if len(tests) == 1 else ast.BoolOp(operator, tests)


def _looked_up(field: str) -> ast.expr:
    """Where a record holds a field; a key of ``custom`` or ``external`` is data, whatever its text."""
    whole, _, key = field.partition(".")
    held = _attribute(_name("record"), whole)
    return _call(_attribute(held, "get"), ast.Constant(key)) if key else held


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _attribute(value: ast.expr, name: str) -> ast.expr:
    return ast.Attribute(value, name, ast.Load())


def _call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])
