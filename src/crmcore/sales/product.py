"""Products: what is sold."""

from __future__ import annotations

from crmcore.kernel.desk import Desk
from crmcore.kernel.fields import field
from crmcore.kernel.records import Record, record

__all__ = ["Product", "ProductDesk"]


@record("product")
class Product(Record):
    """A product or service on offer.

    Attributes:
        name: What it is called.
        code: Its number in the catalogue; no two live products share one.

    Example:
        >>> from crmcore import CRM
        >>> CRM().products.add(name="Consulting day", code="C-1").code
        'C-1'
    """

    name: str = field(key=True, searchable=True)
    code: str | None = field(default=None, key=True, unique=True)


class ProductDesk(Desk[Product]):
    """The products."""

    department = "sales"
