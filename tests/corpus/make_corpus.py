"""Writes corpus.zip: .npy and .npz files, valid and broken, and corpus.json with what a reader must find in them.

NumPy writes every valid file that it can write. The others are put together here, and what NumPy reads from them is
what is expected, so that it has the last word; the few on which Kiln differs by intent are among the broken ones.
"""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NATIVE = "<"
CODES = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


class Corpus:
    def __init__(self):
        self.files, self.valid, self.broken = {}, [], []

    def add(self, name, data):
        assert name not in self.files, name
        self.files[name] = data

    def good(self, name, data, fields=(), refused=()):
        """A .npy file: `fields` are dotted paths, `refused` pairs of a path and a part of the message."""
        self.add(name, data)
        array = np.load(io.BytesIO(data), max_header_size=1 << 20)
        arrays = [expected(array, path, len(data) - array.nbytes) for path in fields or [None]]
        self.valid.append({"file": name, "arrays": arrays, "refused": list(refused), "shape": list(array.shape)})

    def good_npz(self, name, data, names, fields=()):
        self.add(name, data)
        with np.load(io.BytesIO(data)) as archive:
            assert archive.files == names, (archive.files, names)
            arrays = [dict(expected(archive[n], None, None), member=n) for n in names if n not in dict(fields)]
            for member, paths in fields:
                arrays += [dict(expected(archive[member], path, None), member=member) for path in paths]
        self.valid.append({"file": name, "arrays": arrays, "refused": [], "names": names})

    def bad(self, name, data, message, **more):
        self.add(name, data)
        self.broken.append({"file": name, "message": message, **more})

    def write(self):
        names = [case["file"] for case in self.valid + self.broken]
        assert sorted(names) == sorted(self.files)
        manifest = {"valid": self.valid, "broken": self.broken}
        with zipfile.ZipFile(HERE / "corpus.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data in [("corpus.json", json.dumps(manifest, indent=0).encode()), *self.files.items()]:
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)
        print(f"{len(self.valid)} valid files, {len(self.broken)} broken ones,", end=" ")
        print(f"{(HERE / 'corpus.zip').stat().st_size} bytes")


def expected(array, path, start):
    """What a reader finds at a path, and whether it can be had without a copy; the data start at byte `start`."""
    column, offset = array, 0
    for part in path.split(".") if path else []:
        offset += column.dtype.fields[part][1]
        column = column[part]
    dtype = column.dtype
    steps = [s for n, s in zip(column.shape, column.strides) if n > 1]
    is_native = dtype.isnative and dtype != np.bool_
    is_mapped = column.size == 0 or not any(n % dtype.itemsize for n in [start or 0, offset, *steps])
    # Bools may be any byte in a file.
    value = column != 0 if dtype == np.bool_ else column.astype(dtype.newbyteorder(NATIVE))
    return {
        "path": path,
        "dtype": dtype.name,
        "shape": list(column.shape),
        "bytes": value.tobytes(order="C").hex(),
        "mapped": bool(is_native and is_mapped),
    }


def saved(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version, allow_pickle=False)
    return out.getvalue()


def raw(header, data=b"", version=(1, 0), encoding="latin-1", magic=b"\x93NUMPY", length=None):
    """A .npy file with this header, whatever it says."""
    text = header if isinstance(header, bytes) else header.encode(encoding)
    length = len(text) if length is None else length
    return magic + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", length) + text + data


def dictionary(descr="'<f4'", shape="(2,)", fortran="False"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def zipped(members, method=zipfile.ZIP_STORED, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, **options) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def savez(compressed=False, **arrays):
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    return out.getvalue()


def patched(data, signature, offset, replacement, which=0):
    """Overwrites bytes of the n-th zip record with this signature."""
    at = -1
    for _ in range(which + 1):
        at = data.index(signature, at + 1)
    at += offset
    return data[:at] + replacement + data[at + len(replacement) :]


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def values(code, count):
    if code == "b1":
        return np.arange(count) % 3 == 1
    if code[0] == "f":
        return (np.arange(count) * 0.75 - 2).astype(code)
    return (np.arange(count) * 37 - (50 if code[0] == "i" else 0)).astype(code)


def extremes(code):
    if code == "b1":
        return np.array([True, False])
    if code[0] == "f":
        info = np.finfo(code)
        special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, info.smallest_subnormal, info.eps]
        return np.array(special, code)
    info = np.iinfo(code)
    return np.array([info.min, info.max, 0, 1], code)


def plain(corpus):
    for code in CODES:
        for order, word in [("<", "little"), (">", "big")] if code[1] != "1" else [("|", "byte")]:
            dtype = order + code
            shapes = {"0d": (), "1d": (7,), "2d": (2, 3), "empty": (0, 3), "4d": (2, 1, 3, 2)}
            for name, shape in shapes.items():
                array = values(code, int(np.prod(shape))).reshape(shape).astype(dtype)
                corpus.good(f"valid/{code}_{word}_{name}.npy", saved(array))
            array = values(code, 24).reshape(2, 3, 4).astype(dtype)
            corpus.good(f"valid/{code}_{word}_fortran.npy", saved(np.asfortranarray(array)))
            corpus.good(f"valid/{code}_{word}_extremes.npy", saved(extremes(code).astype(dtype)))
    x = np.arange(2**7, dtype="<i2").reshape([2] * 7 + [1])
    corpus.good("valid/rank_8.npy", saved(x))
    corpus.good("valid/rank_8_fortran.npy", saved(np.asfortranarray(x)))
    corpus.good("valid/rank_8_empty.npy", saved(np.zeros((1, 2, 3, 0, 5, 6, 7, 8), "<f8")))
    corpus.good("valid/empty_fortran.npy", saved(np.zeros((3, 0, 2), "<f4", order="F")))
    corpus.good("valid/large.npy", saved(np.arange(20_000, dtype="<u4").reshape(100, 200)))
    corpus.good("valid/large_fortran.npy", saved(np.asfortranarray(np.arange(20_000, dtype=">u2").reshape(100, 200))))
    corpus.good("valid/ones_of_size.npy", saved(np.zeros((1, 1, 1), "<f4")))
    corpus.good("valid/column.npy", saved(np.asfortranarray(np.arange(5.0).reshape(5, 1))))
    corpus.good("valid/nan_payloads.npy", saved(np.array([0x7FC00001, 0xFFC12345, 0x7F800001], "<u4").view("<f4")))
    corpus.good("valid/bools_of_any_byte.npy", raw(dictionary("'|b1'", "(4,)"), bytes([0, 1, 2, 255])))
    for version in [(1, 0), (2, 0), (3, 0)]:
        corpus.good(f"valid/version_{version[0]}.npy", saved(np.arange(5.0), version))


def headers(corpus):
    data = np.array([1.5, -2], "<f4").tobytes()
    order = "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}"
    spaced = "  {\n 'descr' :'<f4' ,'fortran_order':False,\t'shape':( 2 , )}   \n\n"
    quoted = '{"descr": "<f4", "fortran_order": False, "shape": (2,)}\n'
    cases = {
        "keys_in_another_order": order,
        "blanks": spaced,
        "double_quotes": quoted,
        "no_newline": dictionary().strip(),
        "native_order": dictionary("'=f4'"),
        "no_order": dictionary("'f4'"),
        "bar_order": dictionary("'|f4'"),
        "escapes": dictionary("'\\x3cf\\u0034'"),
        "long_padding": dictionary() + " " * 9000 + "\n",
        "parentheses": dictionary(shape="((2),)"),
    }
    for name, header in cases.items():
        corpus.good(f"valid/header_{name}.npy", raw(header, data))
    corpus.good("valid/header_python_2.npy", raw(dictionary(shape="(2L,)"), data))
    # Data at addresses that suit nothing.
    for pad in range(4):
        corpus.good(f"valid/header_odd_{pad}.npy", raw(dictionary() + " " * pad, data))
    corpus.good("valid/header_aligned_16.npy", raw(dictionary() + " " * 13 + "\n", data))


def structured(corpus):
    xy = np.dtype([("x", "<f4"), ("y", "<f4")])
    names = ["x", "y"]

    def fill(dtype, shape, seed=1):
        rng = np.random.default_rng(seed)
        array = np.zeros(shape, dtype)
        raw_bytes = rng.integers(0, 100, array.nbytes, dtype="u1")
        return np.frombuffer(raw_bytes.tobytes(), dtype, count=array.size).reshape(shape).copy()

    corpus.good("valid/fields.npy", saved(fill(xy, (5,))), names)
    corpus.good("valid/fields_2d.npy", saved(fill(xy, (3, 4))), names)
    corpus.good("valid/fields_fortran.npy", saved(np.asfortranarray(fill(xy, (3, 4)))), names)
    corpus.good("valid/fields_0d.npy", saved(fill(xy, ())), names)
    corpus.good("valid/fields_empty.npy", saved(fill(xy, (0,))), names)
    corpus.good("valid/fields_one.npy", saved(fill(np.dtype([("only", "<i8")]), (6,))), ["only"])
    corpus.good("valid/fields_one_big.npy", saved(fill(np.dtype([("only", ">i8")]), (6,))), ["only"])
    every = np.dtype([(f"{code}{order}", order + code) for code in CODES[1:] for order in "<>"])
    corpus.good("valid/fields_every_dtype.npy", saved(fill(every, (4,))), list(every.names))
    aligned = np.dtype([(f"{code}{order}", order + code) for code in CODES[1:] for order in "<>"], align=True)
    corpus.good("valid/fields_every_dtype_aligned.npy", saved(fill(aligned, (4,))), list(aligned.names))
    flags = np.zeros(5, [("n", "<i4"), ("flag", "?")])
    flags["n"], flags["flag"] = range(5), [1, 0, 0, 1, 1]
    corpus.good("valid/fields_bool.npy", saved(flags), ["n", "flag"])
    sub = np.dtype([("id", "<u2"), ("m", "<f4", (2, 3)), ("v", ">f8", (2,)), ("s", "<i2", (1,))])
    corpus.good("valid/fields_sub_arrays.npy", saved(fill(sub, (4,))), list(sub.names))
    corpus.good("valid/fields_sub_arrays_2d_fortran.npy", saved(np.asfortranarray(fill(sub, (2, 3)))), list(sub.names))
    none = np.dtype([("id", "<u2"), ("none", "<f4", (0, 3))])
    corpus.good("valid/fields_sub_array_empty.npy", saved(fill(none, (4,))), list(none.names))
    nested = np.dtype([("id", "<i4"), ("pos", [("x", "<f4"), ("y", [("hi", "<u2"), ("lo", ">u2")])])])
    paths = ["id", "pos.x", "pos.y.hi", "pos.y.lo"]
    refused = [("pos", "has fields itself"), ("pos.y", "has fields itself"), ("pos.z", "there is no field"), ("", "no field")]
    corpus.good("valid/fields_nested.npy", saved(fill(nested, (5,))), paths, refused)
    many = np.dtype([("t", "<f8"), ("p", [("x", "<f4"), ("c", "<i2", (2,))], (3,))])
    corpus.good("valid/fields_arrays_of_records.npy", saved(fill(many, (4,))), ["t", "p.x", "p.c"])
    deep = np.dtype([("a", [("b", [("c", [("d", "<f4", (2,))], (3,))], (2,))])])
    corpus.good("valid/fields_deep.npy", saved(fill(deep, (2,))), ["a.b.c.d"])
    padded = np.dtype({"names": ["a", "b"], "formats": ["<f4", "<f8"], "offsets": [0, 16], "itemsize": 40})
    corpus.good("valid/fields_padding.npy", saved(fill(padded, (5,))), ["a", "b"])
    odd = np.dtype({"names": ["a", "b"], "formats": ["<f4", "u1"], "offsets": [3, 11], "itemsize": 13})
    corpus.good("valid/fields_odd_padding.npy", saved(fill(odd, (5,))), ["a", "b"])
    front = np.dtype({"names": ["b"], "formats": ["<i4"], "offsets": [8], "itemsize": 12})
    corpus.good("valid/fields_padding_before.npy", saved(fill(front, (5,))), ["b"])
    # Signalling NaNs, which arithmetic would make quiet ones.
    signals = np.zeros(3, np.dtype({"names": ["h"], "formats": ["<u2"], "itemsize": 6}))
    signals["h"] = [0x7C01, 0xFD55, 0x3C00]
    halves = signals.view(np.dtype({"names": ["h"], "formats": ["<f2"], "itemsize": 6}))
    corpus.good("valid/fields_nan_payloads.npy", saved(halves), ["h"])
    packed = np.dtype([("a", "u1"), ("b", "<f8")])
    corpus.good("valid/fields_packed.npy", saved(fill(packed, (5,))), ["a", "b"])
    aligned = np.dtype([("a", "u1"), ("b", "<f8")], align=True)
    corpus.good("valid/fields_aligned.npy", saved(fill(aligned, (5,))), ["a", "b"])
    titled = np.dtype([(("a title", "a"), "<f4"), (("other", "b"), "<i4")])
    corpus.good("valid/fields_titles.npy", saved(fill(titled, (5,))), ["a", "b", "a title", "other"])
    others = [("c", "<c8"), ("s", "S5"), ("u", "<U3"), ("when", "<M8[ns]"), ("span", "<m8[D]"), ("v", "V3"), ("g", "<f16")]
    mixed = np.dtype([("first", "<i4"), *others, ("last", ">f4"), ("in", [("z", "<c16"), ("ok", "<u2")])])
    refused = [("c", "complex"), ("s", "strings"), ("u", "strings"), ("when", "dates"), ("span", "dates")]
    refused += [("v", "raw bytes"), ("g", "floats of this size"), ("in.z", "complex")]
    corpus.good("valid/fields_neighbours.npy", saved(fill(mixed, (5,))), ["first", "last", "in.ok"], refused)
    # Between fields with dots in their names, the whole name goes first.
    inner = raw(dictionary("[('a', [('b', '<i4')]), ('a.b', '<i4'), ('c.d', [('e.f', '<i4')])]"), np.arange(6, dtype="<i4").tobytes())
    array = np.load(io.BytesIO(inner))
    dotted = [(array["a.b"], "a.b"), (array["c.d"]["e.f"], "c.d.e.f")]
    corpus.add("valid/fields_dots.npy", inner)
    arrays = [dict(expected(column.copy(), None, None), path=path, mapped=False) for column, path in dotted]
    corpus.valid.append({"file": "valid/fields_dots.npy", "arrays": arrays, "refused": [], "shape": [2]})
    quotes = ["it's", 'say "x"', "it's \"x\"", "back\\slash", "tab\there", "line\nbreak", "é", "\x7f", "\x85"]
    latin = np.dtype([(name, "<i2") for name in quotes])
    corpus.good("valid/fields_quotes.npy", saved(fill(latin, (3,))), quotes)
    names = ["größe", "温度", "🔥", "a\u200bb"]
    corpus.good("valid/fields_utf8.npy", saved(fill(np.dtype([(n, "<f4") for n in names]), (3,))), names)
    wide = np.dtype([(f"field_with_a_number_{i}", "<u2") for i in range(2500)])
    paths = [wide.names[i] for i in [0, 1, 1234, 2499]]
    corpus.good("valid/fields_2500.npy", saved(fill(wide, (2,))), paths)
    number = raw(dictionary("[('x', '<f4', 3), ('y', '<i2')]"), fill(np.dtype([("x", "<f4", 3), ("y", "<i2")]), (2,)).tobytes())
    corpus.good("valid/fields_shape_is_a_number.npy", number, ["x", "y"])


def archives(corpus):
    x, y = np.arange(6, dtype="<f4").reshape(2, 3), np.arange(4, dtype=">i8")
    flags, half = np.array([True, False]), np.array([1.5, -2], "<f2")
    many = {f"array_{i}": np.full((i,), i, "<i2") for i in range(40)}
    for compressed, word in [(False, "stored"), (True, "deflated")]:
        corpus.good_npz(f"valid/{word}.npz", savez(compressed, x=x, y=y), ["x", "y"])
        corpus.good_npz(f"valid/{word}_nothing.npz", savez(compressed), [])
        corpus.good_npz(f"valid/{word}_fortran.npz", savez(compressed, x=np.asfortranarray(x)), ["x"])
        corpus.good_npz(f"valid/{word}_many.npz", savez(compressed, **many), list(many))
        corpus.good_npz(f"valid/{word}_0d.npz", savez(compressed, a=np.float64(2.5), b=np.zeros((0, 2), "u1")), ["a", "b"])
        corpus.good_npz(f"valid/{word}_dtypes.npz", savez(compressed, flags=flags, half=half), ["flags", "half"])
        fields = np.zeros(3, [("a", "<i4"), ("b", [("c", ">f4")])])
        fields["a"], fields["b"]["c"] = range(3), [0.5, 1.5, 2.5]
        paths = [("r", ["a", "b.c"])]
        corpus.good_npz(f"valid/{word}_fields.npz", savez(compressed, r=fields, x=x), ["r", "x"], paths)
    names = {"with space": x, "a/b/c": x, "größe": y, "Case": x, "case": y, "dots.in.name": x, "x.npy.npy": x, "": y}
    corpus.good_npz("valid/names.npz", savez(**names), list(names))
    corpus.good_npz("valid/positional.npz", _positional(x, y), ["arr_0", "arr_1"])
    large = np.arange(30_000, dtype="<u2").reshape(100, 300)
    corpus.good_npz("valid/large.npz", savez(True, large=large, x=x), ["large", "x"])
    zeros = np.zeros((1000, 500), "<f4")
    corpus.good_npz("valid/zeros.npz", savez(True, zeros=zeros[:100]), ["zeros"])
    members = [("x.npy", saved(x)), ("y.npy", saved(y))]
    corpus.good_npz("valid/without_zip64.npz", zipped(members), ["x", "y"])
    corpus.good_npz("valid/with_zip64.npz", _zip64(members), ["x", "y"])
    corpus.good_npz("valid/streamed.npz", _streamed(members), ["x", "y"])
    mixed = zipped(members[:1])
    out = io.BytesIO(mixed)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("y.npy"), members[1][1], zipfile.ZIP_DEFLATED)
        archive.comment = b"a comment"
    corpus.good_npz("valid/mixed_with_comment.npz", out.getvalue(), ["x", "y"])
    corpus.good_npz("valid/without_suffix.npz", zipped([("x", saved(x)), ("y.npy", saved(y))]), ["x", "y"])


def _positional(*arrays):
    out = io.BytesIO()
    np.savez(out, *arrays)
    return out.getvalue()


def _zip64(members):
    """As an archive above 4 GiB is written, with all sizes in the extra fields."""
    limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 10
    try:
        return zipped(members)
    finally:
        zipfile.ZIP64_LIMIT = limit


class _Pipe(io.RawIOBase):
    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def _streamed(members):
    """As an archive is written to a pipe: local headers without sizes, data descriptors behind the data."""
    out = _Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return bytes(out.data)


def broken(corpus):
    good = raw(dictionary(), bytes(8))
    for end in [0, 1, 5, 6, 7, 8, 9, 10, 11, 30, len(good) - 9, len(good) - 8, len(good) - 1]:
        corpus.bad(f"broken/cut_at_{end}.npy", good[:end], "")
    fields = raw(dictionary("[('x', '<f4'), ('y', '<f8')]"), bytes(24))
    corpus.bad("broken/fields_cut.npy", fields[:-1], "takes 24 bytes, but there are 23")
    corpus.bad("broken/trailing_byte.npy", good + b"\0", "takes 8 bytes, but there are 9")
    corpus.bad("broken/trailing_array.npy", good + good, "takes 8 bytes")
    corpus.bad("broken/magic.npy", b"\x92" + good[1:], "does not start with")
    corpus.bad("broken/magic_lower.npy", good.replace(b"NUMPY", b"numpy"), "does not start with")
    corpus.bad("broken/text.npy", b"1.0 2.0 3.0\n", "does not start with")
    corpus.bad("broken/zip.npy", zipped([("x.npy", good)]), "`npz::open` reads it")
    for version in [(0, 0), (1, 1), (2, 1), (4, 0), (255, 255)]:
        corpus.bad(f"broken/version_{version[0]}_{version[1]}.npy", raw(dictionary(), bytes(8), version), "is not known")
    lies = {"longer": 500, "all": 65535, "shorter": 20, "none": 0}
    for name, length in lies.items():
        corpus.bad(f"broken/header_length_{name}.npy", raw(dictionary(), bytes(8), length=length), "header")
    for name, length in {"4_gib": 2**32 - 1, "2_gib": 2**31, "1_gib": 2**30, "1_mib": 2**20}.items():
        data = raw(dictionary(), bytes(8), (2, 0), length=length)
        corpus.bad(f"broken/header_length_{name}.npy", data, "header")
    shapes = {
        "2_62": ("(4611686018427387904,)", "more elements than can be addressed"),
        "2_63": ("(9223372036854775808,)", "more elements than can be addressed"),
        "2_64": ("(18446744073709551616,)", "cannot be addressed"),
        "wraps_to_0": ("(4294967296, 4294967296)", "more elements"),
        "wraps_to_2": ("(9223372036854775809, 2)", "more elements"),
        "wraps_many": ("(65536, 65536, 65536, 65536, 2)", "more elements"),
        "wraps_behind_0": ("(0, 4294967296, 4294967296)", "more elements"),
        "petabyte": ("(250000000000000,)", "takes 1000000000000000 bytes, but there are 8"),
        "10_gb": ("(2500000000,)", "takes 10000000000 bytes"),
        "negative": ("(-2,)", "-2 is negative"),
        "negative_twice": ("(-1, -2)", "-1 is negative"),
        "float": ("(2.0,)", "header"),
        "string": ("('2',)", "a size is a string"),
        "bool": ("(True, 2)", "a size is a bool"),
        "none": ("None", "a value"),
        "list": ("[2]", "shape is a list"),
        "number": ("2", "shape is a number"),
        "no_tuple": ("(2)", "shape is a number"),
        "nested": ("((2,),)", "a size is a tuple"),
        "long_number": (f"({'9' * 400},)", "a number of 400 digits"),
        "rank_9": ("(1, 1, 1, 1, 1, 1, 1, 1, 2)", "rank 9"),
        "rank_64": (f"({'1, ' * 63}2)", "rank 64"),
        "rank_2000": (f"({'1, ' * 1999}2)", "rank 2000"),
        "open": ("(2,", "header"),
        "sum": ("(1+1,)", "header"),
        "call": ("(int('2'),)", "header"),
    }
    for name, (shape, message) in shapes.items():
        corpus.bad(f"broken/shape_{name}.npy", raw(dictionary(shape=shape), bytes(8)), message)
    descrs = {
        "object": ("'|O'", "pickled Python objects"),
        "object_in_field": ("[('x', '<f4'), ('o', '|O')]", "pickled Python objects"),
        "complex": ("'<c8'", "save real and imaginary parts"),
        "string": ("'|S4'", "strings are not numbers"),
        "unicode": ("'<U1'", "strings are not numbers"),
        "datetime": ("'<M8[ns]'", "astype(np.int64)"),
        "timedelta": ("'<m8[s]'", "astype(np.int64)"),
        "void": ("'|V4'", "view(np.uint8)"),
        "void_2": ("'|V2'", "view(np.uint8)"),
        "float8": ("'<V1'", "astype(np.float32)"),
        "longdouble": ("'<f16'", "astype(np.float64)"),
        "unknown": ("'<z4'", "is not a dtype"),
        "empty": ("''", "is not a dtype"),
        "order_only": ("'<'", "is not a dtype"),
        "size_3": ("'<i3'", "is not a dtype"),
        "name_with_an_order": ("'<float32'", "is not a dtype"),
        "size_huge": ("'|S99999999999999999999'", "is not a dtype"),
        "two_orders": ("'<<f4'", "is not a dtype"),
        "blank": ("'<f4 '", "is not a dtype"),
        "not_ascii": ("'<é4'", "is not a dtype"),
        "number": ("4", "descr is a number"),
        "tuple": ("('<f4', (2,))", "descr is a tuple"),
        "dictionary": ("{'names': ['x'], 'formats': ['<f4']}", "descr is a dictionary"),
        "no_fields": ("[]", ""),
        "field_is_a_string": ("['<f4']", "a field is a string"),
        "field_of_1": ("[('x',)]", "a field should have"),
        "field_of_4": ("[('x', '<f4', (1,), 2)]", "a field should have"),
        "field_name_is_a_number": ("[(1, '<f4')]", "the name of a field is a number"),
        "field_title_of_3": ("[(('a', 'b', 'c'), '<f4')]", "title and name"),
        "field_shape_negative": ("[('x', '<f4', (-1,))]", "negative"),
        "field_shape_wraps": ("[('x', '<f4', (4294967296, 4294967296))]", "more bytes than can be addressed"),
        "records_wrap": (f"[('x', 'u1', ({2**62},))]", "more bytes than can be addressed"),
        "fields_sum_wraps": (f"[('x', 'u1', ({2**62},)), ('y', 'u1', ({2**62},))]", "more bytes than can be addressed"),
        "field_twice": ("[('x', '<f4'), ('x', '<f4')]", "two fields are called"),
        "field_title_twice": ("[(('x', 'a'), '<f4'), ('x', '<f4')]", "two fields are called"),
        "structured": ("[('x', '<f4')]", "structured array"),
    }
    for name, (descr, message) in descrs.items():
        size = {"complex": 16, "datetime": 16, "timedelta": 16, "void_2": 4, "float8": 2, "longdouble": 32}.get(name, 8)
        corpus.bad(f"broken/descr_{name}.npy", raw(dictionary(descr), bytes(size)), message)
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}, None], object), allow_pickle=True)
    corpus.bad("broken/pickle.npy", pickled.getvalue(), "pickled Python objects are never read")
    nothing = {
        "empty": "",
        "blank": "   \n",
        "list": "['<f4', False, (2,)]",
        "set": "{'descr', 'shape'}",
        "not_closed": dictionary()[:-3],
        "closed_twice": dictionary().strip() + "}",
        "two": dictionary() + dictionary(),
        "comma": dictionary().replace(",", ""),
        "colon": dictionary().replace(":", ""),
        "quote": dictionary().replace("<f4'", "<f4"),
        "zero_byte": dictionary().replace(" ", "\0"),
        "code": "__import__('os').system('true')",
        "expression": "{**{'descr': '<f4'}, 'fortran_order': False, 'shape': (2,)}",
        "no_descr": "{'fortran_order': False, 'shape': (2,)}",
        "no_order": "{'descr': '<f4', 'shape': (2,)}",
        "no_shape": "{'descr': '<f4', 'fortran_order': False}",
        "more_keys": dictionary().replace("}", "'x': 1}"),
        "key_twice": dictionary().replace("}", "'descr': '<f8'}"),
        "key_is_a_number": dictionary().replace("}", "1: 1}"),
        "order_is_a_number": dictionary(fortran="0"),
        "order_is_a_string": dictionary(fortran="'False'"),
        "order_is_none": dictionary(fortran="None"),
    }
    for name, header in nothing.items():
        corpus.bad(f"broken/header_{name}.npy", raw(header, bytes(8)), "")
    corpus.bad("broken/header_not_utf8.npy", raw(b"\xff\xfe" + dictionary().encode(), bytes(8), (3, 0)), "not UTF-8")
    latin = dictionary("[('é', '<f4')]").encode("latin-1")
    corpus.bad("broken/header_latin1_in_version_3.npy", raw(latin, bytes(8), (3, 0)), "not UTF-8")
    for bracket in "[({":
        corpus.bad(f"broken/deep_{ord(bracket)}.npy", raw(bracket * 60_000), "")
        corpus.bad(f"broken/deep_descr_{ord(bracket)}.npy", raw(dictionary(bracket * 60_000), b""), "")
    deep = "'<f4'"
    for _ in range(100):
        deep = f"[('x', {deep})]"
    corpus.bad("broken/deep_fields.npy", raw(dictionary(deep), bytes(8)), "nests deeper")
    corpus.bad("broken/deep_backtracking.npy", raw("{" * 30 + "[" * 30 + "1" + "]" * 29), "")
    wide = "[" + "0, " * 300_000 + "]"
    corpus.bad("broken/wide_list.npy", raw(dictionary(wide), bytes(8), (2, 0)), "a field is a number")
    tiny = "[" + "('','')," * 120_000 + "]"
    corpus.bad("broken/wide_fields.npy", raw(dictionary(tiny), bytes(8), (2, 0)), "is not a dtype")
    nest = "[('x', [" + "('y', '<f4', (0,))," * 20_000 + "])]"
    corpus.bad("broken/wide_fields_twice.npy", raw(dictionary(nest), bytes(8), (2, 0)), "two fields are called")


def broken_archives(corpus):
    x = saved(np.arange(6, dtype="<f4"))
    big = saved(np.zeros(64 << 20, "u1"))
    good = zipped([("x.npy", x)])
    for name, end in {"nothing": 0, "local": 20, "data": 80, "directory": len(good) - 60, "end": len(good) - 1}.items():
        corpus.bad(f"broken/cut_{name}.npz", good[:end], "")
    corpus.bad("broken/npy.npz", x, "")
    corpus.bad("broken/text.npz", b"PK but not a zip file", "")
    flipped = bytearray(good)
    flipped[good.index(b"\x93NUMPY") + 130] ^= 1
    corpus.bad("broken/data_changed.npz", bytes(flipped), "")
    corpus.bad("broken/crc_in_directory.npz", patched(good, CENTRAL, 16, b"abcd"), "")
    deflated = zipped([("x.npy", x)], zipfile.ZIP_DEFLATED)
    corpus.bad("broken/deflated_crc.npz", patched(deflated, CENTRAL, 16, b"abcd"), "")
    at = deflated.index(b"x.npy") + 20
    corpus.bad("broken/deflated_data_changed.npz", deflated[:at] + b"\xff\xff\xff" + deflated[at + 3 :], "")
    for name in ["../x", "a/../../x", "/x", "\\x", "..\\x", "C:\\x", "c:x", "//server/x", "a\\..\\..\\x"]:
        # zipfile replaces backslashes only on Windows.
        data = zipped([(f"{name}.npy", x)])
        word = name.replace("/", "s").replace("\\", "b").replace(".", "d").replace(":", "c")
        corpus.bad(f"broken/name_{word}.npz", data, "a file is called")
    corpus.bad("broken/name_zero_byte.npz", good.replace(b"x.npy", b"x\0npy"), "a file is called")
    twice = zipped([("x.npy", x), ("y.npy", x)]).replace(b"y.npy", b"x.npy")
    corpus.bad("broken/name_twice.npz", twice, "same name")
    corpus.bad("broken/name_twice_by_suffix.npz", zipped([("x.npy", x), ("x", x)]), "two arrays are called")
    both = zipped([("x.npy", x), ("y.npy", x)])
    corpus.bad("broken/overlap.npz", patched(both, CENTRAL, 42, struct.pack("<I", 0), which=1), "overlap")
    corpus.bad("broken/not_an_array.npz", zipped([("x.npy", x), ("notes.txt", b"no array, but a note")]), "does not start with")
    corpus.bad("broken/empty_member.npz", zipped([("x.npy", b"")]), "")
    corpus.bad("broken/cut_member.npz", zipped([("x.npy", x[:-1])]), "takes 24 bytes, but there are 23")
    corpus.bad("broken/trailing_member.npz", zipped([("x.npy", x + b"\0")]), "takes 24 bytes, but there are 25")
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([None], object))
    corpus.bad("broken/pickle.npz", pickled.getvalue(), "pickled Python objects")
    corpus.bad("broken/bzip2.npz", zipped([("x.npy", x)], zipfile.ZIP_BZIP2), "")
    corpus.bad("broken/method_99.npz", patched(good, CENTRAL, 10, struct.pack("<H", 99)), "")
    encrypted = patched(patched(good, CENTRAL, 8, b"\1\0"), LOCAL, 6, b"\1\0")
    corpus.bad("broken/encrypted.npz", encrypted, "")
    corpus.bad("broken/offset_beyond.npz", patched(good, CENTRAL, 42, struct.pack("<I", 10**6)), "")
    corpus.bad("broken/many_entries.npz", patched(good, END, 8, struct.pack("<HH", 65534, 65534)), "")
    corpus.bad("broken/directory_beyond.npz", patched(good, END, 16, struct.pack("<I", 10**9)), "")
    # What is inflated, and what is said of it: less, more, much more, and the truth.
    less = zipped([("x.npy", big)], zipfile.ZIP_DEFLATED)
    for where, offset in [(CENTRAL, 24), (LOCAL, 22)]:
        less = patched(less, where, offset, struct.pack("<I", len(x)))
    corpus.bad("broken/bomb_of_unsaid_size.npz", less, "")
    head = zipped([("x.npy", raw(dictionary("'|u1'", "(24,)")) + bytes(64 << 20))], zipfile.ZIP_DEFLATED)
    corpus.bad("broken/bomb_behind_data.npz", head, "takes 24 bytes")
    claims = raw(dictionary("'|u1'", f"({2**30},)"))
    more = zipped([("x.npy", claims + bytes(100))], zipfile.ZIP_DEFLATED)
    more = patched(more, CENTRAL, 24, struct.pack("<I", len(claims) + 2**30))
    corpus.bad("broken/bomb_that_is_none.npz", more, "cannot be")
    noise = np.random.default_rng(0).integers(0, 256, 3000, dtype="u1").tobytes()
    short = zipped([("x.npy", claims.replace(str(2**30).encode(), b"3000000   ") + noise)], zipfile.ZIP_DEFLATED)
    short = patched(short, CENTRAL, 24, struct.pack("<I", len(claims) + 3_000_000))
    corpus.bad("broken/bomb_that_ends_early.npz", short, "")
    stored = patched(good, CENTRAL, 24, struct.pack("<I", 2**31))
    corpus.bad("broken/stored_size.npz", stored, "cannot be")
    true = zipped([("x.npy", big)], zipfile.ZIP_DEFLATED)
    corpus.bad("broken/bomb_above_the_limit.npz", true, "above the limit", limit=1 << 20)
    spaces = raw(b" " * (64 << 20), version=(2, 0))
    corpus.bad("broken/bomb_of_a_header.npz", zipped([("x.npy", spaces)], zipfile.ZIP_DEFLATED), "longer than any")
    long = raw(dictionary() + " " * (1 << 20), version=(2, 0))
    corpus.bad("broken/long_header.npz", zipped([("x.npy", long)], zipfile.ZIP_DEFLATED), "longer than any")
    assert zlib.crc32(x) == struct.unpack("<I", good[14:18])[0]


if __name__ == "__main__":
    corpus = Corpus()
    for part in [plain, headers, structured, archives, broken, broken_archives]:
        part(corpus)
    corpus.write()
