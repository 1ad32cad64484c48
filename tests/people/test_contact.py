"""Contacts: something to call them by, how they are reached, what they allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Address, Conflict, Contact, F, Invalid, NotAllowed
from crmcore.kernel import Context
from crmcore.people.contact import add

if TYPE_CHECKING:
    from crmcore.testing import TickingClock

Act = Callable[[], object]


def paths(act: Act) -> list[str]:
    """Where an act finds problems."""
    with pytest.raises(Invalid) as caught:
        act()
    return [problem.path for problem in caught.value.problems]


# --- adding -----------------------------------------------------------------------------------------------------------


def test_a_contact_holds_what_it_is_added_with(crm: CRM) -> None:
    """Every field, read."""
    ana = crm.staff.add(name="Ana")
    ada = crm.contacts.add(
        name="Ada, Countess of Lovelace",
        given_name="Ada",
        family_name="Lovelace",
        job_title="Analyst",
        email=" ada@engines.example",
        phone="+44 20 1 ",
        emails={"home": "ada@home.example "},
        phones={"mobile": "+44 7"},
        addresses={"home": {"city": "London"}},
        source="webinar",
        owner=ana.id,
        consents={"email": "granted"},
        external={"hubspot": "7"},
    )

    assert (ada.name, ada.given_name, ada.family_name) == ("Ada, Countess of Lovelace", "Ada", "Lovelace")
    assert (ada.email, ada.phone) == ("ada@engines.example", "+44 20 1")
    assert (ada.emails, ada.phones) == ({"home": "ada@home.example"}, {"mobile": "+44 7"})
    assert (ada.addresses["home"], ada.job_title) == (Address(city="London"), "Analyst")
    assert (ada.source, ada.owner, ada.consents, ada.external) == (
        "webinar",
        ana.id,
        {"email": "granted"},
        {"hubspot": "7"},
    )
    assert (ada.account, crm.affiliations.count()) == (None, 0)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"given_name": "Ada", "family_name": "Lovelace"}, "Ada Lovelace"),
        ({"given_name": "Ada"}, "Ada"),
        ({"family_name": "Lovelace"}, "Lovelace"),
        ({"email": "ada@engines.example"}, None),
        ({"phones": {"home": "020 1"}}, None),
    ],
)
def test_one_way_to_call_a_contact_is_enough(crm: CRM, fields: dict[str, Any], name: str | None) -> None:
    """The name is that of its parts, if there are any."""
    assert crm.contacts.add(**fields).name == name


@pytest.mark.parametrize(
    "fields", [{}, {"name": "  "}, {"job_title": "Analyst"}, {"phones": {}}, {"emails": None}, {"given_name": ""}]
)
def test_without_any_a_contact_is_refused(crm: CRM, fields: dict[str, Any]) -> None:
    """There would be nothing to call them by."""
    assert "name" in paths(lambda: crm.contacts.add(**fields))


def test_every_problem_is_told_at_once_and_no_value_of_theirs(crm: CRM) -> None:
    """They are personal."""
    wrong: dict[str, Any] = {
        "email": "ada at home",
        "emails": {"home": "a@b@c"},
        "phone": "secret",
        "phones": {"home": ""},
        "consents": {"email": "perhaps"},
        "role": "buyer",
        "since": "2024-05-01",
    }
    with pytest.raises(Invalid) as caught:
        crm.contacts.add(**wrong)

    found = [problem.path for problem in caught.value.problems]
    assert found == ["consents.email", "role", "since", "email", "phone", "emails.home", "phones.home"]
    assert "ada at home" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_shows_nothing_of_itself(crm: CRM) -> None:
    """It says where somebody lives."""
    home = {"street": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH", "country": "UK"}
    ada = crm.contacts.add(name="Ada", addresses={"home": home})

    assert ada.addresses["home"].city == "London"
    for value in home.values():
        assert value not in repr(ada.addresses)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": 5}, "name"),
        ({"given_name": 5}, "given_name"),
        ({"email": 5}, "email"),
        ({"emails": "a@b.c"}, "emails"),
        ({"consents": "granted"}, "consents"),
        ({"owner": "staff_0"}, "owner"),
        ({"account": "account_0"}, "account"),
        ({"account": 5}, "account"),
        ({"name": "\ud800"}, "name"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(crm: CRM, fields: dict[str, Any], path: str) -> None:
    """As everywhere."""
    assert path in paths(lambda: crm.contacts.add(**{"phone": "1", **fields}))


def test_a_contact_is_added_with_their_account_in_one_step(crm: CRM) -> None:
    """Both changes are of one commit; the contact alone comes back."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme, role="buyer", since="2024-05-01")
    ben = crm.contacts.add(name="Ben", account=acme.id)

    assert isinstance(ada, Contact)
    (found,) = crm.affiliations.of(ada)
    assert (found.account, found.role, found.since, found.until) == (acme.id, "buyer", date(2024, 5, 1), None)
    assert ada.account == ben.account == acme.id
    assert crm.history(found)[0].commit == crm.history(ada)[0].commit
    assert [one.since for one in crm.affiliations.of(ben)] == [None]


def test_the_same_key_gives_the_same_contact(crm: CRM) -> None:
    """With their account and without."""
    acme = crm.accounts.add(name="Acme")
    for fields in ({"account": acme.id}, {}):
        keyed = [crm.given(key=f"k{len(fields)}").contacts.add(name="Ada", **fields) for _ in range(2)]
        assert keyed[0] == keyed[1]


def test_undo_takes_both_back(crm: CRM) -> None:
    """And undoing that brings both again."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme)
    undone = crm.undo(crm.history(ada)[0].commit)

    assert (crm.contacts.count(), crm.affiliations.count()) == (0, 0)
    with pytest.raises(Invalid, match="belongs to, or none"):
        crm.contacts.restore(ada.id)
    crm.undo(crm.history(undone[0])[-1].commit)
    assert [one.name for one in crm.contacts.of(acme)] == ["Ada"]


def test_upsert_adds_and_updates(crm: CRM) -> None:
    """The first with the account, which later rows may repeat."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.upsert(("hubspot", "7"), name="Ada", email=" a@b.example", account=acme.id)
    again = crm.contacts.upsert(("hubspot", "7"), name="Ada L.", email="a@b.example ", account=acme.id)

    assert (ada.account, ada.email, crm.affiliations.count()) == (acme.id, "a@b.example", 1)
    assert (again.id, again.version, again.name, again.email) == (ada.id, 2, "Ada L.", "a@b.example")


def test_a_load_makes_contacts_with_their_accounts(crm: CRM) -> None:
    """Rows that do not fit are left out, and the same rows again change nothing."""
    acme = crm.accounts.add(name="Acme")
    rows = [
        {"id": "1", "name": "Ada", "account": acme.id},
        {"id": "2", "name": "", "account": acme.id},
        {"id": "3", "name": "Ben", "email": "ben"},
    ]
    report = crm.contacts.load(rows, key="id")

    assert len(report.rejections) == 2
    assert [one.name for one in crm.contacts.of(acme)] == ["Ada"]
    crm.contacts.load(rows, key="id")
    assert (crm.contacts.count(), crm.affiliations.count(), crm.contacts.of(acme)[0].version) == (1, 1, 1)


def test_the_pure_act_returns_one_change_or_two(crm: CRM) -> None:
    """Without a store."""
    context: Context[Any] = crm.context("people")

    assert [change.kind for change in add(context, name="Ada")] == ["contact"]
    assert [change.kind for change in add(context, name="Ada", account="account_1")] == ["contact", "affiliation"]
    assert crm.contacts.opening is add


# --- changing ---------------------------------------------------------------------------------------------------------


def test_an_update_leaves_a_way_to_call_them(crm: CRM) -> None:
    """The last one can't be taken away; another instead is fine."""
    ada = crm.contacts.add(name="Ada", emails={"home": "a@b.example"})
    ada = crm.contacts.update(ada, name=None)

    assert paths(lambda: crm.contacts.update(ada, emails={"home": None})) == ["name"]
    assert crm.contacts.update(ada, emails={"home": None}, phone=" 1").phone == "1"


def test_an_update_checks_how_they_are_reached(crm: CRM) -> None:
    """And keeps it without the blanks around, so that the same again is no change."""
    ada = crm.contacts.add(email="a@b.example")

    assert paths(lambda: crm.contacts.update(ada, email="nobody", phones={"home": "none"})) == ["email", "phones.home"]
    assert crm.contacts.update(ada, email=" a@b.example ").version == 1
    with pytest.raises(Invalid):
        crm.contacts.update(ada, **{"emails.home": "nobody"})


def test_consents_are_recorded_with_when_and_by_whom(crm: CRM, clock: TickingClock) -> None:
    """Each channel by itself."""
    ada = crm.contacts.add(name="Ada", consents={"email": "granted"})
    clock.now = datetime(2026, 11, 5, tzinfo=UTC)
    ada = crm.given(by="ana").contacts.consent(ada, channel="email", granted=False)
    ada = crm.contacts.consent(ada, channel="phone", granted=True)

    assert ada.consents == {"email": "withdrawn", "phone": "granted"}
    assert [(change.what, change.by) for change in crm.history(ada)] == [
        ("added", None),
        ("opted out", "ana"),
        ("opted in", None),
    ]
    assert crm.as_of("2026-11-03").contacts.get(ada.id).consents == {"email": "granted"}
    assert crm.contacts.find(F["consents.email"] == "withdrawn").items == (ada,)


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ({"channel": ""}, "channel"),
        ({"channel": 5}, "channel"),
        ({"channel": "x" * 101}, "channel"),
        ({"granted": 1}, "granted"),
    ],
)
def test_a_consent_that_says_nothing_is_refused(crm: CRM, told: dict[str, Any], path: str) -> None:
    """It would prove nothing."""
    ada = crm.contacts.add(name="Ada")

    assert paths(lambda: crm.contacts.consent(ada, **{"channel": "email", "granted": True, **told})) == [path]


def test_only_acts_write_consents_and_the_account(crm: CRM) -> None:
    """The refusal names them."""
    ada, acme = crm.contacts.add(name="Ada"), crm.accounts.add(name="Acme")
    for fields, act in (({"consents": {"email": "granted"}}, "consent"), ({"account": acme.id}, "affiliate")):
        with pytest.raises(NotAllowed) as caught:
            crm.contacts.update(ada, **fields)
        assert act in caught.value.possible


def test_a_stale_contact_is_refused(crm: CRM) -> None:
    """As with any act on a record."""
    ada = crm.contacts.add(name="Ada")
    crm.contacts.consent(ada, channel="email", granted=True)

    with pytest.raises(Conflict):
        crm.contacts.consent(ada, channel="email", granted=False)
