"""What is left on a disk when the power fails, out of a recording of everything that was written to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Literal

import attrs

__all__ = ["Durability", "Op", "left"]

Durability = Literal["full", "relaxed", "off"]
"""How sure a store makes that what it wrote is safe; with ``"off"`` it does nothing for it."""

SECTOR = 512
"""What a disk writes as a whole, in bytes."""


@attrs.frozen
class Op:
    """One thing that was done.

    Attributes:
        what: A write; a file cut to a size; a file made safe from loss of power; a file gone; or the word to
            somebody that a commit is done.
        file: The file's name.
        place: Where it was written, or the size, in bytes.
        data: What was written.
    """

    what: Literal["write", "truncate", "sync", "delete", "told"]
    file: str = ""
    place: int = 0
    data: bytes = b""


@attrs.define
class _File:
    """A file: what is safe, and what was done to it since."""

    safe: bytearray = attrs.field(factory=bytearray)
    since: list[Op] = attrs.field(factory=list)


def left(ops: Sequence[Op], points: Iterable[int], chance: Random) -> Iterator[tuple[int, dict[str, bytes]]]:
    """For each point at which the power fails: how many commits somebody was told of, and what the files hold.

    What was written since a file was last made safe is there, missing, or torn: some of its sectors are there. At
    every third point all of it is missing.

    Args:
        ops: What was done.
        points: Before which of it the power fails, in ascending order.
        chance: Decides what becomes of each write.
    """
    files: dict[str, _File] = {}
    told = done = 0
    for point in points:
        for op in ops[done:point]:
            told += op.what == "told"
            _do(files, op)
        done = point
        yield told, _crashed(files, chance)


def _do(files: dict[str, _File], op: Op) -> None:
    """Do it again."""
    if op.what == "delete":
        files.pop(op.file, None)
    elif op.what != "told":
        file = files.setdefault(op.file, _File())
        file.since.append(op)
        if op.what == "sync":
            for one in file.since:
                _apply(file.safe, one)
            file.since = []


def _apply(content: bytearray, op: Op) -> None:
    if op.what == "truncate":
        _sized(content, op.place)
        del content[op.place :]
    elif op.what == "write":
        _sized(content, op.place)
        content[op.place : op.place + len(op.data)] = op.data


def _sized(content: bytearray, size: int) -> None:
    """Make it as long as that, at least."""
    content.extend(bytes(max(0, size - len(content))))


def _crashed(files: Mapping[str, _File], chance: Random) -> dict[str, bytes]:
    """What the files hold after a crash."""
    nothing = chance.randrange(3) == 0
    found = {}
    for name, file in files.items():
        content = bytearray(file.safe)
        for op in () if nothing else file.since:
            for part in _survived(op, chance):
                _apply(content, part)
        found[name] = bytes(content)
    return found


def _survived(op: Op, chance: Random) -> Iterable[Op]:
    """What is left of something that was not made safe: all, nothing, or some sectors."""
    fate = chance.randrange(3)
    if fate == 0:
        return ()
    if fate == 1 or op.what == "truncate":
        return (op,)
    return [sector for sector in _sectors(op) if chance.randrange(2)]


def _sectors(op: Op) -> Iterator[Op]:
    """A write, sector by sector."""
    start, end = op.place, op.place + len(op.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Op("write", op.file, start, op.data[start - op.place : stop - op.place])
        start = stop
