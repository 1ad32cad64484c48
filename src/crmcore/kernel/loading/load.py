"""Bulk load: rows of elsewhere become records, in one commit, and every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.loading.columns import Source, check_source, wanted
from crmcore.kernel.loading.intake import Intake
from crmcore.kernel.loading.plan import Plan, Planning
from crmcore.kernel.loading.report import LoadReport
from crmcore.kernel.table import Named, Rows, Table, path_of

__all__ = ["loaded", "planned"]

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
    told = ("key", "system", "columns", "at", "date_format")
    source = Source(**{name: given[name] for name in told}, create=frozenset(given["create"]))
    table = _table(desk, rows, source)
    tries = TRIES
    while True:
        tries -= 1
        context = desk.front.context(desk.department)
        plan = planned(desk, table, source, context, progress)
        if given["on_error"] == "raise" and plan.report.rejections:
            raise Invalid(one.problem for one in plan.report.rejections)
        if given["dry_run"] or not plan.changes:
            return attrs.evolve(plan.report, dry_run=given["dry_run"])
        try:
            along = desk.along(plan.changes, context)
            done = desk.front.commit([*plan.changes, *along], unmoved=desk.ground(plan.changes))
        except Conflict:
            if not tries:
                raise
        else:
            return attrs.evolve(plan.report, commit=done.id)


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


def planned(
    desk: Intake[Any],
    table: Table,
    source: Source,
    context: Context[Any],
    progress: Callable[[int, int], object] | None = None,
) -> Plan:
    """What a load would do, all of it checked and nothing written.

    Args:
        desk: The desk.
        table: The rows.
        source: How they are to be understood.
        context: The circumstances.
        progress: Told how far it is.

    Raises:
        Invalid: A column or a field is unknown.
    """
    if desk.began is not None and source.at is not None:
        source = attrs.evolve(source, also={desk.began: source.at}, at=None)
    if source.at is not None and desk.front.backdated is not None:
        raise Invalid([Problem("at", source.at, "nothing, since given(at=…) says when", "leave one of them out")])
    return Planning.of(desk, table, source, context).plan(progress)
