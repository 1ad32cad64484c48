"""Group commit: what several threads write at once becomes one transaction, so that the disk is waited for once.

Nobody waits for others to come: who finds nobody at work begins at once, and takes along those who came meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import attrs

from crmcore.kernel.errors import CrmError, StoreError
from crmcore.stores.database import Database

__all__ = ["GroupCommit"]

T = TypeVar("T")


@attrs.define(eq=False)
class _Turn:
    """One caller's act, and what came of it."""

    act: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None
    over: bool = False


class GroupCommit:
    """The acts of several threads, each all or nothing, in transactions they share.

    An act that fails fails alone; a transaction that can't be kept fails for all that were in it.

    Args:
        file: The database, which takes one writer at a time.
    """

    def __init__(self, file: Database) -> None:
        self._file = file
        self._waiting: list[_Turn] = []
        self._at_work = False
        self._room = threading.Condition()

    def done(self, act: Callable[[], T]) -> T:
        """What an act gives, once it is kept.

        Args:
            act: Reads and writes the database, in a transaction it does not begin.
        """
        turn = _Turn(act)
        group = self._group_of(turn)
        if group:
            try:
                self._write(group)
            finally:
                self._end(group)
        if turn.error is not None:
            raise turn.error
        return cast("T", turn.result)

    def _group_of(self, turn: _Turn) -> Sequence[_Turn]:
        """Wait until somebody else has done the act, or it is ours to do, with those that wait by then."""
        with self._room:
            self._waiting.append(turn)
            try:
                self._room.wait_for(lambda: turn.over or not self._at_work)
            except BaseException:
                with contextlib.suppress(ValueError):  # unless somebody has begun it, nobody will
                    self._waiting.remove(turn)
                raise
            if turn.over:
                return ()
            group, self._waiting, self._at_work = self._waiting, [], True
            return group

    def _end(self, group: Sequence[_Turn]) -> None:
        with self._room:
            self._at_work = False
            for turn in group:
                turn.over = True
            self._room.notify_all()

    def _write(self, group: Sequence[_Turn]) -> None:
        """Do every act of a group in one transaction."""
        try:
            with self._file.writing():
                if len(group) == 1:
                    group[0].result = group[0].act()
                else:
                    for turn in group:
                        self._apart(turn)
        except BaseException as error:
            for turn in group:
                turn.error = _told_to(turn, error, alone=len(group) == 1)
            if not isinstance(error, Exception):
                raise

    def _apart(self, turn: _Turn) -> None:
        """Do one act of several, so that its failure leaves the others alone."""
        self._file.rows("SAVEPOINT crm_turn")
        try:
            turn.result = turn.act()
        except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it
            turn.error = error
            try:
                self._file.rows("ROLLBACK TO crm_turn")
            except StoreError:  # there is no transaction any more: a full disk ends it on its own
                raise error from None
        self._file.rows("RELEASE crm_turn")


def _told_to(turn: _Turn, error: BaseException, *, alone: bool) -> BaseException:
    """What a caller is told when the whole transaction failed: an error of their own, since each is raised apart."""
    if alone or turn.error is error:
        return error
    if not isinstance(error, StoreError):
        other: CrmError = StoreError("what was written together with it failed, and so nothing was written; try again")
    else:
        other = type(error)(str(error))
    other.__cause__ = error
    return other
