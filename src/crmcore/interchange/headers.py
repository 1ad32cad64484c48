"""Headers of HTTP, whose names are the same in capitals and in lower case."""

from __future__ import annotations

from collections.abc import Mapping

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["by_name"]


def by_name(headers: object) -> dict[str, object]:
    """Headers by their names in lower case.

    Args:
        headers: The headers of a message, as any framework gives them by name.

    Raises:
        Invalid: They are not given by name.

    Example:
        >>> from crmcore.interchange.headers import by_name
        >>> by_name({"Webhook-Id": "evt_17"})
        {'webhook-id': 'evt_17'}
    """
    if not isinstance(headers, Mapping):
        raise Invalid([Problem("headers", type(headers).__name__, "headers by name", "give them as {name: value}")])
    return {str(name).lower(): value for name, value in headers.items()}
