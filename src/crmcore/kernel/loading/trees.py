"""Trees in a load: records that rows move must not come to stand above themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind

__all__ = ["circling"]


def circling(
    kind: Kind[Any], store: Store, path: str, moves: Mapping[str, str | None], moved: Collection[str]
) -> list[str]:
    """The records that would come to stand above themselves.

    Args:
        kind: Their kind.
        store: The store.
        path: The field that says what stands above a record.
        moves: What it says after the load, of each record the load changes it of.
        moved: The records to look at, among them.
    """
    above = _above(kind, store, path, dict(moves), moved)
    return [id for id in moved if _circles(id, above)]


def _above(
    kind: Kind[Any], store: Store, path: str, above: dict[str, str | None], moved: Collection[str]
) -> Mapping[str, str | None]:
    """What stands above the records that are moved, and above that, level by level."""
    seen: set[str] = set()
    level = {id for one in moved if (id := above[one]) is not None}
    while level:
        found = store.get(kind, level - above.keys())
        above |= {id: getattr(record, path) for id, record in found.items()}
        seen |= level
        level = {id for one in level if (id := above.get(one)) is not None} - seen
    return above


def _circles(id: str, above: Mapping[str, str | None]) -> bool:
    """Whether a record comes to stand above itself."""
    seen: set[str] = set()
    one = above.get(id)
    while one is not None and one not in seen:
        if one == id:
            return True
        seen.add(one)
        one = above.get(one)
    return False
