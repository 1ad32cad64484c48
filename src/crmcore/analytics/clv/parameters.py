"""The parameters of models: numbers above 0."""

from __future__ import annotations

from math import isnan
from typing import Any

import attrs

from crmcore.analytics.clv.rows import number
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["parameter"]

LEAST, MOST = 1e-25, 1e25
"""Beyond them a model says nothing, and its figures could not be worked out."""


def parameter() -> Any:
    """A parameter of a model: a number above 0; all that are none are told at once.

    Example:
        >>> import attrs
        >>> from crmcore.analytics.clv.parameters import parameter
        >>> @attrs.frozen
        ... class Model:
        ...     r: float = parameter()
        >>> Model(r=1)
        Model(r=1.0)
    """
    return attrs.field(converter=_float, validator=_positive, metadata={"parameter": True})


def _float(value: object) -> object:
    """As a float; what is none is kept for the message."""
    found = number(value)
    return value if isnan(found) else found


def _positive(model: Any, attribute: object, value: object) -> None:  # noqa: ARG001 - attrs passes all three
    told = {
        field.name: getattr(model, field.name) for field in attrs.fields(type(model)) if "parameter" in field.metadata
    }
    wrong = {name: value for name, value in told.items() if not (isinstance(value, float) and LEAST <= value <= MOST)}
    if wrong:
        expected, mend = (
            f"a number above 0, from {LEAST:g} to {MOST:g}",
            "give the published parameter, or fit the model",
        )
        raise Invalid([Problem(name, value, expected, mend) for name, value in wrong.items()])
