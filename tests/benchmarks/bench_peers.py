"""What a contact costs beside SQLAlchemy, Django, eventsourcing and bare statements: one by one, and many at once.

``python tests/benchmarks/bench_peers.py`` keeps the same contacts with each, on the same file system, as durable:
creates them, gets, changes and saves each by its id, and reads each by its id, a transaction for each; in a file in
memory, where a flush costs next to nothing, in a file on the disk that is flushed at every commit, and in PostgreSQL.
Then it loads 20,000 into a new file at once. What each leaves out that crmcore does is said in ``peers.py``.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg
from bench_postgres import server
from peers import Core, Orm, Ours, Peer, RowsInPostgres, engine, in_sqlite, people
from side_by_side import Line, in_memory, quickest, seconds, show, speed

from crmcore import CRM

AT_ONCE = 20_000
THINGS = {"create": "create", "change": "get, change, save", "read": "read by id"}
LACKING = {
    "SQL statements": "SQL statements: no checks, history, search",
    "SQLAlchemy Core": "SQLAlchemy Core: no checks, history, search",
    "SQLAlchemy ORM": "SQLAlchemy ORM: no checks, history, search",
    "Django ORM": "Django ORM: no checks, versions, history, search",
    "eventsourcing": "eventsourcing: no checks, finding, search",
}
LEAST = {
    ("create", "Django ORM"): 3.0,
    ("create", "eventsourcing"): 0.95,
    ("change", "eventsourcing"): 2.5,
    ("read", "SQLAlchemy ORM"): 8.0,
    ("read", "Django ORM"): 8.0,
    ("read", "eventsourcing"): 3.0,
    ("bulk", "Django ORM"): 2.5,
    ("bulk", "eventsourcing"): 1.0,
}
"""How many times as fast crmcore should be, in a file in memory."""


def one_by_one(peers: Mapping[str, Peer], count: int, rounds: int) -> dict[str, dict[str, float]]:
    """The least seconds of everybody, for each thing to do."""
    times: dict[str, dict[str, list[float]]] = {thing: {name: [] for name in peers} for thing in THINGS}
    for number in range(rounds):
        new = people(count, since=number * count)
        for thing, found in times.items():
            for name, peer in peers.items():
                work = (lambda peer=peer: peer.create(new)) if thing == "create" else getattr(peer, thing)  # noqa: B023
                found[name].append(seconds(work))
    return {thing: {name: min(each) for name, each in found.items()} for thing, found in times.items()}


def told(found: Mapping[str, Mapping[str, float]], where: str, *, aimed: bool = False) -> Iterator[Line]:
    """A line for everybody beside crmcore."""
    for thing, times in found.items():
        ours, *rest = times.items()
        for name, theirs in rest:
            least = LEAST.get((thing, name)) if aimed else None
            yield speed(f"{THINGS[thing]}, {where}", LACKING[name], ours[1], theirs, least)


def in_postgres(url: str) -> dict[str, Peer]:
    """Everybody who can, each in a schema of a server."""
    urls = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(4):
            name = f"crm_{uuid.uuid4().hex}"
            connection.execute(f"CREATE SCHEMA {name}")
            urls.append(f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={name}')}")
    core, orm = (engine(one.replace("postgresql://", "postgresql+psycopg://")) for one in urls[2:])
    ours, rows = Ours(CRM(urls[0])), RowsInPostgres.at(urls[1])
    return {"crmcore": ours, "SQL statements": rows, "SQLAlchemy Core": Core(core), "SQLAlchemy ORM": Orm(orm)}


def at_once(folder: Path, rounds: int) -> dict[str, float]:
    """The least seconds of everybody for a bulk load into a new file."""
    found: list[list[float]] = []
    names: Sequence[str] = ()
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        peers, new = in_sqlite(place, durable=False), people(AT_ONCE)
        names = list(peers)
        found.append(quickest([lambda peer=peer: peer.bulk(new) for peer in peers.values()], 1))  # type: ignore[misc]  # noqa: B023
    return {name: min(each) for name, each in zip(names, zip(*found, strict=True), strict=True)}


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with in_memory() as folder:
        yield from told(one_by_one(in_sqlite(folder, durable=False), 25, 30), "SQLite in memory", aimed=True)
    with tempfile.TemporaryDirectory() as place:
        yield from told(one_by_one(in_sqlite(Path(place), durable=True), 15, 12), "SQLite on the disk, durable")
    with server() as url:
        yield from told(one_by_one(in_postgres(url), 20, 12), "PostgreSQL, durable")
    with in_memory() as folder:
        ours, *rest = at_once(folder, 2).items()
        for name, theirs in rest:
            yield speed(f"load {AT_ONCE:,} at once", LACKING[name], ours[1], theirs, LEAST.get(("bulk", name)))


if __name__ == "__main__":
    show(lines())
