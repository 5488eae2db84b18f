"""Pages find what they call in each other.

A name that moved would else be missed only where its line runs.
"""

import ast
import importlib
from pathlib import Path

import pytest

import pages
from viewers import words

FOLDER = Path(pages.__file__).parent


def _imported(tree):
    """Modules of this folder that a page imports whole: {name as written: module}."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("pages", "pages.panels"):
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


@pytest.mark.parametrize("page", sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py")))
def test_what_is_called_is_there(page):
    tree = ast.parse((FOLDER / page).read_text(encoding="utf-8"))
    modules = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = importlib.import_module(modules[node.value.id])
            assert hasattr(module, node.attr), (
                f"pages/{page}, line {node.lineno}: {module.__name__}.{node.attr}"
            )
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pages."):
            if node.module == "pages.panels":  # modules that are imported whole, found above
                continue
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), (
                f"pages/{page}, line {node.lineno}"
            )


def test_numbers_as_people_read_them():
    assert [words.signed(value) for value in (2.944, -0.5, 0.001, -0.004, 0.0)] == [
        "+2.94",
        "−0.50",
        "0.00",
        "0.00",
        "0.00",
    ]
    areas = (1.26, 0.02, 0.0178, 0.0001, 12.4)
    assert [words.area_text(area, "mm2") for area in areas] == [
        "1.3 mm²",
        "0.020 mm²",
        "0.018 mm²",
        "0.00010 mm²",
        "12 mm²",
    ]
    assert words.area_text(90_000, "px2") == "90,000 px²"
