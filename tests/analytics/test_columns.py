"""Columns come out the same from wherever they are, and what is no table is refused in one message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.kernel.errors import Invalid

WANTED = [Wanted("id", "id", required=True), Wanted("stage", "stage"), Wanted("owner", "owner")]
CELLS = {"id": [1, 2], "stage": ["demo", None]}
INSTANT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@attrs.frozen
class Deal:
    """A record with two of the three columns."""

    id: int
    stage: str | None


class Row:
    """What a database row offers: keys and look-up, but it is no mapping."""

    def __init__(self, **values: object) -> None:
        self.values = values

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self.values)

    def __getitem__(self, name: str) -> object:
        """One column."""
        return self.values[name]


class Frame:
    """As much of a DataFrame as is relied on."""

    def __init__(self, cells: dict[str, list[Any]], method: str) -> None:
        self.columns = list(cells)
        self.cells = {name: SimpleNamespace(**{method: column.copy}) for name, column in cells.items()}

    def __getitem__(self, name: str) -> object:
        """One column."""
        return self.cells[name]

    def __len__(self) -> int:
        """How many rows."""
        return 2


class Instants:
    """As much of a numpy array of datetime64, or a pandas column of instants, as is relied on."""

    def __init__(self, found: list[datetime | None], zone: object = None) -> None:
        self.dtype = SimpleNamespace(kind="M", tz=zone)
        self.found = found

    def astype(self, dtype: str) -> Instants:
        """To microseconds, which Python's own datetimes have."""
        assert dtype == "datetime64[us]"
        return self

    def tolist(self) -> list[datetime | None]:
        """Python's own values."""
        return self.found


class AwareInstants(Instants):
    """A pandas column of aware instants."""

    @property
    def dt(self) -> AwareInstants:
        """The accessor."""
        return self

    def tz_convert(self, zone: None) -> AwareInstants:
        """To naive instants in UTC."""
        assert zone is None
        return AwareInstants([cell and cell.replace(tzinfo=None) for cell in self.found])

    def to_numpy(self) -> Instants:
        """The array below."""
        return Instants(self.found)


def drawn(source: object, wanted: list[Wanted] = WANTED) -> Columns:
    """The columns of some deals."""
    return columns_of(source, wanted, "deals")


def refused(source: object, wanted: list[Wanted] = WANTED) -> str:
    """What the error says."""
    with pytest.raises(Invalid) as error:
        drawn(source, wanted)
    return str(error.value)


def generated() -> Iterator[dict[str, object]]:
    """An iterable that can be read only once, with a key left out."""
    yield {"id": 1, "stage": "demo"}
    yield {"id": 2}


@pytest.mark.parametrize(
    "source",
    [
        CELLS,
        {name: tuple(cells) for name, cells in CELLS.items()},
        [Deal(1, "demo"), Deal(2, None)],
        [{"id": 1, "stage": "demo"}, {"id": 2, "stage": None}],
        generated(),
        [Row(id=1, stage="demo"), Row(id=2)],
        Frame(CELLS, "to_list"),
        Frame(CELLS, "tolist"),
        Frame(CELLS, "to_pylist"),
    ],
    ids=["columns", "tuples", "records", "mappings", "generator", "rows", "polars", "numpy", "arrow"],
)
def test_every_source_gives_the_same_columns(source: object) -> None:
    """Columns that are not there are left out; a missing key is a missing cell."""
    columns = drawn(source)

    assert columns.cells == CELLS
    assert columns.length == 2
    assert columns.place("stage", [1]) == 'deals row 2, column "stage"'


def test_database_rows_are_records() -> None:
    """Those of sqlite3, for one."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT 1 AS id, 'demo' AS stage UNION SELECT 2, NULL ORDER BY id").fetchall()
    connection.close()

    assert drawn(rows).cells == CELLS


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_says_its_lines(tmp_path: Path, separator: str) -> None:
    """Blank lines and quoted line breaks count as the editor counts them."""
    path = tmp_path / "deals.csv"
    lines = ["\ufeffid,stage", "1,demo", "", '2,"pro\nposal"', "3,"]
    path.write_text("\n".join(lines).replace(",", separator), "utf-8")

    columns = drawn(path)

    assert columns.cells == {"id": ["1", "2", "3"], "stage": ["demo", "pro\nposal", ""]}
    assert columns.place("id", [0, 1, 2]) == 'deals lines 2, 5, 6, column "id"'
    assert drawn(str(path)).cells == columns.cells


def test_a_file_without_rows_is_a_table_without_rows(tmp_path: Path) -> None:
    """Its columns are known all the same."""
    path = tmp_path / "deals.csv"
    path.write_text("id,stage\n", "utf-8")

    assert drawn(path).cells == {"id": [], "stage": []}


@pytest.mark.parametrize("nothing", [[], {}, Frame({}, "tolist")], ids=["records", "columns", "frame"])
def test_nothing_is_a_table_without_rows(nothing: object) -> None:
    """Where there are no columns at all, none is missing."""
    assert drawn(nothing).cells == {}


def test_a_column_of_another_name_is_found_by_it() -> None:
    """Names are arguments."""
    columns = drawn({"Deal ID": [7]}, [Wanted("id", "Deal ID")])

    assert columns.cells == {"id": [7]}
    assert columns.place("id", [0]) == 'deals row 1, column "Deal ID"'


def test_many_rows_are_counted_not_listed() -> None:
    """Ten are enough to see what is wrong."""
    columns = drawn({"id": list(range(2000))})

    assert columns.place("id", range(2000)) == ('deals rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1,990 more, column "id"')


def test_instants_of_numpy_and_pandas_become_datetimes() -> None:
    """Nanoseconds since 1970 would be mere integers."""
    naive = INSTANT.replace(tzinfo=None)

    assert drawn({"id": Instants([naive, None])}).cells == {"id": [naive, None]}
    assert drawn({"id": AwareInstants([INSTANT, None], zone="UTC")}).cells == {"id": [INSTANT, None]}


def test_real_frames() -> None:
    """Pandas and polars, where they are installed."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    numpy = pytest.importorskip("numpy")
    naive = INSTANT.replace(tzinfo=None)
    cells = {"id": [1, 2], "stage": [INSTANT, None], "owner": [naive, None]}
    series = pandas.Series([INSTANT, None])

    for frame in (pandas.DataFrame(cells), polars.DataFrame(cells)):
        assert drawn(frame).cells == cells
    assert drawn({"id": pandas.DatetimeIndex(series)}).cells == {"id": [INSTANT, None]}
    assert drawn({"id": numpy.array([naive, None], "datetime64[ns]")}).cells == {"id": [naive, None]}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (7, "deals: got 7, expected a table"),
        (["abc"], "deals row 1: got 'abc', expected a record or a mapping"),
        ([{"id": 1}, 2], "deals row 2: got 2, expected a record or a mapping"),
        ({"id": "abc"}, "deals column \"id\": got 'abc', expected a column of cells; give a list"),
        ({"id": 1}, "to pass a single record, put it into a list: [record]"),
        ({"ID": []}, 'expected a column "id"; say id="…" with the name it has'),
        ({"idd": [1]}, "expected a column \"id\"; did you mean 'idd'?"),
        ([Deal(1, "x")], 'expected a column "owners"; say owner='),
        ([{"id": 1, "stage": 2}], "deals columns: got 'id, stage', expected a column \"owners\""),
        ({"id": [1, 2], "stage": [1]}, 'deals column "stage": got \'1 cells\', expected 2, as in the longest column'),
        (Path("nowhere.csv"), "deals: got 'nowhere.csv', expected a CSV file in UTF-8; check the path and the file"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(source: object, said: str) -> None:
    """With where, what was found, what was expected and the mend."""
    owners = Wanted("owner", "owners") if "owner" in said else Wanted("owner", "owner")

    assert said in refused(source, [*WANTED[:2], owners])


def test_a_frame_with_a_name_twice_is_refused() -> None:
    """Which of the two is meant, nobody can say."""
    frame = Frame(CELLS, "tolist")
    frame.columns = ["id", "stage", "stage"]

    assert "got 'stage', expected one column of this name" in refused(frame)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "the names of the columns in the first line"),
        (b"id,stage\n1\n2,x\n3,x,y\n4\n", "deals lines 2, 5: got '1 cells', expected 2, as in the first line"),
        (b"id,stage\n1\n2,x\n3,x,y\n4\n", "deals line 4: got '3 cells', expected 2, as in the first line"),
        (b"id,id\n1,2\n", "deals line 1: got 'id', expected each name once"),
        (b"id\n\xff\n", "a CSV file in UTF-8"),
        (b"id\n" + b"x" * 200_000, "a CSV file in UTF-8"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: bytes, said: str) -> None:
    """All of it at once."""
    path = tmp_path / "deals.csv"
    path.write_bytes(text)

    assert said in refused(path)
