"""A CSV file becomes columns of text; what is no CSV file is refused in one message that says where and why."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from crmcore import Invalid
from crmcore.kernel.table import Table
from crmcore.tables import read_columns


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a table is written."""
    return tmp_path / "deals.csv"


def read(file: Path, *columns: str) -> Table:
    """The wanted columns of a file."""
    return read_columns(file, columns or ("id", "stage"), lambda _: False)


def cells(file: Path, text: str | bytes, *columns: str) -> list[tuple[object, ...]]:
    """The wanted cells of a file with this content, row by row."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return [*zip(*read(file, *columns).columns.values(), strict=True)]


def complaint(file: Path, text: str | bytes, *columns: str) -> str:
    """What is wrong with a file with this content."""
    with pytest.raises(Invalid) as caught:
        cells(file, text, *columns)
    return str(caught.value)


# --- what is read ---------------------------------------------------------------------------------------------------


def test_wanted_columns_are_read_in_the_order_asked_for(file: Path) -> None:
    """Others are left out, and one asked for twice is read once."""
    assert cells(file, "id,note,stage\n1,x,Won\n2,y,Lost\n", "stage", "id", "stage") == [("Won", "1"), ("Lost", "2")]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_separator_is_found(file: Path, mark: str, quote: str) -> None:
    """By the header, whether or not its names are quoted."""
    rows = [["id", "stage"], ["1", "Won"]]
    text = "\n".join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)

    assert cells(file, text) == [("1", "Won")]


def test_other_separators_in_the_header_do_not_mislead(file: Path) -> None:
    """The one that finds the wanted columns is taken."""
    assert cells(file, "a;b;c;d,id,stage\nx,1,Won\n") == [("1", "Won")]


@pytest.mark.parametrize(
    "text", ["\ufeffid,stage\n1,Won\n", "id,stage\r\n1,Won\r\n", "id,stage\r1,Won\r", "id,stage\n1,Won"]
)
def test_marks_of_other_systems_are_no_part_of_cells(file: Path, text: str) -> None:
    """A byte order mark, foreign line ends, a missing last one."""
    assert cells(file, text) == [("1", "Won")]


def test_blank_lines_are_nothing(file: Path) -> None:
    """And blanks around the names in the header."""
    assert cells(file, " id , stage\n\n1,Won\n\n\n2,Lost\n\n") == [("1", "Won"), ("2", "Lost")]


def test_a_row_is_known_by_the_line_it_starts_on(file: Path) -> None:
    """Quoted cells may span lines, and blank lines count."""
    file.write_text('id,stage\n1,"Won\nfor\ngood"\n\n2,Lost\n', "utf-8")

    assert read(file, "id") == Table({"id": ("1", "2")}, [2, 6], ("stage",))


def test_a_header_alone_is_a_table_without_rows(file: Path) -> None:
    """Nothing is wrong with that."""
    assert cells(file, "id,stage\n") == []


def test_a_header_may_span_lines(file: Path) -> None:
    """When a name in it does."""
    file.write_text('id,"a\nb",stage\n1,x,Won\n', "utf-8")

    assert read(file) == Table({"id": ("1",), "stage": ("Won",)}, [3], ("a\nb",))


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)


@given(st.lists(st.tuples(texts, texts)), st.sampled_from(",;\t|"))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], mark: str
) -> None:
    """Whatever cells hold."""
    file = tmp_path_factory.mktemp("tables") / "deals.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, delimiter=mark).writerows([("id", "stage"), *rows])

    assert [*zip(*read(file).columns.values(), strict=True)] == rows


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b'[{"id": 1, "stage": "Won"}]', b'{"deals": []}', b"%PDF-1.7", b"id\n", b"<html>id,stage"],
    ids=["empty", "blank", "JSON list", "JSON", "PDF", "wrong names", "HTML"],
)
def test_a_file_without_the_columns_is_not_taken_for_a_table(file: Path, content: bytes) -> None:
    """The message says what was expected; what is no header may tell of people, and is not shown."""
    message = complaint(file, content, "deal", "status")

    assert re.search(r"deals.csv: got '\d other columns'", message)
    assert "expected a CSV file with the columns deal, status named in its first line; check" in message


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\x00\xff", "id,stage\n1,Gewonnen für immer\n".encode("cp1252"), "id,stage\n".encode("utf-16")],
    ids=["image", "Windows", "UTF-16"],
)
def test_other_bytes_than_utf_8_are_refused(file: Path, content: bytes) -> None:
    """Also when they come late."""
    assert "expected a CSV file in UTF-8; export it as CSV in UTF-8" in complaint(file, content)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """Whether it is missing, or a folder."""
    for path, why in [(tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")]:
        with pytest.raises(Invalid, match=why) as caught:
            read(path, "id")
        assert str(path) in str(caught.value)


def test_every_missing_or_doubled_column_is_named(file: Path) -> None:
    """With the columns there are."""
    message = complaint(file, "id,note,note\n", "id", "stage", "note")

    assert "2 problems" in message
    assert "column \"stage\": got 'no such column', expected one of id, note, note; correct its name" in message
    assert "column \"note\": got 'several such columns', expected one; rename the others" in message


def test_a_wide_header_is_not_told_in_full(file: Path) -> None:
    """A message stays readable."""
    header = ",".join(["id", *(f"column number {place}" for place in range(1_000))])

    assert len(complaint(file, header, "id", "stage")) < 600


def test_every_row_that_does_not_fit_the_header_is_kept_apart(file: Path) -> None:
    """Too few cells, too many."""
    assert cells(file, "id,stage\n1\n2,Won\n3,Lost,x\n") == [("2", "Won")]
    assert {number: problem.value for number, problem in read(file).misfits.items()} == {2: "1 cells", 4: "3 cells"}
    assert read(file).misfits[2].mend == "quote cells that hold the separator"


@pytest.mark.parametrize(
    "text",
    ['id,stage\n1,Won\n"2,Lost\n3,Won\n', 'id,stage\n1,Won\n2,"Lo"st\n'],
    ids=["never closed", "closed too early"],
)
def test_a_broken_quote_is_found_where_it_starts(file: Path, text: str) -> None:
    """Although it may swallow the rest of the file."""
    message = complaint(file, text)

    assert "row 3: got " in message
    assert "quotes must be closed" in message


def test_a_quote_that_the_header_leaves_open_is_found(file: Path) -> None:
    """There is no table without a header."""
    assert "row 1: got 'unexpected end of data'" in complaint(file, 'id,"stage\n1,Won\n')


@pytest.mark.parametrize("text", ["id,stage\n1,Won\n2,{}\n", "id,stage\n1,Won\n{},Lost,3\n"])
def test_a_cell_of_10_mb_is_refused(file: Path, text: str) -> None:
    """In its row."""
    expected = "row 3: got 'a longer cell', expected cells of at most 131,072 characters; shorten it"

    assert expected in complaint(file, text.format("x" * 10_000_000))


def test_a_header_of_10_mb_is_refused(file: Path) -> None:
    """The same way."""
    assert "row 1: got 'a longer cell', expected cells of at most" in complaint(file, "x" * 10_000_000)


@pytest.fixture
def unlimited() -> Iterator[None]:
    """A program that lets cells be as long as they like."""
    old = csv.field_size_limit(2**31 - 1)
    yield
    csv.field_size_limit(old)


def test_the_limit_of_the_program_is_left_alone(file: Path, unlimited: None) -> None:
    """It may read longer cells than we do."""
    assert cells(file, f"id,stage\n1,{'x' * 200_000}\n", "id") == [("1",)]
    assert csv.field_size_limit() == 2**31 - 1


@given(content=st.binary(max_size=200))
def test_any_bytes_are_rows_or_one_typed_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Nothing else ever comes out."""
    file = tmp_path_factory.mktemp("tables") / "deals.csv"
    file.write_bytes(b"id,stage\n" + content)

    with contextlib.suppress(Invalid):
        assert read(file).columns.keys() == {"id", "stage"}
