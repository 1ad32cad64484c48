"""People: the contacts and accounts a business deals with, and who belongs to whom."""

from crmcore.people.account import Account, AccountDesk
from crmcore.people.address import Address
from crmcore.people.affiliation import Affiliation, AffiliationDesk
from crmcore.people.contact import Contact, ContactDesk
from crmcore.people.suppression import Suppression, SuppressionDesk

__all__ = [
    "Account",
    "AccountDesk",
    "Address",
    "Affiliation",
    "AffiliationDesk",
    "Contact",
    "ContactDesk",
    "Suppression",
    "SuppressionDesk",
]
