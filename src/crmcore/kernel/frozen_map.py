"""A mapping that can't change: what frozen values hold their members in."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, TypeVar

__all__ = ["EMPTY", "FrozenMap"]

K = TypeVar("K")
V = TypeVar("V")


class FrozenMap(Mapping[K, V]):
    """A small mapping that can't change: hashable, picklable, equal to a dict of the same items.

    Example:
        >>> from crmcore.kernel.frozen_map import FrozenMap
        >>> FrozenMap({"region": "north"}) == {"region": "north"}
        True
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        """The value under a key."""
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        """The keys, in the order they were given."""
        return iter(self._items)

    def __len__(self) -> int:
        """How many items."""
        return len(self._items)

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - as Mapping has it
        """The value under a key, or something else when there is none."""
        return self._items.get(key, default)

    def items(self) -> ItemsView[K, V]:
        """The keys and their values."""
        return self._items.items()

    def keys(self) -> KeysView[K]:
        """The keys."""
        return self._items.keys()

    def values(self) -> ValuesView[V]:
        """The values."""
        return self._items.values()

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key."""
        return key in self._items

    def __eq__(self, other: object) -> bool:
        """Maps of the same items are equal, whatever their class and order."""
        if isinstance(other, FrozenMap):
            return self._items == other._items
        return self._items == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        """Equal maps hash alike."""
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        """As it would be written."""
        return f"FrozenMap({self._items!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[K, V]]]:
        """Pickle and copy by content."""
        return (type(self), (self._items,))


EMPTY: FrozenMap[str, Any] = FrozenMap()
"""No members."""
