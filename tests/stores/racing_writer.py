"""One of several writers that race on the same records; run by test_sqlite_processes.py.

Each opens the same new file, adds to the records what it reads there, and tries again after a
conflict. Prints how often it had to.
"""

from __future__ import annotations

import sys
import time

import attrs

from crmcore.kernel.errors import Busy, Conflict
from crmcore.kernel.ports import Key
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, changed

NAMES = ("a", "b", "c")


def main(path: str, writer: str, rounds: int) -> None:
    """Add 1 to one record after another."""
    store = SqliteStore(path, durability="relaxed", busy_seconds=20)
    store.prepare(KINDS.values())
    pen = Pen(store)
    new = [added(Parcel, name, label=name, pieces=0) for name in NAMES]
    pen.commit(*new, key=Key("made by the first", "f"))
    again, done = 0, 0
    while done < rounds:
        record = store.get(PARCEL, NAMES)[NAMES[(done + int(writer)) % 3]]
        time.sleep(0.001)  # what the others write in the meantime must not be overwritten
        change = changed(record, record.version, pieces=(record.pieces or 0) + 1)
        try:
            pen.commit(attrs.evolve(change, by=writer))
            done += 1
        except (Busy, Conflict):
            again += 1
    store.close()
    sys.stdout.write(str(again))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
