"""The desk of the leads: capture, work, qualify, convert, and take a conversion back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from crmcore.activity import Tag, TagDesk
from crmcore.kernel.acting import kept, once
from crmcore.kernel.acts import act
from crmcore.kernel.change import Change, state_of
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.late import record_then
from crmcore.kernel.money import Money
from crmcore.kernel.ports import Key, Moment
from crmcore.kernel.reach import reached_by
from crmcore.kernel.records import R, Record, kind_of
from crmcore.kernel.values import read_boolean
from crmcore.kernel.where import AnyOf, F
from crmcore.people import Account, Affiliation, Contact
from crmcore.people.affiliation import affiliations_of
from crmcore.people.spelling import SPELLINGS
from crmcore.sales.conversion import Conversion, convert, unmapped
from crmcore.sales.lead import LIFECYCLE, Lead, capture, consent, disqualify, qualify, recycle, work
from crmcore.sales.opportunity import Opportunity
from crmcore.sales.pipeline import SalesRules
from crmcore.staff import Staff

__all__ = ["LeadDesk"]


_capture = act(capture)


class LeadDesk(Desk[Lead]):
    """The leads."""

    department = "sales"
    matching = SPELLINGS
    matching_kinds = ("contact",)

    capture = _capture
    add = _capture
    work = act(work)
    qualify = act(qualify)
    disqualify = act(disqualify)
    recycle = act(recycle)
    consent = act(consent)

    def revise(
        self, record: Lead, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[Lead]:
        """Change fields of a lead: the act behind ``update``."""
        return super().revise(record, context, fields=reached_by(self.kind, fields), version=version)

    def check_update(self, record: Lead, fields: Mapping[str, Any]) -> None:
        """Refuse what only acts write, and to change a converted lead."""
        super().check_update(record, fields)
        if record.status == "converted" and fields:
            message = f"{record.id} was converted and stays as it is; possible: update the contact, revert_conversion"
            mend = "update the contact, or revert_conversion"
            problems = [Problem(name, "another value", "as it was when it was converted", mend) for name in fields]
            raise NotAllowed(message, act="update", possible=("revert_conversion",), problems=problems)

    # --- conversion -------------------------------------------------------------------------------------------------

    def convert(
        self,
        lead: Lead | str,
        /,
        *,
        account: Account | str | None = None,
        contact: Contact | str | None = None,
        opportunity: bool = True,
        name: str | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        amount: Money | Decimal | int | str | None = None,
        close_on: date | str | None = None,
        dry_run: bool = False,
    ) -> Conversion:
        """Convert a qualified lead into a contact, an account and a deal: all of it, or nothing, and once.

        A lead that was converted already gives what it became, as it stands, deleted or not. Existing targets are
        filled where they are empty and never overwritten.

        Args:
            lead: The lead, or its id.
            account: The account it belongs to; default: that of the contact, or a new one named like its company.
            contact: The contact it is; default: a new one.
            opportunity: Whether to open a deal.
            name: What the deal is called; default: the company's name, or the lead's.
            pipeline: The pipeline of the deal; default: the playbook's first.
            stage: The open stage it starts in; default: the pipeline's first.
            amount: What it is worth; a bare number is in the business's currency.
            close_on: The day it is expected to close.
            dry_run: Give back what it would become, and write nothing.

        Raises:
            NotAllowed: The lead is not qualified, or was converted into others.
            Conflict: A record that was given has moved on.
            NotFound: A target is not there.
            Invalid: A value does not fit.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> lead = crm.leads.capture(name="Ada Lovelace", company="Analytical Engines", email="ada@engines.example")
            >>> account, contact, deal = crm.leads.convert(crm.leads.qualify(lead), amount=12_000)
            >>> account.name, contact.email, deal.amount
            ('Analytical Engines', 'ada@engines.example', Money('12000.00', 'USD'))
        """
        about = {"name": name, "pipeline": pipeline, "stage": stage, "amount": amount, "close_on": close_on}
        deal = read_boolean(opportunity, path="opportunity")
        idle = [word for word, value in about.items() if value is not None and not deal]
        if idle:
            raise Invalid([Problem(word, about[word], "a deal to say it of", "leave it out") for word in idle])
        wanted = {"account": account, "contact": contact, "opportunity": about if deal else None}
        if read_boolean(dry_run, path="dry_run"):
            with self.front.suppose() as what_if:
                return LeadDesk(self.kind, what_if)._converted(lead, wanted)  # noqa: SLF001 - the same desk elsewhere
        return self._converted(lead, wanted)

    def _converted(self, lead: Lead | str, wanted: Mapping[str, Any]) -> Conversion:
        """What a lead becomes, or became."""
        ids = {name: one.id if isinstance(one, Record) else one for name, one in wanted.items()}
        try:
            records = self.perform(self.conversion, lead, (), wanted, asked=("convert", (self._id(lead), ids)))
        except (Conflict, NotAllowed) as error:
            done = self._any(self._id(lead))
            if done.status != "converted" or getattr(error, "kind", None) == "key":
                raise
            _check_same(done, ids)
            return self._became(done, ())
        return self._became(records[-1], records)

    def conversion(
        self,
        lead: Lead,
        context: Context[SalesRules],
        *,
        account: Account | str | None,
        contact: Contact | str | None,
        opportunity: Mapping[str, Any] | None,
    ) -> tuple[Change[Any], ...]:
        """Convert a lead into records of the store: the act behind ``convert``.

        Args:
            lead: The lead.
            context: The circumstances.
            account: The account, or its id.
            contact: The contact, or its id.
            opportunity: What to open the deal with; None for no deal.
        """
        person = None if contact is None else self._target(Contact, contact)
        firm = None if account is None else self._target(Account, account)
        known: tuple[Affiliation, ...] = ()
        if person is not None:
            firm = self._home(person) if firm is None else firm
            moment = Moment(self.front.backdated)
            known = (*affiliations_of([person.id], kind_of(Affiliation), self.front.store, moment),)
        carried = self._carried(lead)
        return convert(carried, context, account=firm, contact=person, affiliations=known, opportunity=opportunity)

    def _carried(self, lead: Lead) -> Lead:
        """A lead with such references only as can be carried over: the tags that stand for its own, a live owner."""
        tags = {tag.id: True for tag in TagDesk(kind_of(Tag), self.front).of(lead)}
        owner = lead.owner if lead.owner is not None and self._there(Staff, lead.owner) else None
        return Lead(**{**state_of(lead), "tags": FrozenMap(tags), "owner": owner})

    def _home(self, contact: Contact) -> Account | None:
        """The account of a contact, if it is there."""
        home = contact.account
        return self._target(Account, home) if home is not None and self._there(Account, home) else None

    def _there(self, cls: type[Record], id: str) -> bool:
        """Whether a record is there and lives."""
        return Desk(kind_of(cls), self.front).exists(F.id == id)

    def _target(self, cls: type[R], record: R | str) -> R:
        """An existing record that a lead becomes part of, as it was when that happens."""
        kind = kind_of(cls)
        if not isinstance(record, (cls, str)):
            raise Invalid([Problem(kind.name, type(record).__name__, f"a {kind.name} or its id", "pass one")])
        id = record if isinstance(record, str) else record.id
        found = Desk(kind, self.front).get(id)
        if not isinstance(record, str) and found.version != record.version:
            raise Conflict(kind.name, id, expected=record.version, found=found.version)
        at = self.front.backdated
        return found if at is None else record_then(kind, self.front.store.changes(kind=kind.name, id=id), found, at)

    def _became(self, lead: Lead, records: tuple[Record, ...]) -> Conversion:
        """What a converted lead became."""
        contact = self._one(Contact, lead.contact, records)
        assert contact is not None, "a conversion always makes or fills one"
        account = self._one(Account, lead.account, records)
        return Conversion(account, contact, self._one(Opportunity, lead.opportunity, records))

    def _one(self, cls: type[R], id: str | None, records: tuple[Record, ...]) -> R | None:
        """A record by its id: as a commit left it, or as it stands."""
        left = [one for one in records if isinstance(one, cls) and one.id == id]
        if left or id is None:
            return left[-1] if left else None
        return Desk(kind_of(cls), self.front)._any(id)  # noqa: SLF001 - deleted ones too

    def converted_into(self, ids: Collection[str]) -> Iterator[Lead]:
        """The leads that became some records.

        Args:
            ids: The ids of accounts, contacts or deals; no other record was a lead.
        """
        targets = ("account", "contact", "opportunity")
        wanted = {name: [id for id in ids if id.startswith(f"{name}_")] for name in targets}
        asked = [F[name].is_in(some) for name, some in wanted.items() if some]
        where = AnyOf(tuple(asked)) if asked else None
        return iter(()) if where is None else chain(self.each(where), self.each(where, deleted=True))

    def unmapped(self, lead: Lead | str, /) -> tuple[str, ...]:
        """The custom fields of a lead that no contact, account or deal has a place for; they stay on the lead.

        Args:
            lead: The lead, or its id.
        """
        return unmapped(self._any(self._id(lead)), self.front.context(self.department))

    def revert_conversion(self, lead: Lead | str, /) -> Lead:
        """Take a conversion back, while nothing it made or filled was changed or used since.

        Args:
            lead: The lead, or its id.

        Raises:
            NotAllowed: The lead is not converted, or what it became was changed or used since: all of it.
        """
        key = self.front.key("revert_conversion", self.kind.name, self._id(lead))
        records = once(
            lambda: kept(self.front.store, key), lambda: self._reverted(lead, key), lambda done: done.records
        )
        return next(one for one in records if isinstance(one, Lead))

    def _reverted(self, lead: Lead | str, key: Key | None) -> tuple[Record, ...]:
        """What a conversion leaves when it is taken back."""
        current = self._any(self._id(lead))
        if isinstance(lead, Lead) and lead.version != current.version:
            raise Conflict(self.kind.name, current.id, expected=lead.version, found=current.version)
        done = [change.commit for change in self.history(current) if change.sets.get("status") == "converted"]
        if current.status != "converted":
            possible = LIFECYCLE.possible(current.status)
            message = f"{current.id} is {current.status}, not converted; possible: {', '.join(possible)}"
            raise NotAllowed(message, act="revert_conversion", possible=possible)
        return self.front.undo(done[-1], key)


def _check_same(lead: Lead, ids: Mapping[str, Any]) -> None:
    """Refuse to take a lead for converted into other records than it was."""
    others = [name for name in ("account", "contact") if ids[name] not in (None, getattr(lead, name))]
    if others:
        became = ", ".join(f"{name} {getattr(lead, name)}" for name in others)
        message = f"{lead.id} was converted into {became}; revert_conversion() takes that back"
        raise NotAllowed(message, act="convert", possible=("revert_conversion",))
