"""Accounts: the companies and households a business has a relationship with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.reach import reached_by
from crmcore.kernel.records import Record, record
from crmcore.kernel.where import F
from crmcore.people.address import Address

__all__ = ["Account", "AccountDesk"]

ASKED_AT_ONCE = 500
"""How many accounts' children are asked for in one question."""


@record("account")
class Account(Record):
    """A company, or a household, that a business sells to.

    Attributes:
        name: What it is called.
        number: Its account number; no two live accounts share it, whatever its capitals.
        parent: The id of the account it is part of.
        email: The e-mail address to write to.
        phone: The phone number to call.
        website: Its website.
        emails: Further e-mail addresses, by label: ``{"billing": "bills@acme.example"}``.
        phones: Further phone numbers, by label.
        addresses: Postal addresses, by label.
        source: Where it came from: ``"trade fair"``.
        owner: The id of the staff member who looks after it.

    Example:
        >>> from crmcore import CRM
        >>> CRM().accounts.add(name="Acme").name
        'Acme'
    """

    name: str = field(key=True, searchable=True)
    number: str | None = field(default=None, key=True, unique=True, folded=True, searchable=True)
    parent: str | None = field(default=None, key=True, references="account")
    email: str | None = field(default=None, key=True, searchable=True)
    phone: str | None = field(default=None, key=True, searchable=True)
    website: str | None = field(default=None)
    emails: Mapping[str, str] = field(default=EMPTY, searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, searchable=True)
    addresses: Mapping[str, Address] = field(default=EMPTY)
    source: str | None = field(default=None, key=True)
    owner: str | None = field(default=None, key=True, references="staff")


class AccountDesk(Desk[Account]):
    """The accounts."""

    department = "people"

    def _added(self, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[Account]:
        """Add an account: the act behind ``add`` and ``upsert``."""
        return super()._added(context, fields=reached_by(self.kind, fields))

    def revise(
        self, record: Account, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[Account]:
        """Change fields of an account: the act behind ``update``."""
        return super().revise(record, context, fields=reached_by(self.kind, fields), version=version)

    # --- the hierarchy ----------------------------------------------------------------------------------------------

    def children(self, account: Account | str) -> tuple[Account, ...]:
        """The accounts that are right beneath an account, by name.

        Args:
            account: The account, or its id.
        """
        return tuple(self.each(F.parent == self._id(account), order_by="name"))

    def ancestors(self, account: Account | str) -> tuple[Account, ...]:
        """The accounts an account is part of, the nearest first, up to a deleted one.

        Args:
            account: The account, or its id.

        Raises:
            NotFound: There is none, or it was deleted.
        """
        above: list[Account] = []
        parent = self.get(self._id(account)).parent
        while parent is not None:
            found = self.front.store.get(self.kind, [parent], self.front.moment).get(parent)
            if found is None or found.deleted_at is not None:
                break
            above.append(found)
            parent = found.parent
        return tuple(above)

    def subtree(self, account: Account | str) -> tuple[Account, ...]:
        """An account and all that are part of it, level by level and each level by name.

        Args:
            account: The account, or its id.

        Raises:
            NotFound: There is none, or it was deleted.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.add(name="Acme")
            >>> north = crm.accounts.add(name="Acme North", parent=acme.id)
            >>> [account.name for account in crm.accounts.subtree(acme)]
            ['Acme', 'Acme North']
        """
        level = [self.get(self._id(account))]
        whole = [*level]
        while level:
            ids = [one.id for one in level]
            starts = range(0, len(ids), ASKED_AT_ONCE)
            below = [one for start in starts for one in self.each(F.parent.is_in(ids[start : start + ASKED_AT_ONCE]))]
            level = sorted(below, key=lambda one: (one.name, one.id))
            whole += level
        return tuple(whole)
