"""Writing: what acts propose is admitted and committed; several at once, in thought only, or taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from crmcore.admission import Ground, check_changes, objections
from crmcore.adoption import PLAYBOOK_ID, Playbooks
from crmcore.circumstances import Circumstances, keyless
from crmcore.kernel.acting import TRIES, kept, once
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Conflict, Duplicate, Invalid, NotAllowed, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.outcome import Objection, check_free
from crmcore.kernel.ports import Commit, Key, Store
from crmcore.kernel.records import Record, kind_of
from crmcore.kernel.values import read_text
from crmcore.playbook import Playbook, PlaybookVersion

if TYPE_CHECKING:
    from crmcore.stores.overlay import OverlayStore

__all__ = ["Writing"]


class Writing(Circumstances):
    """A CRM that is written to."""

    def key(self, act: str, kind: str, arguments: object) -> Key | None:
        """The idempotency key of a call, if the caller gave one.

        Args:
            act: The act's name.
            kind: The kind of record.
            arguments: Everything it was called with.
        """
        if self._given.key is None:
            return None
        return Key.of(self._given.key, (act, kind, arguments, self._given.at, self._given.reason))

    def commit(
        self,
        changes: Sequence[Change[Any]],
        key: Key | None = None,
        *,
        unmoved: Mapping[tuple[str, str], int] | None = None,
        end: str | None = None,
    ) -> Commit:
        """Write changes whose values have been read. Acts call this; you seldom do.

        Args:
            changes: At least one change.
            key: An idempotency key, seen before the first result is returned; default: that of ``given(key=…)``.
            unmoved: Records the changes rest on, by kind and id, and the versions they must still have.
            end: The cut that nothing may have been written after, when they rest on all of the log.

        Raises:
            NotAllowed: This is a view of the past, or a key is given within a batch.
            Invalid: There is nothing to write, a record refers to one that is not there, would come to lack a
                custom field it needs, or into a flaw.
            Conflict: A record has moved on, or the key was used for something else.
        """
        check_present(self.moment)
        key = self._chosen(key, "commit", changes)
        first = kept(self.store, key)
        if first is not None:
            return first
        playbooks, given = self._house.playbooks, unmoved or {}
        playbook, version = playbooks.now(self.store)
        ground = self._admitted(changes, given, playbook)
        if not changes:
            raise Invalid([Problem("changes", 0, "at least one change", "call it only when there is one")])
        if not version:
            playbooks.keep(self.store, playbook, attrs.evolve(self.context(""), at=self._now()))
            end = None if end is None else self._beside_playbook(end)
            playbook, version = playbooks.now(self.store)
        stale = next((change for change in changes if change.playbook not in ("", playbook.hash)), None)
        if stale is not None:
            message = f"another playbook was adopted since {stale.kind} {stale.id} was {stale.what}; repeat the act"
            raise Conflict(stale.kind, stale.id, expected=stale.playbook, found=playbook.hash, message=message)
        recorded_at = max([self._clock(), *(change.at for change in changes)])
        told: dict[str, Any] = {"id": self._house.new_id("commit"), "key": key, "playbook": playbook.hash, "end": end}
        given = {**given, (kind_of(PlaybookVersion).name, PLAYBOOK_ID): version}
        tries = TRIES
        while True:
            tries -= 1
            try:
                done = self.store.commit(changes, recorded_at=recorded_at, unmoved=ground | given, **told)
            except Conflict as conflict:
                if not tries or (conflict.kind, conflict.id) not in ground:
                    raise
                with suppress(Invalid):  # they may be right on what has moved as well
                    ground = self._admitted(changes, given, playbook)
                    continue
                raise
            else:
                playbooks.wrote(self.store, done)
                return done

    def _beside_playbook(self, end: str) -> str:
        """A cut of the log once the first playbook was written down, if nothing else was written since."""
        now = self.store.last()[0]
        others = {change.kind for change in self.store.changes(after=end, upto=now)} - {kind_of(PlaybookVersion).name}
        return end if others else now

    def _chosen(self, key: object, act: str, arguments: object) -> Key | None:
        """The key a call was told, or else that of the circumstances."""
        if key is not None and not isinstance(key, Key):
            raise Invalid([Problem("key", type(key).__name__, "an idempotency key", "make it with key()")])
        if key is not None and self._batch:
            raise keyless()
        return key or self.key(act, "commit", arguments)

    @contextmanager
    def batch(self) -> Iterator[Self]:
        """Several acts as one commit: all of them are written when the block ends, or none.

        Within the block the CRM it gives reads what was done in it; nobody else does. An error leaves
        everything as it was. Idempotency keys are for single acts outside of a batch.

        Yields:
            The CRM to act on.

        Raises:
            Conflict: A record that was changed in it, or that it rests on, was changed meanwhile.
            NotAllowed: This is a view of the past, a key was given to it or within, or a playbook was adopted within.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> with crm.batch() as batch:
            ...     acme = batch.accounts.add(name="Acme")
            ...     deal = batch.opportunities.add(name="Roof", account=acme.id)
            >>> crm.history(acme)[0].commit == crm.history(deal)[0].commit
            True
        """
        if self._given.key is not None:
            raise keyless()
        with self.suppose() as within:
            overlay, playbook = cast("OverlayStore", within.store), within.playbook
            yield within._view(_batch=True)  # noqa: SLF001 - the same CRM, told that it is one
            written = [change for change in overlay.written if change.kind != kind_of(PlaybookVersion).name]
            if within.playbook != playbook:  # what others adopt meanwhile is not seen within
                message = "a playbook can't be adopted in a batch; adopt() it before"
                raise NotAllowed(message, act="adopt", possible=("adopt",))
            if overlay.writers - {overlay.tenant}:
                message = "a batch belongs to one tenant; give each tenant a batch of its own"
                raise NotAllowed(message, act="batch", possible=("batch",))
            if written:
                self.commit(written, unmoved=overlay.ground, end=overlay.end)

    @contextmanager
    def suppose(self) -> Iterator[Self]:
        """What if: the CRM it gives can be acted on and asked for figures like this one; nothing is written.

        Yields:
            The CRM to act on; it is closed when the block ends.

        Raises:
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> deal = crm.opportunities.add(name="Roof", amount=12_000)
            >>> with crm.suppose() as what_if:
            ...     _ = what_if.opportunities.win(deal)
            ...     what_if.analytics.pipeline().won_value
            Money('12000.00', 'USD')
            >>> crm.opportunities.get(deal.id).status
            'open'
        """
        from crmcore.stores.overlay import OverlayStore

        check_present(self.moment)
        overlay = OverlayStore(self.store)
        overlay.prepare(self.kinds.values())
        house = attrs.evolve(self._house, playbooks=Playbooks(self._house.playbooks.first))
        try:
            yield self._view(store=overlay, _house=house, _batch=False, _supposed=True)
        finally:
            overlay.close()

    def undo(self, commit: str, key: Key | None = None) -> tuple[Record, ...]:
        """Take a commit back: every field of every record in it becomes what it was.

        A record the commit made is deleted. Undoing an undo does it again.

        Args:
            commit: The id of the commit, as every change has it: ``crm.history(record)[-1].commit``.
            key: An idempotency key, seen before the first result is returned; default: that of ``given(key=…)``.

        Returns:
            The records as they now stand.

        Raises:
            NotFound: There is no such commit.
            NotAllowed: A record in it was changed since, or refers to what it made: all of them. Or this CRM is
                a view of the past, or backdated.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.add(name="Acme")
            >>> acme = crm.accounts.update(acme, name="Acme Ltd")
            >>> crm.undo(crm.history(acme)[-1].commit)[0].name
            'Acme'
        """
        check_present(self.moment)
        if self.backdated is not None:
            raise NotAllowed("undo happens now; take it back without given(at=…)", act="undo")
        id = read_text(commit, path="commit", empty=False)
        chosen = self._chosen(key, "undo", id)
        done = once(lambda: kept(self.store, chosen), lambda: self._undone_anew(id, chosen), lambda first: first)
        return cast("Commit", done).records

    def _undone_anew(self, commit: str, key: Key | None) -> Commit:
        """Take a commit back, again and again as long as somebody else was quicker; at last while nobody writes."""
        tries = TRIES
        while True:
            tries -= 1
            try:
                with nullcontext() if tries else self._alone():
                    return self._undone(commit, key)
            except Conflict as conflict:
                if not tries or isinstance(conflict, Duplicate):
                    raise

    def _alone(self) -> AbstractContextManager[object]:
        """Nobody else writes meanwhile, where the store sees to it: what rests on all of the log comes to its end."""
        alone: Callable[[], AbstractContextManager[object]] = getattr(self.store, "alone", nullcontext)
        return alone()

    def _undone(self, commit: str, key: Key | None) -> Commit:
        """Take a commit back, as long as nothing is written meanwhile."""
        from crmcore.undo import undoing

        end = self.store.last()[0]
        changes = undoing(commit, self.store, self.kinds, self.context(""))
        ready = [self.desk(self.kinds[change.kind].cls).ready(change) for change in changes]
        return self.commit(ready, key, end=end)

    def _check_unmoved(self, unmoved: Mapping[tuple[str, str], int]) -> None:
        """Refuse what rests on records that have moved on."""
        for (name, id), version in unmoved.items():
            record = self.store.get(self.kinds[name], [id]).get(id) if name in self.kinds else None
            found = 0 if record is None else record.version
            if found != version:
                raise Conflict(name, id, expected=version, found=found)

    def _admitted(
        self, changes: Sequence[Change[Any]], given: Mapping[tuple[str, str], int], playbook: Playbook
    ) -> dict[tuple[str, str], int]:
        """Refuse changes that can't be written; gives the other records that it rests on that they can."""
        check_changes(changes, self.kinds, self._clock, self._now)
        ground, own = Ground(self.store), dict[tuple[str, str], int]()
        for change in changes:
            own.setdefault((change.kind, change.id), change.version - 1)
        try:
            check_free(objections(changes, self.kinds, cast("Store", ground), playbook))
        except Invalid:
            self._check_unmoved({**own, **given})  # then it is no fault of theirs
            raise
        if self._supposed:  # what is supposed is admitted again when it is written
            return {}
        return {whole: version for whole, version in ground.versions.items() if whole not in own and whole not in given}

    def objections(self, changes: Sequence[Change[Any]]) -> list[Objection]:
        """What speaks against writing changes, each with the records whose changes bring it about.

        Args:
            changes: Changes whose values have been read.
        """
        return objections(changes, self.kinds, self.store, self.playbook)
