"""What the documents say is so: Python blocks run, commands and options exist, links and pictures are there."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import typer

from prospector_core import Study
from prospector_core.errors import FitError

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "sample_data" / "README.md", *(ROOT / "docs").glob("*.md")]
)
TEXT = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(name, language):
    """Fenced blocks of a document, without their indentation."""
    found = [(indent, body) for indent, kind, body in FENCE.findall(TEXT[name]) if kind == language]
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


PYTHON = [
    (name, number) for name in TEXT if name != "docs/extending.md" for number in range(len(blocks(name, "python")))
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


def test_the_encoder_and_reader_of_the_documents_are_found_once_installed(tmp_path):
    for block in blocks("docs/extending.md", "python"):
        (tmp_path / re.match(r"# (\w+\.py)\n", block)[1]).write_text(block, encoding="utf-8")
    groups = tomllib.loads(blocks("docs/extending.md", "toml")[0])["project"]["entry-points"]
    installed = tmp_path / "extra-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    pixels = np.random.default_rng(0).integers(0, 200, (300, 400, 3), dtype=np.uint8)
    np.save(tmp_path / "slide.npy", pixels)
    code = (
        "import json\n"
        "from prospector_core.encoders import Encoder, get_encoder, list_encoders\n"
        "from prospector_core.readers import open_slide\n"
        "slide, encoder = open_slide('slide.npy'), get_encoder('mean-colour', threads=2)\n"
        "tile = slide.read_scaled(0, 0, 64, 64, encoder.input_size, encoder.input_size)\n"
        "vectors = encoder.encode(tile[None])\n"
        "print(json.dumps([isinstance(encoder, Encoder), 'mean-colour' in list_encoders(), slide.width, vectors.shape,\n"
        "                  str(vectors.dtype), encoder.record()['name'], slide.read_region(390, 5, 20, 1)[0, :, 0].tolist()]))\n"
    )
    rng = np.random.default_rng(1)
    spots = {f"s{n}": np.c_[rng.uniform(0, 99, (40, 2)), rng.normal(n % 2 * 2, 1, (40, 4))].tolist() for n in range(6)}
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "all.spots").write_text(json.dumps(spots))
    (tmp_path / "labels.csv").write_text("sample,label\n" + "".join(f"s{n},{'ab'[n % 2]}\n" for n in range(6)))
    code += (
        "from prospector_core import Study\n"
        "study = Study.create('study', cells='cells', labels='labels.csv', encoder='ranks')\n"
        "failed = study.embed()\n"
        "study.fit(concepts=4, quantizer='farthest')\n"
        "vectors = study.store.vectors(study.data[0].uid)\n"
        "print(json.dumps([failed, [d.name for d in study.data], vectors.shape, study.prospect('s1').shape, study.settings.quantizer]))\n"
    )
    # A process of its own: what is installed is looked up once.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = done.stdout.splitlines()
    *rest, row = json.loads(first)
    assert rest == [True, True, 400, [1, 3], "float32", "mean-colour"]
    assert row == [*pixels[5, 390:, 0].tolist(), *[255] * 10]  # white outside the slide
    assert json.loads(second) == [{}, [f"s{n}" for n in range(6)], [40, 3], [40], "farthest"]
    # without the package the study is read, and says what a new fit needs
    study = Study.open(tmp_path / "study")
    assert study.prospect("s1").shape == (40,)
    with pytest.raises(FitError, match="no quantizer 'farthest'"):
        study.fit(study.settings)


@pytest.mark.parametrize(("name", "line"), [pair for pair in COMMANDS if pair[1].startswith("prospector ")])
def test_commands_and_their_options_exist(name, line):
    from prospector_core.cli import app

    commands = typer.main.get_command(app).commands
    _, command, *words = shlex.split(line, comments=True)
    assert command in commands, f"{name}: {line}"
    parameters = commands[command].params
    options = {flag: each for each in parameters for flag in (*each.opts, *each.secondary_opts) if flag.startswith("-")}
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
    from prospector_core.cli import app

    commands = typer.main.get_command(app).commands
    reference = TEXT["docs/command-line.md"]
    assert [command for command in commands if f"## {command}\n" not in reference] == []
    known = {
        flag for command in commands.values() for each in command.params for flag in (*each.opts, *each.secondary_opts)
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
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{name}: {target} has no such heading"
    assert not re.search(r"<img\b|<script\b|<iframe\b", text)


def test_folders_and_files_named_in_the_table_of_the_code_exist():
    table = TEXT["docs/how-it-works.md"].split("## What lies where in the code")[1].split("\n## ")[0]
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
            assert not re.search(r"(href|src|url)\s*[=(]\s*[\"']?https?:", picture.read_text(encoding="utf-8"))
