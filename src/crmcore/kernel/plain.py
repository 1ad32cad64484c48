"""Plain data: what a host sends on as JSON, and the JSON Schema that says what it looks like.

Text, whole numbers and booleans stand for themselves. A decimal is text, so that no digit is lost; days and
instants are ISO 8601, instants in UTC; money is an object of amount and currency; members and parts are objects.
Whatever is missing is null, so that every record of a kind has the same shape.

pydantic asks classes for both by methods of its own, and with it FastAPI, for responses and for OpenAPI. Nothing
of it is imported before it asks.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Container, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, ClassVar, TypeAlias, TypeVar, get_args, get_origin

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.hints import property_hints, stripped
from crmcore.kernel.instants import instant

__all__ = ["Plain", "items_schema", "plain", "taught"]

T = TypeVar("T")

Data: TypeAlias = dict[str, Any]
"""An object of JSON."""

Refer: TypeAlias = Callable[[type], Data]
"""How a schema refers to that of a class within it."""

_FORMS: dict[Any, Data] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "format": "decimal"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}
_LIMITS: dict[Any, Mapping[str, str]] = {
    str: {"longest": "maxLength"},
    int: {"minimum": "minimum", "maximum": "maximum"},
}
"""What the limits of a declared field are called in JSON Schema, by its type."""

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
"""What the docstring of a class says of one of its fields."""

_TELLERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((str, int, NoneType), lambda value: value),
    (Decimal, "{:f}".format),
    (datetime, lambda value: instant(value, zone="UTC").isoformat().replace("+00:00", "Z")),
    (date, date.isoformat),
    (Mapping, lambda items: {name: plain(one) for name, one in items.items()}),
    ((tuple, list), lambda items: [plain(one) for one in items]),
)
"""How a value is told, by the first of its types."""


def plain(value: Any) -> Any:  # noqa: ANN401 - any value that a record holds
    """A value as JSON can hold it.

    Args:
        value: A record, a change, a page, money, a part, or any value that one of them holds.

    Raises:
        Invalid: It is nothing that a record holds.

    Example:
        >>> from crmcore import Address, Money
        >>> from crmcore.kernel.plain import plain
        >>> plain({"fee": Money("12", "EUR"), "home": (Address(city="London"),)})["fee"]
        {'amount': '12.00', 'currency': 'EUR'}
    """
    for held, tell in _TELLERS:
        if isinstance(value, held):
            return tell(value)
    told = getattr(type(value), "to_data", None)
    if callable(told):
        return told(value)
    if attrs.has(type(value)):
        return _object(value)
    raise Invalid([Problem("value", type(value).__name__, "a record, or what one holds", "convert it first")])


def _object(value: Any) -> Data:  # noqa: ANN401 - an instance of a class with fields
    """A value with fields as an object."""
    return {name: plain(getattr(value, name)) for name in _told(type(value))}  # type: ignore[arg-type]


@functools.cache
def _told(cls: type) -> Mapping[str, Any]:
    """What is told of a class, and the types of that; a part tells what it can be made of again, and no more."""
    hints = typing.get_type_hints(cls)
    found = {name: hints[name] for name in attrs.fields_dict(cls)}
    if issubclass(cls, Plain):
        derived = property_hints(cls)
        found |= {name: hint for name, hint in derived.items() if _is_plain(stripped(hint)[0])}
        found = {name: found[name] for name in cls.__tells__ or found}
    return found


def _is_plain(hint: object) -> bool:
    return hint in _FORMS or hasattr(hint, "to_data")


class Plain:
    """What can be told as plain data."""

    __slots__ = ()

    __tells__: ClassVar[tuple[str, ...]] = ()
    """The names of what it tells; none for its fields and typed properties."""

    def to_data(self) -> Data:
        """It as JSON can hold it, personal values included.

        Example:
            >>> from crmcore import CRM, Money
            >>> deal = CRM().opportunities.add(name="Roof", amount=Money("12000", "EUR"), close_on="2026-12-15")
            >>> data = deal.to_data()
            >>> data["amount"], data["close_on"], data["lost_reason"]
            ({'amount': '12000.00', 'currency': 'EUR'}, '2026-12-15', None)
        """
        return _object(self)

    @classmethod
    def json_schema(cls) -> Data:
        """The JSON Schema of what ``to_data`` gives.

        Example:
            >>> from crmcore import Opportunity
            >>> Opportunity.json_schema()["properties"]["status"]["enum"]
            ['open', 'won', 'lost']
        """
        return _inline(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # noqa: ANN401 - types of pydantic
        """For pydantic: an instance, told as plain data; read from such data where the class has ``from_data``."""
        return _core_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Data:  # noqa: ANN401 - as above
        """For pydantic: what that data looks like, parts and money under names of their own."""
        return _schema(cls, _named(handler))


# --- what it looks like -----------------------------------------------------------------------------------------------


def _inline(cls: type) -> Data:
    return _schema(cls, _inline)


def _schema(cls: type, refer: Refer) -> Data:
    """The schema of a class whose fields are told."""
    words, settable = _words(cls), _settable(cls)
    properties = {
        name: form | words.get(name, {}) | ({} if name in settable else {"readOnly": True})
        for name, form in _forms(cls, refer).items()
    }
    whole = {"title": cls.__name__, "type": "object", "properties": properties, "required": [*properties]}
    return whole | words.get("", {})


def _forms(cls: type, refer: Refer) -> Mapping[str, Data]:
    """What each value looks like that is told of a class."""
    declared = _declared(cls)
    forms = {name: _form(hint, declared.get(name, {}), refer) for name, hint in _told(cls).items()}
    lifecycle = getattr(cls, "__crm__", (None, None, None))[2]
    return forms if lifecycle is None else forms | {lifecycle[0]: {"enum": [*lifecycle[1].states]}}


def _declared(cls: type) -> Mapping[str, Mapping[str, Any]]:
    """What a class declares of its fields."""
    return {one.name: one.metadata.get("crmcore", {}) for one in attrs.fields(cls)}


def _form(hint: object, declared: Mapping[str, Any], refer: Refer) -> Data:
    """What a value looks like, or its absence."""
    held, optional = stripped(hint)
    form = _single(held, declared, refer)
    return {"anyOf": [form, {"type": "null"}]} if optional else form


def _single(held: Any, declared: Mapping[str, Any], refer: Refer) -> Data:  # noqa: ANN401 - any type
    """What a value looks like that is there."""
    if held in _FORMS:
        limits = {said: declared.get(name) for name, said in _LIMITS.get(held, {}).items()}
        return _FORMS[held] | {said: limit for said, limit in limits.items() if limit is not None}
    if held is Any:
        return {}
    if get_origin(held) is tuple:
        return {"type": "array", "items": _single(get_args(held)[0], declared, refer)}
    if get_origin(held) is Mapping:
        return {"type": "object", "additionalProperties": _single(get_args(held)[1], declared, refer)}
    return refer(held)


def _settable(cls: type) -> Container[str]:
    """What may be set by name: of a record neither what acts write nor what follows from the rest."""
    if not hasattr(cls, "__crm__"):
        return _told(cls)
    state = {"id", "version"} if cls.__crm__[2] is None else {"id", "version", cls.__crm__[2][0]}
    return {name for name, told in _declared(cls).items() if not told.get("by_act")} - state


def _words(cls: type) -> Mapping[str, Data]:
    """The descriptions that docstrings give: of a class, under no name, and of what it tells, by name."""
    texts = [inspect.cleandoc(one.__doc__ or "") for one in reversed(cls.__mro__)]
    sections = [text.partition("\nAttributes:\n")[2] for text in texts]
    words = {name: text for section in sections for name, text in _ATTRIBUTE.findall(section)}
    words |= {name: getattr(cls, name).__doc__ or "" for name in property_hints(cls)} | {"": texts[-1]}
    whole = {name: " ".join(text.partition("\n\n")[0].replace("``", "`").split()) for name, text in words.items()}
    return {name: {"description": text} for name, text in whole.items() if text}


# --- pydantic ---------------------------------------------------------------------------------------------------------


def _core_schema(cls: type) -> Any:  # noqa: ANN401 - types of pydantic
    """For pydantic: an instance of a class, told as plain data; read from such data where the class can."""
    from pydantic_core import core_schema as core

    told = core.plain_serializer_function_ser_schema(plain)
    if not hasattr(cls, "from_data"):
        return core.is_instance_schema(cls, ref=_name(cls), serialization=told)
    held = core.is_instance_schema(cls)
    return core.no_info_before_validator_function(cls.from_data, held, ref=_name(cls), serialization=told)


def _name(cls: type) -> str:
    """What pydantic calls a class."""
    return f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"


def _named(handler: Any) -> Refer:  # noqa: ANN401 - a type of pydantic
    """Refers to the schema of a class by its name in the document that pydantic writes, if the class says its own."""

    def refer(cls: type) -> Data:
        if not hasattr(cls, "__get_pydantic_core_schema__"):
            return _schema(cls, refer)
        from pydantic import TypeAdapter
        from pydantic_core import core_schema as core

        named: Data = handler(core.list_schema(TypeAdapter(cls).core_schema))["items"]
        return named

    return refer


def taught(cls: type[T]) -> type[T]:
    """A class that pydantic knows how to tell, as it knows those that are ``Plain``.

    Args:
        cls: A class whose fields are of plain types.
    """
    for name in ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__"):
        setattr(cls, name, vars(Plain)[name])
    return cls


def items_schema(cls: type, source: Any, handler: Any) -> Any:  # noqa: ANN401 - types of pydantic
    """For pydantic: an instance of a class with ``items`` and ``next``, told as plain data.

    Args:
        cls: The class.
        source: It, or it with the type of its items.
        handler: What makes the schema of that type.
    """
    from pydantic_core import core_schema as core

    anything = core.any_schema(serialization=core.plain_serializer_function_ser_schema(plain))
    item: Any = handler.generate_schema(get_args(source)[0]) if get_args(source) else anything
    fields = {"items": core.list_schema(item), "next": core.nullable_schema(core.str_schema())}
    shape = core.typed_dict_schema({name: core.typed_dict_field(one) for name, one in fields.items()})
    told = core.plain_serializer_function_ser_schema(
        lambda page: {"items": [*page.items], "next": page.next}, return_schema=shape
    )
    name = f"{_name(cls)}[{item['schema_ref']}]" if "schema_ref" in item else None
    return core.is_instance_schema(cls, ref=name, serialization=told)
