"""The playbook: how this business works, as one value that is kept in the log with everything else."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast, get_args, get_origin

import attrs

from crmcore.activity import Note, Tag, Touchpoint
from crmcore.kernel.calendar import FiscalYear, zone
from crmcore.kernel.custom_field import FIELD_TYPES, CustomField
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY, FrozenMap
from crmcore.kernel.keys import EPOCH
from crmcore.kernel.money import Money, number
from crmcore.kernel.rates import Rates
from crmcore.kernel.records import Kind, Record, kind_of, record
from crmcore.kernel.requirement import Requirement, requirements
from crmcore.kernel.values import read_text
from crmcore.kernel.where import F, FieldType, Filter, checked, from_data, to_data
from crmcore.people import Account, Affiliation, Contact, Suppression
from crmcore.sales import Lead, Opportunity, Order, Product, SalesRules, Stage, Subscription
from crmcore.staff import Staff

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["Playbook", "PlaybookDesk", "PlaybookVersion"]

LONGEST_PLAYBOOK = 10_000_000
LONGEST_NAME = 100
NO_RATES = Rates(())
OURS: tuple[type[Record], ...] = (
    *(Account, Affiliation, Contact, Lead, Note, Opportunity, Order, Product, Staff, Subscription, Suppression, Tag),
    Touchpoint,
)
"""The kinds every CRM has: conditions that ask about them are checked when a playbook is made."""

T = TypeVar("T")


def _custom(custom: Mapping[str, Mapping[str, CustomField | FieldType]]) -> Mapping[str, Mapping[str, CustomField]]:
    """Custom fields, some of which were named by their type alone; what is none is kept, to be listed."""
    if not isinstance(custom, Mapping) or not all(isinstance(fields, Mapping) for fields in custom.values()):
        mend = 'write {"opportunity": {"region": "text"}}'
        raise Invalid([Problem("custom", type(custom).__name__, "custom fields by name, by kind", mend)])
    return FrozenMap(
        {kind: FrozenMap({name: _declared(one) for name, one in fields.items()}) for kind, fields in custom.items()}
    )


def _declared(one: CustomField | FieldType) -> CustomField:
    """A custom field, which its type alone may stand for."""
    return CustomField(one) if isinstance(one, str) and one in FIELD_TYPES else cast("CustomField", one)


@attrs.frozen(kw_only=True)
class Playbook:
    """How a business works.

    Attributes:
        currency: Its own currency, which bare numbers are in.
        zone: Its time zone, which bare dates are in.
        fiscal_year: Its fiscal year.
        rates: Dated exchange rates.
        sales: How it sells.
        custom: The fields it added, by kind: ``{"opportunity": {"region": CustomField("text")}}``; for a field
            that is only of a type, the type will do.

    Raises:
        Invalid: The currency, the zone, a custom field's type or a field that a stage or a condition asks for is
            unknown: all at once.

    Example:
        >>> from crmcore import CRM, Playbook
        >>> crm = CRM(playbook=Playbook(currency="EUR", custom={"opportunity": {"region": "text"}}))
        >>> crm.opportunities.add(name="Roof", amount="12000", custom={"region": "north"}).amount
        Money('12000.00', 'EUR')
    """

    currency: str = "USD"
    zone: str = "UTC"
    fiscal_year: FiscalYear = attrs.field(factory=FiscalYear)
    rates: Rates = NO_RATES
    sales: SalesRules = attrs.field(factory=SalesRules)
    custom: Mapping[str, Mapping[str, CustomField]] = attrs.field(default=EMPTY, converter=_custom)

    def __attrs_post_init__(self) -> None:
        """Check it once, when it is made."""
        problems = [*self._part_problems(), *self._custom_problems()]
        if problems:
            raise Invalid(problems)
        problems = [*self._stage_problems(), *self.condition_problems(map(kind_of, OURS))]
        if problems:
            raise Invalid(problems)

    def _part_problems(self) -> Iterable[Problem]:
        """What is wrong with its plain parts."""
        parts = {"zone": str, "fiscal_year": FiscalYear, "rates": Rates, "sales": SalesRules}
        for name, cls in parts.items():
            if not isinstance(getattr(self, name), cls):
                yield Problem(name, getattr(self, name), f"a {cls.__name__}", f"make it one, or leave {name} out")
        yield from _problems(lambda: Money.of_minor(0, self.currency))
        yield from _problems(lambda: zone(self.zone))

    def _custom_problems(self) -> Iterable[Problem]:
        """What is wrong with the custom fields."""
        custom: Mapping[str, Mapping[str, object]] = self.custom
        for kind, fields in custom.items():
            yield from _problems(functools.partial(read_text, kind, LONGEST_NAME, path="custom", empty=False))
            for name, told in fields.items():
                path = f"custom.{kind}.{name}"
                yield from _problems(functools.partial(read_text, name, LONGEST_NAME, path=path, empty=False))
                if not isinstance(told, CustomField):
                    mend = "choose one of them, or give a CustomField"
                    yield Problem(path, told, f"one of {', '.join(FIELD_TYPES)}", mend)

    def condition_problems(self, kinds: Iterable[Kind[Any]]) -> Iterator[Problem]:
        """What the conditions of custom fields ask about that records of their kind do not have.

        Args:
            kinds: The kinds to look at.
        """
        for kind in kinds:
            yield from _problems(functools.partial(self.requirements, kind, EPOCH))

    def requirements(self, kind: Kind[Any], at: datetime) -> tuple[Requirement, ...]:
        """The custom fields that records of a kind need.

        Args:
            kind: The kind.
            at: The instant that ``ago(…)`` in a condition counts from.

        Raises:
            Invalid: A condition asks for what the kind does not have.
        """
        custom = self.custom.get(kind.name, EMPTY)
        return requirements(kind, custom, currency=self.currency, zone=self.zone, at=at)

    @functools.cached_property
    def requiring(self) -> frozenset[str]:
        """The kinds of which some records need a custom field."""
        return frozenset(kind for kind, fields in self.custom.items() if any(told.needed for told in fields.values()))

    def _stage_problems(self) -> Iterable[Problem]:
        """What stages ask for that deals do not have."""
        for line in self.sales.pipelines:
            for stage in line.stages:
                for problem in self._asked_problems(stage):
                    yield attrs.evolve(problem, path=f"pipeline {line.name}, stage {stage.name}: {problem.path}")

    def _asked_problems(self, stage: Stage) -> Iterable[Problem]:
        kind, custom = kind_of(Opportunity), self.custom.get("opportunity", EMPTY)
        everything: tuple[Filter | str, ...] = (*stage.requires, *stage.exit_criteria)
        for asked in everything:
            yield from _problems(functools.partial(self._checked, asked, kind, custom))

    def _checked(self, asked: Filter | str, kind: Kind[Any], custom: Mapping[str, CustomField]) -> Filter:
        if isinstance(asked, str):
            asked = F[asked].is_set
        return checked(asked, kind.types_for(asked, custom), currency=self.currency, at=EPOCH, zone=self.zone)

    def to_data(self) -> dict[str, Any]:
        """The playbook as plain data that JSON can hold: all of it, so that its meaning outlives our defaults."""
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
        from cattrs.errors import BaseValidationError

        if not isinstance(data, Mapping):
            raise Invalid([Problem("playbook", data, "a mapping", "give what to_data() wrote")])
        try:
            return _converter().structure(data, cls)
        except BaseValidationError as error:
            raise Invalid(_found(error, "playbook")) from error

    @property
    def text(self) -> str:
        """The playbook as canonical JSON, in which a playbook is always the same text."""
        return json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @functools.cached_property
    def hash(self) -> str:
        """A short fingerprint of the text, which every change made under it carries."""
        from hashlib import sha256

        return sha256(self.text.encode()).hexdigest()[:16]


def _problems(check: Callable[[], object]) -> tuple[Problem, ...]:
    """The problems a check finds."""
    try:
        check()
    except Invalid as error:
        return error.problems
    return ()


@functools.cache
def _converter() -> Converter:
    """Turns playbooks into plain data and back; filters and rates have forms of their own."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

    made = Converter(forbid_extra_keys=True)
    made.register_unstructure_hook(Decimal, str)
    made.register_structure_hook(Decimal, _decimal)
    made.register_structure_hook(str, _exactly)
    made.register_structure_hook(int, _exactly)
    made.register_structure_hook(bool, _exactly)
    made.register_unstructure_hook(Rates, Rates.to_dicts)
    made.register_structure_hook(Rates, lambda raw, _: Rates.from_dicts(raw))
    made.register_unstructure_hook_func(_is_filter, to_data)
    made.register_structure_hook_func(_is_filter, lambda raw, _: from_data(raw))
    made.register_structure_hook_func(_is_tuple, functools.partial(_each, made))
    write, read = make_dict_unstructure_fn(CustomField, made), make_dict_structure_fn(CustomField, made)
    made.register_unstructure_hook(CustomField, lambda one: one.type if one == CustomField(one.type) else write(one))
    made.register_structure_hook(CustomField, lambda raw, cls: _custom_field(raw) or read(raw, cls))
    return made


def _each(made: Converter, raw: object, cls: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type with its arguments
    """Every item of a list, or the errors of all of them; text is no list, though it has letters to go through."""
    from cattrs.errors import IterableValidationError, IterableValidationNote

    if not isinstance(raw, list | tuple):
        raise Invalid([Problem("value", type(raw).__name__, "a list", "put it in brackets")])
    found: list[Any] = []
    errors: list[Exception] = []
    for place, one in enumerate(raw):
        try:
            found.append(made.structure(one, get_args(cls)[0]))
        except Exception as error:  # noqa: BLE001 - told with the others
            error.add_note(IterableValidationNote("", place, cls))
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, cls)
    return tuple(found)


def _custom_field(raw: object) -> CustomField | None:
    """A custom field of which the type alone is said; None when there is more to read."""
    if isinstance(raw, str):
        return CustomField(cast("FieldType", raw))
    if isinstance(raw, Mapping) and not isinstance(raw.get("choices", []), list):
        raise Invalid([Problem("choices", raw["choices"], "a list of texts", "put them in brackets")])
    return None


def _exactly(raw: object, cls: type[T]) -> T:
    """A value that must be of its type already: cattrs would make text of anything."""
    if type(raw) is cls:
        return raw
    raise Invalid([Problem("value", raw, f"a value of type {cls.__name__}", "correct it")])


def _decimal(raw: object, _: type[Decimal]) -> Decimal:
    found = number(raw)
    if found is None:
        raise Invalid([Problem("value", raw, "a number", "correct it")])
    return found


def _found(error: BaseException, path: str) -> Iterator[Problem]:
    """The problems in an error of cattrs: a tree that notes at each branch where it leads."""
    from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

    match error:
        case IterableValidationError():
            noted, rest = error.group_exceptions()
            branches = [(one, f"{path}[{note.index!r}]") for one, note in noted] + [(one, path) for one in rest]
        case ClassValidationError():
            known, rest = error.group_exceptions()
            branches = [(one, f"{path}.{note.name}") for one, note in known] + [(one, path) for one in rest]
        case Invalid():
            branches = []
            yield from (attrs.evolve(problem, path=f"{path}: {problem.path}") for problem in error.problems)
        case ForbiddenExtraKeysError():
            branches = []
            yield Problem(path, sorted(map(str, error.extra_fields)), "no such keys", "take them out, or correct them")
        case _:
            branches = []
            yield Problem(path, type(error).__name__, "data as to_data() writes it", "give it, or correct it")
    for one, place in branches:
        yield from _found(one, place)


def _is_tuple(cls: Any) -> bool:  # noqa: ANN401 - cattrs asks about anything
    return get_origin(cls) is tuple


def _is_filter(cls: Any) -> bool:  # noqa: ANN401 - cattrs asks about anything
    return isinstance(cls, type) and issubclass(cls, Filter)


@record("playbook")
class PlaybookVersion(Record):
    """A playbook as the log keeps it: a record of its own, so that its history is kept like any other.

    Attributes:
        hash: Its fingerprint.
        text: The playbook as canonical JSON.
    """

    hash: str = field()
    text: str = field(longest=LONGEST_PLAYBOOK)


class PlaybookDesk(Desk[PlaybookVersion]):
    """The playbook with its history: to be read, for ``CRM.adopt`` alone writes it."""

    def originate(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        message = "a playbook is not written like other records; possible: adopt"
        raise NotAllowed(message, act="add", possible=("adopt",))

    def perform(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        self.originate()

    def load(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        self.originate()
