"""Tables in a host's database: they are the host's to make, so opening looks for them and makes none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from crmcore.kernel.errors import StoreError
from crmcore.stores.database import Database

__all__ = ["Looked"]


class Looked:
    """A host's database, looked at: whoever would make tables in it, or mend them, says how the host does so.

    Args:
        file: The database.
        dialect: What it speaks.

    Attributes:
        protected: Whether it has policies by tenant, as was found.
    """

    protected = False

    def __init__(self, file: Database, dialect: str) -> None:
        self.path = file.path
        self._file, self._dialect = file, dialect

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement, which reads.
            values: What its question marks stand for.
        """
        return self._file.rows(sql, values)

    def writing(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        raise StoreError(
            f"{self.path} lacks tables of crmcore, or has them as another version or other kinds would: let them be "
            "made with crmcore.hosting.make_tables(connection), or put the statements of "
            f'crmcore.hosting.ddl("{self._dialect}") into a migration; give both your own kinds, as here'
        )

    many = transact = reading = close = tried = transaction = writing
