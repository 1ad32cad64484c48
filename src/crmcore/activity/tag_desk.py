"""The desk of tags: putting them on records, taking them away, renaming and merging them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast, overload

from crmcore.activity.about import standing, stood
from crmcore.activity.tag import Tag, merge, put, rename, take
from crmcore.activity.tag_names import TagNames
from crmcore.kernel.acting import TRIES, once
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.facts import id_of
from crmcore.kernel.late import check_present
from crmcore.kernel.ports import Commit
from crmcore.kernel.records import R, Record, kind_named
from crmcore.kernel.where import AnyOf, F

__all__ = ["TagDesk"]

T = TypeVar("T")


class TagDesk(TagNames):
    """The tags.

    A tag is given as itself, by its name in any capitals, or by its id. Names and merges are those of now, also
    in views of the past; which records had a tag is as it was then.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    # --- on records -------------------------------------------------------------------------------------------------

    @overload
    def put(self, tag: Tag | str, record: R, /) -> R: ...
    @overload
    def put(self, tag: Tag | str, record: str, /) -> Record: ...  # type: ignore[overload-overlap] # text is no list
    @overload
    def put(self, tag: Tag | str, record: Iterable[Record | str], /) -> tuple[Record, ...]: ...
    def put(self, tag: Tag | str, record: Record | str | Iterable[Record | str], /) -> Record | tuple[Record, ...]:
        """Put a tag on records, in one commit; records that have it are left alone.

        Args:
            tag: The tag; a name that is none yet makes one.
            record: A record of any kind or its id, or several.

        Returns:
            The record as it now stands; a tuple of them when several were given.

        Raises:
            Invalid: One is no record.
            NotFound: One is not there.
            NotAllowed: One is deleted.
            Conflict: One has moved on since it was read.

        Example:
            >>> from crmcore import CRM, F
            >>> crm = CRM()
            >>> acme, ada = crm.accounts.add(name="Acme"), crm.contacts.add(name="Ada")
            >>> acme = crm.tags.put("VIP", acme)
            >>> acme, ada = crm.tags.put("region:north", [acme, ada])
            >>> [tag.name for tag in crm.tags.of(acme)]
            ['region:north', 'VIP']
            >>> crm.contacts.count(F.tags.contains("region:north") & ~F.tags.contains("vip"))
            1
        """
        return self._linked("put", tag, record)

    @overload
    def take(self, tag: Tag | str, record: R, /) -> R: ...
    @overload
    def take(self, tag: Tag | str, record: str, /) -> Record: ...  # type: ignore[overload-overlap] # text is no list
    @overload
    def take(self, tag: Tag | str, record: Iterable[Record | str], /) -> tuple[Record, ...]: ...
    def take(self, tag: Tag | str, record: Record | str | Iterable[Record | str], /) -> Record | tuple[Record, ...]:
        """Take a tag from records, in one commit; records that do not have it are left alone.

        Args:
            tag: The tag.
            record: A record of any kind or its id, or several.

        Returns:
            The record as it now stands; a tuple of them when several were given.

        Raises:
            Invalid: The tag is unknown, or one is no record.
            NotFound: One is not there.
            NotAllowed: One is deleted.
            Conflict: One has moved on since it was read.
        """
        return self._linked("take", tag, record)

    def _linked(
        self, act: str, tag: Tag | str, record: Record | str | Iterable[Record | str]
    ) -> Record | tuple[Record, ...]:
        """Put a tag on records, or take it from them."""
        given = _given(record)

        def left(done: Commit | None, stood: Callable[[str], Record]) -> tuple[Record, ...]:
            written = {} if done is None else {one.id: one for one in done.records}
            return tuple(written.get(id) or stood(id) for id in given)

        linked: tuple[Record, ...] = once(
            lambda: self._kept(act, [tag], [*given]),
            lambda: left(self._tried(lambda: self._links(act, tag, given)), lambda one: standing(self.front, one)),
            lambda done: left(done, lambda one: stood(self.front, one, done)),
        )
        return linked[0] if isinstance(record, Record | str) else linked

    def _links(self, act: str, tag: Tag | str, given: Mapping[str, Record | str]) -> Commit | None:
        """Write the changes of the records, after that which makes the tag when there is none."""
        meant = self._meant(tag)
        known = self._alive(meant)
        if known is None and (act == "take" or isinstance(tag, Tag)):
            raise Invalid([self._unknown(tag)])
        made = self.propose(self._added, None, fields={"name": tag}) if known is None else ()
        id = made[0].id if known is None else known.id
        ids = self.front.store.aliases(id)
        pure, told = (put, {"tag": id, "ids": ids}) if act == "put" else (take, {"ids": ids})
        links = [change for one in given.values() for change in self._keeper(one).propose(pure, one, **told)]
        key = self._key(act, [id if known is None or meant is None else meant.id], [*given])
        ground = {} if known is None else {(self.kind.name, id): known.version}
        return self.front.commit([*made, *links], key, unmoved=ground) if links else None

    def _keeper(self, record: Record | str) -> Desk[Any]:
        """A desk of the kind a record is of."""
        id = id_of(record)
        kind = kind_named(id, self.front.kinds)
        if kind is None:
            raise NotFound("record", id)
        return Desk(kind, self.front)

    def _tried(self, write: Callable[[], T]) -> T:
        """What is written, tried anew when somebody else was quicker: they may have made the tag, or merged it."""
        check_present(self.front.moment)
        tries = TRIES
        while True:
            tries -= 1
            try:
                return write()
            except Conflict:
                if not tries:
                    raise

    # --- tags themselves --------------------------------------------------------------------------------------------

    def rename(self, tag: Tag | str, name: str, /) -> Tag:
        """Give a tag another name. It stays on its records.

        Args:
            tag: The tag.
            name: The new name.

        Raises:
            Invalid: The tag is unknown, or the name is empty or too long.
            Duplicate: Another tag has that name; merge the two.
            Conflict: The tag has moved on since it was read.
        """
        renamed: Tag = once(
            lambda: self._kept("rename", [tag], (name,), {}),  # as perform asks
            lambda: self.perform(rename, tag if isinstance(tag, Tag) else self.named(tag).id, (name,), {}),
            lambda done: done.records[0],
        )
        return renamed

    def merge(self, tag: Tag | str, /, *, into: Tag | str) -> Tag:
        """Merge a tag into another, as two spellings of the same. Its records count as the other's.

        The merged name leads to the other tag until somebody gives it to a new one.

        Args:
            tag: The tag that goes.
            into: The tag that stays.

        Returns:
            The tag that stays.

        Raises:
            Invalid: One of them is unknown.
            NotAllowed: They are the same, or the first was merged into a third.
            Conflict: The first has moved on since it was read.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> _ = crm.tags.put("V.I.P.", crm.accounts.add(name="Acme"))
            >>> _ = crm.tags.put("VIP", crm.accounts.add(name="Babbage"))
            >>> crm.tags.merge("V.I.P.", into="VIP").name, crm.tags.uses("VIP")
            ('VIP', 2)
        """
        merged: Tag = once(
            lambda: self._kept("merge", [tag, into]),
            lambda: self._tried(lambda: self._merged(tag, into)),
            self._survivor,
        )
        return merged

    def _survivor(self, done: Commit) -> Tag:
        """The tag that stayed, as it was when another was merged into it."""
        return cast("Tag", stood(self.front, done.changes[-1].sets["merged_into"], done))

    def _merged(self, tag: Tag | str, into: Tag | str) -> Tag:
        one, goal, other = self._meant(tag), self._meant(into), self.named(into)
        if one is None:
            raise Invalid([self._unknown(tag)])
        if one.merged_into is not None:
            if self._alive(one) == other:
                return other
            message = f"tag {one.id} was merged into {one.merged_into}; merge that one, or undo the commit that did"
            raise NotAllowed(message, act="merge", possible=("undo",))
        if one.id == other.id:
            message = f"tag {one.id} can't be merged into itself, nor into what was merged into it"
            raise NotAllowed(message, act="merge")
        key = self._key("merge", [one.id, (goal or other).id])
        changes = self.propose(merge, tag if isinstance(tag, Tag) else one.id, into=other.id)
        self.front.commit(changes, key, unmoved={(self.kind.name, other.id): other.version})
        return other

    def delete(self, record: Tag | str) -> Tag:
        """Delete a tag: no record is found by it or shows it any more. ``restore`` brings it back on all of them.

        Args:
            record: The tag.

        Raises:
            Invalid: The tag is unknown.
            NotAllowed: It is deleted, or was merged.
        """
        deleted: Tag = once(
            lambda: self._kept("_delete", [record], (), {}),  # as perform asks
            lambda: self._deleted(record),
            lambda done: done.records[0],
        )
        return deleted

    def _deleted(self, tag: Tag | str) -> Tag:
        known = tag if isinstance(tag, Tag) else self._meant(tag)
        if known is None:
            raise Invalid([self._unknown(tag)])
        return super().delete(tag if isinstance(tag, Tag) else known.id)

    def restore(self, record: Tag | str) -> Tag:
        """Bring a deleted tag back, on every record that had it.

        Args:
            record: The tag, or its id.

        Raises:
            NotAllowed: It is not deleted, or it was merged; undoing the merge brings that one back.
            Duplicate: Its name was taken meanwhile.
        """
        restored: Tag = self.perform(_restore, record, (), {}, deleted=True)
        return restored

    # --- asking -----------------------------------------------------------------------------------------------------

    def of(self, record: Record | str) -> tuple[Tag, ...]:
        """The tags of a record, by name.

        Args:
            record: A record of any kind, or its id.

        Raises:
            NotFound: There was none with that id.
        """
        held = self._known(standing(self.front, record).tags)
        tags = {tag.id: tag for tag in map(self._alive, held.values()) if tag is not None}
        return tuple(sorted(tags.values(), key=lambda tag: (self._claimed(tag.name), tag.id)))

    def uses(self, tag: Tag | str, *, kind: type[Record] | None = None) -> int:
        """How many live records have a tag.

        Args:
            tag: The tag.
            kind: Only records of this class; None for all kinds.

        Raises:
            Invalid: The tag or the kind is unknown.
        """
        kinds = [one for one in self.front.kinds.values() if kind is None or kind is one.cls]
        if not kinds:
            raise Invalid([Problem("kind", kind, "a kind of this CRM", "pass a record class, such as Contact")])
        where = AnyOf(F[f"tags.{id}"].is_set for id in sorted(self.ids(tag)))
        return sum(Desk(one, self.front).count(where) for one in kinds)


def _restore(tag: Tag, context: Context[Any]) -> Change[Tag]:
    if tag.merged_into is not None:
        message = f"tag {tag.id} was merged into {tag.merged_into}; undo the commit that did"
        raise NotAllowed(message, act="restore", possible=("undo",))
    return context.changed(tag, "restored", deleted_at=None)


def _given(record: object) -> dict[str, Record | str]:
    """The records somebody gave, each once, by id.

    Raises:
        Invalid: What is no record: every problem.
    """
    if isinstance(record, Record | str):
        return {id_of(record): record}
    if not isinstance(record, Iterable):
        mend = "pass one, or a list of them"
        raise Invalid([Problem("record", type(record).__name__, "a record or its id, or several", mend)])
    problems: list[Problem] = []
    given: dict[str, Record | str] = {}
    for one in record:
        try:
            given[id_of(one)] = one
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(problems)
    return given
