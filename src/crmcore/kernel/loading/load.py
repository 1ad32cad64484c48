"""Bulk load: rows of elsewhere become records, in one commit, and every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.loading.account import accounted
from crmcore.kernel.loading.columns import wanted
from crmcore.kernel.loading.intake import Intake
from crmcore.kernel.loading.plan import Planning
from crmcore.kernel.loading.report import LoadReport
from crmcore.kernel.loading.sheet import Sheet
from crmcore.kernel.loading.source import Source, check_source
from crmcore.kernel.table import Named, Rows, Table, path_of

__all__ = ["loaded"]

TRIES = 5
"""How often a load is planned anew when somebody else was quicker."""


def loaded(
    desk: Intake[Any],
    rows: str | Named | Rows,
    given: Mapping[str, Any],
    progress: Callable[[int, int], object] | None,
) -> LoadReport:
    """Bring rows into a desk: what ``Desk.load`` does.

    Args:
        desk: The desk.
        rows: The rows, or the path of their file.
        given: The other arguments of ``Desk.load``.
        progress: Told how far it is.
    """
    create = given["create"]
    given = {**given, "progress": progress, "create": tuple(create) if isinstance(create, Iterator) else create}
    check_source(given)
    _check_free(desk)
    source = _source(desk, given)
    table = _table(desk, rows, source)
    tries = TRIES
    while True:
        tries -= 1
        context = desk.front.context(desk.department)
        planning = Planning.of(desk, Sheet.of(desk, table, source, context.at), context)
        planning.run(progress)
        report = accounted(planning)
        if given["on_error"] == "raise" and report.rejections:
            raise Invalid(one.problem for one in report.rejections)
        if given["dry_run"] or not planning.changes:
            return attrs.evolve(report, dry_run=given["dry_run"])
        try:
            done = desk.front.commit(planning.changes)
        except Conflict:
            if not tries:
                raise
        else:
            return attrs.evolve(report, commit=done.id)


def _source(desk: Intake[Any], given: Mapping[str, Any]) -> Source:
    """How the rows are to be understood."""
    told = {name: given[name] for name in ("key", "system", "columns", "at", "date_format")}
    source = Source(**told, create=frozenset(given["create"]), kinds=given["kinds"] or {})
    if desk.began is not None and source.at is not None:
        return attrs.evolve(source, also={desk.began: source.at}, at=None)
    if source.at is not None and desk.front.backdated is not None:
        raise Invalid([Problem("at", source.at, "nothing, since given(at=…) says when", "leave one of them out")])
    return source


def _check_free(desk: Intake[Any]) -> None:
    """Refuse a load into the past, and under a key."""
    check_present(desk.front.moment)
    if desk.front.key("load", desk.kind.name, ()) is not None:
        message = "a load has no idempotency key, since its rows have keys of their own; leave given(key=…) out"
        raise NotAllowed(message, act="load")


def _table(desk: Intake[Any], rows: str | Named | Rows, source: Source) -> Table:
    """The rows, column by column."""
    path = path_of(rows)
    if path is None:
        return Table.of(rows)
    return desk.front.rows(path, source.required, wanted(desk, source, desk.front.border(desk.kind)))
