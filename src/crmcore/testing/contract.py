"""The contract of a store, as a pytest class to subclass."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from crmcore.kernel.ports import Store
from crmcore.testing.laws.claims import ClaimLaws
from crmcore.testing.laws.commits import CommitLaws
from crmcore.testing.laws.erasure import ErasureLaws
from crmcore.testing.laws.finding import FindLaws
from crmcore.testing.laws.following import FollowLaws
from crmcore.testing.laws.keys import KeyLaws
from crmcore.testing.laws.log import LogLaws
from crmcore.testing.laws.past import PastLaws
from crmcore.testing.laws.races import RaceLaws
from crmcore.testing.laws.searching import SearchLaws
from crmcore.testing.laws.tenants import TenantLaws
from crmcore.testing.machine import StoreMachine

__all__ = ["StoreContract"]


class StoreContract(
    CommitLaws,
    KeyLaws,
    ClaimLaws,
    LogLaws,
    FollowLaws,
    RaceLaws,
    FindLaws,
    SearchLaws,
    PastLaws,
    ErasureLaws,
    TenantLaws,
):
    """Everything a store promises, as tests: a store whose subclass passes may be used anywhere.

    Say how to open the store; if what it keeps outlives it, say so and open the same one in the same folder.

    Attributes:
        durable: Whether a store opened again in the same folder finds what was written.
        examples: How many random histories ``test_any_history`` tries.
        steps: The most steps a history has.

    Example:
        >>> from pathlib import Path
        >>> from crmcore.stores.sqlite import SqliteStore
        >>> from crmcore.testing import StoreContract
        >>> class TestSqlite(StoreContract):
        ...     durable = True
        ...     def open(self, folder: Path) -> SqliteStore:
        ...         return SqliteStore(str(folder / "crm.db"))
    """

    examples: ClassVar[int] = 60
    steps: ClassVar[int] = 30

    def test_any_history(self) -> None:
        """Whatever is done in whatever order, the store agrees with a model of a few dictionaries."""
        contract = self

        class Machine(StoreMachine):
            durable = contract.durable

            def open(self, folder: Path) -> Store:
                return contract.open(folder)

        given = settings(max_examples=self.examples, stateful_step_count=self.steps, deadline=None)
        run_state_machine_as_test(Machine, settings=settings(given, suppress_health_check=list(HealthCheck)))
