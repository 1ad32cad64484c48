"""Names of tags: which tag somebody means, today and when a key was first used."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import product

from crmcore.activity.tag import Tag
from crmcore.kernel.acting import kept
from crmcore.kernel.claims import claimed
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Conflict, Invalid, Problem
from crmcore.kernel.page import Query
from crmcore.kernel.ports import Commit, Key
from crmcore.kernel.reading import WHOLE
from crmcore.kernel.values import read_text
from crmcore.kernel.where import F

__all__ = ["TagNames"]


class TagNames(Desk[Tag]):
    """The tags as they are named: in any capitals, under names they had, and by what was merged into them.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    department = "activity"

    def named(self, tag: Tag | str) -> Tag:
        """The tag that a name means today: of a merged one, that which stayed.

        Args:
            tag: The tag, its name in any capitals, or its id.

        Raises:
            Invalid: There is none, or it was deleted.
        """
        found = self._alive(self._meant(tag))
        if found is None:
            raise Invalid([self._unknown(tag)])
        return found

    def ids(self, tag: Tag | str) -> frozenset[str]:
        """Every id a tag is known by: its own, and those of the tags merged into it.

        Args:
            tag: The tag.

        Raises:
            Invalid: It is unknown.
        """
        return self.front.store.aliases(self.named(tag).id)

    def _claimed(self, name: str) -> str:
        """A name as it is compared."""
        return claimed(self.kind.fields["name"], name)

    def _known(self, ids: Iterable[str]) -> dict[str, Tag]:
        """Tags by id, as they are today."""
        return self.front.store.get(self.kind, ids)

    def _meant(self, tag: Tag | str) -> Tag | None:
        """The tag somebody means, be it live, merged or deleted; None when there is none."""
        if isinstance(tag, Tag):
            return self._known([tag.id]).get(tag.id)
        name = self._claimed(read_text(tag, path="tag", empty=False))
        id = self.front.store.holders(self.kind, "name", [name]).get(name, tag)
        return self._known([id]).get(id) or self._once(name)

    def _once(self, name: str) -> Tag | None:
        """The tag that last lost a name in a merge."""
        gone = self.front.store.find(self.kind, Query(where=F.merged_into.is_set, deleted=True, limit=WHOLE))
        merged = [tag for tag in gone if self._claimed(tag.name) == name]
        return max(merged, key=lambda tag: (tag.deleted_at, tag.id), default=None)

    def _alive(self, tag: Tag | None) -> Tag | None:
        """The tag that stands for another today; None when it was deleted."""
        while tag is not None and tag.merged_into is not None:
            tag = self._known([tag.merged_into]).get(tag.merged_into)
        return None if tag is None or tag.deleted_at is not None else tag

    def _unknown(self, tag: Tag | str) -> Problem:
        """What to say of a tag there is not."""
        import difflib

        name = tag.name if isinstance(tag, Tag) else tag
        tags = self.front.store.find(self.kind, Query(limit=WHOLE))
        known = {self._claimed(one.name): one.name for one in tags}
        near = [known[one] for one in difflib.get_close_matches(self._claimed(name), known)]
        mend = f"did you mean {' or '.join(near)}?" if near else "put() makes a tag, find() shows those there are"
        return Problem("tags", name, "a tag there is", mend)

    # --- once under a key -------------------------------------------------------------------------------------------

    def _key(self, act: str, ids: Iterable[str], *told: object) -> Key | None:
        """The idempotency key of a call about tags."""
        return self.front.key(act, self.kind.name, (*ids, *told))

    def _kept(self, act: str, tags: Iterable[Tag | str], *told: object) -> Commit | None:
        """What was committed under the key, though the tags may have other names by now, or none any more."""
        if self._key(act, (), *told) is None:
            return None
        for ids in product(*map(self._ever, tags)):
            with suppress(Conflict):
                return kept(self.front.store, self._key(act, ids, *told))
        return kept(self.front.store, self._key(act, (), *told))  # it was used for something else

    def _ever(self, tag: Tag | str) -> Iterable[str]:
        """The id of a tag, or those of all that ever had a name, for it meant one of them."""
        if isinstance(tag, Tag):
            return [tag.id]
        name = self._claimed(read_text(tag, path="tag", empty=False))
        log = self.front.store.changes(kind=self.kind.name)
        named = (one.id for one in log if self._claimed(one.sets.get("name") or "") == name)
        return dict.fromkeys([tag, *named])
