"""Adopting a playbook: it is a record of the store, and every version of it stays in the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, kind_of
from crmcore.playbook import Playbook, PlaybookVersion
from crmcore.sales import Opportunity
from crmcore.sales.opportunity import remap as moved

__all__ = ["Playbooks", "check_custom", "check_remap", "in_force", "remapped"]

PLAYBOOK_ID = "playbook"

_Place: TypeAlias = tuple[str, int]
"""A tenant, and a connection of a host's."""
_Mark: TypeAlias = tuple[int, str]
"""The version and the hash of a playbook; of two that had the same version, one was rolled back."""


def in_force(store: Store, moment: Moment) -> Playbook | None:
    """The playbook a store works by at a moment.

    Args:
        store: The store, bound to a tenant.
        moment: When. Before the first playbook, that one: what it says of the past is all there is.

    Returns:
        The playbook; None when the store has none at all.
    """
    kind = kind_of(PlaybookVersion)
    found = store.get(kind, [PLAYBOOK_ID], moment).get(PLAYBOOK_ID)
    if found is not None:
        return _read(found.text)
    first = store.changes(kind=kind.name, id=PLAYBOOK_ID, limit=1)
    return _read(first[0].sets["text"]) if first else None


def _read(text: str) -> Playbook:
    return Playbook.from_data(json.loads(text))


def check_custom(playbook: Playbook, store: Store, kinds: Mapping[str, Kind[Any]]) -> None:
    """Refuse custom fields that records could not hold.

    Args:
        playbook: The new playbook.
        store: The store, whose log has every playbook there was.
        kinds: The kinds there are, by name.

    Raises:
        Invalid: A custom field is declared for an unknown kind, changes the type it ever had, or is required of
            records by a condition that asks for what they do not have.
    """
    log = store.changes(kind=kind_of(PlaybookVersion).name, id=PLAYBOOK_ID)
    past = [_read(change.sets["text"]).custom for change in log if "text" in change.sets]
    problems = [
        Problem(f"custom.{kind}", kind, f"one of {', '.join(sorted(kinds))}", "correct the kind's name")
        for kind in playbook.custom
        if kind not in kinds
    ]
    for kind, fields in playbook.custom.items():
        for name, told in fields.items():
            was = {custom.get(kind, EMPTY).get(name, told).type for custom in past} - {told.type}
            if was:
                mend = "give the new field another name, for records may hold the old one"
                problems.append(Problem(f"custom.{kind}.{name}", told.type, f"{was.pop()}, as it was", mend))
    problems += playbook.condition_problems(kinds.values())
    if problems:
        raise Invalid(problems)


def _mend(line: str, stages: Iterable[tuple[str, str]]) -> str:
    known = any(name == line for name, _ in stages)
    return f"adopt(…, remap={{({line!r}, old stage): new stage}})" if known else f"keep the pipeline {line!r}"


@attrs.frozen
class _Known:
    """What is known of the playbook that a store works by.

    Attributes:
        playbook: The playbook.
        mark: Its mark.
        sure: Whether it is known to stay.
        seen: The cut of the log at which it was in force.
    """

    playbook: Playbook
    mark: _Mark
    sure: bool
    seen: str | None


@attrs.define(eq=False)
class Playbooks:
    """The playbooks that the tenants of a store work by, as this process knows them.

    Attributes:
        first: What a tenant without a playbook works by; it is written down before their first change.
    """

    first: Playbook
    _known: dict[_Place, _Known] = attrs.field(factory=dict)

    def of(self, store: Store, moment: Moment = NOW) -> Playbook:
        """The playbook in force at a moment.

        Args:
            store: The store, bound to a tenant.
            moment: When.
        """
        if moment.past:
            return in_force(store, moment) or self.first
        return self.now(store)[0]

    def now(self, store: Store) -> tuple[Playbook, int]:
        """The playbook in force, and its version in the store; 0 when it is not in there.

        Args:
            store: The store, bound to a tenant.
        """
        place = _place_of(store)
        known = self._known.get(place)
        if known is None or not known.sure:
            known = self._take(store, place, known)
        return known.playbook, known.mark[0]

    def _take(self, store: Store, place: _Place, was: _Known | None, cut: str | None = None) -> _Known:
        """Take up what the store works by now.

        What is known is put down as one value, together with the cut it is known by. So of two threads that look at
        once, the one that saw less may be the last to put it down: that is noticed at the next look.
        """
        settled, seen = _settled(store), None if was is None else was.seen
        found = store.get(kind_of(PlaybookVersion), [PLAYBOOK_ID]).get(PLAYBOOK_ID)
        mark = (0, "") if found is None else (found.version, found.hash)
        if was is not None and was.mark == mark:
            playbook, sure = was.playbook, was.sure or settled
        else:
            playbook, sure = self.first if found is None else _read(found.text), settled
        if settled and cut is not None:  # else a host may roll back, and others write what has the same cut
            seen = cut
        known = self._known[place] = _Known(playbook, mark, sure, seen)
        return known

    def _take_anew(self, store: Store) -> None:
        place = _place_of(store)
        self._take(store, place, self._known.get(place))

    def look(self, store: Store, cut: str) -> None:
        """Take up what another process may have adopted meanwhile.

        Args:
            store: The store, bound to a tenant.
            cut: The cut of its log as it is.
        """
        place = _place_of(store)
        known = self._known.get(place)
        if known is None or known.seen != cut:
            self._take(store, place, known, cut)

    def wrote(self, store: Store, done: Commit) -> None:
        """Remember what this process wrote itself, so as not to look for it.

        Args:
            store: The store, bound to a tenant.
            done: What was written.
        """
        place = _place_of(store)
        known = self._known.get(place)
        if known is not None and done.cuts is not None and known.seen == done.cuts[0] and _settled(store):
            self._known[place] = attrs.evolve(known, seen=done.cuts[1])

    def keep(
        self,
        store: Store,
        playbook: Playbook,
        context: Context[Any],
        moves: Sequence[Change[Any]] = (),
        *,
        end: str | None = None,
        key: Key | None = None,
    ) -> None:
        """Write a playbook down, unless it is the one the store has.

        Args:
            store: The store, bound to a tenant.
            playbook: The playbook.
            context: The circumstances.
            moves: What is written with it, in the same commit.
            end: The cut that nothing may have been written after, since the moves rest on all of the log.
            key: The idempotency key it is written under.

        Raises:
            Conflict: Another process adopted another one first, or something was written meanwhile.
        """
        change = _adoption(store, playbook, context)
        written = [*([] if change is None else [change]), *moves]
        if written:
            try:
                id = context.new_id("commit")
                done = store.commit(written, id=id, recorded_at=context.at, key=key, playbook=playbook.hash, end=end)
            except Conflict:
                if moves or in_force(store, NOW) != playbook:  # else another process wrote the same one first
                    raise
            else:
                self._take_anew(store)
                self.wrote(store, done)
                return
        self._take_anew(store)


def _place_of(store: Store) -> _Place:
    """Where something is known: on one connection of a host's there may be what no other one sees."""
    return store.tenant, getattr(store, "place", 0)


def _settled(store: Store) -> bool:
    """Whether the playbook of a store stays, whatever a host does that has lent it a connection."""
    asked: Callable[[str, str], bool] | None = getattr(store, "settled", None)
    return asked is None or asked(kind_of(PlaybookVersion).name, PLAYBOOK_ID)


def _adoption(store: Store, playbook: Playbook, context: Context[Any]) -> Change[PlaybookVersion] | None:
    """The change that makes a store work by a playbook; None when it does already."""
    sets = {"hash": playbook.hash, "text": playbook.text}
    current = store.get(kind_of(PlaybookVersion), [PLAYBOOK_ID]).get(PLAYBOOK_ID)
    if current is not None:
        return None if current.hash == playbook.hash else context.changed(current, "adopted", **sets)
    return attrs.evolve(context.created(PlaybookVersion, "adopted", **sets), id=PLAYBOOK_ID)


def check_remap(remap: object) -> Mapping[tuple[str, str], str]:
    """Where deals of stages that are taken away go, if it is said so.

    Args:
        remap: ``{(pipeline, old stage): new stage}``, or None.

    Raises:
        Invalid: It is neither.
    """
    if remap is None:
        return {}
    if not isinstance(remap, Mapping):
        expected, mend = "the new stage of each old one", "write {(pipeline, old stage): new stage}"
        raise Invalid([Problem("remap", type(remap).__name__, expected, mend)])
    return remap


def remapped(
    deals: Iterable[Opportunity], playbook: Playbook, remap: Mapping[tuple[str, str], str], context: Context[Any]
) -> list[Change[Opportunity]]:
    """The moves of open deals out of stages that a new playbook does not have.

    Closed deals stay where they are, so their stages must stay what they are.

    Args:
        deals: The deals, deleted ones included, since they may come back.
        playbook: The new playbook.
        remap: ``{(pipeline, old stage): new stage}``.
        context: The circumstances.

    Raises:
        Invalid: A stage that deals are in is taken away and not remapped: every such stage.
    """
    every = {(line.name, stage.name): stage for line in playbook.sales.pipelines for stage in line.stages}
    stages = {place: stage for place, stage in every.items() if stage.kind == "open"}
    homeless: dict[tuple[str, str], list[Opportunity]] = {}
    closed: dict[tuple[str, str, str], int] = {}
    for deal in deals:
        place = (deal.pipeline, deal.stage)
        if deal.status == "open" and place not in stages:
            homeless.setdefault(place, []).append(deal)
        elif deal.status != "open" and (place not in every or every[place].kind != deal.status):
            closed[*place, deal.status] = closed.get((*place, deal.status), 0) + 1
    problems = [
        Problem(f"{line}.{stage}", f"{count:,} {status} deals", f"a {status} stage", f"keep the stage {stage!r}")
        for (line, stage, status), count in closed.items()
    ]
    problems += [
        Problem(f"{line}.{stage}", f"{len(there):,} open deals", "an open stage it still has", _mend(line, stages))
        for (line, stage), there in homeless.items()
        if not (isinstance(new := remap.get((line, stage)), str) and (line, new) in stages)
    ]
    if problems:
        raise Invalid(problems)
    targets = {old: stages[old[0], remap[old]] for old in homeless}
    return [moved(deal, context, to=targets[old]) for old, there in homeless.items() for deal in there]
