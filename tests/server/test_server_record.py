"""The record: lines are only ever added, and what they hold is shown as text."""

import json
import sqlite3
import stat
import threading

import pytest

from prospector_core.errors import RecordError
from prospector_core.server import Record, read_record


def test_lines_are_added_by_many_at_once_and_read_in_order(tmp_path):
    records = [Record(tmp_path / "record.sqlite") for _ in range(3)]  # as processes would
    threads = [
        threading.Thread(
            target=lambda r, n: [r.add("edited", f"p{n}", "10.0.0.1", "skin", i) for i in range(8)],
            args=(r, n),
        )
        for n, r in enumerate(records)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = read_record(tmp_path / "record.sqlite")
    assert [line.id for line in lines] == list(range(1, 25))
    assert [line.detail for line in lines if line.who == "p1"] == [str(i) for i in range(8)]
    assert stat.S_IMODE((tmp_path / "record.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET who = 'someone else'",
        "DELETE FROM record",
        "INSERT OR REPLACE INTO record VALUES (1, '', 'someone else', '', '', '', '')",
        "REPLACE INTO record (id, at, who, address, what) VALUES (1, '', '', '', '')",
    ],
)
def test_no_line_is_changed_or_removed(tmp_path, sql):
    Record(tmp_path / "record.sqlite").add("opened", "anna", study="skin")
    with (
        sqlite3.connect(tmp_path / "record.sqlite") as connection,
        pytest.raises(sqlite3.DatabaseError, match="append only"),
    ):
        connection.execute(sql)
    connection.close()
    assert [line.who for line in read_record(tmp_path / "record.sqlite")] == ["anna"]


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "record.sqlite").write_text("no database, as long as this line is" * 40)
    with pytest.raises(RecordError, match=r"record\.sqlite"):
        Record(tmp_path / "record.sqlite").add("opened", "anna")
    with pytest.raises(RecordError, match=r"record\.sqlite"):
        Record(tmp_path / "none" / "record.sqlite").add("opened", "anna")


def test_the_command_prints_lines_as_text(tmp_path, capsys):
    from prospector_core.cli import main

    record = Record(tmp_path / "record.sqlite")
    record.add("edited", "anna\x1b[31m", "10.0.0.1", "skin", "[bold]rename[/bold]\nexported")
    record.add("refused", "x" * 5000)
    main(["record", str(tmp_path / "record.sqlite")])
    said = capsys.readouterr().out
    assert "\x1b" not in said and "[bold]rename[/bold] exported" in said and "x" * 501 not in said
    main(["record", str(tmp_path / "record.sqlite"), "--json"])
    lines = json.loads(capsys.readouterr().out)
    assert [line["what"] for line in lines] == ["edited", "refused"] and lines[0]["study"] == "skin"


@pytest.mark.parametrize("content", [None, b"", b"text", b"SQLite format 3\x00"])
def test_what_is_no_record_is_one_line(tmp_path, content, capsys):
    from prospector_core.cli import main

    if content is not None:
        (tmp_path / "r.sqlite").write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main(["record", str(tmp_path / "r.sqlite")])
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.count("\n") == 1 and "r.sqlite" in said
    assert content is not None or not (tmp_path / "r.sqlite").exists()
