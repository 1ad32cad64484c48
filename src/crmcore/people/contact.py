"""Contacts: the people a business deals with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, cast

from crmcore.kernel.acting import kept, once
from crmcore.kernel.acts import act
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, Problem, as_id
from crmcore.kernel.facts import id_of
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.instants import day, today
from crmcore.kernel.reach import reached_by
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.where import F
from crmcore.people.account import Account
from crmcore.people.address import Address
from crmcore.people.affiliation import Affiliation, AffiliationDesk, affiliate, end, on_day
from crmcore.people.consent import consented, misread
from crmcore.people.spelling import SPELLINGS

__all__ = ["Contact", "ContactDesk", "add", "called", "consent", "make_primary"]

WAYS = ("name", "email", "phone", "emails", "phones")
"""What a contact can be called by."""


@record("contact")
class Contact(Record):
    """A person a business deals with.

    Attributes:
        name: Their full name.
        given_name: Their given name.
        family_name: Their family name.
        job_title: What they do at their account.
        account: The id of the account they belong to first of all; kept by ``affiliate`` and ``leave``.
        email: The e-mail address to write to.
        phone: The phone number to call.
        emails: Further e-mail addresses, by label: ``{"home": "ada@home.example"}``.
        phones: Further phone numbers, by label.
        addresses: Postal addresses, by label.
        source: Where they came from: ``"webinar"``.
        owner: The id of the staff member who looks after them.
        consents: What they allow, by channel: ``"granted"`` or ``"withdrawn"``.
    """

    name: str | None = field(default=None, key=True, personal=True, searchable=True)
    given_name: str | None = field(default=None, personal=True)
    family_name: str | None = field(default=None, personal=True)
    job_title: str | None = field(default=None, personal=True)
    account: str | None = field(default=None, key=True, references="account", by_act=True)
    email: str | None = field(default=None, key=True, personal=True, searchable=True)
    phone: str | None = field(default=None, key=True, personal=True, searchable=True)
    emails: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    addresses: Mapping[str, Address] = field(default=EMPTY, personal=True)
    source: str | None = field(default=None, key=True)
    owner: str | None = field(default=None, key=True, references="staff")
    consents: Mapping[str, str] = field(default=EMPTY, by_act=True)

    def flaws(self) -> Iterator[Problem]:
        """What is wrong with it as a whole: there must be something to call them by."""
        return _nameless({way: getattr(self, way) for way in WAYS})


def add(  # noqa: D417 - the others are those of Contact
    context: Context[Any],
    *,
    name: str | None = None,
    given_name: str | None = None,
    family_name: str | None = None,
    job_title: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    emails: Mapping[str, str] = EMPTY,
    phones: Mapping[str, str] = EMPTY,
    addresses: Mapping[str, Address | Mapping[str, str]] = EMPTY,
    source: str | None = None,
    owner: str | None = None,
    consents: Mapping[str, str] = EMPTY,
    account: Account | str | None = None,
    role: str | None = None,
    since: date | str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> tuple[Change[Contact], *tuple[Change[Affiliation], ...]]:
    """Add a contact, with the account they belong to. Its other arguments are the attributes of ``Contact``.

    Args:
        context: The circumstances.
        name: Their full name; default: given and family name.
        account: The account they belong to, or its id.
        role: As what they belong to it.
        since: The first day they did; None when nobody knows.
        custom: Custom fields.
        external: Their ids in other systems.

    Returns:
        The change that makes the contact and, with an account, the one that makes the affiliation.

    Raises:
        Invalid: There is no name, e-mail or phone, or a value does not fit.
    """
    fields = {
        "name": called(name, given_name, family_name),
        "given_name": given_name,
        "family_name": family_name,
        "job_title": job_title,
        "email": email,
        "phone": phone,
        "emails": emails,
        "phones": phones,
        "addresses": addresses,
        "source": source,
        "owner": owner,
        "consents": consents,
        "custom": custom,
        "external": external,
    }
    problems = [*_nameless(fields), *misread(consents), *_unattached(account, role=role, since=since)]
    told = reached_by(kind_of(Contact), fields, also=problems)
    if account is None:
        return (context.created(Contact, "added", **told),)
    known = id_of(account, path="account")
    made = context.created(Contact, "added", **told, account=known)
    return made, affiliate(context, contact=made.id, account=known, role=role, since=since)


def called(name: str | None, *parts: object) -> str | None:
    """The full name of somebody: as it is given, or else what given and family name make; None without.

    Args:
        name: The full name, or None.
        parts: Given and family name, or None.
    """
    if not (name is None or (isinstance(name, str) and not name)):
        return name
    return " ".join(part for part in parts if isinstance(part, str) and part) or None


def _nameless(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong when there is nothing to call a contact by."""
    plain = [fields[way] for way in ("name", "email", "phone")]
    labelled = [one for way in ("emails", "phones") if isinstance(fields[way], Mapping) for one in fields[way].values()]
    if all(one is None or (isinstance(one, str) and not one.strip()) for one in (*plain, *labelled)):
        yield Problem("name", None, "a name, e-mail or phone to call the contact by", "give one of them")


def _unattached(account: object, **about: object) -> Iterator[Problem]:
    """What is wrong when something is said about an affiliation that is none."""
    for path, value in about.items():
        if account is None and value is not None:
            yield Problem(path, value, "an account along with it", "give account, or leave it out")


def consent(contact: Contact, context: Context[Any], *, channel: str, granted: bool) -> Change[Contact]:
    """Record that a contact grants or withdraws the consent to be written to, or called, over a channel.

    Args:
        contact: The contact.
        context: The circumstances; its time is when they said so.
        channel: The channel: ``"email"``, ``"phone"``.
        granted: Whether they grant it.

    Raises:
        Invalid: The channel is empty, or it is not said whether they grant it.
    """
    what, sets = consented(channel, granted=granted)
    return context.changed(contact, what, **sets)


def make_primary(contact: Contact, context: Context[Any], *, account: Account | str) -> Change[Contact]:
    """Make one of the accounts a contact belongs to the first of all.

    Args:
        contact: The contact.
        context: The circumstances.
        account: The account, or its id.

    Raises:
        Invalid: The contact does not belong to it.
    """
    return context.changed(contact, "reassigned", account=id_of(account, path="account"))


_add = act(add, first=True)


class ContactDesk(Desk[Contact]):
    """The contacts."""

    department = "people"
    matching = SPELLINGS
    matching_kinds = ("lead",)

    add = _add
    consent = act(consent)
    make_primary = act(make_primary)

    def revise(
        self, record: Contact, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[Contact]:
        """Change fields of a contact: the act behind ``update``."""
        return super().revise(record, context, fields=reached_by(self.kind, fields), version=version)

    def restated(self, record: Contact, context: Context[Any], *, said: Mapping[str, Any]) -> tuple[Change[Any], ...]:
        """What it changes when a contact who is there is told of again: the act behind ``upsert``.

        An account they do not belong to so far is one more they belong to, and becomes their own.
        """
        account, about = said.get("account"), {name: said.get(name) for name in ("role", "since")}
        problems = [*_unattached(account, **about)]
        if problems:
            raise Invalid(problems)
        told = super().restated(record, context, said={name: said[name] for name in said if name != "account"})
        if account is None:
            return told
        at = id_of(account, path="account")
        joined = self._affiliations.belonging(record.id, context, account=at, **about)
        sets = {name: value for change in told for name, value in change.sets.items()}
        sets |= {} if at == record.account else {"account": at}
        what = "affiliated" if any(one.version == 1 for one in joined) else "updated"
        return (*((context.changed(record, what, **sets),) if sets else ()), *joined)

    def _acts(self) -> list[str]:
        """The names of the acts this desk offers on a contact."""
        return sorted([*super()._acts(), "affiliate", "leave"])

    # --- the accounts they belong to --------------------------------------------------------------------------------

    @property
    def _affiliations(self) -> AffiliationDesk:
        return AffiliationDesk(kind_of(Affiliation), self.front)

    def affiliate(
        self,
        contact: Contact | str,
        account: Account | str,
        *,
        role: str | None = None,
        since: date | str | None = None,
        primary: bool = False,
    ) -> Affiliation:
        """Record that a contact belongs to an account. The first one becomes the contact's ``account``.

        Args:
            contact: The contact, or its id: as it stands.
            account: The account, or its id.
            role: As what: ``"buyer"``.
            since: The first day; None when nobody knows, or the day it is when they come back.
            primary: Whether the contact's ``account`` becomes this one.

        Raises:
            Invalid: They belong to it already, the day has not come, or a value does not fit.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada, acme = crm.contacts.add(name="Ada Lovelace"), crm.accounts.add(name="Acme")
            >>> crm.contacts.affiliate(ada, acme, role="buyer", since="2024-05-01").role
            'buyer'
            >>> crm.contacts.get(ada.id).account == acme.id
            True
        """
        return self._affiliations.add(
            contact=self._id(contact), account=account, role=role, since=since, primary=primary
        )

    def leave(self, contact: Contact | str, account: Account | str, *, until: date | str | None = None) -> Affiliation:
        """Record that a contact no longer belongs to an account. That they did stays as history.

        The contact's ``account`` becomes the next they belong to, or None.

        Args:
            contact: The contact, or its id: as it stands.
            account: The account, or its id.
            until: The first day they no longer belonged to it; default: the day it is.

        Raises:
            NotAllowed: They do not belong to it.
            Invalid: The day has not come, or is not after the first.
        """
        person, at = self._id(contact), id_of(account, path="account")
        desk, asked = self._affiliations, ("leave", (person, at, until))
        key = self.front.key("leave", desk.kind.name, asked[1])

        def left() -> Affiliation:
            running = desk.first((F.contact == person) & (F.account == at) & ~F.until.is_set)
            if running is None:
                message = f"contact {as_id(person)} does not belong to account {as_id(at)}; possible: affiliate"
                raise NotAllowed(message, act="leave", possible=("affiliate",))
            return cast("Affiliation", desk.perform(end, running.id, (), {"until": until}, asked=asked))

        ended: Affiliation = once(lambda: kept(self.front.store, key), left, lambda done: done.records[0])
        return ended

    def of(self, account: Account | str, *, on: date | str | None = None) -> tuple[Contact, ...]:
        """The contacts who belong to an account on a day, by name.

        Args:
            account: The account, or its id.
            on: The day; default: the day it is, or that this view of the past looks at. A first day nobody
                knows counts as long ago.
        """
        now = self.front.moment.at or self.front.context(self.department).at
        asked = today(now, self.front.context(self.department).zone) if on is None else day(on)
        where = (F.account == id_of(account, path="account")) & on_day(asked)
        ids = {one.contact for one in self._affiliations.each(where)}
        found = self.front.store.get(self.kind, ids, self.front.moment).values()
        live = [one for one in found if one.deleted_at is None]
        return tuple(sorted(live, key=lambda one: (one.name or "", one.id)))
