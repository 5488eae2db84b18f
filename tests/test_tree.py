"""What no file of the project may hold."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARKER = re.compile(rb"^(?:<{7}|>{7}|\|{7})(?: .*)?$|^={7}$", re.MULTILINE)
MADE_HERE = {"studies", "build", "dist", "node_modules", "__pycache__"}  # folders that are in no repository


def files(root):
    """Every file of ours below a folder."""
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name not in MADE_HERE and name[0] != "." and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        yield from (Path(folder) / name for name in names if not (Path(folder) / name).is_symlink())


def unmerged(root):
    """Lines left by a merge: list of "file:line"."""
    lines = []
    for path in files(root):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        for mark in MARKER.finditer(content):
            number = content.count(b"\n", 0, mark.start()) + 1
            lines.append(f"{path.relative_to(root).as_posix()}:{number}")
    return lines


def test_no_file_holds_the_marks_of_a_merge():
    assert len(list(files(ROOT))) > 300
    assert unmerged(ROOT) == []


def test_the_marks_of_a_merge_are_found_wherever_they_are(tmp_path):
    (tmp_path / "docs").mkdir()
    lines = [
        "one",
        "<" * 7 + " HEAD",
        "two",
        "=" * 7,
        "three",
        ">" * 7 + " main",
        "four",
        "=" * 8,
        "a " + "<" * 7,
    ]
    (tmp_path / "docs" / "a.md").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.py").write_bytes("\r\n".join(["x = 1", "|" * 7 + " base", ""]).encode())
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "c.txt").write_text("=" * 7)
    assert sorted(unmerged(tmp_path)) == ["b.py:2", "docs/a.md:2", "docs/a.md:4", "docs/a.md:6"]
