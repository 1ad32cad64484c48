"""The outbox and the inbox over PostgreSQL, where several write at once and commit in another order than they began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Barrier, Thread
from typing import Any

import pytest

from crmcore import CRM, Conflict
from crmcore.kernel import Change, kind_of

WRITERS, ROUNDS = 4, 12


@pytest.fixture
def crm(url: str) -> Iterator[CRM]:
    """A CRM in a database of its own."""
    with CRM(url) as crm:
        crm.accounts.add(name="first")
        yield crm


def together(*work: Any) -> None:  # noqa: ANN401 - functions
    """Do it all at once."""
    start = Barrier(len(work))

    def begun(one: Any) -> None:  # noqa: ANN401
        start.wait()
        one()

    threads = [Thread(target=begun, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_is_lost_between_writers_and_consumers(crm: CRM) -> None:
    """Two follow under one name, while many write: every change is handed out, those of a record in order."""
    got: list[Change[Any]] = []
    ended: list[bool] = []

    def write() -> None:
        acme = crm.accounts.add(name="x")
        for number in range(ROUNDS):
            acme = crm.accounts.update(acme, name=f"{number}")
        ended.append(True)

    def follow() -> None:
        while True:
            last = len(ended) == WRITERS
            with suppress(Conflict):
                with crm.follow("erp", limit=5) as batch:
                    got.extend(batch)
                if last and not batch:
                    return

    together(*[write] * WRITERS, follow, follow)
    log = [change for change in crm.store.changes() if change.kind == "account"]
    assert {(one.id, one.version) for one in got} == {(one.id, one.version) for one in log}
    for id in {one.id for one in log}:
        first = list(dict.fromkeys(one.version for one in got if one.id == id))
        assert first == sorted(first)
    assert crm.consumers.lag("erp").changes == 0


def test_who_begins_now_gets_what_is_committed_later(crm: CRM) -> None:
    """And nothing else."""
    with crm.follow("erp", start="now") as batch:
        assert len(batch) == 0
    page = crm.changes("now")
    crm.accounts.add(name="second")
    with crm.follow("erp") as batch:
        assert [one.sets["name"] for one in batch] == ["second"]
    assert [one.sets["name"] for one in crm.changes(page.cursor)] == ["second"]


def test_of_messages_that_come_at_once_one_is_handled(crm: CRM) -> None:
    """Each."""
    won: list[int] = []

    def take() -> None:
        won.extend(
            number for number in range(5) if crm.receive("shop", f"{number}", lambda crm: crm.accounts.add(name="x"))
        )

    together(*[take] * WRITERS)
    assert sorted(won) == list(range(5))
    assert crm.accounts.count() == 6


def test_a_client_catches_up_while_others_write(crm: CRM) -> None:
    """It ends up with what there is."""
    known: dict[tuple[str, str], Any] = {}
    ended: list[bool] = []

    def write() -> None:
        for number in range(ROUNDS):
            acme = crm.accounts.add(name=f"{number}")
            if number % 3 == 0:
                crm.accounts.delete(acme)
        ended.append(True)

    def catch_up() -> None:
        cursor = None
        while True:
            last = len(ended) == WRITERS
            page = crm.sync(cursor, limit=4)
            for stone in page.tombstones:
                known.pop((stone.kind, stone.id), None)
            known.update({(kind_of(type(one)).name, one.id): one for one in page.records})
            cursor = page.cursor
            if last and not page:
                return

    together(*[write] * WRITERS, catch_up)
    assert known == {("account", one.id): one for one in crm.accounts.each()}
