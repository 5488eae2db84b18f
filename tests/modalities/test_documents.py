"""Studies of documents: what is read, how labels find them, what is kept, and what leaves."""

import gzip
import json

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import BadInputError, DocumentError, LabelsError
from prospector_core.exporters import export
from prospector_core.modalities.documents.files import DocumentFile, list_documents
from prospector_core.modalities.documents.texts import sections_of, sentences_of
from tests.support.text_studies import WordEncoder, make_text_study, texts, write_jsonl


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_text_study(tmp_path_factory.mktemp("texts"))


def pdf_of(*pages):
    """A PDF with a line of Helvetica a page, written by hand."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R /Resources <<"
            " /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{at:010} 00000 n \n" for at in places
    )
    return (
        out
        + f"{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF".encode()
    )


def test_a_folder_of_text_markdown_and_pdf(tmp_path):
    home = tmp_path / "docs"
    (home / "more").mkdir(parents=True)
    (home / "a.txt").write_bytes("Grüße. Zweiter Satz.".encode("utf-16"))
    (home / "b.md").write_text("# Title\n\nText *here*.\n")
    (home / "c.pdf").write_bytes(pdf_of("No tumour seen. Margins free.", "Page two."))
    (home / "more" / "d.txt").write_bytes("Caf\xe9. ".encode("cp1252") + b"\n" + "Größe.".encode())
    (home / ".hidden.txt").write_text("no")
    found = {file.name: next(iter(DocumentFile(file))) for file in list_documents(home)}
    assert list(found) == ["a.txt", "b.md", "c.pdf", "d.txt"]
    assert found["a.txt"].text == "Grüße. Zweiter Satz." and found["b.md"].markdown
    assert [s.heading for s in found["c.pdf"].sections] == ["page 1", "page 2"] and "Page two." in found[
        "c.pdf"
    ].text
    assert found["d.txt"].text == "Café. \nGröße." and "1 of 2 lines are not UTF-8" in found["d.txt"].note
    (tmp_path / "labels.csv").write_text("file,label\na,x\nb.md,y\nc,x\nmore/d.txt,y\n")
    study = Study.create(tmp_path / "study", documents=home, labels=tmp_path / "labels.csv")
    assert study.embed(encoder=WordEncoder()) == {}
    assert sentences_of(study, "c") == ["No tumour seen.", "Margins free.", "Page two."]
    assert sections_of(study.positions("c"), study.attrs("c")) == ["page 1", "page 1", "page 2"]
    assert sentences_of(study, "b.md") == ["Title", "Text here."]
    assert study.kind.place(study, "c", 2) == {"sentence": 3, "section": "page 2"}


def test_sections_titles_and_fields_of_json_lines(tmp_path):
    lines = [
        {
            "id": 7,
            "title": "One",
            "sections": [{"label": "first", "text": "A b. C d."}, {"heading": "second", "text": "E f."}],
            "class": 1,
            "split": "Test",
        },
        {"id": True, "sections": {"only": "A b."}, "class": 0},
        {"id": 2.0, "text": "A\x00b.", "class": None},
        {"id": "x", "sections": ["A b.", "C d."], "class": 0},
    ]
    path = tmp_path / "docs.jsonl.gz"
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, lines)).encode()))
    with DocumentFile(path) as file:
        found = list(file)
        assert file.read(found[2].at).text == "A b."
    assert [d.name for d in found] == ["7", "true", "2", "x"] and [d.line for d in found] == [1, 3, 5, 7]
    one = found[0]
    assert [(s.heading, one.text[s.start : s.end]) for s in one.sections] == [
        ("first", "A b. C d."),
        ("second", "E f."),
    ]
    assert (one.title, one.label, one.split) == ("One", "1", "test")
    study = Study.create(tmp_path / "study", documents=path)
    assert study.classes == ("0", "1") and [d.label for d in study.data] == [1, 0, None, 0]
    assert study.embed(encoder=WordEncoder()) == {}
    assert study.graph("7").n == 3 and len(study.positions("7")) == 3


def test_tokens_form_a_chain_of_reach_two(study):
    graph = study.graph(study.data[1])
    assert graph.n == len(sentences_of(study, study.data[1])) > 5
    edges = {tuple(sorted(map(int, edge))) for edge in graph.edges}
    assert edges == {(i, j) for i in range(graph.n) for j in (i + 1, i + 2) if j < graph.n}


def test_the_map_finds_the_sentences_that_make_the_class(study):
    for datum in study.data:
        if datum.label == 1:
            top = sentences_of(study, datum)[int(np.nanargmax(study.prospect(datum)))]
            assert "node" in top


def test_windows_of_words_in_place_of_sentences(tmp_path):
    study = Study.create(tmp_path / "study", documents=write_jsonl(tmp_path / "d.jsonl", 2), words=4)
    study.embed(encoder=WordEncoder())
    assert sentences_of(study, "case 0")[0] == "The grade is 0." and study.attrs("case 0")["words"] == 4
    assert Study.open(study.path).kind.words.count(2) == "2 passages"
    assert study.kind.place(study, "case 0", 0) == {
        "passage": 1,
        "section": "",
    } and "passage" in study.kind.places(study, "case 0")


def test_embedding_goes_on_where_it_was_stopped_and_gives_the_same(tmp_path):
    path = tmp_path / "long.jsonl"
    rows = [{"id": label, "text": "A node. The margin. " * 400, "label": label} for label in ("a", "b")]
    path.write_text("\n".join(map(json.dumps, rows)))
    study = Study.create(tmp_path / "study", documents=path)
    asked = iter([False, False, False, True, True, True, True, True])
    study.embed(encoder=WordEncoder(), stop=lambda: next(asked, True))
    done, total = study.store.progress(study.data[0].uid)
    assert 0 < done < total == 800
    study.embed(encoder=WordEncoder())
    again = WordEncoder().encode(sentences_of(study, "a"))
    np.testing.assert_array_equal(study.store.vectors(study.data[0].uid)[:], again)


def test_a_changed_file_is_noticed(tmp_path):
    study = Study.create(tmp_path / "study", documents=write_jsonl(tmp_path / "docs.jsonl"))
    lines = (tmp_path / "docs.jsonl").read_text().splitlines()
    (tmp_path / "docs.jsonl").write_text("\n".join(lines[1:]))
    failed = study.embed(encoder=WordEncoder())
    assert failed and all("changed after the study was made" in reason for reason in failed.values())


def test_empty_documents_are_left_out_and_said(tmp_path):
    (tmp_path / "docs").mkdir()
    for name, text in (("a", ""), ("b", " \n\t"), ("c", "One sentence."), ("d", "Another")):
        (tmp_path / "docs" / f"{name}.txt").write_text(text)
    (tmp_path / "l.csv").write_text("file,label\na,x\nb,y\nc,x\nd,y\n")
    study = Study.create(tmp_path / "study", documents=tmp_path / "docs", labels=tmp_path / "l.csv")
    assert study.embedding["notes"] == ["2 documents are empty and will be left out: a, b"]
    failed = study.embed(encoder=WordEncoder())
    assert sorted(failed.values()) == [f"{name}: it is empty, no sentence is in it" for name in "ab"]
    assert study.n_tokens("c") == study.n_tokens("d") == 1
    study.fit(concepts=2, radius=1)
    assert np.isfinite(study.prospect("c")).all()


def test_labels_and_documents_must_meet(tmp_path):
    path = write_jsonl(tmp_path / "docs.jsonl", 4)

    def refused(rows, error=LabelsError, documents=path, **options):
        (tmp_path / "l.csv").write_text(rows)
        with pytest.raises(error) as caught:
            Study.create(tmp_path / "study", documents=documents, labels=tmp_path / "l.csv", **options)
        assert not (tmp_path / "study").exists()
        return str(caught.value)

    assert "case 9, not found among the 4 documents" in refused("id,label\ncase 0,a\ncase 9,b\n")
    assert "are the same document" in refused("name,file,label\nx,case 0,a\ny,CASE 0,b\n")
    assert "no rules for the language 'xx'" in refused(
        "id,label\ncase 0,a\ncase 1,b\n", BadInputError, language="xx"
    )
    assert "0 words" in refused("id,label\ncase 0,a\ncase 1,b\n", BadInputError, words=0)
    assert "there is no encoder of texts named x" in refused(
        "id,label\ncase 0,a\ncase 1,b\n", BadInputError, encoder="x"
    )
    study = Study.create(tmp_path / "study", documents=path, labels=tmp_path / "l.csv")
    assert [d.name for d in study.data] == [
        "case 0",
        "case 1",
    ] and "2 documents have no line" in study.embedding["notes"][0]


def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path):
    for number, part in enumerate(("a", "b")):
        (tmp_path / "docs" / part).mkdir(parents=True)
        (tmp_path / "docs" / part / "report.txt").write_text(texts()[number])
    (tmp_path / "l.csv").write_text("file,label\nreport.txt,x\nreport,y\n")
    with pytest.raises(LabelsError, match="could be 2 documents"):
        Study.create(tmp_path / "study", documents=tmp_path / "docs", labels=tmp_path / "l.csv")
    (tmp_path / "l.csv").write_text("file,label\na/report.txt,x\nb/report.txt,y\n")
    study = Study.create(tmp_path / "study", documents=tmp_path / "docs", labels=tmp_path / "l.csv")
    study.embed(encoder=WordEncoder())
    assert study.attrs("b/report.txt")["text"] == texts()[1]


@pytest.mark.parametrize("name", ["locked", "cut", "text"])
def test_a_pdf_that_cannot_be_read_is_one_line(tmp_path, name):
    from pypdf import PdfReader, PdfWriter

    path = tmp_path / "x.pdf"
    path.write_bytes(pdf_of("a"))
    if name == "locked":
        writer = PdfWriter(clone_from=PdfReader(path))
        writer.encrypt("secret")
        writer.write(path)
    else:
        path.write_bytes(pdf_of("a")[:60] if name == "cut" else b"hello")
    with pytest.raises(DocumentError, match=r"x\.pdf is (locked|not a PDF)"):
        next(iter(DocumentFile(path)))


# ---- what leaves


def test_json_lines_and_annotations_point_into_the_text(study, tmp_path):
    datum = study.data[1]
    study.curation.rename(int(study.concepts_of(datum)[0]), "<first> & best")
    (path,) = export(study, "jsonl", tmp_path / "out", [datum]).values()
    assert path.name == f"{datum.uid}.jsonl" and datum.name not in path.read_text()
    found = json.loads(path.read_text())
    scores = study.prospect(datum)
    assert [found["text"][s["start"] : s["end"]] for s in found["spans"]] == sentences_of(study, datum)
    np.testing.assert_allclose([s["score"] for s in found["spans"]], scores, atol=1e-6)
    assert found["spans"][0]["label"] == "<first> & best" and found["label"] == "yes"
    (path,) = export(study, "annotations", tmp_path / "out", [datum]).values()
    page = json.loads(path.read_text())
    assert page["@context"] == "http://www.w3.org/ns/anno.jsonld" and page["type"] == "AnnotationPage"
    for item, span in zip(page["items"], found["spans"], strict=True):
        where, quote = item["target"]["selector"]
        assert (where["type"], where["start"], where["end"]) == (
            "TextPositionSelector",
            span["start"],
            span["end"],
        )
        assert (
            quote["exact"] == span["text"]
            and found["text"].find(quote["prefix"] + quote["exact"] + quote["suffix"]) >= 0
        )
        assert [body["purpose"] for body in item["body"]] == ["classifying", "assessing"]


def test_the_page_holds_the_whole_text_and_loads_nothing(study, tmp_path):
    datum = study.data[1]
    (path,) = export(study, "html", tmp_path / "out", [datum]).values()
    page = path.read_text()
    assert page.count("<mark") == study.n_tokens(datum) and "&lt;first&gt; &amp; best" in page
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    assert "speaks for yes" in page and datum.name not in page


def test_tables_have_places_and_slides_formats_are_refused(study, tmp_path):
    (path,) = export(study, "csv", tmp_path / "out", study.data[:1]).values()
    assert (
        path.read_text().splitlines()[0]
        == '"token","sentence","start","end","section","text","concept","name","score","pinned"'
    )
    with pytest.raises(BadInputError, match="geojson is not a format for documents"):
        export(study, "geojson", tmp_path / "out")


# ---- text that is not kept


def test_a_study_may_keep_no_text(tmp_path):
    """Then nothing of the documents is in the study or leaves with an address.

    It is read where it is shown.
    """
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Heading zebra\n\nThe quagga sleeps. The okapi eats.\n")
    lines = [
        {
            "id": f"n{n}",
            "title": "Title gnu",
            "sections": [{"label": "Part eland", "text": f"One {word}. Two {word}."}],
            "label": "ab"[n % 2],
        }
        for n, word in enumerate(["kudu", "oryx", "impala", "dikdik"])
    ]
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "labels.csv").write_text("file,label\na.md,a\nn0,b\nn1,a\nn2,b\nn3,a\n")
    options = {"documents": folder, "labels": tmp_path / "labels.csv"}
    usual = Study.create(tmp_path / "usual", **options)
    study = Study.create(tmp_path / "study", **options, keep_text=False)
    words = ("zebra", "quagga", "okapi", "gnu", "eland", "kudu", "oryx", "impala", "dikdik")
    for made in (usual, study):
        assert made.embed(encoder=WordEncoder()) == {}
        made.fit(concepts=2)
    for name in ("a.md", "n0", "n3"):
        assert study.attrs(name)["text"] == usual.attrs(name)["text"] != ""
        for key in ("title", "sections"):
            assert study.attrs(name)[key] == usual.attrs(name)[key]
        assert sentences_of(study, name) == sentences_of(usual, name)
        assert study.prospect(name).tobytes() == usual.prospect(name).tobytes()
    kept = {
        made: b"".join(path.read_bytes() for path in made.path.rglob("*") if path.is_file())
        for made in (usual, study)
    }
    assert b"okapi" in kept[usual] and not [word for word in words if word.encode() in kept[study]]
    assert (
        export(study, "html", tmp_path / "out")
        and "kudu" in (tmp_path / "out" / f"{study.datum('n0').uid}.html").read_text()
    )
    assert study.embed(encoder=WordEncoder(), anew=True) == {}  # and the same again
    (folder / "a.md").write_text("# Heading zebra\n\nThe quagga sleeps. The okapi ate.\n")
    with pytest.raises(DocumentError, match=r"a.md was changed after it was embedded"):
        sentences_of(study, "a.md")
    (folder / "b.jsonl").unlink()
    with pytest.raises(DocumentError, match="keeps no text.*put it back"):
        sentences_of(study, "n0")
    assert sentences_of(usual, "n0") == ["One kudu.", "Two kudu."] and len(study.prospect("n0")) == 2
