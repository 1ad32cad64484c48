"""Adopting a playbook: it is a record of the store, and every version of it stays in the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Moment, Store
from crmcore.kernel.records import EMPTY, kind_of
from crmcore.playbook import Playbook, PlaybookVersion
from crmcore.sales import Opportunity
from crmcore.sales.opportunity import remap as moved

__all__ = ["adoption", "check_custom", "in_force", "remapped"]

PLAYBOOK_ID = "playbook"


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


def check_custom(playbook: Playbook, current: Playbook, kinds: Iterable[str]) -> None:
    """Refuse custom fields that records could not hold.

    Args:
        playbook: The new playbook.
        current: The one in force.
        kinds: The names of the kinds there are.

    Raises:
        Invalid: A custom field is declared for an unknown kind, or changes its type.
    """
    known = set(kinds)
    problems = [
        Problem(f"custom.{kind}", kind, f"one of {', '.join(sorted(known))}", "correct the kind's name")
        for kind in playbook.custom
        if kind not in known
    ]
    for kind, fields in playbook.custom.items():
        was = current.custom.get(kind, EMPTY)
        for name, type in fields.items():
            if was.get(name, type) != type:
                mend = "give the new field another name, for records may hold the old one"
                problems.append(Problem(f"custom.{kind}.{name}", type, f"{was[name]}, as it was", mend))
    if problems:
        raise Invalid(problems)


def _mend(line: str, stages: Iterable[tuple[str, str]]) -> str:
    known = any(name == line for name, _ in stages)
    return f"adopt(…, remap={{({line!r}, old stage): new stage}})" if known else f"keep the pipeline {line!r}"


def adoption(
    store: Store, playbook: Playbook, *, at: datetime, by: str | None, reason: str | None
) -> Change[PlaybookVersion] | None:
    """The change that makes a store work by a playbook; None when it does already.

    Args:
        store: The store, bound to a tenant.
        playbook: The playbook.
        at: When it is adopted.
        by: Who adopts it.
        reason: Why.
    """
    kind = kind_of(PlaybookVersion)
    current = store.get(kind, [PLAYBOOK_ID]).get(PLAYBOOK_ID)
    if current is not None and current.hash == playbook.hash:
        return None
    version = 1 if current is None else current.version + 1
    sets = {"hash": playbook.hash, "text": playbook.text}
    return Change(
        kind=kind.name, id=PLAYBOOK_ID, version=version, what="adopted", sets=sets, at=at, by=by, reason=reason
    )


def remapped(
    deals: Iterable[Opportunity], playbook: Playbook, remap: Mapping[tuple[str, str], str], context: Context[Any]
) -> list[Change[Opportunity]]:
    """The moves of open deals out of stages that a new playbook does not have.

    Args:
        deals: The open deals, deleted ones included, since they may come back.
        playbook: The new playbook.
        remap: ``{(pipeline, old stage): new stage}``.
        context: The circumstances.

    Raises:
        Invalid: A stage that deals are in is taken away and not remapped: every such stage.
    """
    stages = {(line.name, stage.name): stage for line in playbook.sales.pipelines for stage in line.open_stages}
    homeless: dict[tuple[str, str], list[Opportunity]] = {}
    for deal in deals:
        if (deal.pipeline, deal.stage) not in stages:
            homeless.setdefault((deal.pipeline, deal.stage), []).append(deal)
    problems = [
        Problem(f"{line}.{stage}", f"{len(there):,} open deals", "an open stage it still has", _mend(line, stages))
        for (line, stage), there in homeless.items()
        if (line, remap.get((line, stage), "")) not in stages
    ]
    if problems:
        raise Invalid(problems)
    targets = {old: stages[old[0], remap[old]] for old in homeless}
    return [moved(deal, context, to=targets[old]) for old, there in homeless.items() for deal in there]
