"""Connections that are a host's: of a driver, or of a framework that holds one of a driver's.

What stands between a framework's connection and its driver's may change from call to call (Django opens another one
after a request, SQLAlchemy begins a transaction of its own), so it is passed each time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import attrs

from crmcore.kernel.errors import Closed, CrmError, Invalid, Problem, StoreError

__all__ = ["FAILED", "Reach", "dialect_of", "implicit", "reach_of"]

FAILED = "the host's transaction has failed; roll it back, or to a savepoint before the failure, and do it anew"

_EXPECTED = "a connection of sqlite3 or psycopg, Django's, or one of SQLAlchemy or its Session over those drivers"


@attrs.frozen(eq=False)
class Reach:
    """How the driver's connection is reached, each time anew.

    Attributes:
        held: What the host gave: the driver's connection, or a framework's.
        path: How it leads to the driver's.
        lock: Held by a thread while it works on a connection that others may share; frameworks give each its own.
    """

    held: Any
    path: Callable[[Any], Any]
    lock: contextlib.AbstractContextManager[Any]

    def __call__(self) -> Any:  # noqa: ANN401 - of either driver
        """The driver's connection, ready for a statement.

        Raises:
            Closed: It was closed.
            Invalid: It is of a driver we do not speak to.
            StoreError: It can't be used now, or by this thread.
        """
        return self.path(self.held)


def reach_of(connection: Any) -> Reach:  # noqa: ANN401 - whatever a host has
    """How the driver's connection is reached.

    Args:
        connection: The host's connection.

    Raises:
        Invalid: It is none that is known.
    """
    if _is_driver(connection):
        return Reach(connection, _known, threading.RLock())
    path = _path_of(connection)
    return Reach(connection, lambda held: _asked(path, held), contextlib.nullcontext())


def _path_of(connection: object) -> Callable[[Any], Any]:
    """How a framework's connection leads to its driver's."""
    if hasattr(connection, "ensure_connection"):
        return _django
    if hasattr(connection, "get_bind") and callable(getattr(connection, "connection", None)):
        return _session
    if hasattr(connection, "exec_driver_sql"):
        return _sqlalchemy
    raise _stranger(connection)


def dialect_of(driver: object) -> str:
    """What a driver's connection speaks: ``"sqlite"`` or ``"postgresql"``.

    Args:
        driver: The driver's connection.
    """
    return "sqlite" if isinstance(driver, sqlite3.Connection) else "postgresql"


def implicit(driver: Any) -> bool:  # noqa: ANN401 - of either driver
    """Whether what is written waits for the host's ``commit()``, although it has begun nothing.

    Args:
        driver: The driver's connection.
    """
    if dialect_of(driver) == "postgresql":
        return not driver.autocommit
    told = getattr(driver, "autocommit", None)  # from Python 3.12 on; a number when the older attribute decides
    return not told if isinstance(told, bool) else driver.isolation_level is not None


def _is_driver(connection: object) -> bool:
    """Whether it is a connection of a driver we speak to."""
    classes = [(cls.__module__.partition(".")[0], cls.__name__) for cls in type(connection).__mro__]
    return isinstance(connection, sqlite3.Connection) or ("psycopg", "Connection") in classes


def _known(driver: object) -> Any:  # noqa: ANN401 - of either driver
    """A driver's connection out of a framework's, unless it is of another driver."""
    if _is_driver(driver):
        return driver
    raise _stranger(driver)


def _stranger(connection: object) -> Invalid:
    cls = type(connection)
    shown = cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
    return Invalid(
        [Problem("connection", shown, _EXPECTED, "of psycopg take version 3; asyncio is served by AsyncCRM")]
    )


def _asked(path: Callable[[Any], Any], connection: object) -> Any:  # noqa: ANN401 - of any driver
    """What a framework gives; its refusal in our words."""
    try:
        return _known(path(connection))
    except CrmError:
        raise
    except Exception as error:
        if "closed" in str(error).lower():
            raise Closed("the host's connection was closed; give another one") from error
        told = FAILED if "rollback" in type(error).__name__.lower() else "see the cause below"
        raise StoreError(f"the host's connection can't be used ({type(error).__name__}); {told}") from error


def _django(wrapper: Any) -> Any:  # noqa: ANN401 - of any driver
    """Django's, of this thread; opened when it is not."""
    wrapper.validate_thread_sharing()
    if wrapper.needs_rollback:
        raise StoreError(FAILED)
    wrapper.ensure_connection()
    return wrapper.connection


def _session(session: Any) -> Any:  # noqa: ANN401 - of any driver
    """The one of a session of SQLAlchemy's, which begins its transaction."""
    return _sqlalchemy(session.connection())


def _sqlalchemy(connection: Any) -> Any:  # noqa: ANN401 - of any driver
    """SQLAlchemy's, which begins its transaction as it does with any statement: else it would not commit."""
    driver = _known(connection.connection.driver_connection)
    if implicit(driver) and not connection.in_transaction():
        connection.begin()
    return driver
