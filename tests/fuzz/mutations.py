"""Small changes to bytes, text, JSON, tables, TIFF, PNG and HDF5 that a reader may stumble over.

All of them drawn from a seed.
"""

import json
import random
import re
import struct
import zlib

__all__ = [
    "mutate_bytes",
    "mutate_hdf5",
    "mutate_json",
    "mutate_png",
    "mutate_table",
    "mutate_text",
    "mutate_tiff",
]

EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    10**6,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
WORDS = (
    "",
    "nan",
    "-nan",
    "inf",
    "-1",
    "0",
    "1e308",
    "1e-320",
    "9" * 30,
    "9" * 5000,
    "-0.0",
    "1_000",
    "0x10",
    "\0",
    "\ufeff",
    "é",
    "漢字",
    "\ud800",
    "a" * 5000,
    "'",
    '"',
    '"\n',
    ",",
    ";",
    "\t",
    "\r",
    "\x1b[2J",
    "../../etc/passwd",
    "%s%n",
    "None",
    "true",
)
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    1.5,
    -0.0,
    10**6,
    2**31,
    2**63,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "é" * 99,
    [],
    {},
    [[]],
    [None],
    [1, 2, 3],
    ["x"],
    {"x": 1},
    "../../../etc/passwd",
    "\0",
    [0] * 1000,
)


def mutate_bytes(content, draw):
    """Flip, cut, repeat, move or overwrite a few bytes."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        if not found:
            break
        at, how = draw.randrange(len(found)), draw.randrange(9)
        length = min(len(found) - at, draw.choice((1, 2, 4, 8, 64, 512)))
        if how == 0:
            found[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del found[at:]
        elif how == 2:
            found[at:at] = found[at : at + length] * draw.choice((1, 2, 50))
        elif how == 3:
            del found[at : at + length]
        elif how == 4:
            other = draw.randrange(len(found))
            found[at : at + length] = found[other : other + length]
        elif how == 5:
            found[at : at + length] = bytes(draw.randrange(256) for _ in range(length))
        else:
            order, size = draw.choice("<>"), draw.choice("HIQ")
            value = draw.choice(EXTREMES) & (256 ** struct.calcsize(size) - 1)
            at -= at % draw.choice((1, 2, 4))
            packed = struct.pack(order + size, value)
            found[at : at + len(packed)] = packed
    return bytes(found)


def mutate_text(content, draw):
    """Change words and lines, or bytes."""
    if draw.random() < 0.3:
        return mutate_bytes(content, draw)
    lines = content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    for _ in range(draw.choice((1, 1, 2, 5))):
        if not lines:
            break
        at, how = draw.randrange(len(lines)), draw.randrange(7)
        if how == 0:
            lines.insert(at, lines[draw.randrange(len(lines))])
        elif how == 1:
            del lines[at]
        elif how == 2:
            lines[at] = lines[at] * draw.choice((2, 300))
        elif how == 3:
            other = draw.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 4:  # columns shift
            column = draw.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:column] + draw.choice(WORDS) + lines[at][column:]
        else:
            words = re.split(r"(\s+)", lines[at])
            words[draw.randrange(len(words))] = draw.choice(WORDS)
            lines[at] = "".join(words)
    return "".join(lines).encode("utf-8", "surrogatepass" if draw.random() < 0.5 else "replace")


def mutate_table(content, draw):
    """Change cells, columns and lines of a CSV."""
    if draw.random() < 0.3:
        return mutate_text(content, draw)
    rows = [line.split(",") for line in content.decode("utf-8", "replace").splitlines()]
    for _ in range(draw.choice((1, 1, 2, 4))):
        at, how = draw.randrange(len(rows)), draw.randrange(6)
        column = draw.randrange(len(rows[at])) if rows[at] else 0
        if how == 0:
            rows[0] = [draw.choice((each, *WORDS[:3], "x", "label")) for each in rows[0]]
        elif how == 1:
            rows[at] = rows[at] * draw.choice((0, 2, 100))
        elif how == 2:
            rows = [row[:column] + row[column + 1 :] for row in rows]
        elif rows[at]:
            rows[at][column] = draw.choice(WORDS)
    text = draw.choice(("\n", "\r\n", "\r")).join(map(draw.choice((",", ",", ",", ";", "\t")).join, rows))
    return text.encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-16", "cp1252")), "replace")


def mutate_json(value, draw):
    """A JSON value with one or two of its parts changed, left out, or put elsewhere."""
    value = json.loads(json.dumps(value))
    for _ in range(draw.choice((1, 1, 2))):
        holders = list(_holders(value))
        if not holders:
            return draw.choice(VALUES)
        holder, key = draw.choice(holders)
        how = draw.randrange(8)
        if how == 0 and isinstance(holder, dict):
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[draw.choice(("", "x", *map(str, holder)))] = holder.pop(key)
        elif how == 2 and isinstance(holder, list):
            holder.extend([holder[key]] * draw.choice((1, 50)))
        elif how == 3:
            other, name = draw.choice(holders)
            if name in other if isinstance(other, dict) else name < len(other):
                holder[key] = json.loads(json.dumps(other[name]))
        elif how == 4 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = draw.choice(
                (-holder[key], holder[key] * 1000, holder[key] + 1, str(holder[key]), 10**12)
            )
        else:
            holder[key] = draw.choice(VALUES)
    return value


def _holders(value):
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _holders(value[key])


def mutate_tiff(content, draw):
    """Change tags of the directories of a classic little-endian TIFF, or bytes."""
    if draw.random() < 0.25 or content[:4] != b"II*\0":
        return mutate_bytes(content, draw)
    entries, links, at, seen = [], [4], struct.unpack_from("<I", content, 4)[0], set()
    while at and at not in seen and at + 2 <= len(content):
        seen.add(at)
        count = struct.unpack_from("<H", content, at)[0]
        entries += [at + 2 + 12 * n for n in range(count)]
        links.append(at + 2 + 12 * count)
        at = struct.unpack_from("<I", content, links[-1])[0]
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        entry, how = draw.choice(entries), draw.randrange(8)
        if how == 0:
            struct.pack_into("<H", found, entry + 2, draw.choice((0, 1, 2, 3, 4, 5, 7, 12, 13, 16, 99)))
        elif how == 1:
            struct.pack_into("<I", found, entry + 4, draw.choice(EXTREMES) & 0xFFFFFFFF)
        elif how == 2:
            other = draw.choice(entries)
            found[entry + 8 : entry + 12], found[other + 8 : other + 12] = (
                found[other + 8 : other + 12],
                found[entry + 8 : entry + 12],
            )
        elif how == 3:
            struct.pack_into("<I", found, draw.choice(links), draw.choice((*EXTREMES, *seen)) & 0xFFFFFFFF)
        elif how == 4:
            struct.pack_into(
                "<H",
                found,
                entry,
                draw.choice((254, 256, 257, 258, 259, 262, 277, 322, 323, 324, 325, 330, 347, 65535)),
            )
        else:
            struct.pack_into(
                "<I", found, entry + 8, draw.choice((*EXTREMES, draw.randrange(len(found)))) & 0xFFFFFFFF
            )
    return bytes(found)


def mutate_png(content, draw):
    """Change chunks of a PNG and make their checksums fit again, or change bytes."""
    if draw.random() < 0.2:
        return mutate_bytes(content, draw)
    chunks, at = [], 8
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        chunks.append([kind, content[at + 8 : at + 8 + length]])
        at += 12 + length
    for _ in range(draw.choice((1, 1, 2))):
        which, how = draw.randrange(len(chunks)), draw.randrange(6)
        if how == 0:
            chunks.insert(which, list(draw.choice(chunks)))
        elif how == 1 and len(chunks) > 1:
            del chunks[which]
        elif how == 2:
            chunks[which][0] = draw.choice(
                (b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"IEND", b"zTXt", b"iCCP", b"pHYs", b"\0\0\0\0")
            )
        elif how == 3 and chunks[0][0] == b"IHDR" and len(chunks[0][1]) == 13:
            sides = (1, 20_000, 100_000, 2**31 - 1, *struct.unpack_from(">2I", chunks[0][1]))
            head = struct.pack(">2I", draw.choice(sides), draw.choice(sides))
            rest = bytes(
                (draw.choice((1, 8, 16, 3)), draw.choice((0, 2, 3, 4, 6, 9)), 0, 0, draw.randrange(3))
            )
            chunks[0][1] = head + (rest if draw.random() < 0.5 else chunks[0][1][8:])
        else:
            chunks[which][1] = mutate_bytes(chunks[which][1], draw)
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return content[:8] + b"".join(packed)


def mutate_hdf5(path, draw):
    """Change a HDF5 file in its place.

    Arrays of other shapes, types and values, attributes, links; or bytes.
    """
    import h5py
    import numpy as np

    if draw.random() < 0.3:
        path.write_bytes(mutate_bytes(path.read_bytes(), draw))
        return
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        for _ in range(draw.choice((1, 1, 2))):
            name, how = draw.choice(names), draw.randrange(9)
            if file.get(name) is None:
                continue
            node = file[name]
            if how == 0:
                del file[name]
            elif how == 1 and len(node.attrs):
                node.attrs[draw.choice(list(node.attrs))] = draw.choice(
                    ("x", -1, 0, 10**12, np.nan, [1, 2, 3], b"\xff", "")
                )
            elif how == 2 and len(node.attrs):
                del node.attrs[draw.choice(list(node.attrs))]
            elif how == 3 and draw.choice(names) in file:
                del file[name]
                other = draw.choice(names)
                file[name] = h5py.SoftLink("/" + draw.choice((other, "nowhere", name)))
            elif isinstance(node, h5py.Dataset):
                shape, kind, values = node.shape, node.dtype, node[()] if how in (4, 5) else None
                del file[name]
                if how == 4 and values.size and values.dtype.kind in "fiu":
                    values = np.array(values)
                    wild = (0, -1, 1, 2**31 - 1, 10**9, np.nan if values.dtype.kind == "f" else 7)
                    with np.errstate(all="ignore"):
                        values.flat[draw.randrange(values.size)] = np.array(draw.choice(wild)).astype(
                            values.dtype
                        )
                    file[name] = values
                elif how == 5 and values.ndim:
                    file[name] = draw.choice(
                        (values[:-1], values[:0], values[None], values.ravel(), np.repeat(values, 2, 0))
                    )
                elif how == 6:
                    huge = draw.choice(
                        ((10**9, 1024), (2**40,), (10**6, 10**6), (0,), (), (1, 0), (3, 4, 5, 6))
                    )
                    file.create_dataset(
                        name,
                        huge,
                        kind if kind.kind in "fiu" else "f4",
                        chunks=(1024,) * len(huge) or None if min(huge, default=0) > 1023 else None,
                    )
                elif how == 7:
                    file.create_dataset(name, shape, draw.choice(("f8", "i1", "u8", "S4", "bool", "c8")))
                else:
                    file.create_dataset(name, shape, h5py.string_dtype())


def drawn(seed):
    """A generator of its own for a seed, the same everywhere."""
    return random.Random(seed)
