"""Small files laid out as scanners' formats are documented (openslide.org/formats).

From pictures of our own.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.support.slide_files import halves

_TILED = {"photometric": "rgb", "tile": (64, 64), "metadata": None}


def write_scn(path: Path, image: np.ndarray) -> Path:
    """Leica SCN: XML of a collection; a macro image of the whole slide, and a scan at an offset.

    0.5 um a pixel.
    """
    height, width = image.shape[:2]
    macro = np.zeros((height // 4, width // 4, 3), np.uint8)

    def part(name, view, pages, objective):
        sizes = "".join(
            f'<dimension sizeX="{w}" sizeY="{h}" r="{r}" ifd="{ifd}"/>' for r, (ifd, w, h) in enumerate(pages)
        )
        x, y, w, h = view
        return (
            f'<image name="{name}"><device model="made"'
            ' version="1"/><creationDate>2020-01-01T00:00:00Z</creationDate>'
            f'<pixels sizeX="{pages[0][1]}" sizeY="{pages[0][2]}">{sizes}</pixels>'
            f'<view sizeX="{w}" sizeY="{h}" offsetX="{x}" offsetY="{y}" spacingZ="0"/>'
            f"<scanSettings><objectiveSettings><objective>{objective}</objective></objectiveSettings>"
            "<illuminationSettings><numericalAperture>0.4</numericalAperture>"
            "<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"
        )

    levels = halves(image, 2)
    whole = (0, 0, width * 1000, height * 1000)  # nm
    scan = (width * 100, height * 200, width * 500, height * 500)
    pages = [(1 + i, level.shape[1], level.shape[0]) for i, level in enumerate(levels)]
    xml = (
        '<?xml version="1.0" encoding="utf-8"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"'
        f' uuid="u"><collection name="made" uuid="c" sizeX="{whole[2]}"'
        f' sizeY="{whole[3]}"><barcode>SECRET</barcode>'
        + part("macro", whole, [(0, macro.shape[1], macro.shape[0])], "0.6")
        + part("scan", scan, pages, "20")
        + "</collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(macro, description=xml, resolution=(10, 10), resolutionunit="CENTIMETER", **_TILED)
        for i, level in enumerate(levels):
            tif.write(
                level,
                resolution=(20000 / 2**i,) * 2,
                resolutionunit="CENTIMETER",
                compression="jpeg",
                **_TILED,
            )
    return path


def write_trestle(path: Path, image: np.ndarray) -> Path:
    """Trestle: levels as pages without overlap, the program's name in the Software tag.

    Resolution tags hold um a pixel.
    """
    with tifffile.TiffWriter(path) as tif:
        for level in halves(image, 3):
            tif.write(
                level,
                software="MedScan made",
                description="Background Color=FFFFFF;OverlapsXY= 0 0 0 0 0 0;Objective Power=20",
                resolution=(0.5, 0.5),
                compression="jpeg",
                **_TILED,
            )
    return path


def write_ndpi(path: Path, image: np.ndarray) -> Path:
    """Hamamatsu NDPI: each level one JPEG strip, the maker's tags; a macro image at the end.

    0.5 um a pixel.
    """
    levels = halves(image, 2)
    scans = [(each, 20.0 / 2**i) for i, each in enumerate(levels)]
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for i, (level, lens) in enumerate([*scans, (levels[1] * 0, -1.0)]):
            tags = [(65420, "I", 1, 1, True), (65421, "f", 1, lens, True)]
            tags += [
                (tag, "i", 1, 0, True) for tag in (65422, 65423, 65424)
            ]  # offsets of the scan, and its focus
            tif.write(
                iter([_jpeg(level)]),
                shape=level.shape,
                dtype=np.uint8,
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                rowsperstrip=level.shape[0],
                metadata=None,
                extratags=tags,
                software="made",
                resolution=(20000 / 2**i,) * 2,
                resolutionunit="CENTIMETER",
            )
    return path


def _jpeg(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0, **options)
    return buffer.getvalue()


def write_philips(path: Path, image: np.ndarray) -> Path:
    """Philips TIFF: XML of a data object in the description, levels as pages. 0.25 um a pixel."""
    levels = halves(image, 2)

    def attribute(name, text, kind="IString"):
        return f'<Attribute Name="{name}" Group="0x301D" Element="0x1000" PMSVR="{kind}">{text}</Attribute>'

    sizes = "".join(
        '<DataObject ObjectType="PixelDataRepresentation">'
        + attribute(
            "DICOM_PIXEL_SPACING",
            f"&quot;{0.00025 * 2**i}&quot; &quot;{0.00025 * 2**i}&quot;",
            "IDoubleArray",
        )
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", i, "IUInt16")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_COLUMNS", level.shape[1], "IUInt32")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_ROWS", level.shape[0], "IUInt32")
        + "</DataObject>"
        for i, level in enumerate(levels)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport">'
        + attribute("DICOM_MANUFACTURER", "PHILIPS")
        + '<Attribute Name="PIM_DP_SCANNED_IMAGES" Group="0x301D" Element="0x1003"'
        ' PMSVR="IDataObjectArray"><Array>'
        + '<DataObject ObjectType="DPScannedImage">'
        + attribute("PIM_DP_IMAGE_TYPE", "WSI")
        + attribute("DICOM_PIXEL_SPACING", "&quot;0.00025&quot; &quot;0.00025&quot;", "IDoubleArray")
        + '<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE" Group="0x1001" Element="0x8B01"'
        ' PMSVR="IDataObjectArray">'
        + f"<Array>{sizes}</Array></Attribute></DataObject></Array></Attribute></DataObject>"
    )
    with tifffile.TiffWriter(path) as tif:
        for i, level in enumerate(levels):
            tif.write(
                level,
                software="Philips DP v1.0",
                description=xml if i == 0 else f"level={i}",
                subfiletype=int(i > 0),
                compression="jpeg",
                **_TILED,
            )
    return path


def write_ventana(path: Path, image: np.ndarray) -> Path:
    """Ventana BIF: one area of interest of tiles without overlap; the stitching in XMP. 0.5 um a pixel."""
    height, width = image.shape[:2]
    columns, rows = width // 64, height // 64
    frames = "".join(f'<Frame XY="{c},{r}"/>' for r in range(rows) for c in range(columns))

    def number(column, row):  # from the lower left, there and back
        return (row * columns + (column if row % 2 == 0 else columns - 1 - column)) + 1

    joints = "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="100" Direction="RIGHT" Tile1="{number(c, r)}"'
        f' Tile2="{number(c + 1, r)}" OverlapX="0" OverlapY="0"/>'
        for r in range(rows)
        for c in range(columns - 1)
    ) + "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="100" Direction="UP" Tile1="{number(c, r)}"'
        f' Tile2="{number(c, r + 1)}" OverlapX="0" OverlapY="0"/>'
        for r in range(rows - 1)
        for c in range(columns)
    )
    iscan = (
        '<iScan Magnification="20" ScanRes="0.5" ScanWhitePoint="255" Z-layers="1">'
        '<AOI0 AOIScanned="1" Left="0" Top="0"/></iScan>'
    )
    first = f"<Metadata>{iscan}</Metadata>"
    encode = (
        f'<EncodeInfo Ver="2"><SlideInfo><AoiInfo XIMAGESIZE="64" YIMAGESIZE="64" NumRows="{rows}"'
        f' NumCols="{columns}" Pos-X="0" Pos-Y="0"/></SlideInfo><SlideStitchInfo><ImageInfo AOIScanned="1"'
        f' AOIIndex="0" NumRows="{rows}" NumCols="{columns}" Width="64" Height="64" Pos-X="0"'
        f' Pos-Y="0">{joints}</ImageInfo></SlideStitchInfo><AoiOrigin><AOI0 OriginX="0"'
        ' OriginY="0"/></AoiOrigin><FrameInfo><ImageInfo'
        f' AOIScanned="1">{frames}</ImageInfo></FrameInfo></EncodeInfo>'
    )
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(
            np.zeros((64, 128, 3), np.uint8),
            description="Label_Image",
            photometric="rgb",
            metadata=None,
            extratags=[(700, "B", len(first), first.encode(), True)],
        )
        for i, level in enumerate(halves(image, 2)):
            tif.write(
                level,
                description=f"level={i} mag={20 / 2**i:g} quality=95",
                compression="jpeg",
                extratags=[] if i else [(700, "B", len(encode), encode.encode(), True)],
                **_TILED,
            )
    return path


def write_vms(path: Path, image: np.ndarray) -> Path:
    """Hamamatsu VMS: a text that names a JPEG, a map of it and a macro image, beside it."""
    height, width = image.shape[:2]
    for name, part in (("scan", image), ("map", halves(image, 3)[2]), ("macro", image * 0)):
        path.with_name(f"{name}.jpg").write_bytes(_jpeg(part, restart_marker_blocks=8))
    path.write_text(
        "[Virtual Microscope"
        " Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=scan.jpg\nMapFile=map.jpg\n"
        f"MacroImage=macro.jpg\nSourceLens=20\nPhysicalWidth={width * 500}\nPhysicalHeight={height * 500}\n"
        "LayerSpacing=0\nMacroOffsetX=0\nMacroOffsetY=0\nPhysicalMacroWidth=1\nPhysicalMacroHeight=1\n"
    )
    return path


def write_dicom(folder: Path, image: np.ndarray) -> Path:
    """DICOM: a folder with two levels, tiled in full, JPEG, and a label image.

    0.5 um a pixel. Needs pydicom.
    """
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate

    folder.mkdir()
    parts = [(level, "VOLUME") for level in halves(image, 2)]
    for i, (level, kind) in enumerate([*parts, (image[:64, :64] * 0, "LABEL")]):
        height, width = level.shape[:2]
        padded = np.pad(level, [(0, -height % 64), (0, -width % 64), (0, 0)], constant_values=255)
        frames = [
            _jpeg(padded[y : y + 64, x : x + 64])
            for y in range(0, padded.shape[0], 64)
            for x in range(0, padded.shape[1], 64)
        ]
        data, meta = Dataset(), FileMetaDataset()
        data.file_meta = meta
        meta.MediaStorageSOPClassUID = data.SOPClassUID = (
            "1.2.840.10008.5.1.4.1.1.77.1.6"  # whole-slide microscopy
        )
        meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"1.2.3.4.{i + 1}"
        meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"  # JPEG baseline
        data.Modality, data.PatientName, data.InstanceNumber = "SM", "SECRET", i + 1
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = (
            "1.2.3.1",
            "1.2.3.2",
            "1.2.3.3",
        )
        data.ImageType = (
            ["DERIVED", "PRIMARY", kind, "RESAMPLED"] if i else ["ORIGINAL", "PRIMARY", kind, "NONE"]
        )
        data.Rows = data.Columns = 64
        data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows, data.NumberOfFrames = (
            width,
            height,
            len(frames),
        )
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
        data.DimensionOrganizationType, data.TotalPixelMatrixFocalPlanes, data.NumberOfOpticalPaths = (
            "TILED_FULL",
            1,
            1,
        )
        measures, groups, path = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing = [0.0005 * 2**i] * 2  # mm
        groups.PixelMeasuresSequence = [measures]
        path.OpticalPathIdentifier, path.ObjectiveLensPower = "1", 20
        data.SharedFunctionalGroupsSequence, data.OpticalPathSequence = [groups], [path]
        data.PixelData = encapsulate(frames)
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        pydicom.dcmwrite(folder / f"{kind.lower()} {i}.dcm", data, enforce_file_format=True)
    return folder
