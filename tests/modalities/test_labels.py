"""The labels table: forms that are read, and those that are refused in one clear line."""

import io
import unicodedata
from pathlib import Path

import openpyxl
import pytest

from prospector_core.errors import LabelsError
from prospector_core.modalities.labels import LabelRow, read_labels
from prospector_core.modalities.matching import match_files
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


def test_fields_may_have_decimal_commas(table):
    rows, _ = read_labels(table("slide;name;x;y;width;height;label\na;p;50,0;0;200,5;8;1\na;q;0;0;8;8;0\n"))
    assert rows[0].field == Rect(50, 0, 200, 8)


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
        (PLAIN + "c.svs,Tumour\n", {}, "'Tumour' and 'tumour', which differ by case or spaces alone"),
        ("slide,label,split\na,1,train\nb,0,both\n", {}, "line 3: column 'split' says 'both'"),
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


def excel(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.encode("utf-16"), "UTF-16"),
        (PLAIN.encode("utf-16-le"), "UTF-16"),
        (PLAIN.replace("label", "label,Größe").encode("cp1252"), "Windows-1252"),
        (b"sep=;\r\n" + PLAIN.replace(",", ";").encode(), ""),
        (
            b"Study on carcinoma, 2024;;\r\n\r\n" + PLAIN.replace(",", ";").encode(),
            "above the header skipped",
        ),
        (PLAIN.replace(",", "|").encode(), ""),
        (PLAIN.replace("label", "label,a; b; c").replace("\n", ",x\n")[:-2].encode(), ""),
        (PLAIN.replace("a.svs", "\u200ba.svs").encode(), ""),
        (excel(("slide", "label"), ("a.svs", "tumour"), ("b.svs", "normal")), ""),
        (excel(("My study",), (), ("slide", "label"), ("a.svs", "tumour"), ("b.svs", "normal")), "skipped"),
        (("slide,label,note\na.svs,tumour," + "x" * 200_000 + "\nb.svs,normal,\n").encode(), ""),
    ],
)
def test_tables_as_people_have_them(table, content, said):
    notes = []
    rows, classes = read_labels(table(content), said=notes)
    assert classes == ["normal", "tumour"] and [(row.file, row.label) for row in rows] == [
        ("a.svs", 1),
        ("b.svs", 0),
    ]
    assert (said in " ".join(notes)) and (notes if said else not notes)


def test_numbers_compare_as_numbers_and_marks_of_no_label_are_counted(table):
    notes = []
    rows, classes = read_labels(
        table("slide,label\na,1.0\nb,1\nc,0\nd,0.0\ne,#N/A\nf,n/a\ng,\nh,-\n"), said=notes
    )
    assert classes == ["0", "1"] and [row.label for row in rows] == [1, 1, 0, 0, None, None, None, None]
    assert notes == ["labels.csv: 4 of 8 rows have no label (1 #N/A, 1 n/a, 1 empty, 1 -)"]


@pytest.mark.parametrize(
    ("labels", "sought"),
    [
        ("MSS MSI", "MSI"),
        ("wild-type mutant", "mutant"),
        ("non-tumour tumour", "tumour"),
        ("HER2-negative HER2-positive", "HER2-positive"),
        ("pMMR dMMR", "dMMR"),
    ],
)
def test_words_for_absent_know_their_side(table, labels, sought):
    first, second = labels.split()
    for order in ((first, second), (second, first)):
        assert read_labels(table(f"slide,label\na,{order[0]}\nb,{order[1]}\n"))[1][1] == sought


def test_every_word_for_held_out_holds_out(table):
    words = ["train", "Test", "validation", "testing", "Held-out", "dev", "TRAINING", ""]
    lines = "".join(f"s{at},{at % 2},{word}\n" for at, word in enumerate(words))
    rows, _ = read_labels(table(f"slide,label,split\n{lines}"))
    assert [row.split for row in rows] == ["train", "test", "test", "test", "test", "test", "train", None]


def test_a_column_names_data_only_where_it_can(table):
    rows, _ = read_labels(table("id,slide,label\nP0,a.svs,1\nP0,b.svs,0\n"))  # a patient, not a datum
    assert [row.name for row in rows] == ["a.svs", "b.svs"]
    rows, _ = read_labels(table("slide,name,label\na.svs,,1\nb.svs,two,0\n"))
    assert [row.name for row in rows] == ["a.svs", "two"]


def test_a_name_never_takes_another_file():
    files = [Path("P001.1.png"), Path("P002.1.png"), Path("case.ome.tif"), Path("b.svs")]
    found = match_files([row("P001.1"), row("P002.1.png"), row("case"), row("b.tif")], files, "t.csv")
    assert [path.name for path in found] == ["P001.1.png", "P002.1.png", "case.ome.tif", "b.svs"]
    with pytest.raises(LabelsError, match=r"P001\.2.*like P001\.2 are .*P001\.1\.png"):
        match_files([row("P001.2")], files, "t.csv")


def test_accents_and_folders_tell_files():
    name = unicodedata.normalize("NFD", "Fälle 1.png")
    assert match_files([row("Fälle 1.PNG")], [Path(name)], "t.csv") == [Path(name)]
    twins = [Path("x/normal/a.png"), Path("x/tumour/a.png")]
    assert match_files([row("tumour\\a.png"), row("x/normal/a")], twins, "t.csv") == twins[::-1]
    with pytest.raises(LabelsError, match="could be normal/a.png or tumour/a.png"):
        match_files([row("a.png")], twins, "t.csv")


def test_one_file_with_two_labels_is_refused(table):
    rows, _ = read_labels(table("slide,label\ncase-01.png,1\ncase-02.png,0\ncase-01,0\n"))
    with pytest.raises(LabelsError, match="lines 2 and 4 are both of case-01.png"):
        match_files(rows, [Path("case-01.png"), Path("case-02.png")], "t.csv")
