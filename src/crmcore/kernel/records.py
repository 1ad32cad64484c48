"""What a record is: a frozen value with an id, a version, and fields that say what they are.

Its class is declared with ``@record``; everything that was declared makes its kind.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, get_args

import attrs

from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import Field, checked_name, field, fields_of, properties_of
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.plain import Plain
from crmcore.kernel.where import FieldType, Filter

__all__ = ["Kind", "R", "Record", "kind_named", "kind_of", "record"]

K = TypeVar("K")


def _hash(self: Record) -> int:
    return hash((type(self).__name__, self.id, self.version))


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field, attrs.field))
def record(
    kind: str,
    *,
    plural: str | None = None,
    lifecycle: tuple[str, Lifecycle] | None = None,
) -> Callable[[type[K]], type[K]]:
    """Make a class the record class of a kind: frozen, keyword-only, slotted.

    Args:
        kind: The kind's name, as in ids and tables: ``"opportunity"``.
        plural: The name of its desk and of its SQL view; default: the kind and an s.
        lifecycle: The field that holds its state, and the table of moves between states.

    Raises:
        Invalid: The kind's name is not a plain lower-case word.
    """

    def decorate(cls: type[K]) -> type[K]:
        cls.__hash__ = _hash  # type: ignore[assignment, method-assign]
        made = attrs.frozen(kw_only=True)(cls)
        made.__crm__ = (checked_name(kind), checked_name(plural or f"{kind}s"), lifecycle)  # type: ignore[attr-defined]
        return made

    return decorate


def _unvalued(members: Mapping[str, Any]) -> str:
    """Members by name alone: which custom fields are personal only the playbook knows, and of ids elsewhere nobody."""
    return f"<{', '.join(members)}>"


@record("record")
class Record(Plain):
    """What every record has.

    Attributes:
        id: Its name for life: text that begins with the kind.
        version: How many changes made it; 1 when new.
        custom: The fields this business added, declared in its playbook.
        external: Its ids in other systems, by the system's name; unique per system.
        tags: The ids of its tags.
        deleted_at: When it was deleted; None while it lives.
        merged_into: The id of the record that replaced it in a merge; None otherwise.
    """

    __crm__: ClassVar[tuple[str, str, tuple[str, Lifecycle] | None]]
    __attrs_attrs__: ClassVar[Any]

    id: str
    version: int = 1
    custom: Mapping[str, Any] = attrs.field(default=EMPTY, repr=_unvalued)
    external: Mapping[str, str] = attrs.field(default=EMPTY, repr=_unvalued)
    tags: Mapping[str, bool] = field(default=EMPTY, references="tag", by_act=True)
    deleted_at: datetime | None = field(default=None, by_act=True)
    merged_into: str | None = field(default=None, by_act=True)

    def flaws(self) -> Iterable[Problem]:
        """What is wrong with it as a whole: nothing, unless its class has rules that span several fields.

        A change that would bring a record into a flaw is refused, whoever makes it, and also when it is the past
        that changes. Override it in a class of your own.

        Example:
            >>> from crmcore import CRM
            >>> from crmcore.kernel import Record, field, record
            >>> from crmcore.kernel.errors import Problem
            >>> @record("hall")
            ... class Hall(Record):
            ...     seats: int = field()
            ...     sold: int = field(default=0)
            ...
            ...     def flaws(self):
            ...         if self.sold > self.seats:
            ...             yield Problem("sold", self.sold, f"at most {self.seats}", "sell fewer")
            >>> CRM(kinds=[Hall]).halls.add(seats=2, sold=3)
            Traceback (most recent call last):
            crmcore.kernel.errors.Invalid: sold: got 3, expected at most 2; sell fewer
        """
        return ()


R = TypeVar("R", bound=Record)

_OWN = frozenset({"id", "version", "custom"})


@attrs.frozen(eq=False)
class Kind(Generic[R]):
    """A kind of record: its class and everything declared about it.

    Attributes:
        name: As in ids and tables: ``"opportunity"``.
        plural: As its desk and SQL view: ``"opportunities"``.
        cls: The record class.
        fields: Its declared fields by name, without ``id``, ``version`` and those that hold members.
        members: The fields that hold members by name, ``custom`` left out, whose members the playbook declares.
        types: What filters may ask about: fields and typed properties, by name.
        lifecycle: The field that holds its state and the table of moves; None when it has none.
    """

    name: str
    plural: str
    cls: type[R]
    fields: Mapping[str, Field]
    members: Mapping[str, Field]
    types: Mapping[str, FieldType]
    lifecycle: tuple[str, Lifecycle] | None
    names: tuple[str, ...]

    @functools.cached_property
    def keys(self) -> tuple[Field, ...]:
        """The fields stores keep a column for."""
        return tuple(declared for declared in self.fields.values() if declared.key)

    @functools.cached_property
    def unique(self) -> tuple[Field, ...]:
        """The fields whose value no two live records share."""
        return tuple(declared for declared in self.fields.values() if declared.unique)

    @functools.cached_property
    def mappings(self) -> frozenset[str]:
        """The fields that are never set as a whole, but by a dotted name for each member."""
        return frozenset({"custom", *self.members})

    @functools.cached_property
    def flaws(self) -> Callable[[R], Iterable[Problem]] | None:
        """Says what is wrong with a record as a whole; None when its class has no such rules."""
        found = self.cls.flaws
        return found if isinstance(found, types.FunctionType) and found is not Record.flaws else None

    def declared(self, name: str) -> Field | None:
        """What is declared of a field, which a dotted name may lead into; None of custom and unknown ones.

        Args:
            name: The field's name.
        """
        whole, dot, _ = name.partition(".")
        return self.members.get(whole) if dot or whole in self.members else self.fields.get(whole)

    def types_for(self, where: Filter, custom: Mapping[str, CustomField]) -> dict[str, FieldType]:
        """What a filter may ask about: fields, typed properties, custom fields, and the members it names.

        Args:
            where: The filter.
            custom: The custom fields of the kind, by name.
        """
        named = {name: self.members.get(name.partition(".")[0]) for name in where.fields if "." in name}
        plain = {name: told.type for name, told in named.items() if told is not None and told.part is None}
        return {**self.types, **{f"custom.{name}": one.type for name, one in custom.items()}, **plain}  # type: ignore[dict-item]


def kind_of(cls: type[R]) -> Kind[R]:
    """The kind a record class was declared as.

    Args:
        cls: A class decorated with ``@record``.

    Raises:
        Invalid: The class was not, or a field's type can't be kept.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.sales import Opportunity
        >>> kind_of(Opportunity).plural
        'opportunities'
    """
    try:
        found: Kind[R] = vars(cls)["_crm_kind"]
    except (KeyError, TypeError):
        found = _made(cls)
        type.__setattr__(cls, "_crm_kind", found)
    return found


def _made(cls: type[R]) -> Kind[R]:
    if not isinstance(cls, type) or "__crm__" not in vars(cls):
        raise _no_record_class(cls)
    name, plural, lifecycle = cls.__crm__
    declared = attrs.fields_dict(cls)
    every = fields_of(cls, but=_OWN)
    fields = {key: told for key, told in every.items() if not told.members}
    members = {key: told for key, told in every.items() if told.members}
    if lifecycle is not None:
        state, table = lifecycle
        fields[state] = _state(fields.get(state), state, declared, table)
    filterable: dict[str, FieldType] = {"id": "text", "version": "integer"}
    filterable |= {key: told.type for key, told in fields.items() if told.type in get_args(FieldType)}  # type: ignore[misc]
    return Kind(name, plural, cls, fields, members, filterable | properties_of(cls), lifecycle, tuple(declared))


def kind_named(id: str, kinds: Mapping[str, Kind[Any]]) -> Kind[Any] | None:
    """The kind of the record with an id: ids begin with their kind's name.

    Args:
        id: The id.
        kinds: The kinds there are, by name.
    """
    named = [kind for name, kind in kinds.items() if f"{id}_".startswith(f"{name}_")]
    return max(named, key=lambda kind: len(kind.name), default=None)


def _no_record_class(cls: object) -> Invalid:
    return Invalid([Problem("kind", cls, "a class decorated with @record", 'write @record("…") above the class')])


def _state(found: Field | None, name: str, declared: Mapping[str, attrs.Attribute[Any]], table: Lifecycle) -> Field:
    """The field of a lifecycle: only acts write it, and a new record starts in an initial state."""
    if found is None or found.type != "text" or found.optional:
        raise Invalid([Problem("lifecycle", name, "a str field of the class", "name the field that holds the state")])
    if not found.required and declared[name].default not in table.initial:
        expected = f"as its default one of {', '.join(table.initial)}"
        raise Invalid([Problem(name, declared[name].default, expected, "correct the default, or the lifecycle")])
    return attrs.evolve(found, by_act=True)
