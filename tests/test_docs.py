"""What the documents say is so.

Python blocks run, commands and options exist, links and pictures are there.
"""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "sample_data" / "README.md",
        *(ROOT / "docs").glob("*.md"),
    ]
)
TEXT = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(name, language):
    """Fenced blocks of a document, without their indentation."""
    found = [(indent, body) for indent, kind, body in FENCE.findall(TEXT[name]) if kind == language]
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


PYTHON = [
    (name, number)
    for name in TEXT
    if name != "docs/extending.md"
    for number in range(len(blocks(name, "python")))
]
COMMANDS = [
    (name, line.strip())
    for name in TEXT
    for kind in ("sh", "powershell")
    for block in blocks(name, kind)
    for line in block.splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]


@pytest.mark.parametrize(("name", "number"), PYTHON)
def test_python_blocks_run(name, number, tmp_path, monkeypatch):
    slide = ROOT / "sample_data" / "CMU-1-Small-Region.svs"
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / slide.name).write_bytes(slide.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(name, "python")[number], name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(("name", "line"), [pair for pair in COMMANDS if pair[1].startswith("prospector ")])
def test_commands_and_their_options_exist(name, line):
    from prospector_core.cli import command_line

    commands = typer.main.get_command(command_line()).commands
    _, command, *words = shlex.split(line, comments=True)
    assert command in commands, f"{name}: {line}"
    parameters = commands[command].params
    options = {
        flag: each
        for each in parameters
        for flag in (*each.opts, *each.secondary_opts)
        if flag.startswith("-")
    }
    options["--help"] = None
    given, words = [], iter(words)
    for word in words:
        if word.startswith("-"):
            assert word in options, f"{name}: {line}: there is no {word}"
            if options[word] is not None and not options[word].is_flag:
                next(words)  # its value
        elif word != "...":
            given.append(word)
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    assert sum(each.required for each in arguments) <= len(given), f"{name}: {line}: too few arguments"
    assert any(each.nargs < 0 or each.multiple for each in arguments) or len(given) <= len(arguments), (
        f"{name}: {line}: too many"
    )


def test_every_command_and_every_option_of_the_documents_exists():
    from prospector_core.cli import command_line

    commands = typer.main.get_command(command_line()).commands
    reference = TEXT["docs/command-line.md"]
    assert [command for command in commands if f"## {command}\n" not in reference] == []
    known = {
        flag
        for command in commands.values()
        for each in command.params
        for flag in (*each.opts, *each.secondary_opts)
    }
    named = {flag for name in TEXT for flag in re.findall(r"`(--[a-z][a-z0-9-]*)", TEXT[name])}
    assert named - known - {"--help", "--anew", "--score"} == set()


def test_other_commands_of_the_documents_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for name, line in COMMANDS:
        words = shlex.split(line, comments=True, posix=False)
        if words[0] == "make":
            assert words[1] in targets, f"{name}: {line}"
        for word in words:
            if word.endswith((".txt", ".py")):
                assert (ROOT / word).exists(), f"{name}: {line}"
    for target in re.findall(r"`make (\w+)`", "".join(TEXT.values())):
        assert target in targets


def test_json_shapes_are_json():
    for name in TEXT:
        for block in blocks(name, "json"):
            json.loads(block)


def anchors(text):
    """The names by which headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("name", TEXT)
def test_links_and_pictures_are_there(name):
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", TEXT[name]))
    for picture, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            assert not picture, f"{target} would be fetched from outside"
            assert target.startswith("https://"), target
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert linked.exists(), f"{name}: {target} is not there"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), (
                f"{name}: {target} has no such heading"
            )
    assert not re.search(r"<img\b|<script\b|<iframe\b", text)


def test_folders_and_files_named_in_the_table_of_the_code_exist():
    table = TEXT["docs/how-it-works.md"].split("## What is where in the code")[1].split("\n## ")[0]
    for row in re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE):
        names = re.findall(r"`([^`]+)`", row)
        folder = (ROOT / names[0]).parent
        assert all((ROOT / name).exists() or (folder / name).exists() for name in names), row


def test_pictures_are_small_and_used():
    everything = "".join(TEXT.values())
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 300_000, picture.name
        assert f"images/{picture.name}" in everything, f"{picture.name} is shown nowhere"
        if picture.suffix == ".svg":
            assert not re.search(
                r"(href|src|url)\s*[=(]\s*[\"']?https?:", picture.read_text(encoding="utf-8")
            )
