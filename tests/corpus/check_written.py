"""Compares the files that `cargo test --test integration written::` leaves behind with what NumPy writes: byte for byte.

Archives are compared by their members, as a zip file may be put together in many ways.

    python tests/corpus/check_written.py [FOLDER]
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()


def numbers(shape, dtype):
    i = np.arange(int(np.prod(shape)))
    dtype = np.dtype(dtype)
    values = {"b": i % 3 == 1, "u": i * 37 % 101, "i": i * 37 % 101 - 50, "f": (i * 37 % 101 - 50) / 4}
    return values[dtype.kind].astype(dtype).reshape(shape)


def saved(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=False)
    return out.getvalue()


def records(**fields):
    first = next(iter(fields.values()))
    rows = first.shape[:1]
    array = np.zeros(rows, [(name, x.dtype, x.shape[1:]) for name, x in fields.items()])
    for name, x in fields.items():
        array[name] = x
    return array


def arrays():
    for dtype in DTYPES:
        yield f"{dtype}_0d", numbers((), dtype)
        yield f"{dtype}_1d", numbers((7,), dtype)
        yield f"{dtype}_empty", numbers((0, 3), dtype)
        yield f"{dtype}_4d", numbers((2, 1, 3, 2), dtype)
        yield f"{dtype}_8d", numbers((1, 2, 1, 3, 1, 2, 2, 1), dtype)
        yield f"{dtype}_fortran", numbers((4, 3, 2), dtype).T
        yield f"{dtype}_strided", np.ascontiguousarray(numbers((6, 6), dtype)[1::2, ::-2])
        yield f"{dtype}_swapped", np.ascontiguousarray(numbers((2, 3, 4), dtype).transpose(1, 0, 2))
        yield f"{dtype}_broadcast", np.ascontiguousarray(np.broadcast_to(numbers((3, 1), dtype), (3, 4)))
    halves = np.array([0x7C01, 0xFD55, 0x7E00, 0x8000, 0x0001, 0xFBFF], "u2").view("f2").reshape(2, 3)
    bits = [0x7F800001, 0xFFC12345, 0x7FC00000, 0x80000000, 0x00000001, 0xFF7FFFFF]
    for name, x in [("float16_bits", halves), ("float32_bits", np.array(bits, "u4").view("f4").reshape(2, 3))]:
        yield name, x
        yield f"{name}_fortran", x.T
        yield f"{name}_strided", np.ascontiguousarray(x[:, 1:])
    weight, number = numbers((5,), "f2"), numbers((5,), "i4")
    matrix = numbers((2, 3, 5), "i2").transpose(2, 1, 0)
    fields = dict(id=number, flag=numbers((5,), "?"), weight=weight, at=numbers((5, 3), "f4"), matrix=matrix)
    yield "fields", records(**fields)
    yield "fields_latin1", records(**{"größe": number, "it's": weight})
    yield "fields_utf8", records(**{"温度": weight, "x\"'\\\n": number})
    yield "fields_0d", records(a=numbers((), "f8"), b=numbers((), "u1"))
    yield "fields_empty", records(a=numbers((0,), "f8"), b=numbers((0, 2), "u1"))
    yield "fields_large", records(a=numbers((300_000,), "f8"), b=numbers((300_000, 3), "u1"))
    yield "fields_3000", records(**{f"a_field_with_a_number_{i}": number for i in range(3000)})


def check(folder):
    """Raises AssertionError where a file differs. Returns how many were compared."""
    names = set()
    for name, array in arrays():
        path = folder / f"{name}.npy"
        ours, theirs = path.read_bytes(), saved(array)
        assert ours == theirs, f"{path}: {ours[:200]!r}, NumPy writes {theirs[:200]!r}"
        read = np.load(path, max_header_size=1 << 20)
        assert read.dtype == array.dtype and read.shape == array.shape and read.tobytes() == array.tobytes(), path
        names.add(path.name)
    large = numbers((300, 500), "i2")
    members = {"x": numbers((4, 3, 2), "f4").T, "folder/größe": numbers((), "u8"), "large": large, "": numbers((), "u8")}
    for name in ["stored.npz", "deflated.npz", "bytes.npz"]:
        with zipfile.ZipFile(folder / name) as archive:
            assert archive.testzip() is None, name
            for member, array in members.items():
                assert archive.read(f"{member}.npy") == saved(array), f"{name}: {member}"
            method = zipfile.ZIP_DEFLATED if name == "deflated.npz" else zipfile.ZIP_STORED
            assert all(info.compress_type == method for info in archive.infolist()), name
        with np.load(folder / name) as archive:
            assert archive.files == list(members), archive.files
            for member, array in members.items():
                np.testing.assert_array_equal(archive[member], array, strict=True)
        names.add(name)
    others = {path.name for path in folder.iterdir()} - names
    assert not others, f"unknown files {sorted(others)}"
    return len(names)


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "target" / "tmp" / "written"
    print(f"{check(Path(sys.argv[1]) if len(sys.argv) > 1 else default)} files are what NumPy writes")
