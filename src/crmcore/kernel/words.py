"""Words: what a record is found by, and what somebody asks for when they search.

A record is found by the words of its ``searchable`` fields. Both its texts and a question are read alike:

- Capitals and accents make no difference: ``Müller`` is ``muller``, ``Straße`` is ``strasse``, ``Søren`` is ``soren``,
  ``İpek`` and ``Işık`` are ``ipek`` and ``isik``. Digits of every script are 0 to 9.
- A word ends at everything that is neither letter nor digit: ``O'Brien-Smith`` is ``o``, ``brien`` and ``smith``.
- An e-mail address is a word as a whole, and its parts are words.
- A number of seven digits and more, however it is grouped, is run together, from each of its groups on:
  ``+44 (0)20 7946 0018`` is ``442079460018``, ``2079460018``, ``79460018`` and ``0018``. Leading zeros do not matter.
- Where a script puts no spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer), every two letters that
  stand together are a word.
- A word is at most 64 characters long; what is beyond is neither kept nor asked for.

A record is found when each word of the question begins one of its own.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from typing import Any

from crmcore.kernel.records import Kind, Record

__all__ = ["RULES", "fit", "searchable", "words_changed", "words_in", "words_of"]

RULES = 1
"""The version of these rules: stores that keep words derive them anew under another."""

LONGEST_WORD = 64

_LETTERS: dict[int, Any] = str.maketrans(
    {"æ": "ae", "ð": "d", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"}
)
"""Letters that have no accent to take off, but are looked for without."""

_LETTERS |= dict.fromkeys([0xAD, 0x640, *range(0xFE00, 0xFE10)])
"""Soft hyphens, Arabic stretching and selectors of a look are no letters."""

_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\U00020000-\U0003ffff"
)
_SPACELESS = re.compile(f"[{_ALONE}]+")
_RUN = re.compile(f"[{_ALONE}]+|[^{_ALONE}]+")
_PLAIN = re.compile("[a-z0-9]+")
_TOKEN = re.compile(r'[^\s,;:<>()\[\]"]+')
_NUMBER = re.compile(r"(?<![^\W_])([0-9](?:[ ().\-/\u2010-\u2015]{0,3}[0-9]){6,})(?![^\W_])")
_DIGITS = re.compile("[0-9]+")
_NOTHING: frozenset[str] = frozenset()


def words_of(kind: Kind[Any], record: Record) -> frozenset[str]:
    """The words a record is found by; a deleted or merged one has none.

    Args:
        kind: The kind of the record.
        record: The record.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.kernel.words import words_of
        >>> from crmcore.people import Contact
        >>> sorted(words_of(kind_of(Contact), Contact(id="contact_1", name="Ada Müller", phone="020 7946 0018")))
        ['0018', '02079460018', '2079460018', '79460018', 'ada', 'muller']
    """
    if record.deleted_at is not None or record.merged_into is not None:
        return _NOTHING
    text = _folded("\n".join(_texts(_said(kind, record))))
    numbers, rest = _parted(text)
    found = [*_addresses(text), *(tail for number in numbers for tail in _tails(number))]
    found += [piece for word in _split(rest) for piece in _pieces(word)]
    return frozenset([word[:LONGEST_WORD] for word in found if word])


def words_in(text: str) -> tuple[str, ...]:
    """The words of a question, each once, in the order they are asked for.

    An e-mail address is one word here, and so is a number of seven digits and more.

    Args:
        text: The question.

    Example:
        >>> from crmcore.kernel.words import words_in
        >>> words_in("Ada LOVELACE, ada@engines.example, +44 20 7946 0018")
        ('ada@engines.example', '442079460018', 'ada', 'lovelace')
    """
    folded = _folded(text)
    numbers, rest = _parted(_TOKEN.sub(lambda found: " " if _address(found[0]) else found[0], folded))
    found = [*_addresses(folded), *("".join(groups).lstrip("0") or "0" for groups in numbers)]
    found += [piece for word in _split(rest) for piece in _pieces(word)]
    return tuple(dict.fromkeys(word[:LONGEST_WORD] for word in found))


def words_changed(kind: Kind[Any], before: Record | None, after: Record) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a record before and after a change; where none can have changed, none are told.

    Args:
        kind: The kind of the record.
        before: The record before; None when it is new.
        after: The record after.
    """
    if not searchable(kind) or (before is not None and _alike(kind, before, after)):
        return _NOTHING, _NOTHING
    return _NOTHING if before is None else words_of(kind, before), words_of(kind, after)


def fit(words: AbstractSet[str], asked: Iterable[str]) -> int | None:
    """How many words of a question are whole words of a record; None when the record is not found by it.

    Args:
        words: The record's words.
        asked: The question's words.

    Example:
        >>> from crmcore.kernel.words import fit
        >>> fit({"ada", "lovelace"}, ["ada", "love"]), fit({"ada", "lovelace"}, ["ada", "byron"])
        (1, None)
    """
    whole = 0
    for one in asked:
        if one in words:
            whole += 1
        elif not any(word.startswith(one) for word in words):
            return None
    return whole


@functools.cache
def searchable(kind: Kind[Any]) -> tuple[str, ...]:
    """The names of the fields whose texts a kind is searched by.

    Args:
        kind: The kind.
    """
    every = (*kind.fields.values(), *kind.members.values())
    return tuple(told.name for told in every if told.searchable and told.type in {"text", "texts"})


def _said(kind: Kind[Any], record: Record) -> list[Any]:
    """What a record's searchable fields hold."""
    return [getattr(record, name) for name in searchable(kind)]


def _alike(kind: Kind[Any], before: Record, after: Record) -> bool:
    """Whether two states of a record have the same words for certain."""
    gone = before.deleted_at is None, before.merged_into is None
    return gone == (after.deleted_at is None, after.merged_into is None) and _said(kind, before) == _said(kind, after)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """The texts among values, also among members by name."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, tuple):
            yield from _texts(value)


def _folded(text: str) -> str:
    """A text without capitals and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LETTERS)
    return "".join(str(unicodedata.decimal(one, one)) for one in plain if not unicodedata.combining(one))


def _addresses(text: str) -> Iterator[str]:
    """The e-mail addresses in a text."""
    if "@" in text:
        for token in _TOKEN.findall(text):
            if (address := _address(token)) is not None:
                yield address


def _address(token: str) -> str | None:
    """The e-mail address a token is, without the marks of a sentence around it."""
    bare = token.strip(".!?'@")
    return bare if "@" in bare else None


def _parted(text: str) -> tuple[list[list[str]], str]:
    """The long numbers in a text, each as its groups of digits, and the rest."""
    rest, *found = _NUMBER.split(text)
    numbers = [_DIGITS.findall(number.replace("(0)", " ")) for number in found[::2]]
    return numbers, " ".join([rest, *found[1::2]])


def _tails(groups: Sequence[str]) -> Iterator[str]:
    """A number run together, from each of its groups on; also without leading zeros."""
    digits, place = "".join(groups), 0
    yield digits.lstrip("0")
    for group in groups:
        yield digits[place : place + LONGEST_WORD]
        place += len(group)


def _split(text: str) -> Iterable[str]:
    """The runs of letters and digits in a text, with the vowel signs among them."""
    if text.isascii():
        return _PLAIN.findall(text)
    kept = "".join([one if one.isalnum() or unicodedata.category(one) in {"Mn", "Mc"} else " " for one in text])
    return kept.split()


def _pieces(word: str) -> Iterator[str]:
    """A word; where a script puts no spaces between words, every two letters of it."""
    if word.isascii():
        yield word
        return
    for run in _RUN.findall(word):
        if _SPACELESS.match(run):
            yield from (run[place : place + 2] for place in range(len(run)))
        else:
            yield run
