"""What no file of the project may hold, which way imports go, and that private names stay at home."""

import ast
import os
import re
import subprocess
import sys
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


def test_imports_go_one_way():
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Broken contracts") :] + done.stderr


PACKAGES = ("prospector_core", "viewers", "pages", "sample_data", "benchmarks")
# Private names of other libraries: the modules that are made to hold them, and why.
PRIVATE_OF_OTHERS = {
    # Patches of Streamlit that it has no public place for, held to a version.
    "viewers/streamlit_patches.py": {
        "_request_rerun_locked",
        "_coalesce_widget_states",
        "_coalesce_replay_trigger_states",
        "_TRIGGER_PROTO_FIELDS",
        "_create_scriptrunner",
        "_active_session_info_by_id",
        "_scriptrunner",
        "_close_script_event_loop",
        "_set_nodelay",
    },
    # Reading the cookie that Streamlit's own login sets.
    "viewers/access/streamlit_login.py": {"_get_signed_cookie_with_chunks", "_parse_decoded_user_cookie"},
    # The canvas of a napari window, to size it and to wait for its repaint.
    "benchmarks/napari.py": {"_qt_window", "_qt_viewer"},
    # A process that ends as if killed, without cleaning up.
    "benchmarks/kills.py": {"_exit"},
}


def is_private(name):
    return name.startswith("_") and not name.endswith("__") and name != "_"


def modules(root):
    """(path, name as imported) of every module of ours."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield path, ".".join(parts)


def own_names(tree):
    """Names that a module gives: functions, classes, variables, attributes of its own objects, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from [node.attr] if getattr(node.value, "id", "") in ("self", "cls") else []


def imports(tree, module):
    """(line, absolute name of what is imported, name here) of every import, late ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, alias.asname or alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".")[: -node.level] if node.level else []
            for alias in node.names:
                absolute = [*home, *filter(None, [node.module]), alias.name]
                yield node.lineno, ".".join(absolute), alias.asname or alias.name


def private_uses(source, module):
    """Uses of private names of other modules, in the source of a module: list of (line, name).

    What stands below a private package may be used by its siblings. An attribute of self, cls or super() is
    the object's own, and so is one that the same module gives to its objects.
    """
    tree, uses = ast.parse(source), []
    own, imported = set(own_names(tree)), set()
    for line, absolute, name in imports(tree, module):
        parts, home = absolute.split("."), module.split(".")
        imported.add(name)
        for at, part in enumerate(parts):
            if is_private(part) and (parts[:at] != home[:at] or at == len(home)):
                uses.append((line, part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            holder = node.value.func if isinstance(node.value, ast.Call) else node.value
            name = holder.id if isinstance(holder, ast.Name) else ""
            if name not in ("self", "cls", "super") and (name in imported or node.attr not in own):
                uses.append((node.lineno, node.attr))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "setattr", "hasattr"):
            text = getattr(node.args[1], "value", "")
            if isinstance(text, str) and is_private(text) and text not in own:
                uses.append((node.lineno, text))
    return uses


def test_private_names_are_used_in_their_own_module_alone():
    uses, known = [], set()
    for path, module in modules(ROOT):
        file = path.relative_to(ROOT).as_posix()
        allowed = PRIVATE_OF_OTHERS.get(file, set())
        for line, name in private_uses(path.read_text(encoding="utf-8"), module):
            known.add((file, name))
            if name not in allowed:
                uses.append(f"{file}:{line} {name}")
    assert uses == []
    assert {(file, name) for file, names in PRIVATE_OF_OTHERS.items() for name in names} - known == set()


def test_private_uses_are_found():
    source = """
import a.b
from . import _beside, other
from .other import _one, two
from .._below.deep import three
from ..far._inner import four
from a import b as c

class Own:
    def __init__(self):
        self._field = other._two
    def same(self, another):
        return another._field, super()._x, self._y, another._z, c._field, getattr(another, "_w", None)
"""
    found = [name for _, name in sorted(private_uses(source, "house.room.module"))]
    assert sorted(found) == sorted(["_one", "_inner", "_two", "_z", "_field", "_w"])
