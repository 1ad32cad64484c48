"""Circumstances: who does something, when, why and for whom; and one CRM seen under others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmcore.activity.tag_filter import with_tags
from crmcore.adoption import Playbooks
from crmcore.desks import Desks
from crmcore.kernel.calendar import instant, moment
from crmcore.kernel.context import Clock, Context, NewId
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.facts import id_of
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.ports import Moment, Store
from crmcore.kernel.records import Kind
from crmcore.kernel.values import Border, read_text
from crmcore.kernel.where import Filter
from crmcore.playbook import Playbook

if TYPE_CHECKING:
    from crmcore.kernel.table import Named, Table

__all__ = ["Circumstances", "Given", "House", "keyless", "said"]


@attrs.frozen(eq=False)
class House:
    """What every view of one CRM shares."""

    clock: Clock
    new_id: NewId
    kinds: Mapping[str, Kind[Any]]
    playbooks: Playbooks


@attrs.frozen(kw_only=True)
class Given:
    """The circumstances somebody gave."""

    by: str | None = None
    at: datetime | None = None
    key: str | None = None
    reason: str | None = None


class Circumstances(Desks):
    """A CRM as its desks see it: what time it is, who acts, and how the business works."""

    store: Store
    moment: Moment
    _house: House
    _given: Given
    _batch: bool = False
    _supposed: bool = False

    @property
    def playbook(self) -> Playbook:
        """How the business works: the version in force at the moment this view reads."""
        return self._house.playbooks.of(self.store, self.moment)

    def given(
        self,
        *,
        by: str | None = None,
        at: datetime | date | str | None = None,
        key: str | None = None,
        reason: str | None = None,
        tenant: str | None = None,
    ) -> Self:
        """The same CRM under other circumstances. What is left out stays as it was, except the key.

        Args:
            by: Who acts.
            at: When it happened, if not now; a bare date is its end in the business's zone, or now if it is today.
            key: An idempotency key: the same key and the same arguments give the first result again, also where a
                record is given by its id instead; other arguments are a ``Conflict``. It is good for one act that
                changes something; an act that changes nothing does not use it up.
            reason: Why.
            tenant: Whose data it is.

        Raises:
            Invalid: The time is naive, unreadable, or in the future; or a text is empty or none.
            NotAllowed: A key is given within a batch, whose acts are written as one commit.
        """
        was = self._given
        if key is not None and self._batch:
            raise keyless()
        given = Given(
            by=was.by if by is None else said(by, "by"),
            at=was.at if at is None else self._past(at),
            key=said(key, "key"),
            reason=was.reason if reason is None else said(reason, "reason"),
        )
        if tenant is None:
            return self._view(_given=given)
        return self._view(_given=given, store=self.store.for_tenant(read_text(tenant, path="tenant", empty=False)))

    def _past(self, at: datetime | date | str) -> datetime:
        """An instant that has been."""
        zone, now = self.playbook.zone, self._now()
        start = instant(at, zone=zone)
        if start > now:
            mend = "leave it out for now; what is to come belongs into close_on, tasks and forecasts"
            raise Invalid([Problem("at", start.isoformat(), "an instant that has been", mend)])
        return min(moment(at, zone=zone), now)

    def as_of(self, at: datetime | date | str | None = None, *, known: datetime | date | str | None = None) -> Self:
        """The same CRM as it was: a view to read from.

        Args:
            at: What had happened by then; a bare date means its end in the business's zone. None for everything.
            known: What had been recorded by then; None for everything known now.

        Raises:
            Invalid: A time is naive or unreadable.
        """
        zone = self.playbook.zone
        cut = None if known is None else self.store.cut(moment(known, zone=zone))
        return self._view(moment=Moment(None if at is None else moment(at, zone=zone), cut))

    def _view(self, **changes: object) -> Self:
        """The same CRM, but for what changes."""
        other = object.__new__(type(self))
        vars(other).update(vars(self) | changes)
        return other

    @property
    def backdated(self) -> datetime | None:
        """The instant acts are backdated to; None for now."""
        return self._given.at

    def _clock(self) -> datetime:
        """The clock's time."""
        return instant(self._house.clock(), zone="UTC")

    def _now(self) -> datetime:
        """The clock's time, but never before anything the store knows, so that now is never late."""
        return self._place()[1]

    def _place(self) -> tuple[str, datetime]:
        """The cut of the log as it is, and what time it is."""
        cut, last = self.store.last()
        return cut, self._clock() if last is None else max(self._clock(), last)

    def context(self, department: str) -> Context[Any]:
        """The circumstances an act of a department is done under.

        Args:
            department: As in ``Desk.department``; its rules are the playbook's part of that name.
        """
        cut, now = self._place()
        self._house.playbooks.look(self.store, cut)
        playbook = self.playbook
        return Context(
            at=self._given.at or now,
            rules=getattr(playbook, department, None) if department else None,
            new_id=self._house.new_id,
            currency=playbook.currency,
            zone=playbook.zone,
            custom=playbook.custom,
            playbook=playbook.hash,
            by=self._given.by,
            reason=self._given.reason,
        )

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """Every kind of record there is, by name."""
        return self._house.kinds

    def border(self, kind: Kind[Any]) -> Border:
        """How values of a kind are read.

        Args:
            kind: The kind.
        """
        playbook = self.playbook
        return Border(currency=playbook.currency, zone=playbook.zone, custom=playbook.custom.get(kind.name, EMPTY))

    def resolved(self, where: Filter) -> Filter:
        """A filter that asks for tags by id where it named them.

        Args:
            where: The filter as written.

        Raises:
            Invalid: It names a tag there is not.
        """
        return with_tags(where, self.tags.ids)

    def linked(self, id: str) -> frozenset[str]:
        """The ids of every record that stands behind one: its own, those merged into it, and leads that became it.

        Args:
            id: The id of a record.

        Raises:
            Invalid: It is none.
        """
        ids = self.store.aliases(id_of(id, path="id"))
        leads = self.leads.converted_into(ids)
        return ids.union(*(self.store.aliases(lead.id) for lead in leads))

    def rows(self, path: str | Named, required: Iterable[str], wanted: Callable[[str], bool]) -> Table:
        """The columns of a CSV file, as a load takes them in.

        Args:
            path: The file.
            required: The columns that must be there.
            wanted: Which other columns are read.
        """
        from crmcore.tables import read_columns

        return read_columns(path, required, wanted)


def keyless() -> NotAllowed:
    """What to say of an idempotency key given to a batch, or within one."""
    message = (
        "a batch has no idempotency key, since its acts make new ids each time; give keys to single acts outside of a "
        "batch"
    )
    return NotAllowed(message, act="batch", possible=("given(key=…)",))


def said(text: str | None, path: str) -> str | None:
    """A circumstance somebody gave, as text that can be stored.

    Args:
        text: What was given; None for nothing.
        path: What it is.
    """
    return None if text is None else read_text(text, path=path, empty=False)
