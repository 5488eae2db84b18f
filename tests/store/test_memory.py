"""Small files that unpack to, or claim, more than they may.

Refused in one line that names the limit, before they are unpacked.
"""

import gzip
import json
import struct
import zlib

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from prospector_core.errors import (
    BadInputError,
    DocumentError,
    EmbeddingError,
    GraphError,
    LabelsError,
    SlideError,
    StructureError,
)
from prospector_core.modalities.documents.files import DocumentFile
from prospector_core.modalities.graphs.files import open_tokens
from prospector_core.modalities.graphs.spatial import _check_offsets
from prospector_core.modalities.labels import read_labels
from prospector_core.modalities.slides.feature_files import read_features, read_vectors
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.structures.files import open_structure
from prospector_core.store import memory
from prospector_core.store.vectors import read_vector_file
from tests.support.slide_files import picture
from tests.support.structure_files import pdb_text


@pytest.fixture
def little(monkeypatch):
    """Files may ask for 4 MB only: bombs need not be large to be bombs."""
    monkeypatch.setenv(memory.VARIABLE, "4MB")


def says(error, look):
    with pytest.raises(error) as caught:
        look()
    said = str(caught.value)
    assert "\n" not in said
    return said


def names_the_way_out(said):
    assert "more than" in said and "--max-memory" in said and memory.VARIABLE in said, said


def documents(path):
    with DocumentFile(path) as file:
        return list(file)


def test_amounts_of_memory_as_people_write_them(monkeypatch):
    assert memory.parse_size("4GB") == 4 * 2**30 and memory.parse_size(" 1.5 mb") == 1.5 * 2**20
    assert memory.parse_size("2000") == 2000 and memory.parse_size("1 GiB") == 2**30
    for wrong in ("", "x", "-1GB", "0", "4 XB"):
        with pytest.raises(BadInputError, match="--max-memory"):
            memory.parse_size(wrong)
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    assert memory.most_memory() == 2**30


def test_a_file_may_ask_for_a_few_times_its_own_size(tmp_path, little):
    (tmp_path / "large").write_bytes(bytes(3 * 2**20))
    memory.check_memory(10 * 2**20, tmp_path / "large", "it", SlideError)
    names_the_way_out(
        says(SlideError, lambda: memory.check_memory(13 * 2**20, tmp_path / "large", "it", SlideError))
    )


def test_a_tile_or_strip_larger_than_it_may_be(tmp_path, little):
    black = np.zeros((1500, 1500, 3), np.uint8)
    for name, options in (("tile", {"tile": (1504, 1504)}), ("strip", {"rowsperstrip": 1500})):
        tifffile.imwrite(tmp_path / f"{name}.tif", black, photometric="rgb", compression="deflate", **options)
        names_the_way_out(says(SlideError, lambda name=name: open_slide(tmp_path / f"{name}.tif")))
    tifffile.imwrite(tmp_path / "tiles.tif", black, photometric="rgb", compression="deflate", tile=(256, 256))
    with open_slide(tmp_path / "tiles.tif") as slide:  # as large, in small tiles: read
        assert slide.thumbnail(100).shape == (100, 100, 3)


def test_a_large_picture_inside_a_small_tile(tmp_path):
    path, small = tmp_path / "a.tif", picture(64, 64)
    tifffile.imwrite(path, small, photometric="rgb", tile=(64, 64), compression="jpeg", metadata=None)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
    path.write_bytes(content)
    with open_slide(path) as slide:
        assert "30,000 x 30,000" in says(SlideError, lambda: slide.read_region(0, 0, 64, 64))


@pytest.mark.parametrize("tag", [256, 257, 322, 323])
def test_sides_of_nothing_or_of_all_the_world(tmp_path, tag):
    for value in (0, 2**31 - 1, 2**32 - 1):
        path = tmp_path / f"{value}.tif"
        tifffile.imwrite(path, picture(64, 64), photometric="rgb", tile=(64, 64), metadata=None)
        content = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as file:
            offset = file.pages[0].tags[tag].offset
        struct.pack_into("<HHII", content, offset, tag, 4, 1, value)
        path.write_bytes(content)

        def look(path=path):
            with open_slide(path) as slide:
                slide.thumbnail(64)
                slide.read_region(0, 0, 64, 64)

        says(SlideError, look)


def test_a_plain_image_larger_than_it_may_be(tmp_path, little, monkeypatch):
    Image.new("RGB", (1000, 1000)).save(tmp_path / "a.png")
    names_the_way_out(says(SlideError, lambda: open_slide(tmp_path / "a.png")))
    monkeypatch.setenv(memory.VARIABLE, "100MB")
    with open_slide(tmp_path / "a.png") as slide:
        assert slide.width == 1000


def test_a_packed_file_of_documents(tmp_path, little, monkeypatch):
    line = json.dumps({"id": "a", "text": "word " * 1000}).encode() + b"\n"
    (tmp_path / "many.jsonl.gz").write_bytes(gzip.compress(line * 5000))
    names_the_way_out(says(DocumentError, lambda: DocumentFile(tmp_path / "many.jsonl.gz")))
    monkeypatch.setenv(memory.VARIABLE, "100MB")
    with gzip.open(tmp_path / "one.jsonl.gz", "wb") as file:  # 40 MB of one letter in 40 KB
        for _ in range(40):
            file.write(b"a" * 2**20)
    assert "line" in says(DocumentError, lambda: DocumentFile(tmp_path / "one.jsonl.gz"))
    (tmp_path / "few.jsonl.gz").write_bytes(
        gzip.compress(
            b"".join(json.dumps({"id": str(i), "text": f"Sentence {i}."}).encode() + b"\n" for i in range(3))
        )
    )
    assert [document.text for document in documents(tmp_path / "few.jsonl.gz")] == [
        f"Sentence {i}." for i in range(3)
    ]


def test_many_lines_of_documents_are_read(tmp_path):
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", compresslevel=1) as file:
        for number in range(20_000):
            file.write(f'{{"id": {number}, "text": "A sentence of some words, number {number}."}}\n')
    with DocumentFile(tmp_path / "a.jsonl.gz") as file:
        last = None
        for last in file:  # noqa: B007
            pass
        assert last.name == "19999" and file.read(last.at).text == last.text


def test_documents_nested_deeply(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "x", "z": ' + "[" * 10_000 + "]" * 10_000 + "}\n")
    assert "nested" in says(DocumentError, lambda: documents(tmp_path / "a.jsonl"))
    (tmp_path / "b.jsonl").write_text('{"id": "a", "text": "x", "z": ' + "[" * 200 + "]" * 200 + "}\n")
    assert "nested" in says(DocumentError, lambda: documents(tmp_path / "b.jsonl"))


def pdf(path, drawn, pages=1):
    """A PDF whose pages all draw one thing."""
    packed = zlib.compress(drawn, 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (b"3 0 R " * pages, pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    path.write_bytes(
        out
        + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (table, len(out))
    )
    return path


def test_a_page_that_unpacks_to_more_than_is_read(tmp_path, little):
    names = says(
        DocumentError, lambda: documents(pdf(tmp_path / "a.pdf", b"(aaaaaaaaaaaaaaaaaaaaaa) Tj\n" * 40_000))
    )
    assert "--max-memory" in names and memory.VARIABLE in names


def test_one_page_many_times_over(tmp_path, monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "10MB")
    names = says(DocumentError, lambda: documents(pdf(tmp_path / "a.pdf", b"() Tj\n" * 500, pages=900)))
    assert "draws more" in names and "--max-memory" in names
    assert (
        documents(pdf(tmp_path / "b.pdf", b"BT /F1 12 Tf (A word) Tj ET", pages=3))[0].text.count("A word")
        == 3
    )


def test_a_packed_structure(tmp_path, little):
    (tmp_path / "a.pdb.gz").write_bytes(gzip.compress(pdb_text("ACDEF").encode() + b"REMARK 1\n" * 400_000))
    names_the_way_out(says(StructureError, lambda: open_structure(tmp_path / "a.pdb.gz")))


@pytest.mark.parametrize("letter", ["é", "漢", "\ud800", "\xff"])
def test_names_of_residues_that_are_no_ascii(tmp_path, letter):
    text = pdb_text("ACDEF")
    for row in (
        text.replace(" ALA ", f" A{letter}A "),
        text.replace(" CA ", f" C{letter} "),
        text.replace("ALA A", f"ALA {letter}"),
    ):
        (tmp_path / "a.pdb").write_bytes(row.encode("utf-8", "surrogatepass"))
        try:
            chain = open_structure(tmp_path / "a.pdb").chain()
        except StructureError as error:
            assert "\n" not in str(error)
        else:
            assert all(each.isascii() for each in (*chain.residues, *chain.chains))


def test_arrays_that_are_declared_and_not_there(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("features", (10**9, 1024), "f4", chunks=(1024, 1024))
        file.create_dataset("coords", (10**9, 2), "i8", chunks=(1024, 2))
    names_the_way_out(says(EmbeddingError, lambda: read_features(tmp_path / "a.h5")))
    names_the_way_out(says(EmbeddingError, lambda: read_vector_file(tmp_path / "a.h5")))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("features", (4, 10**9), "f4", chunks=(1, 10**6))
        file["coords"] = np.arange(8).reshape(4, 2) * 256
    names_the_way_out(says(EmbeddingError, lambda: read_vectors(read_features(tmp_path / "b.h5"))))


def cells(path, **x):
    """An AnnData of 4 cells and 3 genes whose X is sparse, with parts of it changed."""
    with h5py.File(path, "w") as file:
        for name, names in (("obs", ["a", "b", "c", "d"]), ("var", ["g", "h", "i"])):
            frame = file.create_group(name)
            frame.attrs["_index"] = "_index"
            frame["_index"] = np.array(names, "S")
        file["obsm/spatial"] = np.arange(8.0).reshape(4, 2)
        group = file.create_group("X")
        group.attrs.update({"encoding-type": x.pop("kind", "csr_matrix"), "shape": x.pop("shape", [4, 3])})
        for name, values in {
            "data": np.ones(4),
            "indices": np.array([0, 1, 2, 0]),
            "indptr": np.array([0, 1, 2, 3, 4]),
            **x,
        }.items():
            group[name] = values
    return path


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix"])
@pytest.mark.parametrize(
    "part",
    [
        {"indptr": np.array([0, 1, 2, 3, 10**12])},
        {"indptr": np.array([0, 3, 1, 3, 4])},
        {"indptr": np.array([-5, 1, 2, 3, 4])},
        {"indptr": np.array([0, 4])},
        {"indices": np.array([0, 1, 2, 10**9])},
        {"indices": np.array([0, -7, 2, 1])},
        {"shape": [4, 10**12]},
        {"shape": [10**12, 3]},
        {"shape": [4]},
        {"data": np.ones(2)},
    ],
)
def test_sparse_matrices_that_lie(tmp_path, kind, part):
    with open_tokens(cells(tmp_path / "good.h5ad")) as file:
        assert file.read("good").features.shape == (4, 3)
    path = cells(tmp_path / "a.h5ad", kind=kind, **part)

    def look():
        with open_tokens(path) as file:
            file.read("a")

    says(GraphError, look)


def test_a_table_whose_columns_take_no_place(tmp_path, little):
    import pyarrow
    import pyarrow.parquet

    column = pyarrow.array(np.zeros(2_000_000))
    pyarrow.parquet.write_table(
        pyarrow.table({"x": column, "y": column, "f": column}), tmp_path / "a.parquet", compression="zstd"
    )
    names_the_way_out(says(GraphError, lambda: open_tokens(tmp_path / "a.parquet")))
    np.savez_compressed(tmp_path / "a.npz", features=np.zeros((10**6, 3)), positions=np.zeros((10**6, 2)))
    names_the_way_out(says(GraphError, lambda: open_tokens(tmp_path / "a.npz")))


def test_the_option_of_the_command_line(tmp_path, monkeypatch, capsys):
    from prospector_core.cli import main

    monkeypatch.setenv(memory.VARIABLE, "1GB")  # and afterwards what it was
    for name, side in (("a.png", 1000), ("b.png", 20)):
        Image.new("RGB", (side, side)).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("slide,label\na.png,x\nb.png,y\n")
    new = [
        "new",
        str(tmp_path / "study"),
        "--slides",
        str(tmp_path),
        "--labels",
        str(tmp_path / "labels.csv"),
    ]
    for options in (["--max-memory", "4MB"], ["--max-memory", "nonsense"]):
        with pytest.raises(SystemExit) as left:
            main([*options, *new])
        said = capsys.readouterr().err
        assert (
            left.value.code == 2
            and said.count("\n") == 1
            and "--max-memory" in said
            and memory.VARIABLE in said
        )
    main(["--max-memory", "2GB", *new])
    assert (tmp_path / "study" / "study.sqlite").exists()


def test_a_message_is_one_line_of_a_length_that_can_be_read():
    said = str(SlideError("x" * 100_000 + "\n: copy it again"))
    assert len(said) <= 1500 and said.endswith(": copy it again") and "\n" not in said


# ---- images and shapes of cells


def cell_images(folder, side=64, **options):
    folder.mkdir(exist_ok=True)
    numbers = np.zeros((side, side), np.uint16)
    numbers[2:9, 2:9], numbers[20:30, 20:30] = 1, 2
    tifffile.imwrite(folder / "a_mask.tif", numbers, **options)
    tifffile.imwrite(
        folder / "a.tif",
        np.ones((2, side, side), np.uint8),
        photometric="minisblack",
        metadata={"axes": "CYX"},
        **options,
    )
    return folder / "a.tif"


def read_cells(path):
    with open_tokens(path) as file:
        return file.read(file.parts[0])


def look_under(path):
    with open_tokens(path) as file:
        under = file.under(file.parts[0])
        for image in under.images:
            for level in range(image.n_levels):
                image.read(0, level, 0, 9, 0, image.shape(level)[1])
        return under


def test_images_of_cells_that_unpack_to_more_than_they_may(tmp_path, little, monkeypatch):
    assert (
        len(read_cells(cell_images(tmp_path / "sound"))) == 2
        and look_under(tmp_path / "sound" / "a.tif").images
    )
    large = cell_images(tmp_path / "large", 4000, compression="zlib", rowsperstrip=4000)
    names_the_way_out(says(GraphError, lambda: read_cells(large)))
    names_the_way_out(says(GraphError, lambda: look_under(large)))
    tiled = cell_images(tmp_path / "tiled", 4000, compression="zlib", tile=(256, 256))
    names_the_way_out(says(GraphError, lambda: read_cells(tiled)))
    assert look_under(tiled).images  # piece by piece it is no larger than it may be
    monkeypatch.setenv(memory.VARIABLE, "1GB")
    assert len(read_cells(large)) == 2


@pytest.mark.parametrize("tag", [256, 257, 278, 322, 323])
def test_images_of_cells_whose_sides_are_none(tmp_path, tag):
    for value in (0, 2**31 - 1, 2**32 - 1):
        for name in ("a.tif", "a_mask.tif"):
            path = (
                cell_images(tmp_path / str(value), tile=(64, 64))
                if tag > 300
                else cell_images(tmp_path / str(value))
            )
            content = bytearray((path.parent / name).read_bytes())
            with tifffile.TiffFile(path.parent / name) as file:
                offset = file.pages[0].tags[tag].offset
            struct.pack_into("<HHII", content, offset, tag, 4, 1, value)
            (path.parent / name).write_bytes(content)
            for look in (read_cells, look_under):
                try:
                    look(path)  # rows of a strip beyond the image are no harm
                except GraphError as error:
                    assert "\n" not in str(error)
                else:
                    assert tag == 278 or name == "a_mask.tif" and look is look_under


def spatial_data(folder, labels=None, image=None, **shapes):
    """A SpatialData of two cells of labels or shapes, declared as given: (shape, chunks)."""
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    table = root.create_group("tables/table")
    table.attrs.update({"region_key": "region", "instance_key": "number"})
    for name, columns in (
        ("obs", {"_index": np.array([0, 1]), "number": np.array([1, 2])}),
        ("var", {"_index": np.array([0])}),
    ):
        frame = table.create_group(name)
        frame.attrs["_index"] = "_index"
        for column, values in columns.items():
            frame.create_array(column, data=values)
    region = table.create_group("obs/region")
    region.create_array("codes", data=np.zeros(2, np.int8))
    region.create_array("categories", data=np.array(["r"], "U1"))
    table.create_array("X", data=np.ones((2, 1)))
    for kind, name, sides in (("labels", "r", labels), ("images", "i", image)):
        if sides:
            group = root.create_group(f"{kind}/{name}")
            axes = "cyx"[3 - len(sides[0]) :]
            group.attrs["multiscales"] = [{"axes": list(axes), "datasets": [{"path": "0"}]}]
            group.create_array("0", shape=sides[0], chunks=sides[1], dtype="i4")
    if shapes:
        group = root.create_group("shapes/r")
        group.attrs["spatialdata_attrs"] = {"geos": {"type": 0}}
        for name, (shape, chunks) in shapes.items():
            group.create_array(name, shape=shape, chunks=chunks, dtype="f8")
    return folder


@pytest.mark.parametrize(
    "declared",
    [
        {"labels": ((10**6, 10**6), (512, 512))},
        {"labels": ((2048, 2048), (2048, 2048))},
        {"coords": ((10**9, 2), (1000, 2)), "Index": ((2,), (2,))},
        {"coords": ((2, 2), (2, 2)), "Index": ((10**9,), (1000,))},
        {"coords": ((2, 2), (10**6, 2)), "Index": ((2,), (2,))},
    ],
)
def test_elements_of_spatialdata_that_are_declared_and_not_there(tmp_path, little, declared):
    path = spatial_data(tmp_path / "a.zarr", **declared)
    names_the_way_out(says(GraphError, lambda: read_cells(path)))


def test_an_image_of_spatialdata_larger_than_it_may_be_is_left_out(tmp_path, little):
    """Cells are seen without it."""
    sound = {"labels": ((64, 64), (64, 64))}
    for name, sides, there in (
        ("sound", ((1, 64, 64), (1, 64, 64)), 1),
        ("chunk", ((1, 9000, 9000), (1, 9000, 9000)), 0),
        ("channels", ((10**8, 64, 64), (1, 64, 64)), 0),
    ):
        with open_tokens(spatial_data(tmp_path / f"{name}.zarr", **sound, image=sides)) as file:
            assert len(file.under(file.parts[0]).images) == there


@pytest.mark.parametrize("offsets", [[0, 10**9], [0, 5, 3], [-4, 3], [[0, 3]], [0.0, 3.0]])
def test_offsets_of_shapes_that_lead_elsewhere(offsets):
    with pytest.raises(GraphError, match="contradict themselves"):
        _check_offsets((np.array(offsets),), 4, "it")
    _check_offsets((np.array([0, 2, 4]), np.array([0, 2])), 4, "it")


# ---- chunks larger than their array, tables


def test_a_chunk_larger_than_its_array(tmp_path, little):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        wide = {"chunks": (4000, 1000), "maxshape": (None, None), "compression": "gzip"}
        file.create_dataset("features", data=np.ones((4, 6), "f4"), **wide)
        file["coords"] = np.arange(8).reshape(4, 2) * 256
    names_the_way_out(says(EmbeddingError, lambda: read_vectors(read_features(tmp_path / "a.h5"))))
    names_the_way_out(says(EmbeddingError, lambda: read_vector_file(tmp_path / "a.h5")))
    cells(tmp_path / "b.h5ad")
    with h5py.File(tmp_path / "b.h5ad", "a") as file:
        del file["X"]
        file.create_dataset("X", data=np.ones((4, 3)), **wide)
    names_the_way_out(says(GraphError, lambda: read_cells(tmp_path / "b.h5ad")))


def test_a_table_of_labels_larger_than_it_may_be(tmp_path, little):
    rows = "".join(f"s{number}.png,{number % 2}\n" for number in range(30_000))
    (tmp_path / "labels.csv").write_text("file,label\n" + rows)
    names_the_way_out(says(LabelsError, lambda: read_labels(tmp_path / "labels.csv")))
    (tmp_path / "one.csv").write_text("file,label\n" + "s" * 200_000 + ",1\nb,0\n")
    rows, _ = read_labels(tmp_path / "one.csv")  # a long cell alone is no harm
    assert len(rows[0].file) == 200_000


def test_a_table_of_very_many_columns_is_looked_through_once(tmp_path):
    names = [f"c{number}" for number in range(60_000)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n")
    assert "GraphError" in type(pytest.raises(GraphError, read_cells, tmp_path / "a.csv").value).__name__
