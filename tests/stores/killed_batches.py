"""Kills processes in the middle of their batches and looks at what they leave; run by test_batch_crash.py.

A writer says how many changes a batch is right before it is written, and when it is done. Prints one line of JSON:
how many were killed, how many batches were begun, acknowledged, and written unheard, and what was found.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from contextlib import closing, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import NoReturn

from killed_writers import killed

from crmcore import CRM
from crmcore.stores.sqlite import SqliteStore

ROUNDS_PER_FILE = 10
CONVERTED = 8
"""How many changes it takes to capture, note, qualify and convert a lead into contact, account and deal."""


def opened(path: Path) -> CRM:
    """The business in a file."""
    return CRM(SqliteStore(str(path), durability="full"))


def convert(crm: CRM, name: str) -> None:
    """Convert a lead, all the way."""
    lead = crm.leads.capture(name=name, company=f"{name} Ltd", email="ada@engines.example")
    crm.notes.add(lead, "Met at the fair.")
    crm.leads.convert(crm.leads.qualify(lead), amount=12_000)


def work(path: Path, name: str, together: bool, told: int) -> NoReturn:
    """Convert some leads and count up an account, batch after batch."""
    crm = opened(path)
    for number in count():
        batch, leads = f"{name}.{number}", number % 3 + 1
        begun = f"{batch} {CONVERTED * leads + 2}\n".encode()
        within = crm.given(by=batch)
        with within.batch() if together else nullcontext(within) as acting:
            if not together:
                os.write(told, begun)
            acme = acting.accounts.upsert(("shop", "acme"), name=batch)
            for one in range(leads):
                convert(acting, f"{batch}.{one}")
            acting.accounts.update(acme, website=batch)
            if together:
                os.write(told, begun)
        os.write(told, f"{batch}\n".encode())
    raise AssertionError


def said(words: bytes) -> tuple[dict[str, int], set[str]]:
    """The batches a writer announced, each with its number of changes, and those it was told are written."""
    lines = [line.split() for line in words.decode().splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2}, {line[0] for line in lines if len(line) == 1}


def found_in(path: Path) -> tuple[Counter[str | None], int, str]:
    """How many changes of each batch there are in a file, in how many commits, and what else is wrong."""
    with closing(opened(path)) as crm:
        changes = [change for change in crm.store.changes() if change.kind != "playbook"]
        sound = crm.verify()
    commits = {change.commit for change in changes}
    return Counter(change.by for change in changes), len(commits), "" if sound else str(sound)


def torn(announced: dict[str, int], done: set[str], written: Counter[str | None]) -> list[str]:
    """The batches that are not whole; one that nobody was told is written may be missing."""
    return [
        f"{batch}: {written[batch]} of {size} changes"
        for batch, size in announced.items()
        if written[batch] != size and (written[batch] or batch in done)
    ]


def main(folder: Path, kills: int, together: bool) -> None:
    """Kill so many writers, and check each time."""
    chance = random.Random(kills)
    totals: Counter[str] = Counter()
    wrong: list[str] = []
    announced: dict[str, int] = {}
    done: set[str] = set()
    for number in range(kills):
        path = folder / f"{number // ROUNDS_PER_FILE}.db"
        if number % ROUNDS_PER_FILE == 0:
            announced, done = {}, set()
        seconds = chance.uniform(0, chance.choice((0.01, 0.15)))
        begun, acknowledged = said(killed(partial(work, path, str(number), together), number % 4 > 0, seconds))
        announced |= begun
        done |= acknowledged
        written, commits, unsound = found_in(path)
        unheard = sum(written[batch] > 0 for batch in begun.keys() - acknowledged)
        totals.update(begun=len(begun), acknowledged=len(acknowledged), unheard=unheard)
        wrong += [f"kill {number}, {fault}" for fault in torn(announced, done, written)]
        if together and commits != len(written):
            wrong.append(f"kill {number}, {len(written)} batches in {commits} commits")
        if unsound:
            wrong.append(f"kill {number}, {unsound}")
    sys.stdout.write(json.dumps({"kills": kills, **totals, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "together")
