"""The command line is put together of the core's commands and of those that entry points add."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from prospector_core import cli, plugins

ROOT = Path(__file__).resolve().parents[2]
VIEWERS = EntryPoint("viewers", "viewers.commands:register", "prospector.commands")


def names():
    command = typer.main.get_command(cli.command_line())
    return command.list_commands(typer.Context(command))


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """As a wheel has it: no pyproject.toml beside the code, and the metadata's {group: entry points}."""
    metadata = {"prospector.commands": [VIEWERS]}
    monkeypatch.setattr(plugins, "_PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(plugins, "entry_points", lambda group: metadata.get(group, []))
    caches = (plugins._points_of_clone, plugins.load_all, cli.command_line)
    for function in caches:
        function.cache_clear()
    yield metadata
    for function in caches:
        function.cache_clear()


def test_a_clone_has_all_commands_whatever_was_installed(monkeypatch):
    reference = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    cli.command_line.cache_clear()
    plugins.load_all.cache_clear()
    assert set(names()) <= set(re.findall(r"^## (\w+)$", reference, flags=re.MULTILINE))
    assert [name for name in names() if name in ("new", "export", "report", "app", "napari", "bench")] == [
        *("new", "export", "report", "app", "napari", "bench")
    ]


def test_a_wheel_has_all_but_the_benchmarks(installed, capsys):
    assert {"export", "report", "app", "napari"} < set(names()) and "bench" not in names()
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "--json"])
    assert ended.value.code == 2 and "in a clone of its repository" in capsys.readouterr().err


def test_a_command_of_another_package_comes_last(installed, monkeypatch):
    def register(app):
        app.command("aaa")(lambda: None)

    monkeypatch.setattr("viewers.commands.tests_only", register, raising=False)
    installed["prospector.commands"].append(
        EntryPoint("other", "viewers.commands:tests_only", "prospector.commands")
    )
    assert names()[-1] == "aaa" and names()[0] == "new"


def test_a_broken_package_takes_no_command_of_ours(installed):
    installed["prospector.commands"].append(EntryPoint("broken", "nowhere:register", "prospector.commands"))
    with pytest.warns(plugins.PluginWarning, match="broken"):
        assert "export" in names()
