"""Words: what a record is found by, and what a question asks for."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.fields import field, part
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.words import LONGEST_WORD, fit, searchable, words_changed, words_in, words_of


@part
class Spot:
    """A part."""

    town: str = field()


@record("shop")
class Shop(Record):
    """A kind with searchable fields of every type."""

    name: str | None = field(default=None, searchable=True)
    slogan: str | None = field(default=None)
    marks: tuple[str, ...] = field(default=(), searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, searchable=True)
    aliases: Mapping[str, tuple[str, ...]] = field(default=EMPTY, searchable=True)
    seats: int | None = field(default=None, searchable=True)
    spot: Spot | None = field(default=None, searchable=True)


@record("shelf", plural="shelves")
class Shelf(Record):
    """A kind without searchable fields."""

    name: str = field()


SHOP = kind_of(Shop)


def words(name: str) -> set[str]:
    """The words of a shop with a name."""
    return set(words_of(SHOP, Shop(id="shop_1", name=name)))


def finds(question: str, name: str) -> bool:
    """Whether a question finds a shop with a name."""
    return fit(words(name), words_in(question)) is not None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada LOVELACE", {"ada", "lovelace"}),
        ("O'Brien-Smith & Co. (Ltd)", {"o", "brien", "smith", "co", "ltd"}),
        ("snake_case C++ R2D2", {"snake", "case", "c", "r2d2"}),
        ("Müller Crème Ångström", {"muller", "creme", "angstrom"}),
        ("Straße GROẞ", {"strasse", "gross"}),
        ("Søren Łódź Đorđe Ægir Œuvre Þór Ħal", {"soren", "lodz", "dorde", "aegir", "oeuvre", "thor", "hal"}),
        ("İpek Işık IŞIK", {"ipek", "isik"}),
        ("ﬁne Ⅻ ½ ２０２６", {"fine", "xii", "1", "2", "2026"}),
        ("Ёлкин Όμηρος", {"елкин", "ομηροσ"}),
        ("٤٢ ४२", {"42"}),
        ("soft\u00adware 1\ufe0f\u20e3 ❤\ufe0f", {"software", "1"}),
        ("हिन्दी", {"हिनदी"}),
        ("東京都", {"東京", "京都", "都"}),
        ("会 AB東京", {"会", "ab", "東京", "京"}),
        ("ไทย", {"ไท", "ทย", "ย"}),
        ("한국", {unicodedata.normalize("NFKD", "한국")}),
        ("", set()),
        ("… \u00ad!?", set()),
    ],
)
def test_words_are_plain(text: str, found: set[str]) -> None:
    """Without capitals, accents and what stands between them; in a question as in a record."""
    assert words(text) == found
    assert set(words_in(text)) == found


def test_an_address_is_a_word_and_its_parts_are() -> None:
    """Also in the middle of a text; what only looks like one is plain words."""
    assert words("Mail Ada.Lovelace@Engines.example, or <b@x.de>!") == {
        *("mail", "ada", "lovelace", "engines", "example", "ada.lovelace@engines.example"),
        *("or", "b", "x", "de", "b@x.de"),
    }
    assert words("@ada ada@ @ ada") == {"ada"}
    assert words_in("Ada@Engines.example. please @home") == ("ada@engines.example", "please", "home")
    assert finds("ada@eng", "ada@engines.example")
    assert finds("ada.lovelace", "Ada.Lovelace@engines.example")
    assert not finds("ada@home.example", "ada@engines.example, b@home.example")


@pytest.mark.parametrize(
    "spelt", ["+44 20 7946 0018", "0044 (20) 7946-0018", "+44 (0)20 7946.0018", "+44–20/7946 0018"]
)
@pytest.mark.parametrize(
    "question",
    ["+44 20 7946 0018", "442079460018", "0044 2079 460018", "020 7946 0018", "7946", "79460018", "7946-0018", "0018"],
)
def test_a_number_is_found_however_it_is_grouped(spelt: str, question: str) -> None:
    """As a whole, from one of its groups on, and by their beginnings."""
    assert finds(question, f"phone {spelt}, evenings")
    assert finds(f"evenings {question}", f"phone {spelt}, evenings")


def test_what_is_a_number() -> None:
    """Seven digits and more, not within a word, not over two lines; the ones with letters are words."""
    assert words("2026-11") == {"2026", "11"}
    assert words("2026-11-21") == {"20261121", "1121", "21"}
    assert words("ab1234567 1234567c") == {"ab1234567", "1234567c"}
    assert words("20 7946\n0018") == {"20", "7946", "0018"}
    assert words("order 000-1234") == {"order", "0001234", "1234"}
    assert words_in("000-1234") == ("1234",)
    assert words_in("000 0000") == ("0",)
    assert finds("000 0000", "000 0000")
    assert not finds("79460019", "+44 20 7946 0018")


def test_a_word_has_an_end() -> None:
    """Beyond its longest nothing is kept, nor asked for."""
    long = "x" * 200
    assert words(long) == {"x" * LONGEST_WORD} == set(words_in(long))
    assert finds(long, long)
    digits = "12 " * 100
    assert max(map(len, words(digits))) == LONGEST_WORD
    assert finds(digits, digits)


def test_only_searchable_texts_have_words() -> None:
    """Single ones, several, and members by name; never numbers and parts."""
    shop = Shop(
        id="shop_1",
        name="one",
        slogan="two",
        marks=("three", "four"),
        phones={"work": "5550100"},
        aliases={"old": ("five", "six")},
        seats=7,
        spot=Spot(town="Rome"),
    )
    assert words_of(SHOP, shop) == {"one", "three", "four", "5550100", "five", "six"}
    assert searchable(SHOP) == ("name", "marks", "phones", "aliases")
    assert words_of(kind_of(Shelf), Shelf(id="shelf_1", name="one")) == frozenset()
    assert words_of(SHOP, Shop(id="shop_1")) == frozenset()


def test_the_dead_have_no_words() -> None:
    """Neither deleted nor merged records."""
    shop, when = Shop(id="shop_1", name="one"), datetime(2026, 1, 1, tzinfo=UTC)
    assert words_of(SHOP, attrs.evolve(shop, deleted_at=when)) == frozenset()
    assert words_of(SHOP, attrs.evolve(shop, merged_into="shop_2")) == frozenset()


@pytest.mark.parametrize(
    ("sets", "changed"),
    [({"slogan": "x"}, False), ({"name": "two"}, True), ({"marks": ("x",)}, True), ({"merged_into": "shop_2"}, True)],
)
def test_words_change_with_what_is_searched(sets: dict[str, Any], changed: bool) -> None:
    """Nothing is told where nothing can have changed."""
    shop = Shop(id="shop_1", name="one")
    after = attrs.evolve(shop, **sets)
    assert words_changed(SHOP, None, shop) == (frozenset(), {"one"})
    assert words_changed(SHOP, shop, after) == (
        (words_of(SHOP, shop), words_of(SHOP, after)) if changed else (set(), set())
    )
    assert words_changed(kind_of(Shelf), None, Shelf(id="shelf_1", name="one")) == (frozenset(), frozenset())


def test_each_word_asked_for_must_begin_one() -> None:
    """The more of them are whole, the better the fit."""
    assert fit({"ada", "lovelace"}, ["ada", "lovelace"]) == 2
    assert fit({"ada", "lovelace"}, ["a", "love"]) == 0
    assert fit({"ada", "lovelace"}, ["ada", "x"]) is None
    assert fit(set(), ["ada"]) is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_a_text_is_found_by_itself(text: str, more: str) -> None:
    """And by any of its words, wherever it stands; words are never empty, blank or too long."""
    asked = words_in(text)
    found = words(f"{text}\n{more}")
    assert fit(found, asked) is not None
    for word in [*asked, *found]:
        assert word
        assert len(word) <= LONGEST_WORD
        assert " " not in word


@given(
    st.lists(st.sampled_from(["ada", "Zoë", "a@b.c", "+44 20 7946 0018", "12", "東京都", "ß"]), min_size=1, max_size=5)
)
def test_words_stand_for_themselves(parts: list[str]) -> None:
    """Every part of a text finds it, and every beginning of a plain word does."""
    text = ", ".join(parts)
    for one in parts:
        assert finds(one, text)
        assert all(
            finds(word[:end], text) for word in words_in(one) if word.isalpha() for end in range(1, len(word) + 1)
        )


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000 + " @", "1 " * 50_000, "1" * 99_999 + "b", "a@" * 50_000, "1 1 1 1 1 1b " * 7_000, "東" * 100_000],
)
def test_no_text_takes_long(text: str) -> None:
    """Whatever it is made of: the time grows with its length."""
    start = time.process_time()
    words(text)
    words_in(text)
    assert time.process_time() - start < 2
