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
from crmcore.kernel.records import kind_of
from crmcore.playbook import Playbook, PlaybookVersion
from crmcore.sales import Opportunity

__all__ = ["adoption", "in_force", "remapped"]

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


def adoption(store: Store, playbook: Playbook, *, at: datetime, by: str | None) -> Change[PlaybookVersion] | None:
    """The change that makes a store work by a playbook; None when it does already.

    Args:
        store: The store, bound to a tenant.
        playbook: The playbook.
        at: When it is adopted.
        by: Who adopts it.
    """
    kind = kind_of(PlaybookVersion)
    current = store.get(kind, [PLAYBOOK_ID]).get(PLAYBOOK_ID)
    if current is not None and current.hash == playbook.hash:
        return None
    version = 1 if current is None else current.version + 1
    sets = {"hash": playbook.hash, "text": playbook.text}
    return Change(kind=kind.name, id=PLAYBOOK_ID, version=version, what="adopted", sets=sets, at=at, by=by)


def remapped(
    deals: Iterable[Opportunity], playbook: Playbook, remap: Mapping[tuple[str, str], str], context: Context[Any]
) -> list[Change[Opportunity]]:
    """The moves of open deals out of stages that a new playbook does not have.

    Args:
        deals: The open deals.
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
        Problem(f"{line}.{stage}", f"{len(there):,} open deals", "a stage of the new playbook", "name one in remap")
        for (line, stage), there in homeless.items()
        if (line, remap.get((line, stage), "")) not in stages
    ]
    if problems:
        raise Invalid(problems)
    targets = {old: stages[old[0], remap[old]] for old in homeless}
    return [
        context.changed(deal, "remapped", stage=targets[old].name, stage_probability=targets[old].probability)
        for old, there in homeless.items()
        for deal in there
    ]
