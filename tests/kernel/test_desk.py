"""Desks: the typed collection of one kind, and what can be done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Conflict, Duplicate, F, Invalid, Money, NotAllowed, NotFound, Playbook
from crmcore.kernel import Change, Desk, Record, field, record
from crmcore.people import Account
from crmcore.sales import Opportunity, OpportunityDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock

CANARY = "ada.lovelace@engines.example"
HOSTILE = [None, 5, b"account_1", ["account_1"], object(), "", "a\x00b", "\ud800", "x" * 200_000, True]


def on(day: int) -> datetime:
    """Nine o'clock of a day in November 2026."""
    return datetime(2026, 11, day, 9, tzinfo=UTC)


@record("visit")
class Visit(Record):
    """A kind whose fields are named like parameters of ours."""

    what: str = field(key=True)
    record: str | None = field(default=None)
    pure: int = field(default=0)
    cls: str | None = field(default=None)
    fields: str | None = field(default=None)


# --- adding -----------------------------------------------------------------------------------------------------------


def test_a_record_is_added(crm: CRM) -> None:
    """It has an id that begins with its kind, and version 1."""
    acme = crm.accounts.add(name="Acme")

    assert (acme.id, acme.version, acme.name) == ("account_0001", 1, "Acme")
    assert crm.accounts.get(acme.id) == acme
    assert repr(crm.accounts) == "<desk of accounts>"


def test_every_problem_of_a_new_record_is_listed(crm: CRM) -> None:
    """Unknown fields, missing ones, and values that do not fit."""
    with pytest.raises(Invalid) as error:
        crm.accounts.add(nme="Acme", owner=5)

    assert [problem.path for problem in error.value.problems] == ["nme", "owner", "name"]
    assert crm.accounts.count() == 0


def test_fields_are_given_by_name(crm: CRM) -> None:
    """Otherwise the refusal says so."""
    with pytest.raises(Invalid, match=r"write add\(name=…\)"):
        crm.accounts.add("Acme")


@pytest.mark.parametrize("fields", [{"deleted_at": "2026-11-02"}, {"merged_into": "account_2"}])
def test_what_acts_write_is_not_given_to_a_new_record(crm: CRM, fields: dict[str, str]) -> None:
    """Nobody is born deleted."""
    with pytest.raises(NotAllowed, match=r"add can't write .* of a new account; acts do: delete, restore"):
        crm.accounts.add(name="Acme", **fields)


@pytest.mark.parametrize("fields", [{"id": "account_9"}, {"version": 7}])
def test_identity_is_not_given(crm: CRM, fields: dict[str, Any]) -> None:
    """Ids and versions are made."""
    with pytest.raises(Invalid, match="a field of account"):
        crm.accounts.add(name="Acme", **fields)


def test_a_field_may_have_any_name(open_crm: Callable[..., CRM]) -> None:
    """Also those of our own parameters."""
    crm = open_crm(kinds=[Visit])
    visit = crm.visits.add(what="demo", record="yes", pure=1, cls="x", fields="y")
    visit = crm.visits.update(visit, what="call", record=None, fields="z")

    assert (visit.what, visit.record, visit.pure, visit.cls, visit.fields) == ("call", None, 1, "x", "z")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_an_unknown_id_is_not_found(crm: CRM) -> None:
    """The error is a LookupError too."""
    with pytest.raises(NotFound, match="no account with id 'account_9'"):
        crm.accounts.get("account_9")
    with pytest.raises(LookupError):
        crm.accounts.update("account_9", name="Acme")


@pytest.mark.parametrize(
    "id", HOSTILE, ids=lambda one: type(one).__name__ + str(one)[:3].encode("unicode_escape").decode()
)
def test_whatever_is_passed_for_a_record_the_answer_is_one_of_ours(crm: CRM, id: Any) -> None:  # noqa: ANN401
    """Not found, or invalid: with what was expected."""
    crm.accounts.add(name="Acme")
    desk = crm.accounts

    for act in (desk.get, desk.update, desk.delete, desk.restore):
        with pytest.raises((NotFound, Invalid)):
            act(id)
    for act in (crm.opportunities.win, crm.opportunities.reopen):
        with pytest.raises((NotFound, Invalid)):
            act(id)
    with pytest.raises((NotFound, Invalid)):
        desk.history(id)


def test_a_record_of_another_kind_is_refused(crm: CRM) -> None:
    """By every act, and by history."""
    deal = crm.opportunities.add(name="Roof")

    for act in (crm.accounts.update, crm.accounts.delete, crm.accounts.history):
        with pytest.raises(Invalid, match="record: got 'Opportunity', expected a account or its id"):
            act(deal)


def test_a_record_nobody_stored_is_not_found(crm: CRM) -> None:
    """As one from another store."""
    with pytest.raises(NotFound):
        crm.accounts.update(Account(id="account_7", name="Acme"), name="Acme Ltd")


@pytest.fixture
def products(open_crm: Callable[..., CRM]) -> CRM:
    """A CRM with five products, one of them deleted."""
    crm = open_crm(playbook=Playbook(custom={"product": {"region": "text"}}))
    for name, code, region in [("b", "2", "north"), ("a", "1", "south"), ("c", None, None), ("a", "4", "north")]:
        crm.products.add(name=name, code=code, custom={"region": region}, external={"erp": f"e{name}{code}"})
    crm.products.delete(crm.products.add(name="z", code="9"))
    return crm


def test_records_are_found_by_a_filter(products: CRM) -> None:
    """On fields, custom fields and ids in other systems."""
    desk = products.products

    assert [one.code for one in desk.find(F.name == "a", order_by="code")] == ["1", "4"]
    assert desk.count(F.custom.region == "north") == 2
    assert [one.name for one in desk.find(F.external.erp == "eb2")] == ["b"]
    assert desk.count() == len(desk.find()) == 4
    assert desk.exists(F.code == "4")
    assert not desk.exists(F.code == "9")
    assert desk.first(F.code == "9") is None


def test_records_are_found_in_order(products: CRM) -> None:
    """Missing values last, page by page."""
    desk = products.products
    first = desk.find(order_by="-code", limit=3)
    rest = desk.find(order_by="-code", limit=3, after=first.next)
    top = desk.first(order_by="-code")

    assert [one.code for one in [*first, *rest]] == ["4", "2", "1", None]
    assert rest.next is None
    assert top is not None
    assert top.code == "4"


def test_deleted_records_are_found_apart(products: CRM) -> None:
    """They are in no other answer."""
    assert [one.code for one in products.products.find(deleted=True)] == ["9"]
    assert [one.code for one in products.products.each(deleted=True)] == ["9"]
    assert [one.name for one in products.products.find(F.name == "z")] == []


def test_each_walks_through_every_page(products: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are."""
    monkeypatch.setattr("crmcore.kernel.reading.LARGEST_PAGE", 1)

    assert [one.code for one in products.products.each(order_by="code")] == ["1", "2", "4", None]
    assert [one.code for one in products.products.each(F.name == "a", order_by="-code")] == ["4", "1"]


@pytest.mark.parametrize(
    "asked",
    [
        {"where": "name == 'a'"},
        {"where": 5},
        {"where": F.colour == "red"},
        {"where": F.name > 5},
        {"where": F.custom.colour == "red"},
        {"order_by": "colour"},
        {"order_by": 5},
        {"limit": "10"},
        {"limit": 0},
        {"after": "abc"},
        {"after": 5},
    ],
)
def test_a_question_that_does_not_fit_is_refused(products: CRM, asked: dict[str, Any]) -> None:
    """Before the store is asked."""
    with pytest.raises(Invalid):
        products.products.find(**asked)


@given(st.text().filter(str.strip), st.text().filter(str.strip))
def test_any_text_may_be_looked_for(name: str, code: str) -> None:
    """It is found as it was given, or refused when it can't be stored."""
    crm = CRM()
    try:
        made = crm.products.add(name=name, code=code)
    except Invalid:
        with pytest.raises(Invalid):
            crm.products.find((F.name == name) & (F.code == code))
    else:
        assert crm.products.find((F.name == name) & (F.code == code)).items == (made,)


def test_a_record_is_known_by_its_id_elsewhere(crm: CRM, clock: TickingClock) -> None:
    """Now, and at an earlier moment."""
    acme = crm.accounts.add(name="Acme", external={"erp": "7"})
    clock.now = on(9)
    acme = crm.accounts.update(acme, external={"erp": "8"})

    assert crm.accounts.external("erp", "8") == acme
    assert crm.accounts.external("erp", "7") is None
    assert crm.accounts.external("crm", "8") is None
    then = crm.as_of(on(3)).accounts
    assert (then.external("erp", "8"), then.external("erp", "7")) == (None, then.get(acme.id))


@pytest.mark.parametrize(("system", "id"), [(None, "7"), ("erp", 7), ("erp", None), ("a\x00", "7")])
def test_names_of_other_systems_are_text(crm: CRM, system: Any, id: Any) -> None:  # noqa: ANN401
    """And so are ids there."""
    with pytest.raises(Invalid):
        crm.accounts.external(system, id)


def test_the_history_tells_what_happened_and_who_did_it(crm: CRM, clock: TickingClock) -> None:
    """In the order it happened, up to the moment one looks at."""
    acme = crm.given(by="ana", reason="met at the fair").accounts.add(name="Acme")
    clock.now = on(9)
    crm.given(by="bo").accounts.update(acme, name="Acme Ltd")
    told = crm.accounts.history(acme)

    assert [(one.what, one.by, one.reason, one.at) for one in told] == [
        *(("added", "ana", "met at the fair", on(2)), ("updated", "bo", None, on(9)))
    ]
    assert told[1].sets == {"name": "Acme Ltd"}
    assert crm.accounts.history(acme.id) == told
    assert crm.as_of(on(3)).accounts.history(acme) == told[:1]
    with pytest.raises(NotFound, match="no account with id 'account_9'"):
        crm.accounts.history("account_9")


# --- updating ---------------------------------------------------------------------------------------------------------


def test_an_update_sets_what_differs(crm: CRM) -> None:
    """And nothing else."""
    owner = crm.staff.add(name="Ana")
    acme = crm.accounts.add(name="Acme")
    now = crm.accounts.update(acme, name="Acme", owner=owner.id)

    assert (now.owner, now.version) == (owner.id, 2)
    assert crm.history(acme)[-1].sets == {"owner": owner.id}
    assert crm.accounts.update(now, owner=None).owner is None


def test_an_update_with_what_is_there_already_writes_nothing(crm: CRM) -> None:
    """Also in another form, and under a key."""
    deal = crm.opportunities.add(name="Roof", amount=12_000, close_on="2026-12-15")

    assert crm.opportunities.update(deal) == deal
    assert crm.opportunities.update(deal.id, amount="12000.00", close_on=deal.close_on) == deal
    assert crm.given(key="k").opportunities.update(deal, amount=Money(12_000, "USD")) == deal
    assert len(crm.history(deal)) == 1


def test_an_update_in_the_past_gives_back_the_record_as_it_stands(crm: CRM, clock: TickingClock) -> None:
    """Whether it changes anything or not."""
    acme = crm.accounts.add(name="Acme")
    clock.now = on(9)
    acme = crm.accounts.update(acme, name="Acme Ltd")

    assert crm.given(at=on(3)).accounts.update(acme, name="Acme") == acme
    late = crm.given(at=on(3)).accounts.update(acme, name="Acme Inc")
    assert (late.name, late.version) == ("Acme Ltd", 3)


def test_an_update_may_ask_for_a_version(crm: CRM) -> None:
    """As an If-Match would."""
    acme = crm.accounts.add(name="Acme")
    crm.accounts.update(acme.id, version=1, name="Acme Ltd")

    with pytest.raises(Conflict) as error:
        crm.accounts.update(acme.id, version=1, name="Acme Inc")
    assert (error.value.expected, error.value.found) == (1, 2)
    for version in ("2", 2.5, [2]):
        with pytest.raises(Invalid, match="a whole number"):
            crm.accounts.update(acme.id, version=version, name="Acme Inc")
    with pytest.raises(NotFound):
        crm.accounts.update("account_9", version=1, name="Acme Inc")
    assert crm.accounts.get(acme.id).name == "Acme Ltd"


def test_a_stale_record_is_a_conflict(crm: CRM) -> None:
    """Even where the update would change nothing."""
    acme = crm.accounts.add(name="Acme")
    crm.accounts.update(acme, name="Acme Ltd")

    for fields in ({"name": "Acme Inc"}, {"name": "Acme"}, {"name": "Acme Ltd"}, {}):
        with pytest.raises(Conflict, match="you read version 1, it is now 2"):
            crm.accounts.update(acme, **fields)


def test_custom_fields_are_set_one_by_one(products: CRM) -> None:
    """By mapping or by dotted name; None takes one away."""
    north = products.products.first(F.code == "2")
    assert north is not None
    south = products.products.update(north, **{"custom.region": "south"})

    assert south.custom == {"region": "south"}
    assert products.products.update(south, custom={}) == south
    assert products.products.update(south, custom={"region": None}).custom == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "product_9"},
        {"custom": None},
        {"custom": {"colour": "red"}},
        {"custom": {"region": 5}},
        {"custom.": "x"},
        {"external": 5},
        {"external.": "x"},
        {"name.": "x"},
        {"deleted_at.x": "x"},
        {"name": None},
        {"kind": "account"},
    ],
)
def test_an_update_that_does_not_fit_is_refused(products: CRM, fields: dict[str, Any]) -> None:
    """Nothing is written."""
    product = products.products.first()
    assert product is not None

    with pytest.raises(Invalid):
        products.products.update(product, **fields)
    assert products.products.first() == product


@pytest.mark.parametrize("fields", [{"deleted_at": "2026-11-02"}, {"merged_into": "product_0002"}])
def test_what_acts_write_is_not_updated(products: CRM, fields: dict[str, Any]) -> None:
    """Delete and merge do that."""
    product = products.products.first()
    assert product is not None

    with pytest.raises(NotAllowed, match="acts do: delete, restore") as error:
        products.products.update(product, **fields)
    assert (error.value.act, error.value.possible) == ("update", ("delete", "restore"))


def test_no_personal_value_is_shown(crm: CRM, clock: TickingClock) -> None:
    """In no message, no repr, no refusal."""
    ada = crm.staff.add(name=CANARY, email=CANARY)
    shown = [repr(ada), repr(crm.history(ada)), repr(crm.staff.find()), repr(crm.staff), str(crm.verify())]
    refused: list[Callable[[], object]] = [
        lambda: crm.staff.add(name=CANARY, email=CANARY),
        lambda: crm.staff.add(name=CANARY, emial=CANARY),
        lambda: crm.staff.add(name=CANARY + "\x00"),
        lambda: crm.staff.add(name=CANARY * 10_000),
        lambda: crm.staff.update(ada, name=[CANARY]),
        lambda: crm.staff.update(ada, version=9, name=CANARY),
        lambda: crm.staff.find(after=crm.staff.find(order_by="name", limit=1).next or CANARY),
        lambda: crm.staff.update(attrs.evolve(ada, version=9), name="Ada"),
        lambda: crm.staff.restore(ada),
    ]
    for act in refused:
        with pytest.raises((Conflict, Invalid, NotAllowed)) as error:
            act()
        shown += [str(error.value), repr(error.value), repr(vars(error.value))]

    assert not [text for text in shown if CANARY in text]


# --- upserting --------------------------------------------------------------------------------------------------------


def test_an_upsert_adds_and_then_updates(crm: CRM) -> None:
    """The same again changes nothing."""
    acme = crm.accounts.upsert(("erp", "7"), name="Acme")
    assert crm.accounts.upsert(("erp", "7"), name="Acme") == acme
    changed = crm.accounts.upsert(("erp", "7"), name="Acme Ltd")

    assert (changed.id, changed.version, changed.external) == (acme.id, 2, {"erp": "7"})
    assert len(crm.history(acme)) == 2
    assert crm.accounts.count() == 1


def test_an_upsert_of_a_deal_may_say_again_what_acts_write(crm: CRM) -> None:
    """As long as it says what is so."""
    fields = {"name": "Roof", "stage": "proposal", "amount": 5, "external": {"old": "1"}}
    deal = crm.opportunities.upsert(("erp", "7"), **fields)

    assert deal.external == {"old": "1", "erp": "7"}
    assert crm.opportunities.upsert(("erp", "7"), **fields) == deal
    won = crm.opportunities.win(deal)
    with pytest.raises(NotAllowed, match="update can't write stage"):
        crm.opportunities.upsert(("erp", "7"), **fields)
    assert crm.opportunities.upsert(("erp", "7"), name="Roof", amount=5) == won


@pytest.mark.parametrize(
    "external", ["ab", None, ("erp",), ("erp", "7", "8"), ["erp", "7"], ("", "7"), ("erp", ""), (5, "7"), ("erp", 7)]
)
def test_an_upsert_names_a_system_and_an_id(crm: CRM, external: Any) -> None:  # noqa: ANN401
    """Both are text."""
    with pytest.raises(Invalid):
        crm.accounts.upsert(external, name="Acme")
    with pytest.raises(Invalid):
        crm.accounts.upsert(("erp", "7"), name="Acme", external="erp")


def test_an_id_elsewhere_belongs_to_one_live_record(crm: CRM) -> None:
    """Of each system."""
    acme = crm.accounts.add(name="Acme", external={"erp": "7"})

    with pytest.raises(Duplicate, match=f"external.erp of account account_0002 is already taken by account {acme.id}"):
        crm.accounts.add(name="Bcme", external={"erp": "7"})
    assert crm.accounts.add(name="Bcme", external={"crm": "7"}).external == {"crm": "7"}


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_deleted_record_can_be_restored(crm: CRM) -> None:
    """Until then it is not found, nor changed."""
    gone = crm.accounts.delete(crm.accounts.add(name="Acme"))
    assert gone.deleted_at == on(2)
    with pytest.raises(NotFound, match="it was deleted; restore"):
        crm.accounts.get(gone.id)
    for act in (lambda: crm.accounts.update(gone, name="x"), lambda: crm.accounts.delete(gone.id)):
        with pytest.raises(NotAllowed, match="is deleted; restore it first") as error:
            act()
        assert error.value.possible == ("restore",)

    back = crm.accounts.restore(gone)
    assert (back.deleted_at, back.version, crm.accounts.get(back.id)) == (None, 3, back)
    assert [change.what for change in crm.history(back)] == ["added", "deleted", "restored"]
    with pytest.raises(NotAllowed, match="is not deleted"):
        crm.accounts.restore(back)


def test_a_deleted_record_gives_its_unique_values_up(crm: CRM) -> None:
    """Restoring takes them back, if they are free."""
    ana = crm.staff.delete(crm.staff.add(name="Ana", email="ana@acme.example"))
    other = crm.staff.add(name="Ana", email="ana@acme.example")

    with pytest.raises(Duplicate, match="email of staff"):
        crm.staff.restore(ana)
    crm.staff.update(other, email=None)
    assert crm.staff.restore(ana).email == "ana@acme.example"


def test_a_merged_record_leads_to_the_one_it_was_merged_into(crm: CRM) -> None:
    """However often it was merged."""
    acme, bcme, ccme = (crm.accounts.add(name=name) for name in ("Acme", "Bcme", "Ccme"))
    for one, into in ((ccme, bcme), (bcme, acme)):
        sets = {"merged_into": into.id}
        crm.commit([Change(kind="account", id=one.id, version=2, what="merged", sets=sets, at=on(2))])

    assert crm.accounts.get(ccme.id) == acme
    assert crm.accounts.get(bcme.id) == acme


# --- references -------------------------------------------------------------------------------------------------------


def test_a_reference_leads_to_a_live_record(crm: CRM) -> None:
    """Of the right kind: when it is written."""
    ana, acme = crm.staff.add(name="Ana"), crm.accounts.add(name="Acme")
    crm.staff.delete(bo := crm.staff.add(name="Bo"))

    for owner in (acme.id, bo.id, "staff_9"):
        with pytest.raises(Invalid, match=r"owner: .* the id of a live staff; add the staff first"):
            crm.accounts.update(acme, owner=owner)
    assert crm.accounts.update(acme, owner="") == acme
    owned = crm.accounts.update(acme, owner=ana.id)
    crm.staff.delete(ana)
    assert crm.accounts.update(owned, name="Acme Ltd").owner == ana.id


def test_a_desk_of_a_kind_is_what_the_crm_was_opened_with(crm: CRM) -> None:
    """Typed by its class."""
    assert type(crm.desk(Account)) is type(crm.accounts)
    assert isinstance(crm.desk(Account), Desk)
    for stranger in (Visit, Record, "account", None, 5):
        with pytest.raises(Invalid, match=r"open it with CRM\(kinds=\[…\]\)"):
            crm.desk(stranger)


def test_an_id_means_the_current_record(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else was quicker: the act is done anew; a record one has read is a conflict."""
    acme = crm.accounts.add(name="Acme")
    quicker = ["Acme Ltd", "Acme SE"]
    commit = CRM.commit

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if quicker:
            name = quicker.pop()
            self.accounts.update(acme.id, name=name)
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    assert crm.accounts.update(acme.id, owner=None, name="Acme plc").name == "Acme plc"
    monkeypatch.undo()
    with pytest.raises(Conflict):
        crm.accounts.update(acme, name="x")


def test_an_act_that_makes_another_kind_is_refused(open_crm: Callable[..., CRM]) -> None:
    """It would go to a desk nobody looks at."""

    @record("deal2")
    class Deal2(Opportunity):
        """A kind whose desk was not made for it."""

    crm = open_crm(kinds={Deal2: OpportunityDesk})
    with pytest.raises(Invalid, match="an act that makes a deal2"):
        crm.deal2s.add(name="Roof")
    assert crm.opportunities.count() == 0


def test_a_required_text_is_not_blank(crm: CRM) -> None:
    """An account without a name is no account."""
    with pytest.raises(Invalid, match="text that is not empty"):
        crm.accounts.add(name="  ")


def test_the_version_belongs_to_what_a_key_stands_for(crm: CRM) -> None:
    """The same call again gives the first result, though the version has gone up."""
    acme = crm.accounts.add(name="Acme")
    once = crm.given(key="k").accounts.update(acme.id, version=1, name="Acme Ltd")

    assert crm.given(key="k").accounts.update(acme.id, version=1, name="Acme Ltd") == once
    with pytest.raises(Conflict):
        crm.given(key="k").accounts.update(acme.id, version=2, name="Acme Ltd")
