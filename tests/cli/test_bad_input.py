"""Bad input on the command line: exit code 2 and exactly one line, which names the thing and the fix."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.study_files import make_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "CMU-1-Small-Region.svs"


def new(*more, slides="slides", labels="labels.csv"):
    return (
        "new",
        "study",
        "--slides",
        slides,
        "--labels",
        labels,
        "--encoder",
        "colour-texture",
        "--tile",
        "16",
        *more,
    )


# ---- new


TABLES = {
    "missing": (None, "there is no labels table"),
    "empty": (b"", "is empty"),
    "no rows": (b"slide,label\n", "no rows"),
    "no label column": (b"slide,colour\np0,red\n", "has no label column"),
    "binary": (bytes(range(256)), "is not a text table"),
    "duplicate": (b"slide,label\np0,1\np0,0\n", "is already in line 2"),
    "names as labels": (
        b"slide,label\n" + b"".join(b"p%d,case %d\n" % (i, i) for i in range(40)),
        "has 40 classes (case 0, ",
    ),
    "one class": (b"slide,label\np0,1\np1,1\n", "has one class only (1)"),
    "unknown slide": (b"slide,label\np0,1\nzebra.svs,0\n", "names zebra.svs, not found among the 6 files"),
    "field outside": (
        b"slide,label,x,y,width,height\np0,1,0,0,9,9\nn0,0,100,0,100,50\n",
        "reaches beyond n0.png (160 x 160 pixels)",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_labels_that_cannot_be_used(slides, complaint, name):
    content, says = TABLES[name]
    (slides / "labels.csv").unlink()
    if content is not None:
        (slides / "labels.csv").write_bytes(content)
    line = complaint(*new())
    assert says in line and "labels.csv" in line
    assert not (slides / "study").exists()


@pytest.mark.parametrize("change", ["semicolon", "tab", "bom", "windows", "quotes"])
def test_labels_in_other_dress(slides, prospector, change):
    path = slides / "labels.csv"
    text = path.read_text()
    text = {
        "semicolon": text.replace(",", ";"),
        "tab": text.replace(",", "\t"),
        "bom": "\ufeff" + text,
        "windows": text.replace("\n", "\r\n"),
        "quotes": "\n".join(",".join(f'"{c}"' for c in row.split(",")) for row in text.splitlines()),
    }[change]
    path.write_bytes(text.encode())
    done = prospector(*new("--slide-mpp", "0.5", "--json"))
    assert done.returncode == 0 and '"data": 6' in done.stdout


@pytest.mark.parametrize("kind", ["truncated", "header only", "text", "empty"])
def test_slides_that_are_none(slides, complaint, kind):
    content = SAMPLE.read_bytes()
    content = {
        "truncated": content[: len(content) // 2],
        "header only": content[:200],
        "text": b"just text\n" * 99,
        "empty": b"",
    }[kind]
    (slides / "slides" / "broken.svs").write_bytes(content)
    (slides / "labels.csv").write_text("slide,label\nbroken.svs,1\nn0.png,0\n")
    assert "broken.svs" in complaint(*new())
    assert not (slides / "study").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (new("--encoder", "resnet"), "no encoder named resnet"),
        (new("--mpp", "0"), "not possible"),
        (new("--tile", "1"), "not possible"),
        (new("--min-tissue", "7"), "not possible"),
        (new("--slide-mpp", "-1"), "is not plausible"),
        (new("--positive", "cancer"), "no class 'cancer'"),
        (new("--file-column", "wsi"), "no column 'wsi'"),
        (new(slides="nowhere"), "there is no folder nowhere"),
        (new("--mpp", "x"), "--mpp"),
        (new("--colour", "x"), "No such option: --colour"),
        (("new", "study"), "--slides DIR"),
        (("new", "study", "--slides", "slides"), "--labels labels.csv"),
        (("new",), "STUDY"),
        (("nwe", "study"), "nwe"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_of_new(slides, complaint, arguments, says):
    assert says in complaint(*arguments)
    assert not (slides / "study").exists()


def test_a_folder_that_exists(slides, complaint):
    (slides / "study").mkdir()
    (slides / "study" / "mine.txt").write_text("x")
    assert "exists already" in complaint(*new())
    assert (slides / "study" / "mine.txt").read_text() == "x"


# ---- embed, fit, prospect


@pytest.mark.parametrize("command", ["embed", "fit", "prospect", "app"])
def test_no_study_there(tmp_path, complaint, command):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    assert "there is no study nowhere" in complaint(command, "nowhere")
    assert "is not a study" in complaint(command, "folder")
    if command == "embed":
        assert "there is no study file" in complaint(command, "file")


def test_slides_without_tissue_are_listed_and_the_others_embedded(slides, prospector):
    Image.new("RGB", (160, 160), (245, 245, 245)).save(slides / "slides" / "glass.png")
    with open(slides / "labels.csv", "a") as table:
        table.write("glass.png,normal,train\n")
    assert prospector(*new("--slide-mpp", "0.5")).returncode == 0
    done = prospector("embed", "study")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(
        "prospector: glass.png: no tile holds 25% tissue"
    )
    assert "6 of 7 data embedded" in done.stdout
    assert prospector("fit", "study", "--concepts", "3").returncode == 0  # the others are enough


def test_a_slide_that_is_gone(slides, prospector):
    assert prospector(*new("--slide-mpp", "0.5")).returncode == 0
    (slides / "slides" / "n1.png").unlink()
    done = prospector("embed", "study")
    assert done.returncode == 2 and "5 of 6 data embedded" in done.stdout
    assert done.stderr.count("\n") == 1 and "the slide n1.png is no longer at" in done.stderr


def test_steps_out_of_order(slides, prospector, complaint):
    assert prospector(*new("--slide-mpp", "0.5")).returncode == 0
    assert "run `prospector embed` first" in complaint("fit", "study")
    assert "run `prospector fit` first" in complaint("prospect", "study")
    assert "no datum 'zebra'" in complaint("embed", "study", "zebra")


def test_options_of_fit(tmp_path, complaint):
    make_study(tmp_path, fit={})
    for options, says in (
        (("--kernel", "foo"), "no kernel 'foo'"),
        (("--concepts", "0"), "concepts must be 2 to 1000, got 0"),
        (("--concepts", "many"), "--concepts"),
        (("--radius", "-1"), "radius must be 0 to 64, got -1"),
        (("--alpha", "0"), "alpha must be positive"),
        (("--quantizer", "foo"), "no quantizer 'foo'"),
        (("--concepts", "999"), "cannot make 999 concepts"),
    ):
        assert says in complaint("fit", "study", *options)
    assert "no datum 'zebra'" in complaint("prospect", "study", "zebra")


def test_one_class_only(tmp_path, complaint):
    study = make_study(tmp_path)
    for datum in study.data[4:]:
        study.store.remove(datum.uid)
    assert "all 4 embedded data are labelled 'tumour'" in complaint("fit", "study")
    study.store.remove(study.data[0].uid)
    assert "s0.png is not embedded yet" in prospect_one(study, complaint)


def prospect_one(study, complaint):
    from tests.support.study_files import embed_by_hand

    embed_by_hand(study)
    study.fit(concepts=5)
    study.store.remove(study.data[0].uid)
    return complaint("prospect", "study", "s0.png")


def test_embeddings_that_are_not_finite(tmp_path, complaint):
    import zarr

    study = make_study(tmp_path)
    array = zarr.open_group(study.path / "embeddings.zarr" / study.data[1].uid, mode="r+")["embeddings"]
    array[0, 0] = np.inf
    assert "the embeddings of s1.png are not finite" in complaint("fit", "study", "--concepts", "5")


def test_damage_is_named(tmp_path, complaint):
    study = make_study(tmp_path, fit={})
    study.database.close()
    (study.path / "fits" / "1" / "head.safetensors").write_bytes(b"cut")
    assert "run `prospector replay study --repair`" in complaint("prospect", "study")
    (study.path / "study.sqlite").write_bytes(b"noise" * 999)
    assert "study.sqlite is damaged" in complaint("prospect", "study")


# ---- a full disk


def test_a_full_disk(slides, small_disk, prospector, complaint):
    disk, fill = small_disk
    fill()
    line = complaint("new", disk / "study", *new("--slide-mpp", "0.5")[2:])
    assert "the disk is full" in line and [path.name for path in disk.iterdir()] == ["filler"]
    (disk / "filler").unlink()
    for name in ("slides", "labels.csv"):
        (shutil.copytree if name == "slides" else shutil.copy)(slides / name, disk / name)
    assert (
        prospector(*new("--slide-mpp", "0.5")[:1], disk / "study", *new("--slide-mpp", "0.5")[2:]).returncode
        == 0
    )
    fill()
    assert "the disk is full" in complaint("embed", disk / "study")
    (disk / "filler").unlink()
    assert prospector("embed", disk / "study").returncode == 0
    fill()
    assert "the disk is full" in complaint("fit", disk / "study", "--concepts", "3")
    (disk / "filler").unlink()
    assert prospector("fit", disk / "study", "--concepts", "3").returncode == 0
    fill()
    assert "the disk is full" in complaint("prospect", disk / "study")
    (disk / "filler").unlink()
    assert prospector("prospect", disk / "study").returncode == 0
