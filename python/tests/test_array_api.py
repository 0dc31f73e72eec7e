"""The functions of the Array API standard against NumPy's, which has them under the same names from version 2 on."""

import math

import numpy as np
import pytest
from peers import NUMPY_VERSION

import kiln
from kiln import array_api as xp

if NUMPY_VERSION < (2, 1):
    pytest.skip("NumPy has the standard's names from 2.1 on", allow_module_level=True)

A = np.array([[0.5, -1.25, 2.0], [3.5, -0.0, 0.75]], np.float32)
B = np.array([[2.0, 0.5, -3.0], [1.0, 4.0, 0.75]], np.float32)
I = np.array([[7, -7, 3], [0, 5, 2]], np.int64)
J = np.array([[2, 3, -2], [5, 1, 7]], np.int64)
T = np.array([[True, False, True], [False, False, True]])
U = np.array([[False, False, True], [True, False, True]])
V = np.array([3.0, 1.0, 2.0, 1.0], np.float32)
UNIT = np.array([0.25, -0.5, 0.75, 0.0], np.float32)
BIG = np.array([1.0, 1.5, 20.0, 3e4], np.float32)
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], np.float32)


def case(name, *arguments, **options):
    return pytest.param(name, arguments, options, id=f"{name}-{len(arguments)}-{','.join(options)}")


CASES = [
    *(case(name, A) for name in "abs ceil cos cosh exp expm1 floor negative positive round sin sinh sign square tan tanh trunc asinh atan".split()),
    *(case(name, np.abs(A) + 1) for name in "log log1p log2 log10 sqrt reciprocal".split()),
    *(case(name, UNIT) for name in "acos asin atanh asinh expm1".split()),
    *(case(name, BIG) for name in "acosh asinh log10 log1p".split()),
    *(case(name, ODD) for name in "isnan isinf isfinite signbit sign abs".split()),
    *(case(name, A, B) for name in "add subtract multiply divide atan2 maximum minimum hypot logaddexp copysign remainder floor_divide".split()),
    *(case(name, I, J) for name in "add subtract multiply divide remainder floor_divide equal less maximum bitwise_and bitwise_or bitwise_xor".split()),
    *(case(name, A, B) for name in "equal not_equal less less_equal greater greater_equal".split()),
    *(case(name, T, U) for name in "logical_and logical_or logical_xor equal".split()),
    case("logical_not", T), case("bitwise_invert", I), case("pow", np.abs(A) + 0.5, B), case("pow", J, np.abs(I)),
    case("add", A, 2), case("subtract", 1.5, A), case("multiply", I, 3), case("maximum", A, 0.5), case("less", I, 3),
    case("hypot", ODD, ODD[::-1].copy()), case("logaddexp", ODD[1:5], ODD[1:5]), case("copysign", np.abs(ODD[1:]), ODD[1:]),
    *(case(name, A) for name in "sum mean max min prod std var argmax argmin count_nonzero any all".split()),
    *(case(name, A, axis=0) for name in "sum mean max min prod std var argmax argmin count_nonzero any all".split()),
    *(case(name, A, axis=1, keepdims=True) for name in "sum mean max std argmin count_nonzero any".split()),
    case("sum", np.array([200, 100], np.uint8)), case("prod", np.array([2, 3], np.int8)), case("sum", A, dtype="float64"),
    case("cumulative_sum", V), case("cumulative_sum", A, axis=1, include_initial=True), case("cumulative_prod", A, axis=0),
    case("cumulative_prod", I, axis=-1, dtype="float64", include_initial=True),
    case("cumulative_sum", np.array([200, 100], np.uint8)),
    case("var", A, correction=1), case("std", A, axis=(0, 1), correction=1.0),
    case("matmul", A, B.T.copy()), case("vecdot", A, B), case("tensordot", A, B, axes=2), case("tensordot", A, B, axes=([1], [1])),
    case("tensordot", A.reshape(2, 3, 1), B, axes=([0, 1], [0, 1])), case("matrix_transpose", A),
    case("clip", A, -1.0, 1.0), case("clip", I, 0, 5), case("clip", A, max=0.5),
    case("where", T, A, B), case("where", T, A, 0.0), case("take", A, np.array([2, 0]), axis=1),
    case("take_along_axis", A, np.array([[2], [0]]), axis=1),
    case("expand_dims", A, axis=1), case("squeeze", A[:, :1], axis=1), case("permute_dims", A, (1, 0)), case("flip", A), case("flip", A, axis=1),
    case("moveaxis", A.reshape(1, 2, 3), 0, -1), case("moveaxis", A.reshape(1, 2, 3), (0, 1), (2, 0)),
    case("reshape", A, (3, -1)), case("roll", A, 1), case("roll", A, (1, -1), axis=(0, 1)), case("tile", A, (2, 1, 2)), case("tile", A, (2,)),
    case("repeat", A, 2), case("repeat", A, 3, axis=0), case("repeat", V, np.array([1, 0, 2, 1])), case("broadcast_to", V, (2, 4)),
    case("concat", [A, B], axis=1), case("concat", [A, I], axis=None), case("stack", [A, B], axis=-1), case("unstack", A, axis=1),
    case("tril", A, k=1), case("triu", A, k=-1), case("sort", V), case("sort", A, axis=0, descending=True), case("argsort", V, stable=True),
    case("diff", V), case("diff", A, axis=0), case("diff", V, n=2), case("diff", V, prepend=np.zeros(1, np.float32)),
    case("meshgrid", V, UNIT[:2]), case("meshgrid", V, UNIT[:2], V[:3], indexing="ij"), case("broadcast_arrays", A, V[:3]),
    case("eye", 3), case("eye", 2, 4, k=1), case("linspace", 0, 1, 5), case("linspace", 0, 1, 4, endpoint=False),
    case("arange", 5), case("arange", 1, 10, 3), case("zeros", 3), case("ones", (2, 2)), case("full", (2,), 7), case("astype", A, "int32"),
    case("zeros_like", A), case("ones_like", I), case("full_like", A, 2),
]  # fmt: skip


def ours(x):
    if isinstance(x, np.ndarray):
        return kiln.tensor(x)
    if isinstance(x, str) and x.startswith(("float", "int")):
        return getattr(xp, x)
    return [ours(part) for part in x] if isinstance(x, list) and x and isinstance(x[0], np.ndarray) else x


def theirs(name, arguments, options):
    if name in ("sort", "argsort"):
        options = dict(options)
        sign = -1 if options.pop("descending", False) else 1
        result = getattr(np, name)(sign * arguments[0], **{"stable": True, **options})
        return sign * result if name == "sort" else result
    if name == "astype":
        return arguments[0].astype(arguments[1])
    if name == "tensordot":
        return np.tensordot(*arguments, **options)
    return getattr(np, name)(*arguments, **options)


@pytest.mark.parametrize("name, arguments, options", CASES)
def test_functions_agree_with_numpys(name, arguments, options):
    mine = getattr(xp, name)(*map(ours, arguments), **{key: ours(value) for key, value in options.items()})
    with np.errstate(all="ignore"):
        expected = theirs(name, arguments, options)
    several = isinstance(mine, (list, tuple))
    for x, a in zip(mine if several else [mine], expected if several else [expected], strict=True):
        a = np.asarray(a)
        assert x.shape == a.shape
        # Floats that are made of nothing, or of integers, are float32: the standard leaves it open.
        made = name in ("linspace", "zeros", "ones", "eye", "full", "divide", "concat") and a.dtype == np.float64
        if not made and not (name == "sum" and a.dtype == np.uint64):
            assert x.dtype.name == a.dtype.name
        np.testing.assert_allclose(x.numpy(), a, rtol=3e-6, atol=1e-6)


ABSENT = {
    "complex64", "complex128", "conj", "imag", "real", "bitwise_left_shift", "bitwise_right_shift", "nextafter",
    "searchsorted", "nonzero", "unique_all", "unique_counts", "unique_inverse",
    "unique_values", "linalg", "fft",
}  # fmt: skip
STANDARD = """
    e inf nan newaxis pi arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril
    triu zeros zeros_like astype broadcast_arrays broadcast_to can_cast finfo iinfo isdtype result_type bool int8 int16 int32
    int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128 abs acos acosh add asin asinh atan atan2 atanh
    bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh
    divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p
    log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal
    positive pow real reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc take
    take_along_axis __array_namespace_info__ matmul matrix_transpose tensordot vecdot concat expand_dims flip moveaxis
    permute_dims repeat reshape roll squeeze stack tile unstack argmax argmin count_nonzero nonzero searchsorted where
    unique_all unique_counts unique_inverse unique_values argsort sort cumulative_prod cumulative_sum max mean min prod std
    sum var all any diff linalg fft
""".split()


def test_what_is_missing_is_what_the_docs_say():
    assert {name for name in STANDARD if not hasattr(xp, name)} == ABSENT
    for name in ABSENT - {"bitwise_left_shift", "bitwise_right_shift", "complex128", "fft", "linalg"}:
        assert name in xp.__doc__ or name.startswith("unique_") and "unique_*" in xp.__doc__, name


def test_tensors_lead_to_the_functions():
    x = kiln.ones(2)
    assert x.__array_namespace__() is xp is x.__array_namespace__(api_version="2024.12")
    with pytest.raises(ValueError, match="2024.12"):
        x.__array_namespace__(api_version="1999.12")
    assert x.to_device("cpu").device == x.device and xp.__array_namespace_info__().default_device() == x.device


def test_dtypes():
    assert xp.result_type(kiln.ones(1), xp.float64) == xp.float64 and xp.result_type(xp.int32, xp.uint8) == xp.int32
    assert xp.result_type(xp.int8, xp.uint8) == xp.int16 and xp.result_type(xp.float32, 1) == xp.float32
    assert xp.can_cast(xp.int32, xp.int64) and not xp.can_cast(xp.float64, xp.float32)
    assert xp.isdtype(xp.int8, "signed integer") and xp.isdtype(xp.uint8, ("real floating", "integral"))
    assert not xp.isdtype(xp.bool, "numeric") and xp.isdtype(xp.float32, xp.float32)
    for name in ("float16", "float32", "float64"):
        mine, numpys = xp.finfo(getattr(kiln, name)), np.finfo(name)
        assert (mine.bits, mine.eps, mine.max, mine.min) == (numpys.bits, numpys.eps, numpys.max, numpys.min)
        assert mine.smallest_normal == numpys.smallest_normal
    for name in ("int8", "int64", "uint8", "uint64"):
        assert (xp.iinfo(getattr(xp, name)).min, xp.iinfo(getattr(xp, name)).max) == (np.iinfo(name).min, np.iinfo(name).max)
    info = xp.__array_namespace_info__()
    assert set(info.dtypes()) == {dtype for dtype in np.__array_namespace_info__().dtypes() if "complex" not in dtype}
    assert xp.pi == math.pi and xp.e == math.e and info.default_dtypes()["integral"] == xp.int64
