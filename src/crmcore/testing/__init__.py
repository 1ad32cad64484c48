"""For tests: the contract every store proves, a clock that ticks, ids that count, a made-up company.

The contract needs pytest and Hypothesis, the extra ``testing``; the others need nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmcore.testing.clock import CountingIds, TickingClock
from crmcore.testing.flaws import Flaw
from crmcore.testing.made_up_company import Company, company

if TYPE_CHECKING:
    from crmcore.testing.contract import StoreContract
    from crmcore.testing.machine import StoreMachine

__all__ = ["Company", "CountingIds", "Flaw", "StoreContract", "StoreMachine", "TickingClock", "company"]

_HOMES = {"StoreContract": "crmcore.testing.contract", "StoreMachine": "crmcore.testing.machine"}
_ASSERTING = ("crmcore.testing.laws", "crmcore.testing.machine")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of two classes
    """A name that needs pytest and Hypothesis, loaded on first use."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        pytest, _ = import_module("pytest"), import_module("hypothesis")
    except ImportError as error:
        message = f'{name} needs pytest and Hypothesis: pip install "crmcore[testing]"'
        raise ImportError(message) from error
    pytest.register_assert_rewrite(*(module for module in _ASSERTING if module not in sys.modules))
    return getattr(import_module(_HOMES[name]), name)
