"""Rules over several records hold though others write between the look and the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest

from crmcore import CRM, Conflict, CrmError, F, Invalid, Playbook
from crmcore.kernel.errors import NotAllowed
from crmcore.people.affiliation import AffiliationDesk
from crmcore.stores.memory import MemoryStore
from crmcore.stores.postgres import PostgresStore

WRITERS, ROUNDS = 8, 6


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CRM]:
    """A CRM on every store, with a playbook written down."""
    where: dict[str, Callable[[], Any]] = {"memory": lambda: None, "sqlite": lambda: tmp_path / "a.db"}
    with CRM(where.get(request.param, lambda: PostgresStore(request.getfixturevalue("url")))()) as crm:
        crm.accounts.add(name="first")
        yield crm


def meanwhile(crm: CRM, done: Callable[[CRM], object]) -> CRM:
    """The same CRM, which is overtaken by somebody else just before its next commit."""
    slow = crm.given()
    slow.store = crm.store.for_tenant(crm.store.tenant)
    real, todo = slow.store.commit, [done]

    def commit(*args: Any, **told: Any) -> Any:  # noqa: ANN401 - as the store takes and gives it
        while todo:
            todo.pop()(crm)
        return real(*args, **told)

    vars(slow.store)["commit"] = commit
    return slow


def commit_of(crm: CRM, record: Any) -> str:  # noqa: ANN401 - any record
    """The commit a record was last changed by."""
    return crm.history(record)[-1].commit


def test_nothing_comes_to_refer_to_what_undo_has_taken_back(crm: CRM) -> None:
    """Undo saw that nothing refers to it, and who refers to it saw that it was there."""
    acme = crm.accounts.add(name="Acme")
    slow = meanwhile(crm, lambda other: other.undo(commit_of(other, acme)))

    with pytest.raises(Invalid, match="live account"):
        slow.opportunities.add(name="Roof", account=acme.id)
    assert crm.opportunities.count() == 0


def test_nothing_comes_back_to_what_undo_has_taken_back(crm: CRM) -> None:
    """A deleted record's references are looked at when it is restored."""
    acme = crm.accounts.add(name="Acme")
    deal = crm.opportunities.add(name="Roof", account=acme.id)
    gone = crm.opportunities.delete(deal)
    slow = meanwhile(crm, lambda other: other.undo(commit_of(other, acme)))

    with pytest.raises(Invalid, match="live account"):
        slow.opportunities.restore(gone)


def test_what_a_record_refers_to_may_change_meanwhile(crm: CRM) -> None:
    """It only has to be there."""
    acme = crm.accounts.add(name="Acme")
    deal = crm.opportunities.add(name="Roof")
    slow = meanwhile(crm, lambda other: other.accounts.update(acme, name="Acme Ltd"))

    assert slow.opportunities.update(deal, account=acme.id).account == acme.id
    with (slow := meanwhile(crm, lambda other: other.accounts.update(acme.id, name="Acme SE"))).batch() as batch:
        batch.contacts.add(name="Ada", account=acme.id)
    assert crm.contacts.count() == 1


def test_accounts_moved_beneath_each_other_by_plain_changes(crm: CRM) -> None:
    """Whichever way the changes come."""
    one, two = crm.accounts.add(name="one"), crm.accounts.add(name="two")
    moved = crm.accounts.propose(crm.accounts.revise, one, fields={"parent": two.id})
    slow = meanwhile(crm, lambda other: other.accounts.update(two, parent=one.id))

    with pytest.raises(Conflict):
        slow.commit(moved)
    with pytest.raises(Invalid, match="part of this one"):
        slow.commit(moved)


def test_accounts_moved_beneath_each_other_by_a_load(crm: CRM) -> None:
    """The row is left out."""
    one, two = crm.accounts.upsert(("erp", "1"), name="one"), crm.accounts.upsert(("erp", "2"), name="two")
    slow = meanwhile(crm, lambda other: other.accounts.update(two, parent=one.id))

    report = slow.accounts.load([{"id": "1", "name": "one", "parent": "2"}], key="id", system="erp")
    assert len(report.rejections) == 1
    assert crm.accounts.get(one.id).parent is None


def test_days_of_affiliations_corrected_at_once(crm: CRM) -> None:
    """Nobody belongs to an account twice at a time, though both looked at free days."""
    acme, ada = crm.accounts.add(name="Acme"), crm.contacts.add(name="Ada")
    late = crm.affiliations.add(contact=ada, account=acme, since="2022-01-01", until="2022-06-01")
    slow = meanwhile(
        crm,
        lambda other: other.affiliations.add(contact=ada.id, account=acme, since="2021-01-01", until="2021-03-01"),
    )

    with pytest.raises((Invalid, Conflict)):
        slow.affiliations.update(late, since="2021-02-01")
    assert crm.affiliations.get(late.id).since == late.since


@pytest.fixture
def crms(url: str) -> Iterator[list[CRM]]:
    """One CRM for each writer, each with connections of its own to one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(CRM(PostgresStore(url, connections=2))) for _ in range(WRITERS)]


def raced(crms: list[CRM], work: Callable[[CRM, int], object]) -> list[CrmError | None]:
    """What comes of work that all do at once."""
    start = Barrier(WRITERS)

    def done(number: int) -> CrmError | None:
        start.wait()
        try:
            work(crms[number], number)
        except CrmError as error:
            return error
        return None

    with ThreadPoolExecutor(WRITERS) as threads:
        return [*threads.map(done, range(WRITERS))]


@pytest.mark.slow
def test_writers_race_to_bend_accounts_into_a_circle(crms: list[CRM]) -> None:
    """Each moves an account beneath the next one: all but one may."""
    crm = crms[0]
    for _ in range(ROUNDS):
        ring = [crm.accounts.add(name=f"{n}").id for n in range(WRITERS)]

        def work(one: CRM, n: int, ring: Sequence[str] = ring) -> None:
            change = one.accounts.propose(one.accounts.revise, ring[n], fields={"parent": ring[(n + 1) % WRITERS]})
            one.commit(change)

        raced(crms, work)
        assert any(crm.accounts.get(id).parent is None for id in ring)


def test_writers_race_undo_to_refer_to_what_it_takes_back(crms: list[CRM]) -> None:
    """Either somebody refers to it and it stays, or it goes and nobody does."""
    crm, ends = crms[0], set()
    for turn in range(ROUNDS):
        acme = crm.accounts.add(name="Acme")

        def work(
            one: CRM, number: int, id: str = acme.id, commit: str = commit_of(crm, acme), wait: int = turn
        ) -> None:
            if number:
                one.notes.add(id, "hello")
            else:
                sleep(wait / 500)
                one.undo(commit)

        trouble = raced(crms, work)
        gone, said = (
            acme.id in {one.id for one in crm.accounts.each(deleted=True)},
            crm.notes.count(F.record == acme.id),
        )
        assert (gone, said > 0) in {(True, False), (False, True)}
        assert {type(error) for error in trouble} <= {type(None), Invalid, NotAllowed, Conflict}
        ends.add(gone)
    assert ends


def test_undo_and_adopt_come_to_their_end_though_others_never_stop(crms: list[CRM]) -> None:
    """What rests on all of the log is done at last while nobody writes."""
    crm, *others = crms
    stop = Event()

    def write(one: CRM) -> None:
        while not stop.is_set():
            one.opportunities.add(name="Roof")

    with ThreadPoolExecutor(WRITERS) as threads:
        busy = [threads.submit(write, one) for one in others]
        try:
            for currency in ("EUR", "JPY", "USD"):
                acme = crm.accounts.add(name="Acme")
                assert crm.undo(commit_of(crm, acme))[0].deleted_at is not None
                crm.adopt(Playbook(currency=currency))
        finally:
            stop.set()
        failed = {type(one.exception()) for one in busy}
    assert failed <= {type(None), Conflict}
    assert crm.verify()


def test_what_an_act_changes_along_is_never_late_by_accident(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact is read after the act was told the time; somebody may have changed them in between."""
    acme, ada = crm.accounts.add(name="Acme"), crm.contacts.add(name="Ada")
    there, people, todo = crm.given(), AffiliationDesk._people, [1]

    def slow(self: AffiliationDesk, ids: Any) -> Any:  # noqa: ANN401 - as it takes and gives it
        while todo:
            todo.pop()
            sleep(0.002)
            there.contacts.update(ada, job_title="Countess")
        return people(self, ids)

    monkeypatch.setattr(AffiliationDesk, "_people", slow)
    crm.affiliations.add(contact=ada, account=acme)
    assert [change.late for change in crm.history(ada)] == [False] * 3
    assert crm.contacts.get(ada.id).account == acme.id


def test_a_transaction_left_open_goes_to_nobody_else(url: str) -> None:
    """A connection that was interrupted in the middle is closed."""
    with CRM(PostgresStore(url, connections=1)) as crm:
        pool = crm.store._file._pool  # type: ignore[attr-defined]
        with pool.borrowed() as connection:
            connection.execute("BEGIN")
        assert connection.closed
        assert crm.accounts.add(name="Acme").version == 1


def test_what_is_left_halfway_alone_is_undone(crm: CRM) -> None:
    """All acts of a thread that writes alone are one transaction, where the store has transactions."""
    if isinstance(crm.store, MemoryStore):
        pytest.skip("memory has none")

    def interrupted() -> None:
        with crm.store.alone():  # type: ignore[attr-defined]
            crm.accounts.add(name="Acme")
            crm.accounts.add(name="Bcme")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert crm.accounts.count() == 1
    assert crm.accounts.add(name="Acme").version == 1


def test_what_is_refused_for_what_others_did_meanwhile_is_done_anew(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looked before and after somebody else's act has not given anything wrong."""
    acme, bcme, ada = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bcme"), crm.contacts.add(name="Ada")
    first = crm.affiliations.add(contact=ada, account=acme)
    there, then, todo = crm.given(), AffiliationDesk._then, [1]

    def slow(self: AffiliationDesk, contacts: Any) -> Any:  # noqa: ANN401 - as it takes and gives it
        found = [*then(self, contacts)]
        while todo:
            todo.pop()
            there.affiliations.delete(first.id)
        return iter(found)

    monkeypatch.setattr(AffiliationDesk, "_then", slow)
    crm.affiliations.add(contact=ada, account=bcme)
    assert crm.contacts.get(ada.id).account == bcme.id
