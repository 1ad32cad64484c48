"""A desk: the typed collection of one kind of record, as in deal desk and service desk.

A desk reads through the store and writes changes only. General writes (``add``, ``update``,
``upsert``, ``delete``, ``restore``) are here; each department's desk adds a method per act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Duplicate, Invalid, NotAllowed, Problem
from crmcore.kernel.late import Following, check_present, following, record_then
from crmcore.kernel.ports import Key
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import EMPTY, R, Record
from crmcore.kernel.values import read

__all__ = ["Desk"]

TRIES = 5
"""How often an act on an id is done anew when somebody else was quicker."""


class Desk(Reading[R]):
    """The records of one kind, and what can be done with them.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

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
        added: R = self.originate(self._added, (), {"fields": fields})
        return added

    def _added(self, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[R]:
        """Make a record of what anybody may write."""
        self._check_open(fields, f"a new {self.kind.name}", act="add")
        return context.created(self.kind.cls, "added", **fields)

    def update(self, record: R | str, /, *, version: int | None = None, **fields: Any) -> R:  # noqa: ANN401 - as above
        """Change fields of a record. Values that are the same already are left alone.

        Args:
            record: The record, or its id for the current one.
            version: The version it must have, as an If-Match would ask.
            fields: The fields and their new values.

        Returns:
            The record as it now stands.

        Raises:
            Invalid: A field is unknown or does not fit.
            NotAllowed: A field is written by acts only.
            Conflict: The record has moved on.
        """
        updated: R = self.perform(self.revise, record, (), {"fields": fields, "version": version})
        return updated

    def revise(
        self, record: R, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[R]:
        """Change fields of a record: the act behind ``update``.

        Args:
            record: The record.
            context: The circumstances.
            fields: The fields and their new values.
            version: The version the record must have; None for any.

        Raises:
            Conflict: The record has another version.
        """
        if version not in (None, record.version):
            raise Conflict(self.kind.name, record.id, expected=version, found=record.version)
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
        asked = ("upsert", (external, fields))
        known = self.external(system, id)
        if known is not None:
            updated: R = self.perform(self.revise, known, (), {"fields": fields}, asked=asked)
            return updated
        others = fields.get("external", EMPTY)
        whole = {**fields, "external": {**others, system: id} if isinstance(others, Mapping) else others}
        opening = getattr(type(self).add, "__wrapped__", None)
        made = (self._added, {"fields": whole}) if opening is None else (opening, whole)
        added: R = self.originate(made[0], (), made[1], asked=asked)
        return added

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

    def originate(
        self,
        pure: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        asked: tuple[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        """Do an act that makes a record: what ``act`` calls.

        Args:
            pure: The act.
            args: Its positional arguments, without the context.
            kwargs: Its keyword arguments.
            asked: What an idempotency key stands for, when the caller asked for something else than the act.

        Raises:
            Invalid: The act makes a record of another kind.
        """
        return self._kept_or_done(pure, None, args, kwargs, deleted=False, asked=asked)

    def perform(
        self,
        pure: Callable[..., Any],
        record: R | str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deleted: bool = False,
        asked: tuple[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        """Do an act on a record: what ``act`` calls.

        Args:
            pure: The act.
            record: The record, or its id for the current one.
            args: The act's positional arguments, without record and context.
            kwargs: Its keyword arguments.
            deleted: Whether the act is for deleted records.
            asked: What an idempotency key stands for, when the caller asked for something else than the act.

        Raises:
            Conflict: The record has moved on. With an id it is tried again, for an id means the current record.
            NotAllowed: The record is deleted, or the act would make an impossible past.
        """
        self._id(record)
        return self._kept_or_done(pure, record, args, kwargs, deleted=deleted, asked=asked)

    def _kept_or_done(
        self,
        pure: Callable[..., Any],
        record: R | str | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deleted: bool,
        asked: tuple[str, object] | None,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        """What an idempotency key gave the first time, or the act done; anew when somebody else was quicker."""
        id = None if record is None else self._id(record)
        name, arguments = asked or (pure.__name__, (id, args, kwargs))
        key = self.front.key(name, self.kind.name, arguments)
        kept = None if key is None else self.front.store.kept(key)
        if kept is not None:
            return kept.records if _several(pure, kept.records) else kept.records[0]
        tries = 1 if isinstance(record, Record) else TRIES
        while True:
            tries -= 1
            try:
                return self._done(pure, record, args, kwargs, key=key, deleted=deleted)
            except Conflict as conflict:
                if not tries or isinstance(conflict, Duplicate):
                    raise

    def _done(
        self,
        pure: Callable[..., Any],
        record: R | str | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        key: Key | None,
        deleted: bool,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        changes, several = self._proposed(pure, record, args, kwargs, deleted=deleted)
        if not changes:
            return () if several or record is None else self._any(self._id(record))
        records = self.front.commit(changes, key, unmoved=self.ground(changes)).records
        return records if several else records[0]

    def ground(self, changes: Sequence[Change[Any]]) -> Mapping[tuple[str, str], int]:  # noqa: ARG002 - for others
        """The other records that changes rest on, and the versions these must still have when they are written.

        Args:
            changes: What an act of this desk would write.
        """
        return {}

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
        several = not isinstance(result, Change)
        changes = tuple(result) if several else (result,)
        if target is None and changes and changes[0].kind != self.kind.name:
            mend = f"give {self.kind.name} a desk with acts of its own"
            raise Invalid([Problem(pure.__name__, changes[0].kind, f"an act that makes a {self.kind.name}", mend)])
        return tuple(self.ready(one) for one in changes if several or one.version == 1 or one.sets), several

    def _subject(self, target: R | str, *, deleted: bool) -> R:
        """The record an act is done on: as it stands, or as it was when the act is backdated."""
        record = self._any(self._id(target))
        if isinstance(target, Record) and record.version != target.version:
            raise Conflict(self.kind.name, record.id, expected=target.version, found=record.version)
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
