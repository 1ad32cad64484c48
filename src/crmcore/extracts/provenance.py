"""How figures drawn from a CRM were made: what was left out on the way, and up to which day anything is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from crmcore.analytics.results import Provenance

__all__ = ["check_known", "without"]


def without(made: Provenance, left_out: Mapping[str, int]) -> Provenance:
    """How something was made, and what else was left out.

    Args:
        made: How it was made.
        left_out: What the extract left out, in words, with counts.
    """
    counts = {what: count for what, count in left_out.items() if count}
    return attrs.evolve(made, exclusions=FrozenMap({**made.exclusions, **counts}))


def check_known(made: Provenance, today: date) -> None:
    """Refuse figures up to a day that has yet to come: nobody would seem to buy from now to then.

    Args:
        made: How they were made.
        today: The day of the as-of.

    Raises:
        Invalid: They look at days after it.
    """
    if made.local is not None and made.local.date() > today:
        expected = f"{today.isoformat()}, the day of the as-of, or an earlier one"
        raise Invalid([Problem("end", made.local.date().isoformat(), expected, "leave it out")])
