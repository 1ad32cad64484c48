"""``act`` binds a pure act to a desk, once, and keeps its signature for readers and type checkers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context, Rules
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.loading.intake import check_call
from crmcore.kernel.records import R, Record

__all__ = ["act"]

A = TypeVar("A", bound=Record)
B = TypeVar("B", bound=Record)
C = TypeVar("C", bound=Record)
P = ParamSpec("P")

_FIRST = re.compile(r"\w+\[([\w.]+),.*")
"""A tuple of several types, of which the first is asked for."""

# An act that changes a record: (record, context, ...) -> change or changes.


@overload
def act(
    pure: Callable[Concatenate[R, Context[Rules], P], Change[A]],
) -> Callable[Concatenate[Desk[R], R | str, P], A]: ...
@overload
def act(
    pure: Callable[Concatenate[R, Context[Rules], P], tuple[Change[A], Change[B]]],
) -> Callable[Concatenate[Desk[R], R | str, P], tuple[A, B]]: ...
@overload
def act(
    pure: Callable[Concatenate[R, Context[Rules], P], tuple[Change[A], Change[B], Change[C]]],
) -> Callable[Concatenate[Desk[R], R | str, P], tuple[A, B, C]]: ...
@overload
def act(
    pure: Callable[Concatenate[R, Context[Rules], P], tuple[Change[A], ...]],
) -> Callable[Concatenate[Desk[R], R | str, P], tuple[A, ...]]: ...


# An act that makes a record: (context, ...) -> change or changes.


@overload
def act(pure: Callable[Concatenate[Context[Rules], P], Change[R]]) -> Callable[Concatenate[Desk[R], P], R]: ...
@overload
def act(
    pure: Callable[Concatenate[Context[Rules], P], tuple[Change[R], Change[A]]],
) -> Callable[Concatenate[Desk[R], P], tuple[R, A]]: ...
@overload
def act(
    pure: Callable[Concatenate[Context[Rules], P], tuple[Change[R], ...]],
) -> Callable[Concatenate[Desk[R], P], tuple[R, ...]]: ...


# The same, of which only the first record is given back.


@overload
def act(
    pure: Callable[Concatenate[Context[Rules], P], tuple[Change[R], *tuple[Change[Any], ...]]],
    *,
    first: Literal[True],
) -> Callable[Concatenate[Desk[R], P], R]: ...


def act(pure: Callable[..., Any], *, first: bool = False) -> Callable[..., Any]:
    """Make a pure act a method of a desk.

    The method takes a record or its id where the act takes a record, needs no context, commits
    what the act returns, and gives back the record or records as they now stand.

    Args:
        pure: A function ``(record, context, …)`` or, when it makes a record, ``(context, …)``,
            that returns a change or several.
        first: Whether only the first of several records that it makes is given back.

    Raises:
        Invalid: The function has its context elsewhere.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.kernel import Change, Context, Desk, Record, act, field, record
        >>> @record("shoot")
        ... class Shoot(Record):
        ...     place: str = field()
        ...     wrapped: bool = field(default=False)
        >>> def wrap(shoot: Shoot, context: Context[None]) -> Change[Shoot]:
        ...     return context.changed(shoot, "wrapped", wrapped=True)
        >>> class ShootDesk(Desk[Shoot]):
        ...     wrap = act(wrap)
        >>> crm = CRM(kinds={Shoot: ShootDesk})
        >>> crm.shoots.wrap(crm.shoots.add(place="Rome")).wrapped
        True
    """
    names = pure.__code__.co_varnames[: pure.__code__.co_argcount] if inspect.isfunction(pure) else ()
    if "context" not in names[:2]:
        mend = "write (record, context, ...) for an act on a record, (context, ...) for one that makes a record"
        path = getattr(pure, "__qualname__", type(pure).__name__)
        raise Invalid([Problem(path, names, "a function with a parameter named context, first or second", mend)])
    method = _creating(pure, first=first) if names[0] == "context" else _changing(pure)
    method.__name__, method.__qualname__ = pure.__name__, pure.__qualname__
    method.__doc__, method.__module__ = pure.__doc__, pure.__module__
    bound = _bound(pure, first=first)
    method.__signature__ = bound  # type: ignore[attr-defined]
    method.__wrapped__ = pure  # type: ignore[attr-defined]
    method.__annotations__ = {name: each.annotation for name, each in bound.parameters.items() if name != "desk"}
    method.__annotations__["return"] = bound.return_annotation
    method.changes_a_record = names[0] != "context"  # type: ignore[attr-defined]
    return method


def _changing(pure: Callable[..., Any]) -> Callable[..., Any]:
    def method(desk: Desk[Any], record: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typed by act
        check_call(pure, args, kwargs)
        return desk.perform(pure, record, args, kwargs)

    return method


def _creating(pure: Callable[..., Any], *, first: bool) -> Callable[..., Any]:
    def method(desk: Desk[Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typed by act
        check_call(pure, args, kwargs)
        made = desk.originate(pure, args, kwargs)
        return made[0] if first else made

    return method


def _bound(pure: Callable[..., Any], *, first: bool) -> inspect.Signature:
    """The signature a desk shows: no context, a record or its id, records back."""
    whole = inspect.signature(pure)
    told = [each for name, each in whole.parameters.items() if name != "context"]
    if next(iter(whole.parameters)) != "context":
        taken = f"{_said(told[0].annotation)} | str"
        told[0] = told[0].replace(kind=inspect.Parameter.POSITIONAL_ONLY, annotation=taken)
    desk = inspect.Parameter("desk", inspect.Parameter.POSITIONAL_ONLY)
    back = re.sub(r"[\w.]*\bChange\[([\w.]+)\]", r"\1", _said(whole.return_annotation))
    return inspect.Signature([desk, *told], return_annotation=_FIRST.sub(r"\1", back) if first else back)


def _said(annotation: object) -> str:
    """An annotation as its source has it."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
