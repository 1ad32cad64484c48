"""Any history: a Hypothesis machine that does whatever can be done, and compares with a model."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crmcore.kernel.change import Change, replay
from crmcore.kernel.errors import Conflict, CrmError, Invalid
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.money import Money
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import Record
from crmcore.kernel.where import select
from crmcore.testing.model import Model, Whole, flat
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, asked, holder, hour, walked
from crmcore.testing.steps import (
    CODES,
    IDS,
    POOL,
    TENANTS,
    TOO_EARLY,
    Question,
    Step,
    hours,
    keys,
    questions,
    searches,
    several,
    skips,
    tenants,
)
from crmcore.verification import verify

__all__ = ["StoreMachine"]

BEGUN: dict[str, dict[str, Any]] = {"parcel": {"label": "a", "pieces": 1, "status": "sent"}, "box": {"label": "a"}}
BOTH: dict[str, Any] = {"label": "[erased]", "code": None, "external.shop": None, "custom.region": None}
LEFT: dict[str, dict[str, Any]] = {"parcel": {**BOTH, "note": None, "phones": EMPTY}, "box": BOTH}
several_chances = st.lists(st.integers(0, 99), min_size=1, max_size=2)


class StoreMachine(RuleBasedStateMachine):
    """Does whatever can be done to a store, for two tenants, and compares it with a model after every step.

    ``StoreContract.test_any_history`` runs it; subclass it to look for longer.

    Attributes:
        durable: Whether a store opened again in the same folder finds what was written.

    Example:
        >>> from pathlib import Path
        >>> from hypothesis import settings
        >>> from hypothesis.stateful import run_state_machine_as_test
        >>> from crmcore.stores.memory import MemoryStore
        >>> from crmcore.testing import StoreMachine
        >>> class MemoryMachine(StoreMachine):
        ...     def open(self, folder: Path) -> MemoryStore:
        ...         return MemoryStore()
        >>> few = settings(max_examples=3, stateful_step_count=5, deadline=None)
        >>> run_state_machine_as_test(MemoryMachine, settings=few)
    """

    durable: ClassVar[bool] = False

    def open(self, folder: Path) -> Store:
        """Open the store.

        Args:
            folder: An empty folder of its own, the same one when it is opened again.
        """
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="crmcore-"))
        self.stores: dict[str, Store] = {}
        self.models = {tenant: Model() for tenant in TENANTS}
        self.commits = Counter[str]()
        self.recorded = hour(0)
        self.cuts: list[str] = []
        self.followed = Counter[str]()

    @initialize(filled=st.sampled_from([True, True, False]))
    def begin(self, *, filled: bool) -> None:
        """Open the store, and mostly give every record two versions, so that a change can be late."""
        self.open_store()
        self.mark()
        for tenant, after in product(TENANTS if filled else (), (0, 10)):
            steps = [Step(whole, BEGUN[whole[0]], after) for whole in POOL]
            self.write(tenant, self.changes(tenant, steps), hour(0))

    def open_store(self) -> None:
        """Open the store, or open it again."""
        store = self.open(self.folder)
        store.prepare(KINDS.values())
        self.stores = {tenant: store.for_tenant(tenant) for tenant in TENANTS}

    def teardown(self) -> None:
        """Check once more that everything adds up, and clear away."""
        try:
            for tenant, store in self.stores.items():
                self.check_past(tenant, len(self.models[tenant].log) // 2)
                sound = verify(store, KINDS)
                assert sound, str(sound)
        finally:
            for store in self.stores.values():
                store.close()
            shutil.rmtree(self.folder)

    # --- writing ----------------------------------------------------------------------------------------------------

    @rule(tenant=tenants, steps=several(0, 1, 1, 2), recorded=hours)
    def commit(self, tenant: str, steps: list[Step], recorded: datetime) -> None:
        """New records, changes, deletions, merges: one or several in a commit, whatever the clock says."""
        self.write(tenant, self.changes(tenant, steps), recorded)

    @rule(tenant=tenants, steps=several(-1, -2, -3, -5, -8, 1, 2, TOO_EARLY))
    def commit_late(self, tenant: str, steps: list[Step]) -> None:
        """Changes that happened before what is known already."""
        self.write(tenant, self.changes(tenant, steps), hour(0))

    @rule(tenant=tenants, steps=several(1), key=keys)
    def commit_once(self, tenant: str, steps: list[Step], key: Key) -> None:
        """A commit under a key, which may have been used."""
        self.write(tenant, self.changes(tenant, steps), hour(0), key)

    @rule(tenant=tenants, chances=several_chances, after=st.sampled_from([0, 1, -4]), skip=skips)
    def erase(self, tenant: str, chances: list[int], after: int, skip: int) -> None:
        """Erase what a record has of personal values, or two of them together, if there are any."""
        model, store = self.models[tenant], self.stores[tenant]
        present = sorted(model.states()) or POOL
        steps = [
            Step(whole, LEFT[whole[0]], after, skip)
            for whole in dict.fromkeys(present[one % len(present)] for one in chances)
        ]
        erasures = [attrs.evolve(one, what="erased", reason="asked") for one in self.changes(tenant, steps)]
        known = [model.of(*step.whole) for step in steps]
        if all(known) and all(model.is_scrubbed(one) for one in erasures):
            assert store.erase(erasures, id="none", recorded_at=hour(0)) == Commit("none", (), ())
            return
        refusal = model.refusal(erasures) if all(known) else Conflict
        self.commits[tenant] += 1
        if refusal is not None:
            with pytest.raises(CrmError) as caught:
                store.erase(erasures, id="none", recorded_at=hour(0))
            assert caught.type is refusal
            return
        done = store.erase(erasures, id=str(self.commits[tenant]), recorded_at=hour(0))
        for one in erasures:
            model.erase(one)
        self.check_written(tenant, erasures, done, hour(0), "")

    def changes(self, tenant: str, steps: Sequence[Step]) -> list[Change[Any]]:
        """The changes that some steps are, on top of what the records know."""
        staged: list[Change[Any]] = []
        for step in steps:
            known = [*self.models[tenant].of(*step.whole), *(one for one in staged if (one.kind, one.id) == step.whole)]
            at = max((one.at for one in known), default=hour(10)) + timedelta(hours=step.after)
            if known and step.after > TOO_EARLY:
                at = max(at, known[0].at)
            staged.append(
                Change(
                    kind=step.whole[0],
                    id=step.whole[1],
                    version=len(known) + 1 + step.skip,
                    what="changed",
                    sets=step.sets if known else {"label": "new", **step.sets},
                    at=at,
                    by=tenant,
                    reason="why",
                )
            )
        return staged

    def write(self, tenant: str, changes: list[Change[Any]], recorded: datetime, key: Key | None = None) -> None:
        """Commit, and compare what comes of it with what should."""
        model, store = self.models[tenant], self.stores[tenant]
        self.commits[tenant] += 1
        fingerprint, first = (None, None) if key is None else model.keys.get(key.text, (None, None))
        if key is not None and first is not None and fingerprint == key.fingerprint:
            assert store.commit(changes, id="again", recorded_at=recorded, key=key) == first == store.kept(key)
            return
        refusal = model.refusal(changes) if first is None else Conflict
        if refusal is not None:
            with pytest.raises(CrmError) as caught:
                store.commit(changes, id="refused", recorded_at=recorded, key=key)
            assert caught.type is refusal
            return
        done = store.commit(changes, id=str(self.commits[tenant]), recorded_at=recorded, key=key, playbook="book")
        self.check_written(tenant, changes, done, recorded, "book")
        if key is not None:
            model.keys[key.text] = (key.fingerprint, done)

    def check_written(
        self, tenant: str, changes: list[Change[Any]], done: Commit, recorded: datetime, playbook: str
    ) -> None:
        """Take what was committed into the model."""
        model = self.models[tenant]
        self.recorded = max(self.recorded, recorded)
        assert done.id == str(self.commits[tenant])
        for change, written, record in zip(changes, done.changes, done.records, strict=True):
            assert all(written.seq > one.seq for one in model.log[-1:])
            told: dict[str, Any] = {"seq": written.seq, "commit": done.id, "recorded_at": written.recorded_at}
            assert written == attrs.evolve(change, late=model.late(change), playbook=playbook, **told)
            assert written.recorded_at is not None
            assert max([recorded, *(one.recorded_at or recorded for one in model.log[-1:])]) <= written.recorded_at
            assert written.recorded_at <= self.recorded
            model.log.append(written)
            assert (record.id, flat(record)) == (change.id, model.states()[change.kind, change.id])
        self.mark()

    def mark(self) -> None:
        """Remember how much of each log lies within the cut of now."""
        cut = self.stores["here"].last()[0]
        self.cuts.append(cut)
        for model in self.models.values():
            model.cuts[cut] = len(model.log)

    @precondition(lambda self: self.durable)
    @rule()
    def open_again(self) -> None:
        """Close the store and open it anew."""
        self.stores["here"].close()
        self.open_store()

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, tenant: str, moment: Moment = NOW) -> dict[Whole, Record]:
        """Every record of a tenant at a moment."""
        store = self.stores[tenant]
        return {(name, id): one for name, kind in KINDS.items() for id, one in store.get(kind, IDS, moment).items()}

    @rule(tenant=tenants, chance=st.integers(0, 99), known=hours)
    def look_back(self, tenant: str, chance: int, known: datetime) -> None:
        """Every instant, as known now and at some place of the log; and the place the log had reached by a time."""
        self.check_past(tenant, chance)
        for name, store in self.stores.items():
            for within in (None, self.cuts[chance % len(self.cuts)]):
                cut = store.cut(known, within=within)
                recorded = [one for one in self.models[name].known(within) if (one.recorded_at or known) <= known]
                assert store.changes(upto=cut) == recorded
                assert store.changes(after=cut) == self.models[name].log[len(recorded) :]

    @rule(tenant=tenants, limit=st.integers(1, 9))
    def follow(self, tenant: str, limit: int) -> None:
        """Read on in the log where this was left the last time, in whichever process that was."""
        store, rest = self.stores[tenant], self.models[tenant].log[self.followed[tenant] :]
        cursor = store.cursors().get("reader", "")
        stretch = store.stretch(cursor or None, limit=limit)
        got = list(stretch.changes)
        assert got == rest[: len(got)]
        assert len(got) <= limit
        assert bool(got) is bool(rest)
        store.move_cursor("reader", was=cursor, now=stretch.cursor)
        self.followed[tenant] += len(stretch.changes)

    @rule(tenant=tenants, cursor=st.sampled_from(["", "x", "-1", "9" * 30]))
    def follow_from_nowhere(self, tenant: str, cursor: str) -> None:
        """What nobody was given is no cursor."""
        with pytest.raises(Invalid):
            self.stores[tenant].stretch(cursor, limit=1)

    def check_past(self, tenant: str, chance: int) -> None:
        """A moment is the fold of what had happened by then and was known by then."""
        model, log = self.models[tenant], self.stores[tenant].changes()
        for at, cut in product([None, *{one.at for one in log}], {None, self.cuts[chance % len(self.cuts)]}):
            found = self.read(tenant, Moment(at, cut))
            assert {whole: flat(record) for whole, record in found.items()} == model.states(Moment(at, cut))
            known = [one for one in model.known(cut) if at is None or one.at <= at]
            for (kind, id), record in found.items():
                assert replay(KINDS[kind], [one for one in known if (one.kind, one.id) == (kind, id)]) == record

    @rule(tenant=tenants, questions=questions)
    def find(self, tenant: str, questions: list[Question]) -> None:
        """A filter finds what it selects in Python, in order, page by page; and the count agrees."""
        store, log = self.stores[tenant], self.models[tenant].log
        for one in questions:
            moment = NOW if one.past is None or not log else Moment(log[one.past % len(log)].at)
            ready = asked(Parcel, one.where, deleted=one.deleted)
            pool = [record for record in self.read(tenant, moment).values() if isinstance(record, Parcel)]
            pool = [record for record in pool if (record.deleted_at is not None) is one.deleted]
            expected = in_order(pool if ready.where is None else select(ready.where, pool), one.order)
            found = walked(Pen(store), one.where, moment, order_by=one.order, limit=one.limit, deleted=one.deleted)

            assert found == expected
            assert store.count(PARCEL, ready, moment) == len(expected)

    @rule(tenant=tenants, searches=searches)
    def search(self, tenant: str, searches: list[tuple[list[str], list[str], int]]) -> None:
        """Live records are found by the words they have now, whole ones first."""
        for names, words, limit in searches:
            found = self.stores[tenant].search([KINDS[name] for name in names], words, limit=limit)
            assert found == self.models[tenant].search(names, words, limit)

    # --- laws -------------------------------------------------------------------------------------------------------

    @invariant()
    def each_tenant_has_its_own(self) -> None:
        """The log, the records, the claims and the aliases are those of the model."""
        for tenant, model in self.models.items():
            store, states, now = self.stores[tenant], model.states(), self.read(tenant)
            newest = [change.recorded_at for change in model.log[-1:]] or [None]
            assert store.changes() == model.log
            assert {whole: flat(record) for whole, record in now.items()} == states
            assert self.read(tenant, Moment(at=hour(10_000))) == self.read(tenant, Moment(cut=self.cuts[-1])) == now
            cut, recorded = store.last()
            assert store.changes(upto=cut) == model.log
            assert recorded in (self.recorded if any(one.log for one in self.models.values()) else None, *newest)
            assert {id: store.aliases(id) for id in IDS} == {id: model.aliases(id) for id in IDS}
            claims = model.claims(states)
            for (name, kind), field, code, live in product(
                KINDS.items(), ("code", "external.shop"), CODES, (True, False)
            ):
                holders = claims.get((name, field, code, live), [])
                assert holder(store, kind, field, code, deleted=not live) == min(holders, default=None)

    @invariant()
    def versions_are_whole(self) -> None:
        """Each record's versions count from 1, and the log never runs backwards."""
        for tenant, store in self.stores.items():
            log = store.changes()
            for whole in POOL:
                versions = [one.version for one in log if (one.kind, one.id) == whole]
                assert versions == list(range(1, len(versions) + 1)), tenant
            times = [one.recorded_at for one in log if one.recorded_at is not None]
            assert times == sorted(times)


def in_order(records: Sequence[Parcel], order: str | None) -> list[Parcel]:
    """Records by a field or by id: missing values last, ties by id."""
    if order is None:
        return sorted(records, key=lambda one: one.id)
    name = order.removeprefix("-")
    present = [one for one in records if getattr(one, name) is not None]
    present.sort(key=lambda one: (_rank(getattr(one, name)), one.id), reverse=order.startswith("-"))
    return present + sorted((one for one in records if getattr(one, name) is None), key=lambda one: one.id)


def _rank(value: Any) -> Any:  # noqa: ANN401 - whatever has an order
    return (value.currency, value.minor) if isinstance(value, Money) else value
