"""The glossary: every word has an object today, and the page says what the module says."""

from __future__ import annotations

import contextlib
import pkgutil
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given, strategies as st

import crmcore
from crmcore import CrmError, Invalid
from crmcore.glossary import TERMS, Term, page, term
from crmcore.kernel import Record
from crmcore.kinds import desks_of

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "glossary.md"
NO_NOUNS = {"AsyncCRM", "Problem", "ago"}
"""Public names that are no words of the field; errors, but for those that are, are left out by their class."""
NO_ERRORS = {"Conflict", "Duplicate"}
"""Errors that are words of the field."""

NAMES = [term.name for term in TERMS]
TOLD = [name for term in TERMS for name in (term.name, *term.synonyms)]


def nouns() -> list[str]:
    """The public names of crmcore that are words of the field."""
    things = {name: getattr(crmcore, name) for name in crmcore.__all__ if name not in NO_NOUNS}
    errors = {name for name, thing in things.items() if isinstance(thing, type) and issubclass(thing, CrmError)}
    return [name for name in things if name not in errors - NO_ERRORS]


def named_by(one: Term) -> object:
    """The object a term leads to; of a field, what its class says of it."""
    home, _, name = one.object.rpartition(".")
    owner = pkgutil.resolve_name(home)
    fields = attrs.fields_dict(owner) if isinstance(owner, type) and attrs.has(owner) else {}
    return fields[name] if name in fields else pkgutil.resolve_name(one.object)


@pytest.mark.parametrize("one", TERMS, ids=NAMES)
def test_a_term_has_an_object_today(one: Term) -> None:
    """Its path is a public one, and leads somewhere."""
    assert one.object.startswith("crmcore.")
    assert not [part for part in one.object.split(".") if part.startswith("_")]
    assert named_by(one) is not None


@pytest.mark.parametrize("one", TERMS, ids=NAMES)
def test_a_definition_is_a_sentence_or_more(one: Term) -> None:
    """It begins with a capital, ends with a period, and fits a cell of a table."""
    assert re.fullmatch(r"[A-Z][^|\n]*\.", one.definition)
    assert not re.search(r"\s\s|^\s|\s$", one.definition)


@pytest.mark.parametrize("one", TERMS, ids=NAMES)
def test_a_term_refers_to_others_there_are(one: Term) -> None:
    """By their names, in order, each once, and never to itself."""
    assert {*one.see} <= {*NAMES} - {one.name}
    assert list(one.see) == sorted({*one.see}, key=str.casefold)


def test_the_terms_are_in_alphabetical_order() -> None:
    """Whatever their capitals."""
    assert sorted(NAMES, key=str.casefold) == NAMES


def test_no_word_stands_for_two_terms() -> None:
    """Neither as a name nor as a synonym."""
    assert [name for name, times in Counter(map(str.casefold, TOLD)).items() if times > 1] == []


def test_no_object_has_two_terms() -> None:
    """Two words for one object are synonyms."""
    assert [path for path, times in Counter(term.object for term in TERMS).items() if times > 1] == []


@pytest.mark.parametrize("name", nouns())
def test_a_public_noun_is_a_term(name: str) -> None:
    """The front door offers no word of the field that the glossary does not explain."""
    assert any(named_by(one) is getattr(crmcore, name) for one in TERMS)


def test_every_kind_of_record_is_a_term() -> None:
    """All that a CRM has a desk for, but for the playbook's own record."""
    explained = {named_by(one) for one in TERMS if isinstance(named_by(one), type)}

    assert [cls for cls in desks_of((), taken=()) if cls not in explained and cls.__name__ != "PlaybookVersion"] == []
    assert Record in explained


def test_the_page_is_what_the_module_says() -> None:
    """Write it anew with ``python -c "from crmcore.glossary import page; print(page(), end='')"``."""
    assert PAGE.read_text("utf-8") == page()


def test_every_link_of_the_page_has_its_place() -> None:
    """Each anchor is there once, and every link leads to one."""
    anchors = re.findall(r'<a id="([^"]+)">', page())

    assert len({*anchors}) == len(anchors) == len(TERMS)
    assert {*re.findall(r'<a href="#([^"]+)">', page())} <= {*anchors}


@given(st.sampled_from(TOLD), st.sampled_from([str.upper, str.lower, str.title, "  {}\n".format]))
def test_a_term_is_found_by_any_of_its_words(name: str, spelled: Callable[[str], str]) -> None:
    """In any capitals, with blanks around it."""
    found = term(spelled(name))

    assert name in (found.name, *found.synonyms)


def test_an_unknown_word_names_the_nearest() -> None:
    """The mend is the word that was meant."""
    with pytest.raises(Invalid, match=re.escape("got 'oportunity', expected a term of the glossary")) as refused:
        term("oportunity")

    assert "opportunity" in refused.value.problems[0].mend


def test_a_word_like_no_other_is_refused_too() -> None:
    """With where to look."""
    with pytest.raises(Invalid, match="look through TERMS"):
        term("zzzzzz")


@pytest.mark.parametrize("name", [None, 7, "", "  ", "\x00", "\ud800", "x" * 101, b"deal"])
def test_what_is_no_word_is_refused(name: str) -> None:
    """As bad input, never otherwise."""
    with pytest.raises(Invalid):
        term(name)


@given(st.text())
def test_any_text_is_a_term_or_bad_input(name: str) -> None:
    """Nothing else comes of it."""
    with contextlib.suppress(Invalid):
        assert term(name) in TERMS


def test_a_term_is_a_value() -> None:
    """It can't be changed, and equals its like."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TERMS[0].name = "other"  # type: ignore[misc]
    assert attrs.evolve(TERMS[0]) == TERMS[0]
