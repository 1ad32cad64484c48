"""The model among what a caller may give for one: a model, or a fit of one."""

from __future__ import annotations

from typing import Any

from crmcore.analytics.clv.unit import Unit
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["the_model"]


def the_model(given: Any, method: str, unit: Unit | None = None) -> Any:
    """The model itself.

    Args:
        given: A model, or a fit of one.
        method: What it must be able to do.
        unit: The unit of the customers it is used on; None where that is not known.

    Raises:
        Invalid: It is neither, or counts time in another unit.
    """
    found = getattr(given, "model", given)
    if not hasattr(found, method):
        mend = "give a model, or what its fit() found"
        raise Invalid([Problem("model", type(given).__name__, f"a model that knows {method}()", mend)])
    own: Unit | None = getattr(found, "unit", None)
    if own is not None and unit is not None and own != unit:
        mend = "summarize in that unit, or fit the model to this summary"
        raise Invalid([Problem("customers", str(unit), f"a history in the model's unit, {own}", mend)])
    return found
