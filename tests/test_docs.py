"""What the documents say is so.

Python blocks run, commands and options exist, links and pictures are there.
"""

import doctest
import importlib
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
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


def test_folders_and_files_that_are_named_exist():
    cells = re.findall(r"^\|(?: [^`|]+ \|)? (`.+?`) \|", TEXT["docs/architecture.md"], flags=re.MULTILINE)
    assert len(cells) > 40
    for row in cells:
        names = re.findall(r"`([^`]+)`", row)
        folder = (ROOT / names[0]).parent
        missing = [name for name in names if not (ROOT / name).exists() and not (folder / name).exists()]
        assert missing == [], row


def test_modules_and_layers_of_the_picture_are_those_of_the_code():
    picture = (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8")
    for name in re.findall(r'class="code"[^>]*>([^<]+)<', picture):
        places = [ROOT / name, ROOT / "prospector_core" / name.replace("KIND", "slides")]
        assert any(path.exists() or path.with_suffix(".py").exists() for path in places), name
    rows = re.findall(r'class="row"[^>]*>([^<]+)<', picture)
    drawn = [row.replace("prospector_core.", "").split(", ") for row in rows]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    app, core = (each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    height = {name: at for at, layer in enumerate([*app, *core]) for name in layer.split(" | ")}
    assert height["pages"] < height["viewers"] < height["cli"]
    heights = [[height[name] for name in row] for row in drawn]
    assert all(max(above) < min(below) for above, below in zip(heights, heights[1:]))


EXAMPLES = [
    path
    for package in ("prospector_core", "viewers", "pages", "sample_data")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_in_docstrings_run(path):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried and not failed


def test_pictures_are_small_and_used():
    everything = "".join(TEXT.values())
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 300_000, picture.name
        assert f"images/{picture.name}" in everything, f"{picture.name} is shown nowhere"
        if picture.suffix == ".svg":
            assert not re.search(
                r"(href|src|url)\s*[=(]\s*[\"']?https?:", picture.read_text(encoding="utf-8")
            )
