"""People: the accounts and, later, the contacts and customers a business deals with."""

from crmcore.people.account import Account, AccountDesk

__all__ = ["Account", "AccountDesk"]
