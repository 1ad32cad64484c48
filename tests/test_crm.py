"""The front door: what a CRM is opened with, and the circumstances things are done under."""

from __future__ import annotations

import contextlib
import copy
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crmcore import CRM, Closed, Conflict, F, Invalid, Money, NotAllowed, NotFound, Opportunity, Playbook
from crmcore.kernel import Change, Context, Desk, Record, act, field, part, record
from crmcore.kernel.ports import Key
from crmcore.sales import OpportunityDesk
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock

if TYPE_CHECKING:
    from collections.abc import Callable


def on(day: int, hour: int = 9) -> datetime:
    """An instant in November 2026."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_crm_without_a_path_is_kept_in_memory() -> None:
    """Nothing survives it."""
    crm = CRM()
    crm.accounts.add(name="Acme")

    assert isinstance(crm.store, MemoryStore)
    assert CRM().accounts.count() == 0


@pytest.mark.parametrize("form", [str, Path])
def test_a_crm_with_a_path_is_kept_in_a_file(workplace: Path, form: Callable[[str], Any]) -> None:
    """And found again there."""
    with CRM(form("crm.db")) as crm:
        acme = crm.accounts.add(name="Acme")
    with CRM(form("crm.db")) as again:
        assert again.accounts.get(acme.id) == acme
    with pytest.raises(Closed):
        again.accounts.count()


def test_a_crm_closes_behind_a_with_block(crm: CRM) -> None:
    """Also when the block fails."""
    with pytest.raises(ZeroDivisionError), crm:
        1 / 0
    with pytest.raises(Closed):
        crm.accounts.add(name="Acme")
    crm.close()


@pytest.mark.parametrize("url", ["mysql://ana:secret@host/crm", "mysql://h", "sqlite:///crm.db"])
def test_a_server_is_refused_with_a_mend(workplace: Path, url: str) -> None:
    """Without showing the password."""
    with pytest.raises(Invalid, match="use a file path, or pass a store of your own") as error:
        CRM(url)

    assert "secret" not in str(error.value)
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize("store", ["", "a\x00b", 5, b"crm.db", object(), ["crm.db"], MemoryStore])
def test_what_is_no_store_is_refused(workplace: Path, store: Any) -> None:  # noqa: ANN401
    """Nothing is left behind."""
    with pytest.raises(Invalid):
        CRM(store)
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize("text", ["", None, 5, "a\x00", "\ud800"])
def test_circumstances_are_text(crm: CRM, text: Any) -> None:  # noqa: ANN401
    """That every store can keep; None says nothing of them."""
    given: list[Callable[[], Any]] = [
        lambda: CRM(tenant=text),
        lambda: crm.given(by=text),
        lambda: crm.given(key=text),
        lambda: crm.given(reason=text),
        lambda: crm.given(tenant=text),
        lambda: CRM(by=text),
    ]
    for giving in given[: 1 if text is None else None]:
        with pytest.raises(Invalid):
            giving()


def test_a_store_that_could_not_be_opened_is_let_go(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was passed in is its owner's to close."""
    book = Playbook(custom={"shoot": {"region": "text"}})
    store = MemoryStore()
    closed: list[object] = []
    monkeypatch.setattr(MemoryStore, "close", lambda self: closed.append(self))

    with pytest.raises(Invalid, match=r"custom.shoot"):
        CRM(playbook=book)
    assert len(closed) == 1
    with pytest.raises(Invalid, match=r"custom.shoot"):
        CRM(store, playbook=book)
    assert len(closed) == 1
    with pytest.raises(Invalid, match=r"custom.shoot"):
        CRM("crm.db", playbook=book)
    Path("crm.db").unlink()


def test_an_unknown_desk_is_an_attribute_error(crm: CRM) -> None:
    """As Python has it; the message says how to open the CRM with more kinds."""
    with pytest.raises(AttributeError, match=r"no desk 'shoots'; open it with CRM\(kinds=\[…\]\)"):
        crm.shoots
    assert not hasattr(crm, "_private")
    assert copy.copy(crm).accounts.count() == 0


# --- kinds of one's own -----------------------------------------------------------------------------------------------


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(key=True)
    takes: int = field(default=0, key=True, by_act=True)
    fee: Money | None = field(default=None, key=True)
    account: str | None = field(default=None, references="account")
    themes: tuple[str, ...] = field(default=())


def film(shoot: Shoot, context: Context[None], *, takes: int) -> Change[Shoot]:
    """Film some takes."""
    return context.changed(shoot, "filmed", takes=shoot.takes + takes)


def move(shoot: Shoot, context: Context[None], *, to: str) -> Change[Shoot]:
    """Film elsewhere."""
    return context.changed(shoot, "moved", place=to)


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    film = act(film)
    move = act(move)


@pytest.fixture
def studio(open_crm: Callable[..., CRM]) -> CRM:
    """A CRM that also knows shoots."""
    return open_crm(kinds={Shoot: ShootDesk})


def test_a_kind_of_ones_own_gets_everything(studio: CRM, clock: TickingClock) -> None:
    """Desk, acts, history, as-of, filters, verification."""
    rome = studio.shoots.add(place="Rome", fee=100, themes=["night"])
    clock.now = on(9)
    rome = studio.shoots.move(studio.shoots.film(rome, takes=3), to="Ostia")

    assert isinstance(studio.desk(Shoot), ShootDesk)
    assert (rome.place, rome.takes, rome.fee, rome.themes) == ("Ostia", 3, Money("100", "USD"), ("night",))
    assert [change.what for change in studio.history(rome)] == ["added", "filmed", "moved"]
    assert studio.as_of(on(3)).shoots.get(rome.id).place == "Rome"
    assert studio.shoots.find((F.takes >= 3) & F.themes.contains("night"), order_by="-fee").items == (rome,)
    assert studio.shoots.count(F.fee > 100) == 0
    with pytest.raises(NotAllowed, match="acts do: delete, film, move, restore"):
        studio.shoots.update(rome, takes=9)
    with pytest.raises(Invalid, match="the id of a live account"):
        studio.shoots.update(rome, account="account_9")
    assert studio.verify()


def test_a_kind_may_come_without_a_desk(open_crm: Callable[..., CRM]) -> None:
    """The general one does."""
    crm = open_crm(kinds=[Shoot])

    assert type(crm.shoots) is Desk
    assert crm.shoots.add(place="Rome").place == "Rome"


def test_a_desk_of_ours_may_be_extended(open_crm: Callable[..., CRM]) -> None:
    """It is then found where ours was."""

    class Deals(OpportunityDesk):
        """The deals, and how many."""

    crm = open_crm(kinds={Opportunity: Deals})

    assert type(crm.opportunities) is Deals
    with pytest.raises(Invalid, match="a subclass of OpportunityDesk"):
        CRM(kinds={Opportunity: Desk})


@record("account", plural="clients")
class Client(Record):
    """A kind that calls itself as one of ours."""


@record("client", plural="accounts")
class Clients(Record):
    """A kind whose desk calls itself as one of ours."""


@record("past", plural="history")
class Past(Record):
    """A kind whose desk could not be found."""


@record("scene")
class Scene(Record):
    """A kind that refers to another."""

    shoot: str | None = field(default=None, references="shoot")


@part
class Slot:
    """A part that refers to a kind."""

    shoot: str | None = field(default=None, references="shoot")


@record("plan")
class Plan(Record):
    """A kind with a part that refers to another."""

    slots: tuple[Slot, ...] = field(default=())


@pytest.mark.parametrize(
    ("kinds", "problem"),
    [
        ([Client], "got 'account', expected each name once"),
        ([Clients], "got 'accounts', expected each name once"),
        ([Past], "got 'history', expected a name the CRM does not use"),
        ([Scene], "scene.shoot: got 'shoot', expected one of account, affiliation"),
        ([Plan], "plan.slots.shoot: got 'shoot', expected one of account, affiliation"),
        ({Shoot: Shoot}, "a subclass of Desk"),
        ({Shoot: "ShootDesk"}, "a subclass of Desk"),
        ({Shoot: OpportunityDesk(None, None)}, "a subclass of Desk"),
        (Shoot, r"write kinds=\[Shoot\]"),
        ("shoot", r"write kinds=\[Shoot\]"),
        (5, r"write kinds=\[Shoot\]"),
        (None, r"write kinds=\[Shoot\]"),
        ([int], "a class decorated with @record"),
        (["shoot"], "a class decorated with @record"),
    ],
)
def test_kinds_that_make_no_sense_are_refused(kinds: Any, problem: str) -> None:  # noqa: ANN401
    """Before anything is opened."""
    with pytest.raises(Invalid, match=problem):
        CRM(kinds=kinds)


def test_kinds_may_refer_to_each_other() -> None:
    """When both are there."""
    crm = CRM(kinds=[Scene, Shoot])

    assert crm.scenes.add(shoot=crm.shoots.add(place="Rome").id).shoot is not None


# --- given ------------------------------------------------------------------------------------------------------------


def test_given_says_who_acts_and_why(crm: CRM) -> None:
    """What is left out stays as it was, but for the key."""
    ana = crm.given(by="ana", reason="fair", key="k")
    acme = ana.given(reason="call").accounts.add(name="Acme")
    ana.given(by="bo").accounts.add(name="Bcme")
    crm.accounts.add(name="Ccme")

    told = [crm.history(account)[0] for account in crm.accounts.find()]
    assert [(change.by, change.reason) for change in told] == [("ana", "call"), ("bo", "fair"), (None, None)]
    assert crm.history(acme)[0].playbook == crm.playbook.hash


def test_a_crm_may_be_opened_in_somebodys_name(open_crm: Callable[..., CRM]) -> None:
    """Unless ``given`` names another."""
    crm = open_crm(by="ana")

    assert crm.history(crm.accounts.add(name="Acme"))[0].by == "ana"
    assert crm.history(crm.given(by="bo").accounts.add(name="Acme"))[0].by == "bo"


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        (on(1), on(1)),
        ("2026-11-01T10:00+01:00", on(1)),
        ("2026-11-01", datetime(2026, 11, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        (date(2026, 11, 1), datetime(2026, 11, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        ("2026-11-02", on(2)),
    ],
)
def test_given_says_when_it_happened(open_crm: Callable[..., CRM], at: Any, instant: datetime) -> None:  # noqa: ANN401
    """A bare date is its end in the zone of the business, but never later than now."""
    crm = open_crm(playbook=Playbook(zone="Europe/Berlin")).given(at=at)
    change = crm.history(crm.accounts.add(name="Acme"))[0]

    assert (crm.backdated, change.at, change.recorded_at) == (instant, instant, on(2))


@pytest.mark.parametrize("at", [datetime(2026, 11, 1, 9), "2026-11-01T09:00", "soon", 5, "", b"2026-11-01"])
def test_a_time_must_be_an_instant(crm: CRM, at: Any) -> None:  # noqa: ANN401
    """A naive one could have been anywhere."""
    for circumstances in (lambda: crm.given(at=at), lambda: crm.as_of(at), lambda: crm.as_of(known=at)):
        with pytest.raises(Invalid):
            circumstances()


def test_nothing_has_happened_in_the_future(crm: CRM) -> None:
    """The refusal says where that belongs."""
    with pytest.raises(Invalid, match=r"at: got '2026-11-02T09:00:00.000001.*what is to come belongs into close_on"):
        crm.given(at=on(2) + timedelta(microseconds=1))
    assert crm.given(at=on(2)).backdated == on(2)


def test_a_clock_that_runs_backwards_never_makes_an_act_late(crm: CRM, clock: TickingClock) -> None:
    """Now is never before anything the store knows."""
    acme = crm.accounts.add(name="Acme")
    clock.now = on(1)
    acme = crm.accounts.update(acme, name="Acme Ltd")
    told = crm.history(acme)

    assert [(change.at, change.recorded_at, change.late) for change in told] == [(on(2), on(2), False)] * 2
    assert acme.name == "Acme Ltd"


@pytest.mark.parametrize("now", [datetime(2026, 11, 2, 9), None, "2026-11-02 09:00"])
def test_a_clock_tells_aware_time(now: object) -> None:
    """Another one is refused at the first act."""
    with pytest.raises(Invalid):
        CRM(clock=lambda: now).accounts.add(name="Acme")


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_the_same_key_and_arguments_give_the_first_result(crm: CRM) -> None:
    """Written once, whatever happened since."""
    once = crm.given(key="k").accounts.add(name="Acme")
    crm.accounts.update(once.id, name="Acme Ltd")
    again = crm.given(key="k").accounts.add(name="Acme")

    assert again == once
    assert (crm.accounts.count(), len(crm.history(once))) == (1, 2)


def test_the_same_key_with_other_arguments_is_a_conflict(crm: CRM) -> None:
    """Another act, other fields, another record, another time."""
    acme = crm.accounts.add(name="Acme")
    crm.given(key="k").accounts.update(acme, name="Acme Ltd")
    others: list[Callable[[CRM], Any]] = [
        lambda crm: crm.accounts.update(acme, name="Acme Inc"),
        lambda crm: crm.accounts.delete(acme),
        lambda crm: crm.accounts.add(name="Acme Ltd"),
        lambda crm: crm.staff.add(name="Acme Ltd"),
        lambda crm: crm.given(at=on(1), key="k").accounts.update(acme, name="Acme Ltd"),
    ]
    for other in others:
        with pytest.raises(Conflict, match="the key 'k' was used for another request"):
            other(crm.given(key="k"))
    assert crm.given(key="k").accounts.update(acme, name="Acme Ltd").version == 2


def test_the_order_of_arguments_does_not_matter_to_a_key(crm: CRM) -> None:
    """Nor that of a set."""
    acme = crm.accounts.add(name="Acme")
    ana = crm.staff.add(name="Ana")
    once = crm.given(key="k").accounts.update(acme, name="Acme Ltd", owner=ana.id)

    assert crm.given(key="k").accounts.update(acme, owner=ana.id, name="Acme Ltd") == once
    assert Key.of("k", {"tags": {"b", "a", "c"}, "x": [1]}) == Key.of("k", {"x": (1,), "tags": {"c", "b", "a"}})
    assert Key.of("k", {"x": "1"}) != Key.of("k", {"x": 1})
    assert Key.of("k", "\ud800") != Key.of("k", "\\ud800")


def test_an_upsert_done_again_under_its_key_gives_the_same_again(crm: CRM) -> None:
    """Though by then the record is there."""
    once = crm.given(key="k").opportunities.upsert(("erp", "7"), name="Roof", amount=5)

    assert crm.given(key="k").opportunities.upsert(("erp", "7"), name="Roof", amount=5) == once
    with pytest.raises(Conflict):
        crm.given(key="k").opportunities.upsert(("erp", "7"), name="Roof", amount=6)


def test_a_key_holds_for_one_call(crm: CRM) -> None:
    """A view made of another one has none."""
    keyed = crm.given(key="k")
    keyed.accounts.add(name="Acme")

    assert keyed.given(by="ana").accounts.add(name="Bcme").name == "Bcme"


# --- the past ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def history(crm: CRM, clock: TickingClock) -> tuple[CRM, str]:
    """A deal: 10 on the 2nd, 20 on the 4th, which was learnt on the 9th; won on the 6th."""
    deal = crm.opportunities.add(name="Roof", amount=10)
    clock.now = on(6)
    crm.opportunities.win(crm.opportunities.update(deal, name="New roof"))
    clock.now = on(9)
    crm.given(at=on(4)).opportunities.update(deal.id, amount=20)
    return crm, deal.id


@pytest.mark.parametrize(
    ("at", "known", "amount", "status"),
    [
        (None, None, 10, "won"),
        (on(3), None, 10, "open"),
        (on(5), None, 20, "open"),
        (on(5), on(7), 10, "open"),
        (on(5), on(9), 20, "open"),
        (on(7), None, 10, "won"),
        (None, on(3), 10, "open"),
        ("2026-11-02", None, 10, "open"),
        ("2026-11-06", "2026-11-06", 10, "won"),
        (date(2026, 11, 5), date(2026, 11, 8), 10, "open"),
        ("2999-01-01", None, 10, "won"),
    ],
)
def test_the_past_is_read_on_two_clocks(
    history: tuple[CRM, str],
    at: Any,  # noqa: ANN401 - as a caller might write it
    known: Any,  # noqa: ANN401
    amount: int,
    status: str,
) -> None:
    """What was true then as known now, and as known at another time."""
    crm, id = history
    view = crm.as_of(at, known=known).opportunities
    deal = view.get(id)

    assert (deal.amount, deal.status) == (Money(amount, "USD"), status)
    assert view.find(F.amount == amount).items == (deal,)
    assert (view.count(F.status == status), view.exists(F.status != status)) == (1, False)


def test_before_its_birth_a_record_is_absent(history: tuple[CRM, str]) -> None:
    """Not found, not counted, without history."""
    crm, id = history
    view = crm.as_of(on(1))

    with pytest.raises(NotFound):
        view.opportunities.get(id)
    assert (view.opportunities.count(), crm.as_of(on(1)).history(id)) == (0, ())
    assert crm.as_of(known=on(1)).opportunities.count() == 0


def test_a_bare_date_is_its_end_in_the_zone_of_the_business(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """As of Monday means after all that happened on Monday there."""
    crm = open_crm(playbook=Playbook(zone="Europe/Berlin"))
    clock.now = datetime(2026, 11, 2, 22, 59, 59, tzinfo=UTC)
    acme = crm.accounts.add(name="Acme")
    clock.now = datetime(2026, 11, 2, 23, tzinfo=UTC)
    crm.accounts.update(acme, name="Acme Ltd")

    assert crm.as_of("2026-11-02").accounts.get(acme.id).name == "Acme"
    assert crm.as_of("2026-11-03").accounts.get(acme.id).name == "Acme Ltd"
    assert crm.as_of(known="2026-11-02").accounts.get(acme.id).name == "Acme"


def test_the_past_can_only_be_read(history: tuple[CRM, str]) -> None:
    """The refusal says how to backdate."""
    crm, id = history
    before = crm.opportunities.find()
    for view in (crm.as_of(on(3)), crm.as_of(known=on(3)), crm.as_of("2999-01-01"), crm.as_of(on(3)).given(at=on(2))):
        writes: list[Callable[[], Any]] = [
            lambda view=view: view.opportunities.add(name="Shed"),
            lambda view=view: view.opportunities.update(id, name="Shed"),
            lambda view=view: view.opportunities.update(crm.opportunities.get(id), name="Shed"),
            lambda view=view: view.opportunities.reopen(id),
            lambda view=view: view.opportunities.delete(id),
            lambda view=view: view.opportunities.upsert(("erp", "1"), name="Shed"),
            lambda view=view: view.adopt(Playbook(currency="EUR")),
            lambda view=view: view.commit([]),
        ]
        for write in writes:
            with pytest.raises(NotAllowed, match=r"given\(at=…\) to backdate"):
                write()
    assert crm.opportunities.find() == before


def test_a_relative_time_counts_from_the_moment_one_looks_at(history: tuple[CRM, str]) -> None:
    """Not from now."""
    from crmcore import ago

    crm, _ = history
    recent = F.opened_at > ago(days=2)

    assert crm.as_of(on(3)).opportunities.count(recent) == 1
    assert crm.opportunities.count(recent) == 0


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_history_of_any_record_is_found_by_its_id(studio: CRM) -> None:
    """Or by itself."""
    rome, acme = studio.shoots.add(place="Rome"), studio.accounts.add(name="Acme")

    assert studio.history(rome) == studio.history(rome.id) == studio.shoots.history(rome)
    assert [change.kind for change in studio.history(acme.id)] == ["account"]
    assert [change.what for change in studio.history("playbook")] == ["adopted"]
    with pytest.raises(NotFound):
        studio.history("account_99")


@record("staff_meeting")
class StaffMeeting(Record):
    """A kind whose ids begin like those of another."""


def test_a_kind_whose_name_begins_like_another_keeps_its_own_history(open_crm: Callable[..., CRM]) -> None:
    """The longer name counts."""
    crm = open_crm(kinds=[StaffMeeting])
    meeting = crm.staff_meetings.add()

    assert [change.what for change in crm.history(meeting.id)] == ["added"]


@pytest.mark.parametrize("stranger", ["unknown_1", "", "accounts_1", "ACCOUNT_1"])
def test_an_id_of_no_kind_is_not_found(crm: CRM, stranger: str) -> None:
    """It may belong to a kind the CRM was not opened with."""
    with pytest.raises(NotFound):
        crm.history(stranger)


@pytest.mark.parametrize("stranger", [None, 5, b"account_1", Shoot(id="shoot_1", place="Rome")])
def test_what_is_no_record_has_no_history(crm: CRM, stranger: Any) -> None:  # noqa: ANN401
    """And a record of another CRM's kind is none."""
    with pytest.raises(Invalid):
        crm.history(stranger)


def test_there_is_something_to_commit(crm: CRM) -> None:
    """An empty commit is refused."""
    with pytest.raises(Invalid, match="at least one change"):
        crm.commit([])


def test_an_act_may_refer_to_a_record_it_makes(crm: CRM) -> None:
    """In the same commit."""
    context = crm.context("sales")
    acme = crm.accounts.ready(context.created(type(crm.accounts.add(name="x")), "added", name="Acme"))
    deal = context.created(Opportunity, "opened", name="Roof", pipeline="p", stage="s", account=acme.id)
    done = crm.commit([acme, crm.opportunities.ready(deal)])

    assert [one.id for one in done.records] == [acme.id, deal.id]


def test_two_tenants_never_meet(crm: CRM) -> None:
    """Each has its own records, keys, playbook and history."""
    other = crm.given(tenant="other")
    acme = crm.given(key="k").accounts.add(name="Acme", external={"erp": "7"})
    theirs = other.given(key="k").accounts.add(name="Theirs", external={"erp": "7"})
    other.adopt(Playbook(currency="EUR"))

    assert (crm.accounts.count(), other.accounts.count()) == (1, 1)
    assert (crm.playbook.currency, other.playbook.currency) == ("USD", "EUR")
    with pytest.raises(NotFound):
        crm.history(theirs.id)
    for reaching in (
        other.history,
        other.accounts.get,
        lambda one: other.accounts.update(one, name="x"),
        other.accounts.delete,
    ):
        with pytest.raises(NotFound):
            reaching(acme.id)
    with pytest.raises(NotFound):
        other.accounts.update(acme, name="x")
    with pytest.raises(Invalid, match="the id of a live account"):
        other.opportunities.add(name="Roof", account=acme.id)
    assert crm.verify()
    assert other.verify()


def test_a_crm_may_be_opened_for_a_tenant(open_crm: Callable[..., CRM]) -> None:
    """The same as given."""
    crm = open_crm(tenant="other")
    acme = crm.accounts.add(name="Acme")

    assert open_crm().given(tenant="other").accounts.get(acme.id) == acme
    assert open_crm().accounts.count() == 0
    assert crm.given(tenant="other").given(by="ana").accounts.count() == 1


def test_figures_are_at_hand(crm: CRM) -> None:
    """Of every view."""
    from crmcore.figures import Figures

    assert isinstance(crm.analytics, Figures)
    assert isinstance(crm.as_of(on(1)).analytics, Figures)


# --- does it add up? --------------------------------------------------------------------------------------------------


def test_a_sound_store_verifies(history: tuple[CRM, str]) -> None:
    """Every record is the fold of its changes."""
    crm, _ = history
    found = crm.verify()

    assert found
    assert (found.records, found.changes, found.violations) == (2, 5, ())
    assert str(found) == "2 records and 5 changes checked: all is well"


def broken(spoil: Callable[[MemoryStore, CRM], object]) -> list[str]:
    """The violations found in a store that was tampered with."""
    store = MemoryStore()
    crm = CRM(store, clock=TickingClock("2026-11-02T09:00Z"), new_id=CountingIds())
    ana = crm.staff.add(name="Ana", email="ana@acme.example")
    crm.staff.update(ana, name="Anna")
    spoil(store, crm)
    found = crm.verify()

    assert not found
    assert str(found).splitlines()[0].endswith("violations")
    return list(found.violations)


def shelf(store: MemoryStore) -> Any:  # noqa: ANN401 - the store's own
    """Where the store keeps the staff member."""
    return store._rooms.shelves["default", "staff"]["staff_0001"]


def test_a_record_that_differs_from_its_changes_is_found() -> None:
    """As if somebody had edited a row."""
    import attrs

    def spoil(store: MemoryStore, _: CRM) -> None:
        kept = shelf(store)
        kept.standing = attrs.evolve(kept.standing, record=attrs.evolve(kept.standing.record, name="Bo"))

    assert broken(spoil) == ["staff staff_0001 differs from the fold of its changes"]


def test_a_record_that_is_gone_is_found() -> None:
    """Its changes remain."""
    found = broken(lambda store, _: store._rooms.shelves["default", "staff"].clear())

    assert "staff staff_0001 has changes but no record" in found


def test_a_gap_in_the_log_is_found() -> None:
    """Versions count from 1 without one."""
    found = broken(lambda store, _: store._rooms.log.pop(1))

    assert "staff staff_0001 has versions [2]" in found


def test_a_log_that_runs_backwards_is_found() -> None:
    """Whatever the clock said, it must not."""
    import attrs

    def spoil(store: MemoryStore, _: CRM) -> None:
        tenant, change = store._rooms.log[2]
        store._rooms.log[2] = (tenant, attrs.evolve(change, recorded_at=on(1)))

    assert broken(spoil) == ["the log runs backwards at version 2 of staff staff_0001"]


def test_a_unique_value_that_is_held_by_nobody_is_found() -> None:
    """Another record could take it."""
    assert broken(lambda store, _: store._rooms.claims.clear()) == ["email of staff staff_0001 is held by None"]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE crm_account SET body = '{}' WHERE id = 'account_0002'", "body of account account_0002"),
        ("UPDATE crm_change SET sets = '[' WHERE id = 'account_0002'", "the change at place 3"),
    ],
)
def test_damage_in_a_file_is_found(workplace: Path, damage: str, found: str) -> None:
    """In a record, and in the log."""
    with CRM("crm.db", new_id=CountingIds()) as crm:
        for name in "abc":
            crm.accounts.add(name=name)
        assert crm.verify()
    with contextlib.closing(sqlite3.connect("crm.db")) as connection, connection:
        connection.execute(damage)

    with CRM("crm.db") as crm:
        violations = crm.verify().violations
    assert any(found in violation for violation in violations)


def test_a_record_without_changes_is_found() -> None:
    """Nothing in the log made it."""

    def spoil(store: MemoryStore, _: CRM) -> None:
        store._rooms.shelves["default", "staff"]["staff_0002"] = shelf(store)

    assert any("have no changes" in violation for violation in broken(spoil))


# --- commit, the public one -------------------------------------------------------------------------------------------


def test_a_commit_takes_changes_of_its_own_kinds_only(crm: CRM) -> None:
    """Neither strangers, nor a playbook beside ``adopt``, nor what is yet to happen."""
    acme = crm.accounts.add(name="Acme")
    (change,) = crm.accounts.propose(crm.accounts.revise, acme, fields={"name": "Acme Ltd"})
    strangers: list[Any] = [
        "change",
        attrs.evolve(change, kind="shoot"),
        attrs.evolve(change, kind="playbook", id="playbook"),
        attrs.evolve(change, at=on(3)),
    ]

    for stranger in strangers:
        with pytest.raises(Invalid):
            crm.commit([stranger])
    assert crm.accounts.get(acme.id) == acme
    assert crm.commit([change]).records[0].version == 2
