"""Affiliations: who belongs to which account, as what, and from when to when.

A contact's own ``account`` is that of one of the affiliations that run, or None; every act here keeps it so,
and writes a change of the contact too, so that two of them at once can't both be right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from crmcore.kernel.acts import act
from crmcore.kernel.change import Change, applied
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed
from crmcore.kernel.facts import id_of, past_day, yet_to_come
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.instants import day, today
from crmcore.kernel.late import record_then
from crmcore.kernel.page import Query
from crmcore.kernel.ports import NOW, Moment, Store
from crmcore.kernel.reading import WHOLE
from crmcore.kernel.records import Kind, Record, record
from crmcore.kernel.values import read_boolean
from crmcore.kernel.where import F, Filter, checked

__all__ = ["Affiliation", "AffiliationDesk", "affiliate", "affiliations_of", "end", "on_day"]

ASKED_AT_ONCE = 500
"""How many contacts' affiliations are asked for in one question."""

MOVES = frozenset({"contact", "until", "deleted_at"})
"""What a change of an affiliation sets when the contact comes or goes."""


@record("affiliation")
class Affiliation(Record):
    """A contact's belonging to an account.

    Attributes:
        contact: The id of the contact.
        account: The id of the account.
        role: As what: ``"buyer"``.
        since: The first day; None when nobody knows.
        until: The first day they no longer belonged to it; None while they do.
    """

    contact: str = field(key=True, references="contact", by_act=True)
    account: str = field(key=True, references="account", by_act=True)
    role: str | None = field(default=None, key=True)
    since: date | None = field(default=None, key=True)
    until: date | None = field(default=None, key=True, by_act=True)

    def covers(self, on: date | str) -> bool:
        """Whether the contact belonged to the account on a day. A first day nobody knows counts as long ago.

        Args:
            on: The day.
        """
        asked = day(on)
        return (self.since is None or self.since <= asked) and (self.until is None or asked < self.until)


def on_day(on: date) -> Filter:
    """The filter that ``covers`` is, for many affiliations.

    Args:
        on: The day.
    """
    began = ~F.since.is_set | (F.since <= on)
    return began & (~F.until.is_set | (F.until > on))


def affiliate(
    context: Context[Any],
    *,
    contact: str,
    account: str,
    role: str | None = None,
    since: date | str | None = None,
    until: date | str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Affiliation]:
    """Record that a contact belongs, or belonged, to an account.

    Args:
        context: The circumstances.
        contact: The id of the contact.
        account: The id of the account.
        role: As what.
        since: The first day; None when nobody knows.
        until: The first day they no longer belonged to it; None while they do.
        custom: Custom fields.
        external: Its ids in other systems.

    Raises:
        Invalid: A day has not come, or is none.
    """
    days = {"since": since, "until": until}
    known = {name: past_day(given, context, path=name) for name, given in days.items() if given is not None}
    fields = {"contact": contact, "account": account, "role": role, "custom": custom, "external": external}
    return context.created(Affiliation, "affiliated", **fields, **known)


def end(affiliation: Affiliation, context: Context[Any], *, until: date | str | None = None) -> Change[Affiliation]:
    """End an affiliation.

    Args:
        affiliation: The affiliation.
        context: The circumstances.
        until: The first day the contact no longer belonged to the account; default: the day it is.

    Raises:
        NotAllowed: It has ended.
        Invalid: The day has not come, or is none.
    """
    if affiliation.until is not None:
        message = f"{affiliation.id} has ended on {affiliation.until.isoformat()}; possible: affiliate"
        raise NotAllowed(message, act="end", possible=("affiliate",))
    return context.changed(affiliation, "ended", until=past_day(until, context, path="until"))


_end = act(end)


class AffiliationDesk(Desk[Affiliation]):
    """The affiliations."""

    department = "people"

    end = _end

    def add(
        self,
        *,
        contact: Record | str,
        account: Record | str,
        role: str | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        primary: bool = False,
        custom: Mapping[str, Any] = EMPTY,
        external: Mapping[str, str] = EMPTY,
    ) -> Affiliation:
        """Record that a contact belongs, or belonged, to an account.

        The first account somebody belongs to becomes the contact's ``account``.

        Args:
            contact: The contact, or its id: as it stands.
            account: The account, or its id.
            role: As what: ``"buyer"``.
            since: The first day; None when nobody knows, or the day it is when they come back.
            until: The first day they no longer belonged to it; None while they do.
            primary: Whether the contact's ``account`` becomes this one.
            custom: Custom fields.
            external: Its ids in other systems.

        Raises:
            Invalid: They belong to it already in that time, a day has not come, or a value does not fit.
        """
        told = {"role": role, "since": since, "until": until, "custom": custom, "external": external}
        fields = {"contact": id_of(contact, path="contact"), "account": id_of(account, path="account"), **told}
        asked = ("affiliate", (fields, primary))
        added: Affiliation = self.originate(self._joined, (), {"fields": fields, "primary": primary}, asked=asked)[0]
        return added

    @property
    def opening(self) -> Callable[..., Any]:
        """The act that makes an affiliation."""
        return affiliate

    def _joined(
        self, context: Context[Any], *, fields: Mapping[str, Any], primary: bool
    ) -> tuple[Change[Affiliation], *tuple[Change[Any], ...]]:
        """Affiliate a contact, perhaps anew, perhaps first of all: the act behind ``add``."""
        contact, account = fields["contact"], fields["account"]
        first = self._people([contact]).values() if read_boolean(primary, path="primary") else ()
        comes = fields["since"] is None and fields["until"] is None
        back = comes and any(one.account == account for one in self._then([contact]))
        made = affiliate(context, **{**fields, **({"since": today(context.at, context.zone)} if back else {})})
        return made, *(context.changed(one, "affiliated", account=account) for one in first)

    def check_update(self, record: Affiliation, fields: Mapping[str, Any]) -> None:
        """Refuse what only acts write, and a first day that has not come."""
        super().check_update(record, fields)
        problems = yet_to_come("since", fields.get("since"), self.front.context(self.department))
        if problems:
            raise Invalid(problems)

    def belonging(
        self,
        contact: str,
        context: Context[Any],
        *,
        account: str,
        **about: Any,  # noqa: ANN401 - role and since
    ) -> tuple[Change[Affiliation], ...]:
        """What it changes that a contact belongs to an account: nothing, the role or first day, or that they do.

        Args:
            contact: The id of the contact.
            context: The circumstances.
            account: The id of the account.
            about: The role and the first day; None for what is not said.
        """
        running = (one for one in self._then([contact]) if one.account == account and one.until is None)
        known = next(running, None)
        if known is None:
            fields = {"contact": contact, "account": account, "until": None, **about}
            return self._joined(context, fields=fields, primary=False)[:1]
        told = {name: value for name, value in about.items() if value is not None}
        return self.propose(self.revise, known.id, fields=told)

    # --- the contact along with it ----------------------------------------------------------------------------------

    def along(self, changes: Sequence[Change[Any]], context: Context[Any]) -> Sequence[Change[Any]]:
        """The contacts who now belong to other accounts, each with the account that is theirs first of all.

        Also when that stays the same, so that of two who act on one contact's affiliations, the second looks anew.

        Args:
            changes: What is to be written.
            context: The circumstances.
        """
        moves = [one for one in changes if one.kind == self.kind.name and not MOVES.isdisjoint(one.sets)]
        if not moves:
            return ()
        known = self.front.store.get(self.kind, {one.id for one in moves if one.version > 1}, self._moment)
        written = {one.id: applied(self.kind, known.get(one.id), one) for one in moves}
        settled = {one.id for one in changes if one.kind == "contact"}
        whose = {one.contact for one in written.values()} - settled
        people = self._people(whose)  # first: who changes their affiliations later changes them, and is noticed
        now: dict[str, list[Affiliation]] = {id: [] for id in whose}
        for one in ({one.id: one for one in self._then(whose)} | written).values():
            if one.contact in whose and one.deleted_at is None and one.until is None:
                now[one.contact].append(one)
        joined = {
            written[one.id].contact for one in moves if one.version == 1 or one.sets.get("deleted_at", one) is None
        }
        return [_settled(people[id], now[id], context, joined=id in joined) for id in sorted(people)]

    @property
    def _moment(self) -> Moment:
        """When acts are done."""
        return Moment(self.front.backdated)

    def _then(self, contacts: Collection[str]) -> Iterator[Affiliation]:
        """The affiliations of contacts when an act is done."""
        return affiliations_of(contacts, self.kind, self.front.store, self._moment)

    def _people(self, ids: Iterable[str]) -> dict[str, Any]:
        """Contacts by id as they are when an act is done."""
        kind, at = self.front.kinds["contact"], self.front.backdated
        found: dict[str, Any] = self.front.store.get(kind, ids)
        if at is None:
            return found
        known = {id: self.front.store.changes(kind=kind.name, id=id) for id in found}
        return {id: record_then(kind, known[id], record, at) for id, record in found.items()}

    # --- reading ----------------------------------------------------------------------------------------------------

    def of(self, contact: Record | str, *, on: date | str | None = None) -> tuple[Affiliation, ...]:
        """The affiliations of a contact, oldest first.

        Args:
            contact: The contact, or its id.
            on: Only those of that day; default: all there ever were.
        """
        asked = F.contact == id_of(contact, path="contact")
        return tuple(sorted(self.each(asked if on is None else asked & on_day(day(on))), key=_age))


def affiliations_of(
    contacts: Collection[str], kind: Kind[Affiliation], store: Store, moment: Moment = NOW
) -> Iterator[Affiliation]:
    """The live affiliations of contacts.

    Args:
        contacts: Their ids.
        kind: The kind of affiliations.
        store: The store.
        moment: When to read.
    """
    ids = sorted(contacts)
    for start in range(0, len(ids), ASKED_AT_ONCE):
        some = F.contact.is_in(ids[start : start + ASKED_AT_ONCE])
        where = checked(some, kind.types, currency="USD", at=None, zone="UTC")
        yield from store.find(kind, Query(where=where, limit=WHOLE), moment)


def _settled(contact: Any, running: Iterable[Affiliation], context: Context[Any], *, joined: bool) -> Change[Any]:  # noqa: ANN401 - a contact, whose module builds on this one
    """The change of a contact to whom some affiliations are left."""
    accounts = [one.account for one in sorted(running, key=_age)]
    account = contact.account if contact.account in accounts else next(iter(accounts), None)
    sets = {} if account == contact.account else {"account": account}
    return context.changed(contact, "affiliated" if joined else "disaffiliated", **sets)


def _age(affiliation: Affiliation) -> tuple[date, str]:
    """Where an affiliation stands among others: by its first day, those nobody knows first."""
    return (affiliation.since or date.min, affiliation.id)
