"""Suppression: who was erased does not come back by the next import.

Of each e-mail address, phone number and id in another system that an erasure takes away, a keyed hash stays. Whoever
has the hash alone can't tell what it was, nor try; the key is the tenant's, and never leaves its store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, cast

import attrs

from crmcore.kernel.acting import kept, once
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.fields import field
from crmcore.kernel.outcome import Objection
from crmcore.kernel.personal import is_person
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record, kind_of, record
from crmcore.kernel.values import read_text
from crmcore.people.spelling import SPELLINGS

__all__ = ["Mark", "Suppression", "SuppressionDesk", "digest", "lift", "mark_of", "suppress", "suppressed"]

HIDDEN = "•••"
"""Stands for what is not shown."""


@record("suppression")
class Suppression(Record):
    """What is left of a way to know somebody who was erased, so that they are not taken in again.

    Attributes:
        way: ``"email"``, ``"phone"``, or ``"external"`` for an id in another system.
        hash: The way itself as an HMAC-SHA256 under the tenant's secret.
    """

    way: str = field(key=True, by_act=True)
    hash: str = field(unique=True, by_act=True)


class Mark(NamedTuple):
    """A way to know somebody, as it is hashed.

    Attributes:
        way: As in ``Suppression``.
        text: What it says, spelled so that all spellings of one are the same.
    """

    way: str
    text: str


def mark_of(kind: Kind[Any], name: str, value: object) -> Mark | None:
    """What the value of a field is known by; None when nobody is known by it.

    Args:
        kind: The kind of the record.
        name: The field's name, as in the sets of a change.
        value: The value.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.people import Contact
        >>> from crmcore.people.suppression import mark_of
        >>> mark_of(kind_of(Contact), "emails.home", "Ada@Home.example")
        Mark(way='email', text='ada@home.example')
    """
    whole, _, member = name.partition(".")
    if not isinstance(value, str):
        return None
    if whole == "external":
        return _external(kind.name, member, value)
    told, spelling = kind.declared(name), SPELLINGS.get(whole)
    spelt = None if spelling is None or told is None or not told.personal else spelling(value)
    return None if spelt is None else Mark(whole.removesuffix("s"), spelt)


def _external(kind: str, system: str, id: str) -> Mark:
    """What somebody is known by in another system."""
    return Mark("external", f"{kind}.{system} {id}")


def digest(secret: bytes, mark: Mark) -> str:
    """A way to know somebody, hashed.

    Args:
        secret: The tenant's secret.
        mark: The way.

    Source: RFC 2104, HMAC, with SHA-256.
    """
    import hmac

    return hmac.new(secret, f"{mark.way} {mark.text}".encode(), "sha256").hexdigest()


def suppress(context: Context[Any], *, way: str, hash: str) -> Change[Suppression]:
    """Suppress a way to know somebody.

    Args:
        context: The circumstances.
        way: As in ``Suppression``.
        hash: As in ``Suppression``.
    """
    return context.created(Suppression, "suppressed", way=way, hash=hash)


def suppressed(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> Iterator[Objection]:
    """What changes say of people that is suppressed: an objection for each value.

    Args:
        changes: What is to be written, of any kind, their values read.
        kinds: The kinds of the CRM.
        store: The store, which is asked twice however many there are, or once where nobody was ever erased.
    """
    people = [change for change in changes if is_person(kinds[change.kind])]
    ways = [(one, name) for one in people for name in one.sets if name.partition(".")[0] in _WAYS]
    secret = store.secret() if ways else None
    if secret is None:
        return
    marked = [(one, name, mark_of(kinds[one.kind], name, one.sets[name])) for one, name in ways]
    told = [(one, name, mark) for one, name, mark in marked if mark is not None]
    hashes = [digest(secret, mark) for *_, mark in told]
    held = store.holders(kind_of(Suppression), "hash", hashes)
    for (change, name, mark), hash in zip(told, hashes, strict=True):
        if hash in held:
            yield Objection(Problem(name, HIDDEN, _ALLOWED[mark.way], _MEND[mark.way]), (change.id,))


_WAYS = frozenset({"external", *SPELLINGS})
"""The fields that somebody is known by."""

_ALLOWED = {
    "email": "an e-mail address that was not erased",
    "phone": "a phone number that was not erased",
    "external": "an id that was not erased",
}
_MEND = {
    way: f'leave it out; where they want to be known again, crm.given(reason="…").unsuppress({said})'
    for way, said in {"email": "email=…", "phone": "phone=…", "external": "external=(kind, system, id)"}.items()
}


def lift(suppression: Suppression, context: Context[Any]) -> Change[Suppression]:
    """Lift a suppression: they may be taken in again.

    Args:
        suppression: The suppression.
        context: The circumstances, which must give a reason.

    Raises:
        Invalid: There is no reason.
    """
    if context.reason is None:
        mend = 'write crm.given(reason="…").unsuppress(…)'
        raise Invalid([Problem("reason", None, "why somebody who was erased may be taken in again", mend)])
    return context.changed(suppression, "lifted", deleted_at=context.at)


class SuppressionDesk(Desk[Suppression]):
    """The suppressions: an erasure makes them, and ``CRM.unsuppress`` lifts them."""

    department = "people"

    def delete(self, record: Suppression | str) -> NoReturn:  # noqa: ARG002 - refused, whatever it is
        """Refused."""
        message = "a suppression is lifted, with a reason; possible: unsuppress"
        raise NotAllowed(message, act="delete", possible=("unsuppress",))

    def lifted(self, **known: Any) -> Suppression:  # noqa: ANN401 - of the types they should have
        """Lift the suppression of an address, number or id.

        Args:
            known: Either ``email``, ``phone``, or ``external`` with a kind of record, a system and an id there.

        Raises:
            Invalid: Not exactly one of them is given, it is none, or there is no reason.
            NotFound: It is not suppressed.
        """
        hash = self._hashed(_marked(**known))
        key = self.front.key("unsuppress", self.kind.name, hash)

        def lifted() -> Suppression:
            held = self._holding(hash)
            if held is None:
                raise NotFound("suppression", HIDDEN, "nothing is to be lifted: it was not erased, or lifted since")
            return cast("Suppression", self.perform(lift, held, (), {}, asked=("unsuppress", hash)))

        return cast("Suppression", once(lambda: kept(self.front.store, key), lifted, lambda done: done.records[0]))

    def holds(self, **known: Any) -> bool:  # noqa: ANN401 - of the types they should have
        """Whether an address, number or id is suppressed.

        Args:
            known: Either ``email``, ``phone``, or ``external`` with a kind of record, a system and an id there.

        Raises:
            Invalid: Not exactly one of them is given, or it is none.
        """
        return self._holding(self._hashed(_marked(**known))) is not None

    def _hashed(self, mark: Mark) -> str | None:
        """A way to know somebody, hashed; None where nobody was ever erased."""
        secret = self.front.store.secret()
        return None if secret is None else digest(secret, mark)

    def _holding(self, hash: str | None) -> str | None:
        """The id of the suppression of a hash."""
        return None if hash is None else self.front.store.holders(self.kind, "hash", [hash]).get(hash)


def _marked(**told: Any) -> Mark:  # noqa: ANN401 - what somebody gave
    """The one way to know somebody that was given."""
    given = {way: value for way, value in told.items() if value is not None and way in _WAYS}
    if len(given) != 1:
        mend = "lift one at a time"
        raise Invalid([Problem("email, phone, external", f"{len(given)} of them", "exactly one of them", mend)])
    ((way, value),) = given.items()
    if way == "external":
        if not isinstance(value, tuple) or len(value) != 3:
            mend = 'write ("contact", "hubspot", "4711")'
            raise Invalid([Problem(way, HIDDEN, "a kind, a system and an id", mend)])
        return _external(*(_text(one, way) for one in value))
    spelt = SPELLINGS[way](_text(value, way))
    if spelt is None:
        raise Invalid([Problem(way, HIDDEN, "one that tells somebody apart", "check its length")])
    return Mark(way, spelt)


def _text(value: object, way: str) -> str:
    """A text, of which no message tells."""
    try:
        return read_text(value, path=way, empty=False)
    except Invalid as error:
        raise Invalid(attrs.evolve(one, value=HIDDEN) for one in error.problems) from None
