"""What following the log costs: from a cursor, stretch by stretch, to its end.

``python tests/benchmarks/bench_following.py`` reads a log of 5,000 changes in a file in memory, 500 at a time, as who
follows it does. Beside it stand the statement that fetches the same rows, bare and with what a careful program does
itself (check each row, read its JSON and its times), and the notification log of eventsourcing, with as many events:
as it stores them, and made into events again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from eventsourcing.application import LocalNotificationLog
from peers import Events, Ours, people
from side_by_side import Line, in_memory, quickest, show, speed

from crmcore import CRM
from crmcore.kernel.ports import Store

CONTACTS = 2_500
AT_A_TIME = 500
ROUNDS = 5
SQL = "SELECT * FROM crm_change WHERE seq > ? ORDER BY seq LIMIT ?"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def followed(store: Store) -> int:
    """How many changes there are."""
    count, cursor = 0, None
    while True:
        stretch = store.stretch(cursor, limit=AT_A_TIME)
        if not stretch.changes:
            return count
        count, cursor = count + len(stretch.changes), stretch.cursor


def fetched(file: sqlite3.Connection, read: Callable[[sqlite3.Row], object] | None = None) -> int:
    """How many rows there are."""
    count = place = 0
    while True:
        rows = file.execute(SQL, (place, AT_A_TIME)).fetchall()
        if not rows:
            return count
        for row in rows if read is not None else ():
            read(row)  # type: ignore[misc]
        count, place = count + len(rows), rows[-1]["seq"]


def by_hand(row: sqlite3.Row) -> dict[str, Any]:
    """A row checked and read."""
    told = "\n".join(map(str, tuple(row)[:-1]))
    times = {name: EPOCH + timedelta(microseconds=row[name]) for name in ("at", "recorded_at")}
    return {**row, **times, "sets": json.loads(row["sets"]), "checked": zlib.crc32(told.encode())}


def notified(events: Events, *, made: bool) -> int:
    """How many events there are."""
    count, start, mapper, log = 0, 1, events.app.mapper, LocalNotificationLog(events.app.recorder, AT_A_TIME)
    while True:
        found = log.select(start=start, limit=AT_A_TIME)
        if not found:
            return count
        for one in found if made else ():
            mapper.to_domain_event(one)
        count, start = count + len(found), int(found[-1].id) + 1


def timed(folder: Path) -> list[float]:
    """The least seconds of crmcore, of bare rows, of rows read by hand, of notifications, and of events."""
    events = Events.in_sqlite(folder / "events.db", "NORMAL")
    with CRM(folder / "ours.db") as crm:
        new = people(CONTACTS)
        crm.contacts.load([{"key": one["email"], **one} for one in new], key="key")
        with crm.batch() as batch:
            Ours(batch, [one.id for one in crm.contacts.each()]).change()
        events.bulk(new)
        events.ids = [event.originator_id for event in events.app.recorder.select_notifications(1, CONTACTS)]
        events.change()
        file = sqlite3.connect(folder / "ours.db")
        file.row_factory = sqlite3.Row
        works = [
            partial(followed, crm.store),
            partial(fetched, file),
            partial(fetched, file, by_hand),
            partial(notified, events, made=False),
            partial(notified, events, made=True),
        ]
        counts = [work() for work in works]
        assert counts == [2 * CONTACTS + 1] * 3 + [2 * CONTACTS] * 2, counts  # the playbook is in our log as well
        found = quickest(works, ROUNDS)
        file.close()
        return found


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with in_memory() as folder:
        ours, bare, hand, notifications, made = timed(folder)
    what = f"follow {2 * CONTACTS:,} changes from a cursor"
    yield speed(what, "a statement, rows not read", ours, bare)
    yield speed(what, "a statement, rows checked and read by hand", ours, hand)
    yield speed(what, "eventsourcing's notification log, not read", ours, notifications)
    yield speed(what, "eventsourcing's notification log, made into events", ours, made)


if __name__ == "__main__":
    show(lines())
