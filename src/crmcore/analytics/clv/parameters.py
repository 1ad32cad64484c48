"""The parameters of models: numbers above 0."""

from __future__ import annotations

from math import inf, isnan
from typing import Any

import attrs

from crmcore.analytics.clv.rows import number
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["parameter"]

REACH = "crmcore.reach"


def parameter(reach: float = inf) -> Any:
    """A parameter of a model: a number above 0; all that are none are told at once.

    Args:
        reach: The largest one whose figures can be worked out, and one over the least; 1 or more.

    Example:
        >>> import attrs
        >>> from crmcore.analytics.clv.parameters import parameter
        >>> @attrs.frozen
        ... class Model:
        ...     r: float = parameter()
        >>> Model(r=1)
        Model(r=1.0)
    """
    return attrs.field(converter=_float, validator=_positive, metadata={REACH: reach})


def _float(value: object) -> object:
    """As a float; what is none is kept for the message."""
    found = number(value)
    return value if isnan(found) else found


def _positive(model: Any, attribute: object, value: object) -> None:  # noqa: ARG001 - attrs passes all three
    reaches = {field.name: field.metadata[REACH] for field in attrs.fields(type(model)) if REACH in field.metadata}
    problems = [
        Problem(name, getattr(model, name), _expected(reach), "give the published parameter, or fit the model")
        for name, reach in reaches.items()
        if not _can_be(getattr(model, name), reach)
    ]
    if problems:
        raise Invalid(problems)


def _can_be(value: object, reach: float) -> bool:
    return isinstance(value, float) and 0 < value < inf and 1 / reach <= value <= reach


def _expected(reach: float) -> str:
    return "a number above 0" if reach == inf else f"a number above 0, from {1 / reach:g} to {reach:g}"
