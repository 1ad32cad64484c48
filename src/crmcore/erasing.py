"""Erasing: what a CRM keeps about a person is told, erased, and taken out of the store's own files."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

import attrs

from crmcore.kernel.acting import TRIES
from crmcore.kernel.errors import Conflict, NotAllowed
from crmcore.kernel.late import check_present
from crmcore.kernel.ports import Purge
from crmcore.kernel.records import Record
from crmcore.people import Suppression, SuppressionDesk
from crmcore.system import fresh_secret
from crmcore.writing import Writing

if TYPE_CHECKING:
    from crmcore.erasure import Erasure
    from crmcore.subject import Subject

__all__ = ["Erasing"]


class Erasing(Writing):
    """A CRM that forgets people."""

    def subject(self, record: Record | str) -> Subject:
        """Everything that is kept about a person, with its history: to tell them, as JSON by its ``to_data``.

        That is what ``erase`` would erase, and the rest of the records it is in: those that are the person, those said
        about them, and those dealt with them.

        Args:
            record: A contact, a lead, or any other record that is a person; or its id.

        Raises:
            NotFound: There is no such record.
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada Lovelace")
            >>> crm.subject(ada).to_data()["records"][0]["record"]["name"]
            'Ada Lovelace'
        """
        from crmcore.subject import subject_of

        check_present(self.moment)
        return subject_of(self, record)

    def erase(self, record: Record | str) -> Erasure:
        """Erase what is personal about somebody: from records, history, search and keys, at every moment and for good.

        It takes the contact, those merged into it and the leads that became it; the notes and touchpoints about them;
        what is personal in the deals, orders and other records that refer to them, and free text there in which they
        are named; and the reasons of all that. Amounts, days, stages, who did what and when stay. What they were known
        by is suppressed, so that no import brings them back. Erasing again what is erased writes nothing.

        The bytes may still lie in the store's files until ``purge``.

        Args:
            record: A contact, a lead, or any other record; or its id. Of what is no person, what its class declares
                personal goes, and what was said about it.

        Returns:
            What was erased where.

        Raises:
            NotFound: There is no such record.
            NotAllowed: This is a view of the past, backdated, within a batch, or under an idempotency key.
            Conflict: Others wrote meanwhile, time and again.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada Lovelace", email="ada@engines.example")
            >>> note = crm.notes.add(ada, "Prefers letters.")
            >>> crm.given(reason="asked to").erase(ada)
            Erasure(contact_...: 3 fields of 2 records)
            >>> crm.contacts.get(ada.id).email is None, crm.notes.get(note.id).text
            (True, '[erased]')
        """
        check_present(self.moment)
        self._check_alone()
        tries = TRIES
        while True:
            tries -= 1
            try:
                with nullcontext() if tries else self._alone():
                    return self._erased(record)
            except Conflict:
                if not tries:
                    raise

    def _check_alone(self) -> None:
        """Refuse what an erasure can't be part of."""
        reasons = {
            "it happens now; erase without given(at=…)": self._given.at is not None,
            "it can't be part of a batch, which may still be thrown away; erase outside of it": self._batch,
            "a second one does nothing, so it needs no idempotency key; leave given(key=…) out": self._given.key,
        }
        for reason, holds in reasons.items():
            if holds:
                raise NotAllowed(f"an erasure is a commit of its own: {reason}", act="erase")

    def _erased(self, record: Record | str) -> Erasure:
        """Erase what is personal about somebody, as long as nothing is written meanwhile."""
        from crmcore.erasure import Erasure, planned, suppressions
        from crmcore.subject import subject_of

        end, context = self.store.last()[0], self.context("")
        subject = subject_of(self, record)
        nothing = Erasure(subject=subject.id, at=context.at, by=context.by)
        plan = planned(subject, self.store, context)
        if plan is None:
            return nothing
        secret = self.store.secret(fresh_secret()) if plan.marks else b""
        assert secret is not None, "there is one now"
        done = self.store.erase(
            plan.erasures,
            id=self._house.new_id("commit"),
            recorded_at=max(self._clock(), context.at),
            beside=suppressions(sorted(plan.marks), secret, self.store, context),
            unsaid=plan.unsaid,
            playbook=self.playbook.hash,
            end=end,
        )
        self._house.playbooks.wrote(self.store, done)
        suppressed = len(done.changes) - len(plan.erasures)
        return attrs.evolve(
            nothing, records=plan.records, reasons=len(plan.unsaid), suppressed=suppressed, commit=done.id
        )

    def unsuppress(
        self, *, email: str | None = None, phone: str | None = None, external: tuple[str, str, str] | None = None
    ) -> Suppression:
        """Lift a suppression: who was erased and has this address, number or id may be taken in again.

        It needs a reason, which stays in the log: ``crm.given(reason="…")``.

        Args:
            email: The e-mail address.
            phone: The phone number.
            external: The kind of record, the other system's name, and the id there.

        Raises:
            Invalid: Not exactly one of them is given, it is none, or there is no reason.
            NotFound: It is not suppressed.
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> _ = crm.erase(crm.contacts.add(name="Ada", email="ada@engines.example"))
            >>> crm.given(reason="came back as a customer").unsuppress(email="ada@engines.example").way
            'email'
            >>> crm.contacts.add(name="Ada", email="ada@engines.example").version
            1
        """
        check_present(self.moment)
        return self._suppressions.lifted(email=email, phone=phone, external=external)

    def suppressed(
        self, *, email: str | None = None, phone: str | None = None, external: tuple[str, str, str] | None = None
    ) -> bool:
        """Whether somebody with an address, number or id was erased, and may not be taken in again.

        Args:
            email: The e-mail address.
            phone: The phone number.
            external: The kind of record, the other system's name, and the id there.

        Raises:
            Invalid: Not exactly one of them is given, or it is none.

        Example:
            >>> from crmcore import CRM
            >>> CRM().suppressed(email="ada@engines.example")
            False
        """
        return self._suppressions.holds(email=email, phone=phone, external=external)

    @property
    def _suppressions(self) -> SuppressionDesk:
        return cast("SuppressionDesk", self.desk(Suppression))

    def purge(self) -> Purge:
        """Take what was erased out of the bytes of the store's own files, where databases leave it.

        It may write every file anew, so it is best done at night, after any number of erasures. Backups, replicas and a
        server's write-ahead log are beyond it.

        Returns:
            That it is done, or what it waits for.

        Raises:
            NotAllowed: This is a view of the past, or within a batch.
            StoreError: The store could not do it, as when there is no room.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM("crm.db")
            >>> _ = crm.erase(crm.contacts.add(name="Ada Lovelace"))
            >>> crm.purge().done
            True
            >>> crm.close()
        """
        check_present(self.moment)
        if self._batch:
            raise NotAllowed("the files are purged outside of a batch", act="purge")
        return self.store.purge()
