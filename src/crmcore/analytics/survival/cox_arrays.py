"""A Cox regression's table in arrays of numpy: read without a detour, scaled and parted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmcore.analytics.survival.arrays import flags_of, numbers_of
from crmcore.analytics.survival.cells import HEAVIEST, LIGHTEST, ordered
from crmcore.analytics.survival.design import Roles, Scale, Stratum, Table

if TYPE_CHECKING:
    from crmcore.analytics.survival.arrays import Array

__all__ = ["arranged", "table_of"]


def table_of(columns: Any, roles: Roles) -> Table | None:
    """A table from columns that are all right; None when somebody has to say what is not.

    Args:
        columns: A mapping of columns, or a frame.
        roles: Their names.
    """
    if roles.strata is not None or not all(name in columns for name in (*roles.numbers, roles.observed)):
        return None
    least = {roles.duration: 0.0, roles.entry: 0.0, roles.weights: LIGHTEST}
    found = {name: numbers_of(columns[name], least.get(name, -np.inf)) for name in roles.numbers}
    observed = flags_of(columns[roles.observed])
    if observed is None or any(column is None or len(column) != len(observed) for column in found.values()):
        return None
    durations, entry, weights = (
        None if name is None else found[name] for name in (roles.duration, roles.entry, roles.weights)
    )
    if weights is not None and weights.max() > HEAVIEST:
        return None
    if entry is not None and ((entry >= durations) & (entry > 0)).any():
        return None
    return Table("numpy", durations, observed, entry, weights, None, [found[name] for name in roles.covariates])


def arranged(table: Table, weight: float) -> tuple[tuple[Scale, ...], tuple[Stratum, ...]]:
    """How covariates were scaled, and the strata.

    Args:
        table: The subjects.
        weight: What weights are divided by.
    """
    weights = np.ones(len(table)) if table.weights is None else table.weights / weight
    order = np.argsort(-table.durations)
    parts: list[tuple[object, Array]] = [(None, order)]
    if table.strata is not None:
        names = ordered(set(table.strata))
        codes = np.array(list(map({name: code for code, name in enumerate(names)}.__getitem__, table.strata)))
        order = order[np.argsort(codes[order], kind="stable")]
        parts = list(zip(names, np.split(order, np.bincount(codes).cumsum()[:-1]), strict=True))
    scaled = [_scaled(column, weights) for column in table.covariates]
    strata = tuple(
        Stratum(
            name,
            table.durations[rows],
            table.observed[rows],
            None if table.entry is None else table.entry[rows],
            weights[rows],
            [column[rows] for _, column in scaled],
        )
        for name, rows in parts
    )
    return tuple(scale for scale, _ in scaled), strata


def _scaled(column: Array, weights: Array) -> tuple[Scale, Array]:
    origin = column[0]
    beside = column - origin
    total = weights.sum()
    mean = (weights * beside).sum() / total
    beside -= mean
    spread = np.sqrt((weights * beside**2).sum() / total) or 1.0
    beside /= spread
    return Scale(float(origin + mean), float(spread)), beside
