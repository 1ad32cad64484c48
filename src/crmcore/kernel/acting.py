"""How acts are done on the records of a desk: told the circumstances, read, checked, committed, and tried anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Duplicate, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.late import Following, check_present, following, record_then
from crmcore.kernel.loading.intake import Intake
from crmcore.kernel.ports import Commit, Key, Store
from crmcore.kernel.records import R, Record
from crmcore.kernel.values import read

__all__ = ["TRIES", "Acting", "kept", "once"]

TRIES = 5
"""How often an act on an id is done anew when somebody else was quicker."""


def kept(store: Store, key: Key | None) -> Commit | None:
    """What was committed under an idempotency key, if there is one and it was used.

    Args:
        store: The store.
        key: The key.

    Raises:
        Conflict: It was used for something else.
    """
    return None if key is None else store.kept(key)


def once(look: Callable[[], Commit | None], do: Callable[[], Any], again: Callable[[Commit], Any]) -> Any:  # noqa: ANN401 - what is done gives
    """What is done, or what it gave when it was done before under the same idempotency key.

    Also when somebody else with that key was quicker, and this time it is refused for what they did.

    Args:
        look: Looks for what was committed under the key.
        do: Does it.
        again: What the commit of the first time gave.
    """
    first = look()
    if first is not None:
        return again(first)
    try:
        return do()
    except (Conflict, Invalid, NotAllowed, NotFound):
        first = look()
        if first is None:
            raise
        return again(first)


class Acting(Intake[R]):
    """A desk as acts see it.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

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
        """What an idempotency key gave the first time, or the act done."""
        id = None if record is None else self._id(record)
        name, arguments = asked or (pure.__name__, (id, args, kwargs))
        key = self.front.key(name, self.kind.name, arguments)
        return once(
            lambda: kept(self.front.store, key),
            lambda: self._done_anew(pure, record, args, kwargs, key=key, deleted=deleted),
            lambda done: done.records if _several(pure, done.records) else done.records[0],
        )

    def _done_anew(
        self,
        pure: Callable[..., Any],
        record: R | str | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        key: Key | None,
        deleted: bool,
    ) -> Any:  # noqa: ANN401 - one record, or a tuple of them
        """An act done; again and again, as long as somebody else was quicker and a record is as it was given."""
        tries = TRIES
        while True:
            tries -= 1
            try:
                return self._done(pure, record, args, kwargs, key=key, deleted=deleted)
            except Conflict as conflict:
                if not tries or isinstance(conflict, Duplicate) or self._moved_on(record):
                    raise

    def _moved_on(self, record: R | str | None) -> bool:
        """Whether a record is no longer as it was given, so that somebody must look at it first."""
        if not isinstance(record, Record):
            return False
        known = self.front.store.get(self.kind, [record.id]).get(record.id)
        return known is None or known.version != record.version

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
        records = self.front.commit(changes, key).records
        return records if several else records[0]

    def along(self, changes: Sequence[Change[Any]], context: Context[Any]) -> Sequence[Change[Any]]:  # noqa: ARG002
        """What other records change along with changes of this desk, in the same commit; their values are read.

        Args:
            changes: What would be written, read and checked; of a load, all of it.
            context: The circumstances.
        """
        return ()

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
        context = self.front.context(self.department)
        result = pure(*subject, context, *args, **kwargs)
        several = not isinstance(result, Change)
        changes = tuple(result) if several else (result,)
        if target is None and changes and changes[0].kind != self.kind.name:
            mend = f"give {self.kind.name} a desk with acts of its own"
            raise Invalid([Problem(pure.__name__, changes[0].kind, f"an act that makes a {self.kind.name}", mend)])
        ready = [self.ready(one) for one in changes if several or one.version == 1 or one.sets]
        proposed = (*ready, *self.along(ready, context))
        self._check_in_time(proposed, target)
        return proposed, several

    def _check_in_time(self, changes: Sequence[Change[Any]], target: R | str | None) -> None:
        """Refuse to change other records before what has happened to them since the act began: nobody backdated it."""
        own = None if target is None else self._id(target)  # it was read before the act was told the time
        others = [one for one in changes if one.version > 1 and one.id != own] if self.front.backdated is None else []
        for one in others:
            if any(known.at > one.at for known in self.front.store.changes(kind=one.kind, id=one.id)):
                message = f"{one.kind} {one.id} was changed by someone else while it was looked at; repeat the act"
                raise Conflict(one.kind, one.id, expected=one.version - 1, found="more", message=message)

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


def _several(pure: Callable[..., Any], records: tuple[Record, ...]) -> bool:
    """Whether an act speaks of several records, though it may have changed one, or others along with it."""
    said = str(pure.__annotations__.get("return"))
    if "Change[" in said:
        return re.match(r"[\w.]*\bChange\[", said) is None
    return "uple[" in said or len(records) > 1
