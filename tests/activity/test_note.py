"""Notes: written on any record, and found again from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from crmcore import CRM, Invalid, NotAllowed


def test_a_note_is_written_on_a_record_of_any_kind(crm: CRM) -> None:
    """Given as itself or by its id; newest first."""
    acme = crm.accounts.add(name="Acme")
    first = crm.given(by="ana", at="2026-10-30T10:00Z").notes.add(acme, "Closed in August.")
    second = crm.notes.add(acme.id, text="Moved to Leeds.")
    on_note = crm.notes.add(first, "Not any more.")

    assert (first.record, first.text) == (acme.id, "Closed in August.")
    assert first.written_at == datetime(2026, 10, 30, 10, tzinfo=UTC)
    assert crm.notes.of(acme) == (second, first)
    assert crm.notes.of(first) == (on_note,)
    assert [(one.what, one.by) for one in crm.history(first)] == [("written", "ana")]
    assert crm.accounts.get(acme.id).version == 1


def test_a_note_can_be_corrected_but_not_redated(crm: CRM) -> None:
    """Its history keeps what it was."""
    note = crm.notes.add(crm.accounts.add(name="Acme"), "Closed in Augst.")
    mended = crm.notes.update(note, text="Closed in August.")

    assert mended.text == "Closed in August."
    with pytest.raises(NotAllowed):
        crm.notes.update(mended, written_at="2026-01-01")


def test_notes_are_loaded_by_their_id_elsewhere(crm: CRM) -> None:
    """With the custom fields of the business."""
    acme = crm.accounts.add(name="Acme")
    first = crm.notes.upsert(("old", "1"), record=acme.id, text="a")
    again = crm.notes.upsert(("old", "1"), record=acme.id, text="a")

    assert again == first
    assert crm.notes.external("old", "1") == first
    assert crm.notes.add(acme, "b", external={"old": "2"}).external == {"old": "2"}


@pytest.mark.parametrize("text", ["", "  ", None, 5, b"note", "a\x00", "\ud800", "x" * 100_001])
def test_what_is_no_text_is_refused(crm: CRM, text: Any) -> None:  # noqa: ANN401
    """Without showing what was written."""
    acme = crm.accounts.add(name="Acme")

    with pytest.raises(Invalid, match=r"^text: ") as caught:
        crm.notes.add(acme, text)

    assert "note" not in str(caught.value)
    assert crm.notes.of(acme) == ()


@pytest.mark.parametrize("record", ["account_9", 5, None])
def test_a_note_needs_a_record(crm: CRM, record: Any) -> None:  # noqa: ANN401
    """One that is there."""
    with pytest.raises(Invalid):
        crm.notes.add(record, "Hello.")
