"""Malformed inputs: what somebody might send, made from what they should, and the classics that break readers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

__all__ = ["CLASSICS", "INJECTIONS", "VALUES", "mutated_data", "mutated_text", "size_of"]

HUGE = 200_000
LONG = 20_000
"""How long texts are that a careless pattern reads over and over."""
DEEP = 100_000
"""How deep texts nest; values that do are built, so that it must not be deeper than this process can take apart."""
NESTED = 2_000

INJECTIONS = (
    "'; DROP TABLE crm_change; --",
    "' OR '1'='1",
    "x') OR 1=1 --",
    "' UNION SELECT sql, 1, 1, 1 FROM sqlite_master --",
    '" UNION SELECT name, 1, 1, 1 FROM sqlite_master --',
    "1); ATTACH DATABASE 'x' AS y; --",
    "randomblob(1000000000)",
    "load_extension('x')",
    '$."x',
    "$.x[#-1]",
    "'$.x') OR json_extract(body, '$.y",
    "%s%s%n",
    "{0.__class__}",
    "?",
    ":a",
    "\\",
    "`",
    '"',
    "'",
)

CLASSICS: tuple[str, ...] = (
    *INJECTIONS,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\ufeff",
    "\u202e",
    "\U0010ffff",
    "e\u0301" * 50,
    "İ",
    "ß",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999999999",
    "-0",
    "1_000",
    "٣",
    "9" * 5_000,
    "1e-999999",
    "0x10",
    "null",
    "true",
    "[" * DEEP,
    '{"a":' * DEEP,
    "[]" * 1_000,
    "(" * 1_000,
    "a" * HUGE,
    "a@" * 1_000,
    *("9" * LONG + ",", "9 " * LONG, "1," * LONG, "." * LONG, "-" * LONG + "!", " " * LONG + "x", "a." * LONG),
    *("\u4e00" * LONG, "0 " * LONG + "x", "\u0301" * LONG, "@" * LONG, "A" * LONG + " 1"),
    "9999-12-31",
    "0000-00-00",
    "2026-02-30",
    "2026-11-21T25:61:61Z",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-W47-6",
    "-2026-11-21",
    "__class__",
    "__init__",
    "constructor",
    "a.b.c",
    ".",
    "..",
    "../../etc/passwd",
    "id",
    "custom.",
    "external.",
    "=cmd|' /C calc'!A0",
    "\r\n",
    "\t",
    "\x1b[31m",
)
"""Texts that readers have stumbled over."""


def _nested(inner: object, wrap: Callable[[object], object]) -> object:
    return functools.reduce(lambda found, _: wrap(found), range(NESTED), inner)


VALUES: tuple[object, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**63, -(2**63) - 1, 2**70, 10**5_000, -0.0),
    *(float("nan"), float("inf"), 1e308, 5e-324),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("1e-999999"), Decimal(0)),
    *([], {}, (), [None], {"": None}, {"a": {"b": {"c": []}}}, [[[[]]]], {1: 2}, {None: None}),
    *(b"x", b"\xff", object(), int, ..., {1, 2}, frozenset({"a"}), range(3)),
    *(date.min, date.max, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    *(datetime(2026, 1, 1), timedelta.max),  # noqa: DTZ001 - a naive one is meant
    _nested([], lambda inner: [inner]),
    _nested({}, lambda inner: {"not": inner}),
    _nested({}, lambda inner: {"all": [inner]}),
    ["x"] * 2_000,
    {f"k{number}": number for number in range(200)},
)
"""Values that nobody expects."""

LETTERS = "aZ09 _-.,:;'\"\\/()[]{}<>%$#@!?*+=|&^~`\n\t\r\x00\x7fé√漢\ud83d\U0001f600\u200b"


Mutation = Callable[[Random, str, str, str], str]
"""Makes a text of the dice, what stands before a stretch, the stretch, and what comes after it."""

MUTATIONS: tuple[Mutation, ...] = (
    *(lambda _, before, __, after: before + after,) * 2,
    *(lambda chance, before, _, after: before + chance.choice(LETTERS) + after,) * 2,
    *(lambda chance, before, some, after: before + chance.choice(LETTERS) + some + after,) * 2,
    lambda chance, before, _, after: before + chance.choice(CLASSICS) + after,
    lambda chance, *_: chance.choice(CLASSICS),
    lambda chance, before, some, after: before + some * chance.randrange(2, 50) + after,
    lambda _, before, *__: before,
    lambda _, before, some, after: before + some + after.swapcase(),
    lambda chance, *parts: mutated_text(chance, mutated_text(chance, "".join(parts))),
)


def mutated_text(chance: Random, text: str) -> str:
    """A text that is somewhat other than it should be.

    Args:
        chance: How the dice fall.
        text: As it should be.
    """
    place = chance.randrange(len(text) + 1)
    until = place + chance.randrange(1, 9)
    return chance.choice(MUTATIONS)(chance, text[:place], text[place:until], text[until:])


def mutated_data(chance: Random, data: object) -> object:
    """Data that is somewhat other than it should be: what is not touched is shared.

    Args:
        chance: How the dice fall.
        data: Mappings, lists and plain values, as they should be.
    """
    if chance.random() < 0.15:
        return _strange(chance, data)
    if isinstance(data, dict) and data:
        return _mutated_mapping(chance, data)
    if isinstance(data, list | tuple) and data:
        return _mutated_list(chance, data)
    return _strange(chance, data)


def _strange(chance: Random, data: object) -> object:
    """Something else than a value."""
    turn = chance.randrange(4)
    if turn == 0:
        return chance.choice(VALUES)
    if turn == 1:
        return chance.choice(CLASSICS)
    return mutated_text(chance, data) if isinstance(data, str) else mutated_text(chance, str(data)[:100])


def _mutated_mapping(chance: Random, data: dict[Any, Any]) -> dict[Any, Any]:
    key = chance.choice([*data])
    match chance.randrange(10):
        case 0:
            return {name: value for name, value in data.items() if name != key}
        case 1:
            return {**data, mutated_text(chance, str(key)): data[key]}
        case 2:
            return {mutated_text(chance, str(key)) if name == key else name: value for name, value in data.items()}
        case 3:
            return {**data, chance.choice(["all", "value", "op", "x", "", 1, None]): chance.choice(VALUES)}
        case _:
            return {**data, key: mutated_data(chance, data[key])}


def _mutated_list(chance: Random, data: Sequence[object]) -> list[object]:
    place = chance.randrange(len(data))
    match chance.randrange(8):
        case 0:
            return [*data[:place], *data[place + 1 :]]
        case 1:
            return [*data, chance.choice(VALUES)]
        case 2:
            return [*data] * chance.randrange(2, 30)
        case _:
            return [*data[:place], mutated_data(chance, data[place]), *data[place + 1 :]]


def size_of(data: object) -> int:
    """About how much there is to an input: letters, digits and items.

    Args:
        data: The input.
    """
    found, left = 0, [data]
    while left:
        one = left.pop()
        if isinstance(one, str | bytes):
            found += len(one)
        elif isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            left += one
        elif isinstance(one, int):
            found += one.bit_length() // 3
        found += 1
    return found
