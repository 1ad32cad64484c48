"""A SQLite store whose every write to the disk is recorded, through a file system layer of APSW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import patch

import apsw
import attrs

from crmcore.crm import CRM
from crmcore.stores import sqlite
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.testing.exam.disk import Durability, Op

__all__ = ["recorded"]


class _Files(apsw.VFS):
    """The system's files, with a note of what is done to them."""

    def __init__(self, ops: list[Op]) -> None:
        self.ops = ops
        self.name = f"crmcore-{id(ops)}"
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # noqa: N802
        """Open a file."""
        return _File(name, flags, self.ops)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Delete a file."""
        self.ops.append(Op("delete", Path(filename).name))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    """One of them."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], ops: list[Op]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.name, self.ops = Path(path or "").name, ops
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Write something."""
        self.ops.append(Op("write", self.name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut it to a size."""
        self.ops.append(Op("truncate", self.name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Make it safe from loss of power."""
        self.ops.append(Op("sync", self.name))
        super().xSync(flags)


@attrs.frozen
class _Opening:
    """Opens SQLite files the way the store does, over files that are recorded."""

    files: _Files
    off: bool

    def __call__(self, path: str, *, durability: str, busy_seconds: float) -> SqliteFile:
        """Open one."""
        files, off = self.files, self.off

        class Recorded(SqliteFile):
            """A file over APSW: its connection knows the calls that are made of sqlite3's."""

            def _connect(self, database: str, busy_seconds: float, *, uri: bool = False) -> None:  # noqa: ARG002
                self._connection = apsw.Connection(database, vfs=files.name)  # type: ignore[assignment]
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # no memory is shared through such a layer

        file = Recorded(path, durability=durability, busy_seconds=busy_seconds)
        if off:
            file.rows("PRAGMA synchronous=OFF")
        return file


def recorded(path: Path, durability: Durability, sittings: Iterable[Callable[..., None]]) -> list[Op]:
    """Everything that work on a CRM does to the disk.

    Args:
        path: The file, not there yet.
        durability: As the store takes it; or ``"off"``: nothing is made safe.
        sittings: The work, each told the CRM and, as ``done``, whom to tell of every commit. After each the file is
            closed.
    """
    ops: list[Op] = []
    files = _Files(ops)
    with patch.object(sqlite, "SqliteFile", _Opening(files, durability == "off")):
        for work in sittings:
            store = sqlite.SqliteStore(str(path), durability="full" if durability == "full" else "relaxed")
            with CRM(store) as crm:
                work(crm, done=lambda: ops.append(Op("told")))
    files.unregister()
    return ops
