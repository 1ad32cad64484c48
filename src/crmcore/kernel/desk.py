"""A desk: the typed collection of one kind of record, as in deal desk and service desk.

A desk reads through the store and writes changes only. General writes (``add``, ``update``,
``upsert``, ``delete``, ``restore``) are here; each department's desk adds a method per act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.filter_tree import a_filter
from crmcore.kernel.late import Following, check_present, following, record_then
from crmcore.kernel.page import LARGEST_PAGE, Page, Query, query
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import EMPTY, Kind, R, Record
from crmcore.kernel.values import Border, read, read_text
from crmcore.kernel.where import F, Filter, checked

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
        self._asked: tuple[str, object] | None = None  # what an idempotency key stands for, when an act does another

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
        found = self.front.store.get(self.kind, [read_text(id, path="id")], self.front.moment)
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
        types = self.kind.types_for(a_filter(where), border.custom)
        now = self.front.moment.at or self.front.context(self.department).at
        return checked(where, types, currency=border.currency, at=now, zone=border.zone)

    def each(self, where: Filter | None = None, *, order_by: str | None = None, deleted: bool = False) -> Iterator[R]:
        """Every record that matches, page after page.

        Args:
            where: A filter; None for all.
            order_by: A key field to sort by.
            deleted: Look among deleted records instead of live ones.
        """
        after: str | None = None
        while True:
            page = self.find(where, order_by=order_by, limit=LARGEST_PAGE, after=after, deleted=deleted)
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
        field, value = f"external.{read_text(system, path='system')}", read_text(id, path="id")
        if self.front.moment != NOW:
            return self.first(F[field] == value)
        own = self.front.store.holder(self.kind, field, value)
        return None if own is None else self.front.store.get(self.kind, [own]).get(own)

    def history(self, record: R | str) -> tuple[Change[R], ...]:
        """Every change of a record, in the order it happened.

        Args:
            record: The record, or its id.
        """
        moment = self.front.moment
        known = self.front.store.changes(kind=self.kind.name, id=self._id(record), upto=moment.seq)
        happened = [change for change in known if moment.at is None or change.at <= moment.at]
        return tuple(sorted(happened, key=lambda change: change.order))

    # --- writing ----------------------------------------------------------------------------------------------------

    def _id(self, record: R | str) -> str:
        """The id of a record of this kind."""
        if isinstance(record, self.kind.cls):
            return record.id
        if isinstance(record, str):
            return read_text(record, path="id")
        mend = f"use the desk of that kind, or pass a {self.kind.name}"
        raise Invalid([Problem("record", type(record).__name__, f"a {self.kind.name} or its id", mend)])

    def add(self, *unnamed: Any, **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record.

        Args:
            unnamed: Nothing: fields are given by name.
            fields: Its fields; ``custom`` and ``external`` may be whole mappings.

        Raises:
            Invalid: A field is unknown, missing or does not fit: every problem at once.
            NotAllowed: A field is written by acts only.
            Duplicate: A unique value is taken.
        """
        if unnamed:
            expected = ", ".join(self.kind.fields)
            raise Invalid([Problem("fields", f"{len(unnamed)} without a name", expected, "write add(name=…)")])
        added: R = self.create(self._added, (), {"fields": fields})
        return added

    def _added(self, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[R]:
        """Make a record of what anybody may write."""
        self._check_open(fields, f"a new {self.kind.name}", act="add")
        return context.created(self.kind.cls, "added", **fields)

    def update(self, record: R | str, /, *, version: int | None = None, **fields: Any) -> R:  # noqa: ANN401 - as above
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
            record = self._pinned(self.get(self._id(record)), version)
        updated: R = self.perform(self.revise, record, (), {"fields": fields})
        return updated

    def _pinned(self, record: R, version: int) -> R:
        """The record as it stands, if that is its version."""
        if record.version != version:
            raise Conflict(self.kind.name, record.id, expected=version, found=record.version)
        return record

    def revise(self, record: R, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[R]:
        """Change fields of a record."""
        values = read(self.kind, fields, border=self.front.border(self.kind))
        changed = {name: value for name, value in values.items() if _at(record, name) != value}
        self.check_update(record, changed)
        return context.changed(record, "updated", **changed)

    def check_update(self, record: R, fields: Mapping[str, Any]) -> None:
        """Refuse an update of fields that only acts write; departments refuse more.

        Args:
            record: The record.
            fields: The fields and their new values, where they differ.

        Raises:
            NotAllowed: A field is written by acts only.
        """
        self._check_open(fields, f"{self.kind.name} {record.id}", act="update")

    def _check_open(self, fields: Iterable[str], whose: str, *, act: str) -> None:
        """Refuse to write what only acts write."""
        guarded = [name for name in fields if name in self.kind.fields and self.kind.fields[name].by_act]
        if guarded:
            possible = self._acts()
            message = f"{act} can't write {', '.join(guarded)} of {whose}; acts do: {', '.join(possible)}"
            raise NotAllowed(message, act=act, possible=possible)

    def _acts(self) -> list[str]:
        """The names of the acts this desk offers on a record."""
        cls = type(self)
        bound = [name for name in dir(cls) if getattr(getattr(cls, name), "changes_a_record", False)]
        return sorted([*bound, "delete", "restore"])

    def upsert(self, external: tuple[str, str], /, **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record known by an id in another system, or update it when it is there.

        Args:
            external: The other system's name, and the record's id there.
            fields: Its fields.

        Raises:
            Invalid: As ``add`` and ``update``.
        """
        if not isinstance(external, tuple) or len(external) != 2:
            raise Invalid([Problem("external", external, "a system and an id", 'write ("hubspot", "4711")')])
        system, id = external
        known = self.external(system, id)
        desk = type(self)(self.kind, self.front)
        desk._asked = ("upsert", (external, fields))  # noqa: SLF001 - of its own class
        if known is not None:
            return desk.update(known, **fields)
        others = fields.get("external", EMPTY)
        return desk.add(**{**fields, "external": {**others, system: id} if isinstance(others, Mapping) else others})

    def delete(self, record: R | str) -> R:
        """Delete a record. It stays in the log, and ``restore`` brings it back.

        Args:
            record: The record, or its id.
        """
        deleted: R = self.perform(_delete, record, (), {})
        return deleted

    def restore(self, record: R | str) -> R:
        """Bring a deleted record back.

        Args:
            record: The record, or its id.

        Raises:
            NotAllowed: It is not deleted.
            Duplicate: A unique value was taken meanwhile.
        """
        restored: R = self.perform(_restore, record, (), {}, deleted=True)
        return restored

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
        self._id(record)
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
        name, asked = self._asked or (pure.__name__, (id, args, kwargs))
        key = self.front.key(name, self.kind.name, asked)
        kept = None if key is None else self.front.store.kept(key)
        if kept is not None:
            return kept.records if _several(pure, kept.records) else kept.records[0]
        changes, several = self._proposed(pure, target, args, kwargs, deleted=deleted)
        if not changes:
            return () if several or id is None else self._any(id)
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
        check_present(self.front.moment)
        subject = () if target is None else (self._subject(target, deleted=deleted),)
        result = pure(*subject, self.front.context(self.department), *args, **kwargs)
        if not isinstance(result, Change):
            return tuple(map(self.ready, result)), True
        return (self.ready(result),) if result.version == 1 or result.sets else (), False

    def _subject(self, target: R | str, *, deleted: bool) -> R:
        """The record an act is done on: as it stands, or as it was when the act is backdated."""
        record = self._any(self._id(target))
        if isinstance(target, Record):
            self._pinned(record, target.version)
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
        kind = self.front.kinds.get(change.kind)
        if kind is None:
            mend = "open the CRM with its class among the kinds"
            raise Invalid([Problem("kind", change.kind, f"one of {', '.join(self.front.kinds)}", mend)])
        values = read(kind, change.sets, border=self.front.border(kind), new=change.version == 1)
        ready = evolved(change, sets=values)
        if self.front.backdated is not None and change.version > 1 and kind is self.kind:
            self._check_past(ready)
        return ready

    def _check_past(self, late: Change[R]) -> None:
        """Refuse a change in the past after which what happened next would not have been possible."""
        known = self.front.store.changes(kind=late.kind, id=late.id)
        for step in following(self.kind, known, late):
            if not self.joins(step):
                message = (
                    f"{late.kind} {late.id} can't have been {late.what} at {late.at.isoformat()}: it was "
                    f"{step.change.what} after that, which would not have been possible; give another time"
                )
                raise NotAllowed(message, act=late.what)

    def joins(self, step: Following[R]) -> bool:
        """Whether a change could still have happened, had a late one before it been known.

        Args:
            step: The change, the record it was made of, and the record it would have been made of.
        """
        if (step.was.deleted_at is None) is not (step.now.deleted_at is None):
            return False
        if self.kind.lifecycle is None:
            return True
        field, table = self.kind.lifecycle
        was, now, end = getattr(step.was, field), getattr(step.now, field), step.change.sets.get(field)
        return end is None or was == now or not table.between(was, end).isdisjoint(table.between(now, end))


def _at(record: Record, path: str) -> object:
    """The value under a field's name or dotted name."""
    whole, dot, part = path.partition(".")
    value = getattr(record, whole)
    return value.get(part) if dot else value


def _several(pure: Callable[..., Any], records: tuple[Record, ...]) -> bool:
    """Whether an act speaks of several records, though it may have changed one."""
    return len(records) > 1 or "uple[" in str(pure.__annotations__.get("return"))


def _delete(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "deleted", deleted_at=context.at)


def _restore(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "restored", deleted_at=None)
