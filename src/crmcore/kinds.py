"""The kinds of record a CRM has, and their desks: ours, and a host's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from crmcore.desks import Desks, Opened
from crmcore.inbox import InboxDesk, InboxMessage
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import ANY
from crmcore.kernel.pointing import pointing
from crmcore.kernel.records import Kind, Record, kind_of
from crmcore.people import Suppression, SuppressionDesk
from crmcore.playbook import PlaybookDesk, PlaybookVersion

__all__ = ["DESKS", "Kinds", "desks_of"]

DESKS: Mapping[type[Record], type[Desk[Any]]] = {
    **{opened.cls: opened.desk for opened in vars(Desks).values() if isinstance(opened, Opened)},
    PlaybookVersion: PlaybookDesk,
    Suppression: SuppressionDesk,
    InboxMessage: InboxDesk,
}
"""The kinds every CRM has, and their desks."""

Kinds: TypeAlias = Mapping[type[Record], type[Desk[Any]]] | Iterable[type[Record]]


def desks_of(kinds: Kinds, *, taken: Iterable[str]) -> dict[type[Record], type[Desk[Any]]]:
    """Every kind of a CRM and its desk.

    Args:
        kinds: Record classes of a host's own, each with its desk class or alone.
        taken: Names a desk can't be found under, since they mean something else.

    Raises:
        Invalid: One is no record class or no desk, two share a name, or a reference leads to no kind.
    """
    if isinstance(kinds, (str, type)) or not isinstance(kinds, Iterable):
        raise Invalid([Problem("kinds", kinds, "record classes", "write kinds=[Shoot], or {Shoot: ShootDesk}")])
    desks = {**DESKS, **(kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, Desk))}
    found = [kind_of(cls) for cls in desks]
    problems = [*_desk_problems(desks), *_name_problems(found, frozenset(taken)), *_reference_problems(found)]
    if problems:
        raise Invalid(problems)
    return desks


def _desk_problems(desks: Mapping[type[Record], type[Desk[Any]]]) -> Iterable[Problem]:
    for cls, desk in desks.items():
        base = DESKS.get(cls, Desk)
        if not (isinstance(desk, type) and issubclass(desk, base)):
            yield Problem("kinds", desk, f"a subclass of {base.__name__}", "inherit from it")


def _name_problems(found: Iterable[Kind[Any]], taken: frozenset[str]) -> Iterable[Problem]:
    names = Counter(name for kind in found for name in {kind.name, kind.plural})
    for name, often in names.items():
        if often > 1:
            yield Problem("kinds", name, "each name once", "rename a kind")
    for kind in found:
        if kind.cls not in DESKS and kind.plural in taken:
            yield Problem("kinds", kind.plural, "a name the CRM does not use itself", "give it another plural")


def _reference_problems(found: Iterable[Kind[Any]]) -> Iterable[Problem]:
    known = {kind.name for kind in found}
    for kind in found:
        for name, told in pointing(kind).items():
            every = {name: told.own, **{f"{name}.{field}": named for field, named in told.inner.items()}}
            for path, named in every.items():
                for stranger in {*named} - {ANY, *known}:
                    mend = "add that kind to kinds, or correct the reference"
                    yield Problem(f"{kind.name}.{path}", stranger, f"one of {', '.join(sorted(known))}", mend)
