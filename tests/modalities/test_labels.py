"""The labels table: forms that are read, and those that are refused in one clear line."""

from pathlib import Path

import pytest

from prospector_core.errors import LabelsError
from prospector_core.modalities.labels import LabelRow, match_files, read_labels
from prospector_core.modalities.slides.tiling import Rect

PLAIN = "slide,label\na.svs,tumour\nb.svs,normal\n"


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        '"slide","label"\n"a.svs","tumour"\n"b.svs","normal"\n',
        "Slide , LABEL\n a.svs , tumour \n b.svs,normal",
        "\n\n" + PLAIN + "\n,\n\n",
        "slide,label,note\na.svs,tumour\nb.svs,normal,seen,twice\n",
        PLAIN.replace("slide", "File"),
        PLAIN.replace("label", "class"),
        PLAIN.replace("slide,label", "image,diagnosis"),
    ],
    ids=[
        "plain",
        "semicolon",
        "tab",
        "windows",
        "mac",
        "bom",
        "quotes",
        "spaces",
        "blank lines",
        "ragged",
        "file",
        "class",
        "diagnosis",
    ],
)
def test_forms_of_the_same_table(table, content):
    rows, classes = read_labels(table(content))
    assert classes == ["normal", "tumour"]
    assert rows == [LabelRow("a.svs", "a.svs", None, 1, None), LabelRow("b.svs", "b.svs", None, 0, None)]


def test_quoted_cells_may_hold_separators_and_line_ends(table):
    rows, _ = read_labels(table('slide,name,label\n"a,1.svs","first\nslide",1\nb.svs,"say ""b""",0\n'))
    assert [(row.file, row.name) for row in rows] == [("a,1.svs", "first\nslide"), ("b.svs", 'say "b"')]


@pytest.mark.parametrize(
    ("labels", "positive", "classes"),
    [
        ("0 1", None, ["0", "1"]),
        ("normal tumour", None, ["normal", "tumour"]),
        ("Negative abnormal", None, ["Negative", "abnormal"]),
        ("tumour absent", None, ["absent", "tumour"]),
        ("a b", None, ["a", "b"]),
        ("a b", "a", ["b", "a"]),
    ],
)
def test_class_1_is_the_one_to_find(table, labels, positive, classes):
    first, second = labels.split()
    rows, found = read_labels(table(f"slide,label\nx,{first}\ny,{second}\n"), positive=positive)
    assert found == classes
    assert {found[row.label] for row in rows} == {first, second}


def test_fields_splits_and_unknown_labels(table):
    rows, _ = read_labels(
        table(
            "slide,name,x,y,width,height,label,split\na.svs,one,0,8,16,32.0,1,Test\na.svs,two,,,,,0,train\na.svs,three,1,1,1,1,?,\n"
        )
    )
    assert rows == [
        LabelRow("one", "a.svs", Rect(0, 8, 16, 32), 1, "test"),
        LabelRow("two", "a.svs", None, 0, "train"),
        LabelRow("three", "a.svs", Rect(1, 1, 1, 1), None, None),
    ]


def test_columns_may_be_named(table):
    path = table("slide,where,label,grade\na,p.svs,x,high\nb,q.svs,y,low\n")
    rows, classes = read_labels(path, file_column="Where", label_column="grade", positive="high")
    assert [row.file for row in rows] == ["p.svs", "q.svs"]
    assert classes == ["low", "high"]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("", {}, "is empty"),
        (" \n\n", {}, "is empty"),
        ("slide,label\n", {}, "no rows"),
        ("a,b\n1,2\n", {}, "no file column"),
        ("slide,colour\na,red\nb,blue\n", {}, "no label column"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, "not a text table"),
        (b"slide,label\x00\x00\n", {}, "zero bytes"),
        (PLAIN.encode("utf-16"), {}, "UTF-8"),
        ("slide,label\nbl\u00e4u,1\n".encode("latin-1"), {}, "UTF-8"),
        ("slide,label\na,1\na,0\n", {}, "line 3: 'a' is already in line 2"),
        ("slide,label\n\na,1\n\n,0\n", {}, "line 5: column 'slide' is empty"),
        ("slide,label\na,1\nb,1\n", {}, "one class only (1)"),
        ("slide,label\na,\nb,?\n", {}, "no labels"),
        (
            "slide,label\n" + "".join(f"s{i},{i}\n" for i in range(33)),
            {},
            "33 classes (0, 1, 10, 11, 12, 13, ...)",
        ),
        ("slide,label,label\na,1,0\nb,0,1\n", {}, "2 columns named 'label'"),
        (PLAIN, {"positive": "cancer"}, "no class 'cancer'"),
        (PLAIN, {"label_column": "grade"}, "no column 'grade'"),
        (
            "slide,label,x,y,width,height\na,1,0,0,ten,9\nb,0,0,0,9,9\n",
            {},
            "line 2: x, y, width and height must be numbers",
        ),
        ("slide,label,x,y,width,height\na,1,0,0,inf,9\nb,0,0,0,9,9\n", {}, "must be numbers"),
        ("slide,label,x,y,width,height\na,1,0,0,,9\nb,0,0,0,9,9\n", {}, "must be numbers"),
        ("slide,label,x,y,width,height\na,1,-4,0,9,9\nb,0,0,0,9,9\n", {}, "is not a rectangle"),
        ("slide,label\n" + "a" * 200_000 + ",1\nb,0\n", {}, "not a table"),
    ],
)
def test_refused(table, content, options, says):
    path = table(content)
    with pytest.raises(LabelsError) as caught:
        read_labels(path, **options)
    assert says in str(caught.value)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LabelsError, match="no labels table"):
            read_labels(path)


def row(file):
    return LabelRow(file, file, None, 0, None)


def test_files_are_found_by_path_name_or_stem():
    files = [Path("d/A.svs"), Path("d/b.ome.tiff"), Path("d/c.png")]
    given = ["somewhere/A.svs", "D:\\scans\\a.SVS", "b", "b.ome.tiff", "c"]
    assert match_files([row(each) for each in given], files, "labels.csv") == [
        files[0],
        files[0],
        files[1],
        files[1],
        files[2],
    ]


def test_the_exact_name_wins():
    files = [Path("d/A.svs"), Path("d/a.svs"), Path("d/a.png")]
    assert match_files([row("a.svs"), row("A.svs"), row("a.png")], files, "labels.csv") == [
        files[1],
        files[0],
        files[2],
    ]
    with pytest.raises(LabelsError, match=r"'a' could be A.svs or a.png or a.svs"):
        match_files([row("a")], files, "labels.csv")


def test_a_slide_that_is_not_there():
    with pytest.raises(
        LabelsError, match=r"labels.csv names x.svs, y, z and 1 more, not found among the 1 files"
    ):
        match_files([row("x.svs"), row("y"), row("z"), row("w"), row("a.svs")], [Path("a.svs")], "labels.csv")
