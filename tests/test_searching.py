"""``crm.search``: one question across kinds, now and at any moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmcore import CRM, Invalid
from crmcore.kernel import Record, field, record
from crmcore.people import Account, Contact
from crmcore.searching import LONGEST_QUESTION
from crmcore.stores.memory import MemoryStore
from crmcore.testing import TickingClock

Open = Callable[..., CRM]


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(searchable=True)


def names(found: tuple[Record, ...]) -> list[str]:
    """What was found, by name."""
    return [getattr(one, "name", None) or one.id for one in found]


def test_one_question_looks_everywhere(open_crm: Open) -> None:
    """In every kind that says what it is searched by, kinds of one's own too."""
    crm = open_crm(kinds=[Shoot])
    account = crm.accounts.add(name="Ada Engines Ltd")
    contact = crm.contacts.add(name="Ada Lovelace", email="ada@engines.example", phones={"work": "+44 20 7946 0018"})
    deal = crm.opportunities.add(name="Engine for Ada")
    shoot = crm.shoots.add(place="Adana")

    assert set(crm.search("ada")) == {account, contact, deal, shoot}
    assert crm.search("ADA LOVE") == crm.search("ada@engines.example") == (contact,)
    assert crm.search("020 7946 0018") == crm.search("442079460018") == crm.search("7946") == (contact,)
    assert crm.search("adan") == (shoot,)
    assert crm.search("byron") == ()


def test_kinds_are_named_or_given_as_classes(crm: CRM) -> None:
    """One or several; their order decides between equals."""
    account, contact = crm.accounts.add(name="Ada"), crm.contacts.add(name="Ada")
    crm.leads.add(name="Ada")

    assert crm.search("ada", kinds=["contact"]) == crm.search("ada", kinds=[Contact]) == (contact,)
    assert crm.search("ada", kinds="account") == crm.search("ada", kinds=Account) == (account,)
    assert crm.search("ada", kinds=["contact", Account, Contact]) == (contact, account)
    assert crm.search("ada", kinds=(Account, "contact")) == (account, contact)
    assert crm.search("ada", kinds=["contact", "account"], limit=1) == (contact,)
    assert len(crm.search("ada", limit=2)) == 2


def test_the_best_come_first(crm: CRM) -> None:
    """Records with whole words before those that only begin alike, whatever their kind."""
    crm.accounts.add(name="Adamant Love")
    crm.contacts.add(name="Ada Lovelace")
    crm.contacts.add(name="Ada Love")

    assert names(crm.search("ada love")) == ["Ada Love", "Adamant Love", "Ada Lovelace"]


def test_what_is_deleted_or_erased_is_never_found(crm: CRM) -> None:
    """Restored, it is found again; the present alone is asked."""
    contact = crm.contacts.add(name="Ada Lovelace")
    crm.contacts.delete(contact)
    assert crm.search("ada") == ()
    (found,) = (crm.contacts.restore(contact.id),)
    assert crm.search("ada") == (found,)
    crm.contacts.update(contact.id, name="Augusta King")
    assert crm.search("ada") == ()
    assert names(crm.search("king")) == ["Augusta King"]
    assert crm.verify()


def test_tenants_find_their_own(crm: CRM) -> None:
    """And nothing of others."""
    crm.contacts.add(name="Ada Lovelace")
    there = crm.given(tenant="there")
    assert there.search("ada") == ()
    ada = there.contacts.add(name="Ada Byron")
    assert there.search("ada") == (ada,)


def test_the_past_is_searched_as_it_was(crm: CRM, clock: TickingClock) -> None:
    """By the words records had then, deleted ones of today among them, best first."""
    account = crm.accounts.add(name="Ada Works")
    contact = crm.contacts.add(name="Ada Lovelace")
    gone = crm.contacts.add(name="Adam")
    clock.now = "2026-11-10T09:00Z"
    crm.contacts.update(contact, name="Augusta King")
    crm.contacts.delete(gone)
    crm.accounts.add(name="Ada Later")
    then = crm.as_of("2026-11-05")

    assert names(crm.search("ada")) == ["Ada Works", "Ada Later"]
    assert set(then.search("ada")) == {account, contact, gone}
    assert then.search("ada", kinds=[Contact]) == (contact, gone)
    assert then.search("ada", kinds=[Contact, Account], limit=2) == (contact, account)
    assert then.search("king") == ()
    assert crm.as_of("2026-11-01").search("ada") == ()
    assert set(crm.as_of(known="2026-11-05").search("ada")) == {account, contact, gone}


@pytest.mark.parametrize(
    ("text", "rest", "said"),
    [
        ("", {}, "at least one letter or digit"),
        (" …!\u00ad ", {}, "at least one letter or digit"),
        (None, {}, "text: got None"),
        (7, {}, "give it as a string"),
        (b"ada", {}, "give it as a string"),
        ("ada\x00", {}, "NUL"),
        ("ada\ud800", {}, "surrogates"),
        ("a" * (LONGEST_QUESTION + 1), {}, "at most 200 characters"),
        ("ada", {"limit": 0}, "limit"),
        ("ada", {"limit": -1}, "limit"),
        ("ada", {"limit": True}, "limit"),
        ("ada", {"limit": "9"}, "limit"),
        ("ada", {"limit": 10_001}, "limit"),
        ("ada", {"kinds": ["contact", "yacht"]}, "kinds: got 'yacht'"),
        ("ada", {"kinds": ["touchpoint"]}, "searchable=True"),
        ("ada", {"kinds": [Shoot]}, "kinds"),
        ("ada", {"kinds": [int]}, "kinds"),
        ("ada", {"kinds": [None, ["x"], {}]}, "kinds"),
        ("ada", {"kinds": []}, "leave it out for all"),
        ("ada", {"kinds": 7}, "give a list"),
    ],
)
def test_bad_questions_are_told(crm: CRM, text: Any, rest: dict[str, Any], said: str) -> None:  # noqa: ANN401
    """What is wrong, and what to do about it."""
    for view in (crm, crm.as_of("2026-11-05")):
        with pytest.raises(Invalid) as caught:
            view.search(text, **rest)
        assert said in str(caught.value)


class Slow(MemoryStore):
    """Between finding a record and reading it, somebody changes it."""

    changing: Callable[[], object] | None = None

    def search(self, *asked: Any, **rest: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as the store takes it
        """As it was a moment ago."""
        found = super().search(*asked, **rest)
        if self.changing is not None:
            self.changing()
        return found


def test_what_goes_meanwhile_is_not_shown() -> None:
    """A record that was deleted or renamed since it was found is left out."""
    store = Slow()
    crm = CRM(store)
    one, two, three = (crm.contacts.add(name=f"Ada {name}") for name in ("Byron", "King", "Lovelace"))

    def change() -> None:
        crm.contacts.delete(one)
        crm.contacts.update(two, name="Augusta")

    crm.store.changing = change  # type: ignore[attr-defined]
    assert crm.search("ada") == (three,)
