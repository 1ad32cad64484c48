"""Kills processes in the middle of bringing an old file up; run by test_migrations.py.

Tells in one line of JSON: the format each file had afterwards, and what was wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crmcore.stores.migrations import bring_up
from crmcore.stores.sqlite_file import SqliteFile


class Doomed(SqliteFile):
    """Ends its process before a statement, and after it."""

    left = 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs a statement, if there is time."""
        self.live_on()
        found = super().rows(sql, values)
        self.live_on()
        return found

    def live_on(self) -> None:
        """For a while."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def opened(path: Path, left: int) -> None:
    """Bring a file up, as far as it goes."""
    with contextlib.closing(Doomed(str(path), durability="full", busy_seconds=1)) as file:
        file.left = left
        bring_up(file, "sqlite")


def main(original: Path) -> None:
    """Kill one process after another, each a little later, until one comes to its end."""
    wrong, formats = [], []
    for left in range(1, 1_000):
        path = original.with_name(f"killed_{left}.db")
        shutil.copy(original, path)
        child = os.fork()
        if child == 0:
            opened(path, left)
            os._exit(0)
        ended = os.waitpid(child, 0)[1] == 0
        with contextlib.closing(sqlite3.connect(path)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ((format,),) = connection.execute("SELECT value FROM crm_meta WHERE name = 'format'").fetchall()
            columns = len(connection.execute("SELECT * FROM crm_key").description)
            ((keys,),) = connection.execute("SELECT count(*) FROM crm_key").fetchall()
        formats.append(format)
        if not sound or (columns, keys) != ({"1": 6}.get(format, 4), 3):
            wrong.append(f"{left}: format {format} with {keys} keys of {columns} columns")
        opened(path, 0)
        if ended:
            break
    sys.stdout.write(json.dumps({"formats": formats, "wrong": wrong}))


main(Path(sys.argv[1]))
