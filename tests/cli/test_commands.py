"""`prospector` as people and programs type it: what each command prints and returns."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import COMMAND, ENVIRONMENT, ROOT, paint

NEW = (
    "new",
    "study",
    "--slides",
    "slides",
    "--labels",
    "labels.csv",
    "--encoder",
    "colour-texture",
    "--tile",
    "16",
)
SAMPLE = ROOT / "sample_data" / "CMU-1-Small-Region.svs"


def ok(done):
    assert done.returncode == 0, done.stderr
    return done


def result(done):
    return json.loads(ok(done).stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_the_whole_path_as_json(slides, prospector):
    made = result(prospector(*NEW, "--slide-mpp", "0.5", "--json"))
    assert (made["slides"], made["data"], made["classes"], made["class_counts"]) == (
        6,
        6,
        ["normal", "tumour"],
        [3, 3],
    )
    embedded = result(prospector("embed", "study", "--json"))
    assert embedded == {"embedded": 6, "new": 6, "tokens": 600, "data": 6, "paused": [], "failed": {}}
    assert result(prospector("embed", "study", "--json"))["new"] == 0
    fitted = result(prospector("fit", "study", "--concepts", "3", "--json"))
    assert fitted["fit"] == 1 and fitted["n_concepts"] == 3 and fitted["n_weights"] == 9
    assert (
        all(0 <= value <= 1 for value in fitted["predictions"].values()) and len(fitted["predictions"]) == 6
    )
    maps = result(prospector("prospect", "study", "p0.png", "--json"))
    assert maps["class"] == "tumour" and [row["datum"] for row in maps["maps"]] == ["p0.png"]
    row = maps["maps"][0]
    scores = np.load(slides / row["map"], allow_pickle=False)
    assert (
        row["tokens"] == len(scores) == 100
        and row["max"] == scores.max()
        and row["mean"] == pytest.approx(scores.mean())
    )
    assert len(result(prospector("prospect", "study", "--json"))["maps"]) == 6
    written = result(prospector("export", "study", "--format", "geojson", "--json"))
    assert written["format"] == "geojson" and len(written["files"]) == 6
    features = json.loads((slides / written["files"][0]["file"]).read_text())["features"]
    assert sum(each["properties"]["objectType"] == "detection" for each in features) == 100


def test_the_whole_path_in_words(slides, prospector):
    """One run a command; nothing of a progress bar where there is no terminal."""
    done = ok(prospector(*NEW))
    assert (
        "6 data on 6 slides; 3 “tumour”, 3 “normal”" in done.stdout
        and "next: prospector embed study" in done.stdout
    )
    assert done.stderr.startswith("prospector: note: 6 of 6 slides do not state their microns per pixel")
    done = ok(prospector("embed", "study", "p0.png", "n0.png", "n1.png"))
    assert "3 of 3 data embedded, 3 of them now (300 tokens)" in done.stdout and done.stderr == ""
    done = ok(prospector("fit", "study", "--concepts", "3"))
    assert "Concepts for “tumour”" in done.stdout and "share in tumour" in done.stdout and done.stderr == ""
    ok(prospector("embed", "study"))
    done = ok(prospector("prospect", "study"))  # three of them came after the fit: no probability yet
    assert done.stderr == "" and "\x1b" not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines() if ".png" in line]
    assert len(lines) == 6 and sorted(line[-1] == "-" for line in lines) == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    "command",
    ["", "new", "embed", "fit", "prospect", "export", "info", "history", "replay", "report", "app", "bench"],
)
def test_help(prospector, command):
    done = ok(prospector(*command.split(), "--help"))
    assert done.stderr == "" and "Usage: prospector" in done.stdout
    for option in {
        "new": ["--slides", "--labels", "--mpp", "--tile", "--positive"],
        "fit": ["--concepts", "--kernel"],
    }.get(command, []):
        assert option in done.stdout
    if not command:
        assert all(
            name in done.stdout for name in ("new", "embed", "fit", "prospect", "export", "app", "bench")
        )
        assert ok(prospector()).stdout == done.stdout


def test_info_says_what_a_slide_is(tmp_path, prospector):
    sample = shutil.copy(SAMPLE, tmp_path / "called.png")
    Image.new("RGB", (70, 50), (200, 100, 150)).save(tmp_path / "called.svs", "PNG")
    (slide,) = result(prospector("info", sample, "--json"))["slides"]
    assert slide["readable"] and (slide["format"], slide["width"], slide["height"]) == (
        "Aperio SVS",
        2220,
        2967,
    )
    assert (slide["mpp"], slide["objective_power"], len(slide["levels"])) == (0.499, 20, 1)
    text = ok(prospector("info", sample, "called.svs")).stdout
    assert "2,220 x 2,967 pixels (1.108 x 1.481 mm)" in text and "20x" in text
    assert "PNG" in text and "70 x 50 pixels" in text and "not stated" in text
    sample.write_bytes(sample.read_bytes()[:100_000])
    done = prospector("info", "called.svs", sample, "none.svs", "--json")
    assert done.returncode == 2 and done.stderr.count("\n") == 2
    assert [slide["readable"] for slide in json.loads(done.stdout)["slides"]] == [True, False, False]
    assert "cut short" in done.stderr and "none.svs does not exist" in done.stderr


def test_bench_says_its_figures(prospector, monkeypatch):
    """What is measured, tests of the benchmark itself say."""
    asked = []

    def run_bench(progress, quick):
        progress(0, 1, "counting")
        progress(1, 1, "")
        asked.append(quick)
        return {"quick": quick, "grid": [1.5]}

    monkeypatch.setattr("benchmarks.core.run_bench", run_bench)
    monkeypatch.setattr("benchmarks.core.format_bench", lambda figures: f"a table of {figures['grid']}")
    assert result(prospector("bench", "--quick", "--json")) == {"quick": True, "grid": [1.5]}
    assert ok(prospector("bench")).stdout == "a table of [1.5]\n" and asked == [True, False]


@pytest.mark.parametrize(
    "format, ending",
    [("geojson", ".geojson"), ("ome-tiff", ".ome.tif"), ("csv", ".csv"), ("parquet", ".parquet")],
)
def test_export_in_every_format(fitted, prospector, format, ending):
    """Nothing on disk bears the slide's name unless it was asked for."""
    done = ok(prospector("export", "study", "--format", format))
    assert "2 maps written to" in done.stdout and "p0.png" in done.stdout and done.stderr == ""
    files = sorted(path.name for path in (fitted / "study" / "exports").iterdir())
    assert len(files) == 2 and all(
        name.endswith(ending) and "p0" not in name and "n0" not in name for name in files
    )
    ok(prospector("export", "study", "p0.png", "--format", format, "--out", "maps", "--names"))
    assert [path.name for path in (fitted / "maps").iterdir()] == [f"p0.png{ending}"]


def test_a_threshold_means_regions(fitted, prospector):
    ok(
        prospector(
            "export",
            "study",
            "p0.png",
            "--format",
            "geojson",
            "--threshold",
            "-1e6",
            "--out",
            "low",
            "--names",
        )
    )
    ok(
        prospector(
            "export",
            "study",
            "p0.png",
            "--format",
            "geojson",
            "--threshold",
            "1e6",
            "--out",
            "high",
            "--names",
        )
    )
    low, high = (
        json.loads((fitted / part / "p0.png.geojson").read_text())["features"] for part in ("low", "high")
    )
    assert len(low) == 1 and low[0]["geometry"]["type"] == "Polygon" and high == []


def test_figures(fitted, prospector):
    said = result(
        prospector("export", "study", "p0.png", "--format", "png", "--out", "out", "--width", 800, "--json")
    )
    (file,) = said["files"]
    assert file["datum"] == "p0.png" and "p0" not in file["file"]
    with Image.open(file["file"]) as image:
        assert image.format == "PNG" and image.width == 800
    figures = (
        "--format",
        "png",
        "--out",
        "parts",
        "--region",
        0,
        0,
        80,
        80,
        "--layer",
        "concepts",
        "--names",
        "--json",
    )
    said = result(prospector("export", "study", *figures))
    assert [file["slide"] for file in said["files"]] == ["p0.png", "n0.png"]
    ok(
        prospector(
            "export",
            "study",
            "p0.png",
            "--format",
            "png",
            "--threshold",
            2.5,
            "--title",
            "Skin",
            "--whole-slide",
        )
    )


@pytest.fixture
def fitted(slides, prospector):
    """A study of p0 and n0, fitted."""
    (slides / "labels.csv").write_text("slide,label\np0.png,tumour\nn0.png,normal\n")
    ok(prospector(*NEW, "--slide-mpp", "0.5"))
    ok(prospector("embed", "study"))
    ok(prospector("fit", "study", "--concepts", "2"))
    return slides


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "--format"),
        (("--format", "bmp"), "no export format 'bmp'"),
        (("--format", "csv", "--what", "tiles"), "only geojson"),
        (("--format", "geojson", "--what", "hexagons"), "hexagons"),
        (("--format", "geojson", "--what", "tiles", "--threshold", "1"), "--what regions"),
        (("--format", "geojson", "--threshold", "nan"), "not a threshold"),
        (("--format", "csv", "--out", "labels.csv"), "is a file"),
        (("--format", "csv", "--whole-slide"), "--whole-slide goes with --format png"),
        (("--format", "geojson", "--region", "0", "0", "9", "9"), "--region goes with --format png"),
        (("--format", "png", "--what", "tiles"), "--what goes with --format geojson"),
        (("--format", "png", "--layer", "heat"), "no layer 'heat'"),
        (("--format", "png", "--region", "0", "0", "0", "9"), "above 0"),
        (("nobody", "--format", "csv"), "no datum 'nobody'"),
    ],
)
def test_what_cannot_be_exported(fitted, complaint, arguments, words):
    assert words in complaint("export", "study", *arguments)
    assert not (fitted / "study" / "exports").exists() or not any((fitted / "study" / "exports").iterdir())


def test_features_from_elsewhere(tmp_path, prospector, complaint):
    """A study of feature files goes on with fit, prospect and export; a slide without patches is said."""
    h5py = pytest.importorskip("h5py")
    (tmp_path / "features_uni").mkdir()
    random, rows = np.random.default_rng(0), ["slide,label"]
    for i in range(5):
        n = 0 if i == 4 else 30
        with h5py.File(tmp_path / "features_uni" / f"case{i}.h5", "w") as file:
            file["features"] = random.normal(size=(n, 4)).astype(np.float32) + 10 * random.integers(
                0, 2, (n, 1)
            )
            file["coords"] = np.stack([np.arange(n) % 6, np.arange(n) // 6], axis=1) * 512
            file["coords"].attrs.update({"patch_size": 256, "patch_size_level0": 512, "overlap": 0})
        rows.append(f"case{i}.svs,{('normal', 'tumour')[i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    done = ok(prospector("new", "study", "--features", "features_uni", "--labels", "labels.csv"))
    assert "120 patches of the encoder uni imported; 1 data have none" in done.stdout and done.stderr == ""
    assert "next: prospector fit" in done.stdout
    assert result(prospector("embed", "study", "--json"))["embedded"] == 4
    ok(prospector("fit", "study", "--concepts", "2"))
    assert len(result(prospector("prospect", "study", "--json"))["maps"]) == 4
    assert len(result(prospector("export", "study", "--format", "csv", "--json"))["files"]) == 4
    assert "case4" in complaint("export", "study", "case4.svs", "--format", "csv")
    assert "--features" in complaint(
        "new", "other", "--patches", "x", "--labels", "labels.csv", "--slides", "x"
    )
    assert "no folder" in complaint("new", "other", "--features", "nowhere", "--labels", "labels.csv")


def test_names_are_neither_cut_nor_read_as_markup(slides, prospector):
    long = "[/b]" + "x" * 150 + ":smile:"
    (slides / "labels.csv").write_text(f"slide,name,label\np0.png,{long},[red]tumour[/]\nn0.png,n,normal\n")
    ok(prospector(*NEW, "--positive", "[red]tumour[/]"))
    ok(prospector("embed", "study"))
    assert "[red]tumour[/]" in ok(prospector("fit", "study", "--concepts", "2")).stdout
    assert long in ok(prospector("prospect", "study")).stdout


# ---- on a terminal


def talk(arguments, folder, answers):
    """Run on a pseudo-terminal, typing each answer when its question stands there.

    Returns (exit code, all it printed).
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, "TERM": "xterm"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen, waiting, end = b"", list(answers), time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                seen += os.read(leader, 65536)
            except OSError:
                break
        elif process.poll() is not None:
            break
        if waiting and waiting[0][0] in seen.decode(errors="replace"):
            os.write(leader, waiting.pop(0)[1].encode())
    os.close(leader)
    return process.wait(timeout=30), seen.decode(errors="replace")


def study_mpp(folder):
    from prospector_core import Study

    return [source.info["mpp"] for source in Study.open(folder / "study").sources.values()]


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "mpp"), [("0.25\n", 0.25), ("\n", None)])
def test_microns_are_asked_for_once_on_a_terminal(slides, answer, mpp):
    code, seen = talk(NEW, slides, [("Microns a pixel (empty = unknown)", answer)])
    assert code == 0, seen
    assert seen.count("does not state its microns per pixel") == 1
    assert study_mpp(slides) == [mpp] * 6


@pytest.mark.slow
def test_an_answer_that_is_no_number(slides):
    code, seen = talk(NEW, slides, [("Microns a pixel (empty = unknown)", "many\n")])
    assert code == 2 and "prospector: 'many' is not a number of microns per pixel" in seen
    assert not (slides / "study").exists()


@pytest.mark.slow
def test_nothing_is_asked_where_it_was_said(slides):
    code, seen = talk((*NEW, "--slide-mpp", "0.5"), slides, [])
    assert code == 0 and "Microns" not in seen and study_mpp(slides) == [0.5] * 6


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal(slides, prospector):
    ok(prospector(*NEW, "--slide-mpp", "0.5"))
    code, seen = talk(("embed", "study"), slides, [])
    assert code == 0 and "tokens" in seen and "━" in seen


# ---- interrupted


SLOW = """
import signal, sys, time
# of its own: what a suite in the background hands on is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from prospector_core.modalities.slides.encoders import colour_texture
encode = colour_texture.ColourTexture.encode
def slowly(self, tiles):
    time.sleep(0.4)
    with open("tiles.log", "a") as file:
        file.write(f"{len(tiles)}\\n")
    return encode(self, tiles)
colour_texture.ColourTexture.encode = slowly
from prospector_core.cli import main
main(sys.argv[1:])
"""


def slow_embed(folder):
    """An embedding that takes its time, and logs every batch that it encodes.

    It is started as by a suite in the background, where shells have SIGINT ignored.
    """
    import sys

    return subprocess.Popen(
        [sys.executable, "-c", SLOW, "embed", "study"],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )


def wait_for_blocks(folder, n):
    """Until n blocks are on disk."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(list((folder / "study").glob("embeddings.zarr/*/embeddings/c/*/0"))) >= n:
            return
        time.sleep(0.02)
    pytest.fail("no block was written")


@pytest.fixture
def large(tmp_path, prospector):
    """A study of two slides of 1024 tiles: four blocks each."""
    (tmp_path / "slides").mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        paint(tmp_path / "slides" / name, number, 0.3, side=512)
    (tmp_path / "labels.csv").write_text("slide,label\na,1\nb,0\n")
    ok(prospector(*NEW[:-2], "--tile", "16", "--slide-mpp", "0.5"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_embedding_goes_on_where_it_stopped(large, prospector, how):
    process = slow_embed(large)
    wait_for_blocks(large, 1)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert err == "prospector: stopped; what was finished is kept\n" and out == ""
    else:
        assert process.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in large.glob("study/embeddings.zarr/*/embeddings/c/*/0")}
    assert kept
    (large / "tiles.log").unlink()
    again = result(prospector("embed", "study", "--json"))
    assert again["embedded"] == 2 and again["failed"] == {}
    for path, written in kept.items():  # the folder has lost its ".partial", the blocks are the same files
        now = path.parents[3].with_name(path.parents[3].name.removesuffix(".partial")) / path.relative_to(
            path.parents[3]
        )
        assert now.stat().st_mtime_ns == written
    ok(prospector("fit", "study", "--concepts", "3", "--json"))


@pytest.mark.slow
def test_a_second_embedding_of_the_same_study_is_refused(large, complaint):
    process = slow_embed(large)
    wait_for_blocks(large, 1)
    assert "is being embedded by another program" in complaint("embed", "study")
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_as_a_process_of_its_own(slides, process):
    made = result(process(*NEW, "--slide-mpp", "0.5", "--json"))
    assert made["data"] == 6
    done = process("fit", "study")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "prospector: no labelled datum has been embedded: run `prospector embed` first\n"


def test_history_replay_and_report(fitted, prospector, monkeypatch):
    """What was edited, made again from it, and told in one file."""
    from prospector_core import Study

    assert "nothing" not in ok(prospector("history", "study")).stdout
    monkeypatch.setenv("PROSPECTOR_AUTHOR", "Ann")
    study = Study.open(fitted / "study")
    study.curation.rename(0, "purple", note="as stained")
    study.curation.rename(1, "pink")
    study.curation.undo()
    study.curation.pin(0, 2.0)
    study.refit()
    lines = ok(prospector("history", "study")).stdout
    assert all(
        word in lines
        for word in ("Ann", "rename concept 0 to “purple”", "as stained", "undone", "pin purple at 2")
    )
    said = result(prospector("history", "study", "--last", "3", "--json"))
    assert [(e["id"], e["action"], e["undone"], e["about"]) for e in said["entries"]] == [
        (3, "rename", True, None),
        (4, "undo", False, 3),
        (5, "pin", False, None),
    ]
    assert [(f["fit"], f["journal"], f["author"]) for f in said["fits"]][1] == (2, 5, "Ann")
    assert "2 fits made again from the journal: same bytes" in ok(prospector("replay", "study")).stdout
    (fitted / "study" / "fits" / "2" / "head.json").write_text("")
    done = prospector("replay", "study", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["fits"][1]["damaged"]
    assert (
        done.stderr
        == "prospector: not as the journal says: fit 2: `prospector replay --repair` puts it right\n"
    )
    assert result(prospector("replay", "study", "--repair", "--into", "again", "--json"))["fits"][1][
        "repaired"
    ]
    assert sorted(path.name for path in (fitted / "again").iterdir()) == ["1", "2"]
    written = result(prospector("report", "study", "-o", "out/r.html", "--json"))
    page = (fitted / "out" / "r.html").read_text()
    assert written["bytes"] == len(page.encode()) and "as stained" in page and "p0.png" not in page
    ok(prospector("report", "study", "--with-names"))
    assert "p0.png" in (fitted / "report.html").read_text()


def test_what_the_journal_commands_refuse(fitted, complaint):
    assert "is a folder" in complaint("report", "study", "-o", "slides")
    assert "exists already" in complaint("replay", "study", "--into", "slides")
    assert "no study" in complaint("history", "nowhere")
