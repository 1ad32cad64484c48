"""A desk: the typed collection of one kind of record, as in deal desk and service desk.

A desk reads through the store and writes changes only. General writes (``add``, ``update``,
``upsert``, ``delete``, ``restore``) are here; each department's desk adds a method per act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.late import next_move, record_then
from crmcore.kernel.page import LARGEST_PAGE, Page, Query, query
from crmcore.kernel.ports import Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.values import Border, read, read_text
from crmcore.kernel.where import Filter, checked

__all__ = ["Desk", "Front"]


class Front(Protocol):
    """What a desk needs of the front door it belongs to."""

    @property
    def store(self) -> Store:
        """The store, bound to the tenant."""
        ...

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """Every kind of record there is, by name."""
        ...

    @property
    def moment(self) -> Moment:
        """When to read."""
        ...

    @property
    def backdated(self) -> datetime | None:
        """The instant acts are backdated to; None for now."""
        ...

    def context(self, department: str) -> Context[Any]:
        """The circumstances an act of a department is done under."""
        ...

    def border(self, kind: Kind[Any]) -> Border:
        """How values of a kind are read."""
        ...

    def key(self, act: str, kind: str, arguments: object) -> Key | None:
        """The idempotency key of this call, if the caller gave one."""
        ...

    def commit(self, changes: Sequence[Change[Any]], key: Key | None) -> Commit:
        """Write changes whose values have been read."""
        ...


class Desk(Generic[R]):
    """The records of one kind, and what can be done with them.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    department: ClassVar[str] = ""
    """Whose rules its acts are told."""

    def __init__(self, kind: Kind[R], front: Front) -> None:
        self.kind = kind
        self.front = front

    def __repr__(self) -> str:
        """What it holds."""
        return f"<desk of {self.kind.plural}>"

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, id: str) -> R:
        """The record with an id; a merged one gives the record it was merged into.

        Args:
            id: The id.

        Raises:
            NotFound: There is none, or it was deleted.
        """
        record = self._any(id)
        if record.merged_into is not None:
            return self.get(record.merged_into)
        if record.deleted_at is not None:
            raise NotFound(self.kind.name, id, "it was deleted; restore() brings it back")
        return record

    def _any(self, id: str) -> R:
        """The record with an id, deleted or not."""
        found = self.front.store.get(self.kind, [read_text(id)], self.front.moment)
        if id not in found:
            raise NotFound(self.kind.name, id)
        return found[id]

    def find(
        self,
        where: Filter | None = None,
        *,
        order_by: str | None = None,
        limit: int = 100,
        after: str | None = None,
        deleted: bool = False,
    ) -> Page[R]:
        """One page of the records that match.

        Args:
            where: A filter such as ``F.amount >= 10_000``; None for all.
            order_by: A key field to sort by; ``"-amount"`` sorts largest first. Missing values come last.
            limit: The most records on the page, 1 to 10,000.
            after: The ``next`` of the page before.
            deleted: Look among deleted records instead of live ones.

        Raises:
            Invalid: The filter or the order does not fit this kind, or the cursor is not one of ours.
        """
        asked = self._query(where, order_by=order_by, limit=limit, after=after, deleted=deleted)
        return self.front.store.find(self.kind, asked, self.front.moment)

    def _query(self, where: Filter | None, **rest: Any) -> Query:  # noqa: ANN401 - the arguments of find
        return query(self.kind, None if where is None else self.checked(where), **rest)

    def checked(self, where: Filter) -> Filter:
        """A filter checked against this kind, its values read.

        Args:
            where: The filter.

        Raises:
            Invalid: It asks for unknown fields, or compares what can't be compared.
        """
        border = self.front.border(self.kind)
        types = {**self.kind.types, **{f"custom.{name}": type for name, type in border.custom.items()}}
        types |= {name: "text" for name in where.fields if name.startswith("external.")}
        now = self.front.moment.at or self.front.context(self.department).at
        return checked(where, types, currency=border.currency, at=now, zone=border.zone)

    def each(self, where: Filter | None = None, *, order_by: str | None = None) -> Iterator[R]:
        """Every record that matches, page after page.

        Args:
            where: A filter; None for all.
            order_by: A key field to sort by.
        """
        after: str | None = None
        while True:
            page = self.find(where, order_by=order_by, limit=LARGEST_PAGE, after=after)
            yield from page
            after = page.next
            if after is None:
                return

    def first(self, where: Filter | None = None, *, order_by: str | None = None) -> R | None:
        """The first record that matches; None when none does.

        Args:
            where: A filter; None for all.
            order_by: A key field to sort by.
        """
        return next(iter(self.find(where, order_by=order_by, limit=1)), None)

    def exists(self, where: Filter | None = None) -> bool:
        """Whether any record matches.

        Args:
            where: A filter; None for all.
        """
        return self.first(where) is not None

    def count(self, where: Filter | None = None) -> int:
        """How many records match.

        Args:
            where: A filter; None for all.
        """
        return self.front.store.count(self.kind, self._query(where), self.front.moment)

    def external(self, system: str, id: str) -> R | None:
        """The record known by an id in another system; None when there is none.

        Args:
            system: The other system's name.
            id: The record's id there.
        """
        own = self.front.store.holder(self.kind, f"external.{read_text(system)}", read_text(id))
        return None if own is None else self.front.store.get(self.kind, [own], self.front.moment).get(own)

    def history(self, record: R | str) -> tuple[Change[R], ...]:
        """Every change of a record, in the order it happened.

        Args:
            record: The record, or its id.
        """
        id = record if isinstance(record, str) else record.id
        moment = self.front.moment
        known = self.front.store.changes(kind=self.kind.name, id=read_text(id), upto=moment.seq)
        happened = [change for change in known if moment.at is None or change.at <= moment.at]
        return tuple(sorted(happened, key=lambda change: change.order))

    # --- writing ----------------------------------------------------------------------------------------------------

    def add(self, **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record.

        Args:
            fields: Its fields; ``custom`` and ``external`` may be whole mappings.

        Raises:
            Invalid: A field is unknown, missing or does not fit: every problem at once.
            Duplicate: A unique value is taken.
        """
        return self.create(_added(self.kind), (), fields)

    def update(self, record: R | str, *, version: int | None = None, **fields: Any) -> R:  # noqa: ANN401 - as above
        """Change fields of a record. Values that are the same already are left alone.

        Args:
            record: The record, or its id for the current one.
            version: The version it must have, as an If-Match would ask; only with an id.
            fields: The fields and their new values.

        Returns:
            The record as it now stands.

        Raises:
            Invalid: A field is unknown or does not fit.
            NotAllowed: A field is written by acts only.
            Conflict: The record has moved on.
        """
        if version is not None:
            record = self._pinned(record, version)
        return self.perform(self.revise, record, (), {"fields": fields})

    def _pinned(self, record: R | str, version: int) -> R:
        current = self.get(record if isinstance(record, str) else record.id)
        if current.version != version:
            raise Conflict(self.kind.name, current.id, expected=version, found=current.version)
        return current

    def revise(self, record: R, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[R]:
        """Change fields of a record."""
        self.check_update(record, fields)
        values = read(self.kind, fields, border=self.front.border(self.kind))
        return context.changed(record, "updated", **{name: v for name, v in values.items() if _at(record, name) != v})

    def check_update(self, record: R, fields: Mapping[str, Any]) -> None:
        """Refuse an update of fields that only acts write; departments refuse more.

        Args:
            record: The record.
            fields: The fields and their new values.

        Raises:
            NotAllowed: A field is written by acts only.
        """
        guarded = [name for name in fields if name in self.kind.fields and self.kind.fields[name].by_act]
        if guarded:
            acts = ", ".join(sorted(self._acts())) or "delete, restore"
            message = f"{', '.join(guarded)} of {self.kind.name} {record.id} can't be updated; acts write it: {acts}"
            raise NotAllowed(message, act="update", possible=tuple(sorted(self._acts())))

    def _acts(self) -> list[str]:
        """The names of the acts this desk offers on a record."""
        return [name for name in dir(type(self)) if getattr(getattr(type(self), name), "changes_a_record", False)]

    def upsert(self, external: tuple[str, str], **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record known by an id in another system, or update it when it is there.

        Args:
            external: The other system's name, and the record's id there.
            fields: Its fields.

        Raises:
            Invalid: As ``add`` and ``update``.
        """
        system, id = external
        known = self.external(system, id)
        if known is None:
            return self.add(**fields, external={system: id})
        return self.update(known, **fields)

    def delete(self, record: R | str) -> R:
        """Delete a record. It stays in the log, and ``restore`` brings it back.

        Args:
            record: The record, or its id.
        """
        return self.perform(_delete, record, (), {})

    def restore(self, record: R | str) -> R:
        """Bring a deleted record back.

        Args:
            record: The record, or its id.

        Raises:
            NotAllowed: It is not deleted.
            Duplicate: A unique value was taken meanwhile.
        """
        return self.perform(_restore, record, (), {}, deleted=True)

    # --- how acts are done ------------------------------------------------------------------------------------------

    def create(self, pure: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Do an act that makes a record: what ``act`` calls.

        Args:
            pure: The act.
            args: Its positional arguments, without the context.
            kwargs: Its keyword arguments.
        """
        return self._done(pure, None, args, kwargs)

    def perform(
        self,
        pure: Callable[..., Any],
        record: R | str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deleted: bool = False,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        """Do an act on a record: what ``act`` calls.

        Args:
            pure: The act.
            record: The record, or its id for the current one.
            args: The act's positional arguments, without record and context.
            kwargs: Its keyword arguments.
            deleted: Whether the act is for deleted records.

        Raises:
            Conflict: The record has moved on.
            NotAllowed: The record is deleted, or the act would make an impossible past.
        """
        return self._done(pure, record, args, kwargs, deleted=deleted)

    def _done(
        self,
        pure: Callable[..., Any],
        target: R | str | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deleted: bool = False,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        id = target.id if isinstance(target, Record) else target
        key = self.front.key(pure.__name__, self.kind.name, (id, args, kwargs))
        kept = None if key is None else self.front.store.kept(key)
        if kept is not None:
            return _given_back(kept.records)
        changes, several = self._proposed(pure, target, args, kwargs, deleted=deleted)
        if not changes and target is not None:
            return self._pinned(target, target.version) if isinstance(target, Record) else self._any(target)
        records = self.front.commit(changes, key).records
        return records if several else records[0]

    def propose(
        self,
        pure: Callable[..., Any],
        target: R | str | None,
        *args: Any,  # noqa: ANN401 - the act's own arguments
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[Change[Any], ...]:
        """What an act would change, checked but not written.

        Args:
            pure: The act.
            target: The record, or its id; None for an act that makes a record.
            args: The act's positional arguments.
            kwargs: Its keyword arguments.

        Returns:
            Changes for ``CRM.commit``; none when the act would change nothing.
        """
        return self._proposed(pure, target, args, kwargs)[0]

    def _proposed(
        self,
        pure: Callable[..., Any],
        target: R | str | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deleted: bool = False,
    ) -> tuple[tuple[Change[Any], ...], bool]:
        """The changes of an act, read and checked, and whether it speaks of several records."""
        subject = () if target is None else (self._subject(target, deleted=deleted),)
        result = pure(*subject, self.front.context(self.department), *args, **kwargs)
        changes = (result,) if isinstance(result, Change) else tuple(result)
        ready = tuple(self.ready(change) for change in changes if change.version == 1 or change.sets)
        return ready, not isinstance(result, Change)

    def _subject(self, target: R | str, *, deleted: bool) -> R:
        """The record an act is done on: as it stands, or as it was when the act is backdated."""
        record = self._any(target) if isinstance(target, str) else target
        if not isinstance(record, self.kind.cls):
            mend = f"use the desk of that kind, or pass a {self.kind.name}"
            raise Invalid([Problem("record", type(record).__name__, f"a {self.kind.name} or its id", mend)])
        at = self.front.backdated
        if at is not None:
            known = self.front.store.changes(kind=self.kind.name, id=record.id)
            record = record_then(self.kind, known, record, at)
        if (record.deleted_at is not None) is not deleted:
            state = "deleted; restore it first" if not deleted else "not deleted"
            message = f"{self.kind.name} {record.id} is {state}"
            raise NotAllowed(message, act="restore" if deleted else "change", possible=() if deleted else ("restore",))
        return record

    def ready(self, change: Change[Any]) -> Change[Any]:
        """A change with its values read, and its place in the past found possible."""
        kind = self.front.kinds[change.kind]
        values = read(kind, change.sets, border=self.front.border(kind), new=change.version == 1)
        ready = attrs.evolve(change, sets=values)
        if self.front.backdated is not None and change.version > 1 and kind is self.kind:
            known = self.front.store.changes(kind=change.kind, id=change.id)
            between = next_move(self.kind, known, ready)
            if between is not None and not self.joins(*between):
                message = (
                    f"{self.kind.name} {change.id} can't have been {change.what} at {change.at.isoformat()}: "
                    "what happened next would not have been possible; correct that first, or give another time"
                )
                raise NotAllowed(message, act=change.what)
        return ready

    def joins(self, before: R, after: R) -> bool:
        """Whether a record may pass from one state to the next; asked of both neighbours of a late change.

        Args:
            before: The earlier state.
            after: The later one.
        """
        if self.kind.lifecycle is None:
            return True
        field, table = self.kind.lifecycle
        start, end = getattr(before, field), getattr(after, field)
        return start == end or table.joins(start, end)


def _at(record: Record, path: str) -> object:
    """The value under a field's name or dotted name."""
    whole, dot, part = path.partition(".")
    value = getattr(record, whole)
    return value.get(part) if dot else value


def _given_back(records: tuple[Record, ...]) -> Any:  # noqa: ANN401 - one record, or a tuple of them
    return records[0] if len(records) == 1 else records


def _added(kind: Kind[R]) -> Callable[..., Change[R]]:
    def add(context: Context[Any], **fields: Any) -> Change[R]:  # noqa: ANN401 - any field's value
        return context.created(kind.cls, "added", **fields)

    return add


def _delete(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "deleted", deleted_at=context.at)


def _restore(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "restored", deleted_at=None)
