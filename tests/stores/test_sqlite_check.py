"""``verify`` notices whatever makes a file give wrong answers, though every body in it is whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from crmcore import CRM, F
from crmcore.testing import TickingClock


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with a late change, a unique value, a deleted and a closed deal."""
    clock = TickingClock("2026-11-02T09:00Z")
    path = str(tmp_path / "crm.db")
    with CRM(path, clock=clock) as crm:
        crm.staff.add(name="Ana", email="ana@acme.example", external={"hr": "7"})
        roof = crm.opportunities.add(name="Roof", amount=12_000)
        clock.now = "2026-11-09T09:00Z"
        roof = crm.opportunities.update(roof, amount=9_000, close_on="2026-12-01")
        crm.given(at="2026-11-05").opportunities.update(roof, name="Slate roof")
        crm.opportunities.win(crm.opportunities.add(name="Gate", amount=500))
        crm.opportunities.delete(crm.opportunities.add(name="Shed"))
        assert str(crm.verify()).endswith("all is well")
    return path


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE crm_opportunity SET amount = 1 WHERE amount = 900000", "column amount of opportunity"),
        ("UPDATE crm_opportunity SET stage = 'won'", "column stage of opportunity"),
        ("UPDATE crm_opportunity SET deleted_at = 5 WHERE deleted_at IS NULL", "column deleted_at of opportunity"),
        ("UPDATE crm_opportunity SET late_from = NULL, late_until = NULL", "column late_from of opportunity"),
        ('UPDATE crm_opportunity SET "first" = 0', "column first of opportunity"),
        ("UPDATE crm_opportunity SET horizon = horizon + 1", "column horizon of opportunity"),
        ("UPDATE crm_change SET horizon = 0 WHERE kind = 'opportunity'", "horizon of version"),
        ("DELETE FROM crm_claim WHERE field = 'email'", "unique values of records are not in their table"),
        (
            "INSERT INTO crm_claim VALUES ('default', 'staff', 'email', 'x@y.example', 'staff_1', 1)",
            "no record has them",
        ),
        ("INSERT INTO crm_alias VALUES ('default', 'account_1', 'account_2')", "merged ids are in their table"),
        ("DELETE FROM crm_change WHERE what = 'won'", "changes are missing from the log"),
        ("UPDATE crm_change SET recorded_at = recorded_at - 9000000000 WHERE seq = 7", "log runs backwards at place 7"),
        ("DELETE FROM crm_change WHERE version = 1 AND what = 'opened'", "do not follow each other"),
        ("DROP TABLE crm_claim", "no such table"),
        ("DELETE FROM crm_word WHERE word = 'slate'", "1 words of records are not in their table"),
        ("INSERT INTO crm_word VALUES ('default', 'staff', 'x', 'staff_1')", "1 words are in their table, but no"),
        ("UPDATE crm_words SET words = ' x ' WHERE words = ' gate '", "1 word lines of records are not in"),
        ("INSERT INTO crm_words VALUES ('default', 'staff', 'staff_1', ' x ')", "1 word lines are in their table"),
    ],
)
def test_what_gives_wrong_answers_is_found(path: str, damage: str, said: str) -> None:
    """Each by the name of the column, the record or the table."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()

    with CRM(path) as crm:
        found = crm.verify()
        assert not found
        assert said in str(found)


def test_a_past_state_that_differs_from_its_changes_is_found(path: str) -> None:
    """Though its checksum was made anew."""
    from crmcore.stores.rows import checksum

    connection = sqlite3.connect(path)
    sql = "SELECT seq, id, version, body FROM crm_change WHERE kind = 'opportunity' ORDER BY seq LIMIT 2"
    (seq, id, version, body), (next_seq, _, next_version, _) = connection.execute(sql).fetchall()
    forged = body.replace("1200000", "1300000")
    assert forged != body
    with connection:
        change = "UPDATE crm_change SET body = ?, checksum = ? WHERE seq = ?"
        connection.execute(change, (forged, checksum(id, version, forged), seq))
        connection.execute(change, ("{", checksum(id, next_version, "{"), next_seq))
    connection.close()

    with CRM(path) as crm:
        assert crm.opportunities.count(F.amount >= 9_000) == 1
        found = str(crm.verify())
        assert f"version 1 of opportunity {id} differs" in found
        assert f"version 2 of opportunity {id} differs" in found
