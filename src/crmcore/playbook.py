"""The playbook: how this business works, as one value that is kept in the log with everything else."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, get_args

import attrs

from crmcore.kernel.calendar import FiscalYear, zone
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import Money
from crmcore.kernel.rates import Rates
from crmcore.kernel.records import EMPTY, FrozenMap, Record, field, record
from crmcore.kernel.where import FieldType, Filter, from_data, to_data
from crmcore.sales.pipeline import SalesRules

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["Playbook", "PlaybookVersion"]

LONGEST_PLAYBOOK = 10_000_000
FIELD_TYPES = get_args(FieldType)


def _custom(custom: Mapping[str, Mapping[str, FieldType]]) -> Mapping[str, Mapping[str, FieldType]]:
    return FrozenMap({kind: FrozenMap(dict(fields)) for kind, fields in custom.items()})


@attrs.frozen(kw_only=True)
class Playbook:
    """How a business works.

    Attributes:
        currency: Its own currency, which bare numbers are in.
        zone: Its time zone, which bare dates are in.
        fiscal_year: Its fiscal year.
        rates: Dated exchange rates.
        sales: How it sells.
        custom: The fields it added, by kind: ``{"opportunity": {"region": "text"}}``.

    Raises:
        Invalid: The currency, the zone or a custom field's type is unknown.

    Example:
        >>> from crmcore import CRM, Playbook
        >>> crm = CRM(playbook=Playbook(currency="EUR", custom={"opportunity": {"region": "text"}}))
        >>> crm.opportunities.add(name="Roof", amount="12000", custom={"region": "north"}).amount
        Money('12000.00', 'EUR')
    """

    currency: str = "USD"
    zone: str = "UTC"
    fiscal_year: FiscalYear = attrs.field(factory=FiscalYear)
    rates: Rates = Rates(())
    sales: SalesRules = attrs.field(factory=SalesRules)
    custom: Mapping[str, Mapping[str, FieldType]] = attrs.field(default=EMPTY, converter=_custom)

    def __attrs_post_init__(self) -> None:
        """Check it once, when it is made."""
        Money.of_minor(0, self.currency)
        zone(self.zone)
        problems = [
            Problem(f"custom.{kind}.{name}", type, f"one of {', '.join(FIELD_TYPES)}", "choose one of them")
            for kind, fields in self.custom.items()
            for name, type in fields.items()
            if type not in FIELD_TYPES
        ]
        if problems:
            raise Invalid(problems)

    def to_data(self) -> dict[str, Any]:
        """The playbook as plain data that JSON can hold."""
        data: dict[str, Any] = _converter().unstructure(self)
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The playbook that plain data describes.

        Args:
            data: What ``to_data`` gave, perhaps edited.

        Raises:
            Invalid: The data is no playbook: every problem at once.
        """
        from cattrs import transform_error
        from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

        try:
            return _converter().structure(data, cls)
        except (BaseValidationError, ForbiddenExtraKeysError) as error:
            found = [Problem("playbook", "data", text, "correct it") for text in transform_error(error)]
            raise Invalid(found) from error

    @property
    def text(self) -> str:
        """The playbook as canonical JSON: equal playbooks give equal text."""
        return json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @functools.cached_property
    def hash(self) -> str:
        """A short fingerprint of the text, which every change made under it carries."""
        from hashlib import sha256

        return sha256(self.text.encode()).hexdigest()[:16]


@functools.cache
def _converter() -> Converter:
    """Turns playbooks into plain data and back; filters and rates have forms of their own."""
    from cattrs import Converter

    made = Converter(forbid_extra_keys=True, omit_if_default=True)
    made.register_unstructure_hook(Decimal, str)
    made.register_structure_hook(Decimal, lambda raw, _: Decimal(raw))
    made.register_unstructure_hook(Rates, Rates.to_dicts)
    made.register_structure_hook(Rates, lambda raw, _: Rates.from_dicts(raw))
    made.register_unstructure_hook_func(_is_filter, to_data)
    made.register_structure_hook_func(_is_filter, lambda raw, _: from_data(raw))
    made.register_unstructure_hook(FrozenMap, _mapped)
    return made


def _is_filter(cls: Any) -> bool:  # noqa: ANN401 - cattrs asks about anything
    return isinstance(cls, type) and issubclass(cls, Filter)


def _mapped(items: FrozenMap[str, Any]) -> dict[str, Any]:
    return {key: _converter().unstructure(value) for key, value in items.items()}


@record("playbook")
class PlaybookVersion(Record):
    """A playbook as the log keeps it: a record of its own, so that its history is kept like any other.

    Attributes:
        hash: Its fingerprint.
        text: The playbook as canonical JSON.
    """

    hash: str = field()
    text: str = field(longest=LONGEST_PLAYBOOK)
