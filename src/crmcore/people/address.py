"""Postal addresses, as parts of the records that have them."""

from __future__ import annotations

from crmcore.kernel.fields import field, part

__all__ = ["Address"]


@part
class Address:
    """A postal address.

    Attributes:
        street: The street and number, with everything else that stands above the city.
        city: The city.
        postcode: The postal code.
        region: The state, province or county.
        country: The country.

    Example:
        >>> from crmcore import CRM, Address
        >>> home = Address(street="12 St James's Square", city="London")
        >>> CRM().contacts.add(name="Ada Lovelace", addresses={"home": home}).addresses["home"].city
        'London'
    """

    street: str | None = field(default=None, personal=True)
    city: str | None = field(default=None, personal=True)
    postcode: str | None = field(default=None, personal=True)
    region: str | None = field(default=None, personal=True)
    country: str | None = field(default=None, personal=True)
