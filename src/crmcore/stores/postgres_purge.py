"""Purging a PostgreSQL store: its tables are written anew, once nobody can see what was there before any more.

``VACUUM FULL`` writes a table anew with its indexes and what is kept beside it, but copies row versions that somebody
may still look at: whoever in this database holds a snapshot from before, and itself, for its own snapshot goes back to
the oldest transaction that runs anywhere on the server. So both are waited for, a little, and then told of. Of the
server's own workers only a plain vacuum keeps nothing; one that analyzes does, whatever table it is at.
"""

from __future__ import annotations

import re
import time
from typing import Any

from crmcore.kernel.errors import Busy
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.stores.schema import TABLES, quoted

__all__ = ["purged"]

PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.0)
"""Seconds to wait for those who look at what was there before."""

_OWNED = """SELECT c.oid::regclass::text, pg_has_role(c.relowner, 'USAGE')
    FROM unnest(?::text[]) AS name JOIN pg_class c ON c.oid = to_regclass(name) ORDER BY c.oid"""

_OLD = """SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()
        AND query = '<insufficient privilege>'),
    (SELECT count(*) FROM pg_prepared_xacts WHERE age(transaction) >= age(now)),
    (SELECT count(*) FROM pg_replication_slots WHERE age(xmin) > age(now)),
    (SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        AND (coalesce(datname, current_database()) = current_database() OR backend_type = 'walsender')
        AND NOT (query LIKE 'autovacuum: VACUUM %' AND query NOT LIKE 'autovacuum: VACUUM ANALYZE %')
        AND age(backend_xmin) > age(now)),
    age(pg_snapshot_xmin(pg_current_snapshot())::xid) >= age(now)
    FROM (SELECT ?::text::xid AS now) AS t"""

_WHO = (
    "sessions of other roles can't be looked into: GRANT pg_read_all_stats to this role",
    "a prepared transaction is open: purge again once it has ended",
    "a replication slot holds what was there before: purge again once it has moved on",
    "somebody still reads what was there before: purge again once they have ended",
    "somebody on the server began to write before: purge again once they have ended",
)


def purged(database: PostgresDatabase) -> str | None:
    """Write every table of ours anew, without what was deleted.

    Args:
        database: The database.

    Returns:
        What is in the way, and what to do then; None when it is done.

    Raises:
        StoreError: There is no room for a second table of the size, or it may not be written.
    """
    if not database.own():
        return "a transaction is open; purge again once it has ended"
    names = re.findall(r"TABLE IF NOT EXISTS (\w+)", " ".join(TABLES))
    kinds = database.rows("SELECT substr(name, 11) FROM crm_meta WHERE name LIKE 'tables of %'")
    tables = database.rows(_OWNED, ([*names, *(quoted(f"crm_{name}") for (name,) in kinds)],))
    if not all(owned for _, owned in tables):
        return "the tables are another role's: let that one purge"
    waiting = _waited_for(database)
    if waiting is not None:
        return waiting
    try:
        for table, _ in tables:
            database.apart(f"VACUUM FULL {table}")
    except Busy:
        return "somebody is at work on the tables; purge again later"
    return None


def _waited_for(database: PostgresDatabase) -> str | None:
    """Who still looks at what was there before, after a little while; None when nobody does."""
    ((now,),) = database.rows("SELECT pg_current_xact_id()::xid::text")
    found: list[Any] = []
    for pause in PAUSES:
        ((*counts,),) = database.rows(_OLD, (now,))
        found = [who for who, count in zip(_WHO, counts, strict=True) if count]
        if not found:
            return None
        time.sleep(pause)
    return str(found[0])
