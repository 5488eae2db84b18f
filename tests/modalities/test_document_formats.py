"""Files of documents as people have them: tables, JSON, Word, HTML, RTF, PDF; what is left out, and said."""

import io
import json
import zipfile

import docx
import openpyxl
import pytest

from prospector_core import Study
from prospector_core.errors import DocumentError, LabelsError
from prospector_core.modalities.documents.files import DocumentFile, list_documents
from prospector_core.store import memory
from tests.support.text_studies import WordEncoder

ROWS = [
    ("a", "Nodes are free; margins, too.", "no"),
    ("b", "Größe 3 µm.\nA node is involved.", "yes"),
    ("c", "Nothing was seen.", "no"),
]


def read(path, fields=None):
    with DocumentFile(path, fields) as file:
        return list(file), file.notes


def table(separator=",", header="note_id,text,label"):
    cells = [f'"{cell}"' for row in ROWS for cell in row]
    lines = [separator.join(cells[at : at + 3]) for at in range(0, 9, 3)]
    return "\n".join([header.replace(",", separator), *lines]) + "\n"


def in_excel(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


TABLES = {
    "commas": ("x.csv", table().encode()),
    "tabs": ("x.tsv", table("\t").encode()),
    "semicolons": ("x.csv", table(";").encode()),
    "tabs called csv": ("x.csv", table("\t").encode()),
    "what Excel writes first": ("x.csv", ("sep=;\n" + table(";")).encode("utf-8-sig")),
    "a title above": ("x.csv", ("Notes of 2024\n\n" + table()).encode()),
    "UTF-16": ("x.csv", table("\t").encode("utf-16")),
    "UTF-16 without a mark": ("x.csv", table("\t").encode("utf-16-le")),
    "Windows-1252": ("x.csv", table().encode("cp1252")),
    "other cases": ("x.csv", table(header="Note ID,Text,LABEL").encode()),
}
LINES = [{"id": id, "text": text, "label": label} for id, text, label in ROWS]
AS_LINES = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES)
TABLES |= {
    "a list": ("x.json", json.dumps(LINES).encode()),
    "a list over lines": ("x.jsonl", json.dumps(LINES, indent=1).encode()),
    "a list in an object": ("x.json", json.dumps({"version": 1, "notes_2024": LINES}).encode()),
    "lines in UTF-16": ("x.jsonl", AS_LINES.encode("utf-16")),
    "lines in Windows-1252": ("x.jsonl", AS_LINES.encode("cp1252")),
}


@pytest.mark.parametrize("name", TABLES)
def test_files_of_many_documents(tmp_path, name):
    file, content = TABLES[name]
    (tmp_path / file).write_bytes(content)
    found, notes = read(tmp_path / file)
    assert [(each.name, each.text, each.label) for each in found] == ROWS
    assert any("Windows-1252" in note for note in notes) == ("Windows-1252" in name)
    with DocumentFile(tmp_path / file) as again:  # found again by its place, as embedding does
        assert again.read(found[1].at).text == ROWS[1][1]


def test_excel_and_a_title_above_its_header(tmp_path):
    in_excel(tmp_path / "x.xlsx", [["Export of Monday"], [], ["id", "Report", "label"], [7, "One.", True]])
    (found,), (note,) = read(tmp_path / "x.xlsx")
    assert (found.name, found.text, found.label) == ("7", "One.", "true")
    assert note == "x.xlsx: the header is in line 3, what is above it is left out"


def test_columns_are_chosen_and_otherwise_listed(tmp_path):
    (tmp_path / "x.csv").write_text(
        "nr,words,kind\n" + "".join(f"{id},{text.split()[0]} x.,{kind}\n" for id, text, kind in ROWS)
    )
    with pytest.raises(DocumentError, match=r"found nr, words, kind\): name the field with --text-column"):
        read(tmp_path / "x.csv")
    named = {"text_column": "words", "id_column": "nr", "label_column": "kind"}
    study = Study.create(tmp_path / "study", documents=tmp_path / "x.csv", **named)
    assert [datum.name for datum in study.data] == ["a", "b", "c"] and study.classes == ("no", "yes")
    assert study.embed(encoder=WordEncoder()) == {} and study.attrs("b")["text"] == "Größe x."
    with pytest.raises(DocumentError, match="no field 'number'.*nr, words, kind.*--id-column"):
        Study.create(tmp_path / "s", documents=tmp_path / "x.csv", **named | {"id_column": "number"})


def test_texts_that_are_null_or_not_there_are_left_out_and_named(tmp_path):
    odd = [
        {"id": "n", "text": None},
        {"id": "o"},
        {"id": "p", "text": float("nan")},
        {"id": "q", "text": " "},
    ]
    lines = [*LINES, *(line | {"label": "yes"} for line in odd)]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    study = Study.create(tmp_path / "study", documents=tmp_path / "x.jsonl")
    assert study.embedding["notes"] == ["4 documents are empty and will be left out: n, o, p and 1 more"]
    assert set(study.embed(encoder=WordEncoder())) == {datum.uid for datum in study.data[3:]}


def word_file(*paragraphs, row=()):
    document, out = docx.Document(), io.BytesIO()
    for each in paragraphs:
        document.add_paragraph(each)
    if row:
        cells = document.add_table(1, len(row)).rows[0].cells
        for cell, said in zip(cells, row):
            cell.text = said
    document.save(out)
    return out.getvalue()


HTML = (
    "<!DOCTYPE html><html><head><title>A case</title><style>p{x:y}</style></head><body><script>no()</script>"
    "<h1>Report</h1><p>One <b>no</b>de\n is free.</p><table><tr><td>pT</td><td>2</td></tr></table>"
    "Gr&ouml;&szlig;e &lt;3&nbsp;&micro;m<br>End.</body></html>"
)
RTF = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Gr\'f6\'dfe is {\b known}.\par Second.\par}"


@pytest.mark.parametrize("ending", [".docx", ".txt"])
def test_word(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(word_file("One node.", "", "Two.", row=("pT", "2")))
    assert read(path)[0][0].text == "One node.\n\n\n\nTwo.\n\npT\t2"


@pytest.mark.parametrize("ending", [".html", ".htm", ".txt", ".md"])
def test_web_pages(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_text(HTML)
    (found,) = read(path)[0]
    assert found.text == "Report\n\nOne node is free.\n\npT\t2\n\nGröße <3 µm\nEnd." and not found.markdown


@pytest.mark.parametrize("ending", [".rtf", ".txt"])
def test_rich_text(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_text(RTF)
    assert read(path)[0][0].text == "Größe is known.\n\nSecond."


def test_text_that_only_speaks_of_markup_stays(tmp_path):
    (tmp_path / "a.txt").write_text("pH <7. The tag <html> and {\\rtf1} are named here.")
    assert read(tmp_path / "a.txt")[0][0].text == "pH <7. The tag <html> and {\\rtf1} are named here."


def pdf_of(*pages):
    """A PDF of pages, each [(x, y, text)], in Helvetica, written by hand."""
    objects, kids = (
        ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"],
        [],
    )
    for page in pages:
        stream = "".join(f"BT /F1 10 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n" for x, y, text in page)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    rows = "".join(f"{at:010} 00000 n \n" for at in places)
    n = len(objects) + 1
    end = f"xref\n0 {n}\n0000000000 65535 f \n{rows}trailer\n<< /Size {n} /Root 1 0 R >>"
    return out + f"{end}\nstartxref\n{len(out)}\n%%EOF".encode()


def test_running_headers_and_footers_of_a_pdf_are_left_out(tmp_path):
    bodies = [
        ["Block 1 is free.", "The first page ends here."],
        ["Block 2 is free.", "A St. Elsewhere is named."],
        ["Block 3 is involved.", "The end."],
    ]
    pages = [
        [
            (60, 820, "St. Elsewhere Hospital"),
            (60, 20, f"Page {number} of 3"),
            *((60, 700 - 14 * at, line) for at, line in enumerate(lines)),
        ]
        for number, lines in enumerate(bodies, start=1)
    ]
    (tmp_path / "a.pdf").write_bytes(pdf_of(*pages))
    (found,) = read(tmp_path / "a.pdf")[0]
    assert found.text == "\n\n".join("\n".join(lines) for lines in bodies)
    assert found.note == "a.pdf: 6 lines of running headers and footers are left out"
    assert [found.text[each.start : each.end] for each in found.sections] == ["\n".join(b) for b in bodies]


def test_columns_of_a_pdf_are_read_one_after_the_other_and_tables_along_their_rows(tmp_path):
    left = [
        "The left column begins at this",
        "place and goes down to the",
        "foot of the page: its end.",
    ]
    right = [
        "The right column is the second",
        "one and is read when the left",
        "column has come to an end.",
    ]
    lines = [(x, 700 - 14 * at, side[at]) for at in range(3) for x, side in ((50, left), (320, right))]
    (tmp_path / "a.pdf").write_bytes(pdf_of([(50, 760, "A title"), *lines]))
    (found,) = read(tmp_path / "a.pdf")[0]
    assert found.text == "A title\n\n" + "\n".join(left) + "\n\n" + "\n".join(right)
    assert "1 of 1 pages have two columns" in found.note
    cells = [
        (x, 700 - 14 * at, said) for at in range(4) for x, said in ((50, f"Marker {at}"), (320, "positive"))
    ]
    (tmp_path / "b.pdf").write_bytes(pdf_of(cells))
    (found,) = read(tmp_path / "b.pdf")[0]
    assert found.text.index("positive") < found.text.index("Marker 1") and not found.note


def test_the_encoder_gets_plain_letters_and_spans_point_into_the_text_as_it_is(tmp_path):
    class Listening(WordEncoder):
        heard = []

        def encode(self, texts):
            self.heard += texts
            return super().encode(texts)

    (tmp_path / "x.csv").write_text(
        "id,text,label\na,The pro\ufb01le is free. Two.,x\nb,No \ufb01brosis.,y\n"
    )
    study = Study.create(tmp_path / "study", documents=tmp_path / "x.csv")
    study.embed(encoder=Listening())
    assert Listening.heard == ["The profile is free.", "Two.", "No fibrosis."]
    text = study.attrs("a")["text"]
    assert [text[start:end] for start, end in study.positions("a")] == ["The pro\ufb01le is free.", "Two."]


def test_files_that_cannot_be_read_are_left_out_and_named(tmp_path):
    home = tmp_path / "docs"
    home.mkdir()
    for name in "abcd":
        (home / f"{name}.txt").write_text(f"Text {name}.")
    (home / "e.docx").write_bytes(b"PK\3\4broken")
    (home / "f.pdf").write_bytes(b"%PDF-1.4\nbroken")
    (tmp_path / "l.csv").write_text("file,label\na,x\nb,y\nc,x\nd,y\ne.docx,x\nf,y\n")
    study = Study.create(tmp_path / "study", documents=home, labels=tmp_path / "l.csv")
    assert [datum.name for datum in study.data] == list("abcd")
    (note,) = study.embedding["notes"]
    assert note.startswith("2 of 6 files cannot be read and are left out: e.docx is damaged")
    assert "; f.pdf is not a PDF" in note and study.embed(encoder=WordEncoder()) == {}
    assert study.kind.summary(study) == ["read 4 documents: 4 from .txt"]
    for name in "bd":
        (home / f"{name}.txt").write_bytes(b"\0\1" * 99)
    with pytest.raises(LabelsError, match="one class only can be read, 4 of 6 cannot: b.txt"):
        Study.create(tmp_path / "s", documents=home, labels=tmp_path / "l.csv")
    with pytest.raises(DocumentError, match="f.pdf is not a PDF"):
        Study.create(tmp_path / "s", documents=[home / "f.pdf"], labels=tmp_path / "l.csv")


def test_a_table_beside_texts_is_no_document(tmp_path):
    (tmp_path / "a.txt").write_text("One.")
    (tmp_path / "labels.csv").write_text("file,label\na,x\n")
    assert [file.name for file in list_documents(tmp_path)] == ["a.txt"]


def test_studies_of_before_read_their_files_as_they_did(tmp_path):
    from prospector_core.modalities.documents.document import Fields

    pages = [[(60, 820, "Hospital"), (60, 700, f"Body {n}.")] for n in range(2)]
    (tmp_path / "a.pdf").write_bytes(pdf_of(*pages))
    (tmp_path / "b.txt").write_text(HTML)
    assert read(tmp_path / "a.pdf", Fields(reader=1))[0][0].text == "Hospital\nBody 0.\n\nHospital\nBody 1."
    assert read(tmp_path / "b.txt", Fields(reader=1))[0][0].text == HTML


# ---- made to harm


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx"])
def test_a_small_archive_that_unpacks_to_much_is_refused_before_it_does(tmp_path, monkeypatch, name):
    monkeypatch.setenv(memory.VARIABLE, "50MB")
    inside = "word/document.xml" if name == "a.docx" else "xl/workbook.xml"
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, b" " * 20_000_000)
    with pytest.raises(DocumentError, match=r"what is packed in it needs .* --max-memory"):
        read(tmp_path / name)


def test_entities_of_xml_are_not_unfolded(tmp_path):
    def with_entities(source, inside, before, after):
        with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(tmp_path / "a.docx", "w") as new:
            for each in old.namelist():
                content = old.read(each)
                if each == inside:
                    content = content.replace(b"<w:document", before + b"<w:document", 1)
                    content = content.replace(b"MARK", after)
                new.writestr(each, content)

    (tmp_path / "secret").write_text("outside")
    declared = b'<!DOCTYPE x [<!ENTITY a "%s"><!ENTITY b SYSTEM "file://%s">]>' % (
        b"ha" * 9,
        str(tmp_path / "secret").encode(),
    )
    with_entities(word_file("One MARK."), "word/document.xml", declared, b"&a;&b;")
    try:
        said = read(tmp_path / "a.docx")[0][0].text
    except DocumentError as error:
        said = str(error)
    assert "haha" not in said and "outside" not in said


def test_a_web_page_nested_deeply_is_read_or_refused_in_a_line(tmp_path):
    (tmp_path / "a.html").write_text("<html><body>" + "<div>" * 100_000 + "deep")
    try:
        assert isinstance(read(tmp_path / "a.html")[0][0].text, str)
    except DocumentError as error:
        assert "a.html" in str(error)
