"""The test kit: a clock and ids for anyone, and a contract that lets no broken store pass."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import crmcore.testing
from crmcore import CRM
from crmcore.kernel.change import Change
from crmcore.kernel.errors import CrmError, Invalid
from crmcore.kernel.page import Page, Query
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Stretch
from crmcore.kernel.records import Kind, R
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, StoreContract, StoreMachine, TickingClock

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_a_crm_under_the_clock_and_ids_says_the_same_every_time() -> None:
    """So documents and tests can write down what it says."""

    def told() -> list[tuple[str, datetime | None]]:
        crm = CRM(clock=TickingClock(START, timedelta(minutes=1)), new_id=CountingIds())
        crm.accounts.update(crm.accounts.add(name="Acme"), name="Acme Ltd")
        return [(change.id, change.recorded_at) for change in crm.store.changes()]

    assert told() == told()
    assert told()[-1][0] == "account_0001"


def test_a_clock_ticks_from_where_it_is_set() -> None:
    """By a second, unless told otherwise."""
    clock = TickingClock(START)
    assert [clock(), clock()] == [START, START + timedelta(seconds=1)]
    clock.now = START
    assert clock() == START


def test_ids_sort_in_the_order_they_were_made() -> None:
    """Each kind for itself."""
    ids = CountingIds()
    leads = [ids("lead") for _ in range(12)]

    assert leads == sorted(leads)
    assert ids("deal") == "deal_0001"


def test_the_kit_names_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that can be copied; clock and ids lack nothing."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r'pip install "crmcore\[testing\]"') as caught:
        crmcore.testing.StoreContract
    assert "\n" not in str(caught.value)
    with pytest.raises(AttributeError, match="no attribute 'StoreContact'"):
        crmcore.testing.StoreContact


def test_every_name_of_the_kit_is_there() -> None:
    """Those that load on use too."""
    assert all(hasattr(crmcore.testing, name) for name in crmcore.testing.__all__)


@pytest.mark.parametrize("kit", [StoreContract, StoreMachine])
def test_somebody_has_to_say_how_to_open_the_store(kit: type[StoreContract | StoreMachine], tmp_path: Path) -> None:
    """The contract alone can't."""
    with pytest.raises(NotImplementedError):
        kit().open(tmp_path)


# --- controls that must fail ----------------------------------------------------------------------------------------


class Piecemeal(MemoryStore):
    """Writes each change for itself, so that a refused commit leaves its beginning."""

    def commit(self, changes: Sequence[Change[Any]], **rest: Any) -> Commit:  # noqa: ANN401 - as the store takes it
        """One after the other."""
        done = [super(Piecemeal, self).commit([change], **rest) for change in changes]
        return Commit(rest["id"], sum((one.changes for one in done), ()), sum((one.records for one in done), ()))


class Repeating(MemoryStore):
    """Forgets keys."""

    def commit(self, changes: Sequence[Change[Any]], *, key: Key | None = None, **rest: Any) -> Commit:  # noqa: ANN401
        """Again and again."""
        return super().commit(changes, **rest)


class Shared(MemoryStore):
    """Keeps all tenants' data in one place."""

    def for_tenant(self, tenant: str) -> Self:
        """Always the same."""
        return super().for_tenant("everybody")


class Timeless(MemoryStore):
    """Reads the past as it is known, whenever it was."""

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """At no time."""
        return super().get(kind, ids, Moment(cut=moment.cut))


class Knowing(MemoryStore):
    """Reads the past with what was learnt later."""

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """As known now."""
        return super().get(kind, ids, Moment(at=moment.at))


class Sliding(MemoryStore):
    """Cuts its log by the time of recording, so that what comes in the same instant slips in later."""

    def _slid(self, place: int) -> int:
        """How much of the log was recorded by the time of a place."""
        log = self._rooms.log
        return place and self._recorded(cast("datetime", log[place - 1][1].recorded_at), len(log))

    def _reach(self, cut: str) -> int:
        """For the log."""
        return self._slid(super()._reach(cut))

    def _known(self, shelf: Any, cut: str) -> int:  # noqa: ANN401 - as the store takes it
        """For a record."""
        return super()._known(shelf, str(self._slid(super()._reach(cut))))


class Skipping(MemoryStore):
    """Loses the first change of a stretch, unless it is the very first of the log."""

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """One further."""
        found = super().stretch(after, limit=limit)
        return found if after is None else attrs.evolve(found, changes=found.changes[1:])


class Twofold(MemoryStore):
    """Gives the last change again."""

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """With a cursor that was given before."""
        found = super().stretch(after, limit=limit)
        one_less = super().stretch(after, limit=len(found.changes) - 1) if len(found.changes) > 1 else found
        return attrs.evolve(found, cursor=one_less.cursor)


class Credulous(MemoryStore):
    """Takes any cursor."""

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What it does not know, it takes for the beginning."""
        try:
            return super().stretch(after, limit=limit)
        except Invalid:
            return super().stretch(limit=limit)


class Short(MemoryStore):
    """Has no next page."""

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """The first page is the last."""
        return Page(super().find(kind, asked, moment).items)


class Generous(MemoryStore):
    """Counts a page."""

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """Without the filter."""
        return super().count(kind, Query(deleted=asked.deleted), moment)


class Remembering(MemoryStore):
    """Erases what stands now, and leaves the log."""

    def erase(self, erasures: Sequence[Change[Any]], **rest: Any) -> Commit:  # noqa: ANN401 - as the store takes it
        """Changes like any other."""
        return self.commit(erasures, **rest)


class Nameless(MemoryStore):
    """Does not follow merged ids on."""

    def aliases(self, id: str) -> frozenset[str]:
        """Itself."""
        return frozenset({id})


class Clinging(MemoryStore):
    """Goes on finding deleted and merged records by their words."""

    def _word(self, kind: Kind[R], before: R | None, record: R) -> None:
        """Takes new words, and drops none of what is gone."""
        if record.deleted_at is None and record.merged_into is None:
            super()._word(kind, before, record)


LOGGING = [Sliding, Skipping, Twofold, Credulous]


@pytest.mark.parametrize(
    "broken",
    [Piecemeal, Repeating, Shared, Timeless, Knowing, *LOGGING, Short, Generous, Remembering, Nameless, Clinging],
)
def test_a_broken_store_does_not_pass(broken: type[MemoryStore]) -> None:
    """Whatever it gets wrong, some history shows it."""

    class Machine(StoreMachine):
        def open(self, folder: Path) -> MemoryStore:
            return broken()

    quick = settings(max_examples=300, stateful_step_count=30, deadline=None, database=None, phases=[Phase.generate])
    with pytest.raises((AssertionError, CrmError, pytest.fail.Exception)):
        run_state_machine_as_test(
            Machine, settings=settings(quick, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
        )
