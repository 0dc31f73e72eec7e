"""What Python's users expect of anything that holds numbers."""

import copy
import csv
import gc
import io
import math
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from peers import devices, numbers, peer

import kiln


def test_bools_are_pythons():
    assert repr(kiln.tensor([True, False])) == "tensor([ True, False])"
    assert repr(kiln.tensor(True)) == "tensor(True)"
    assert kiln.tensor([True]).item() is True and kiln.tensor([[True, False]]).tolist() == [[True, False]]


def test_numbers_are_formatted_and_rounded():
    loss = kiln.tensor(0.123456)
    assert f"{loss:.3f}" == "0.123" and f"{loss:8.2e}" == "1.23e-01" and f"{loss}" == str(loss)
    assert f"{kiln.tensor([7]):03d}" == "007"
    with pytest.raises(TypeError, match=r"shape \[2\]"):
        f"{kiln.tensor([1.0, 2.0]):.3f}"
    a = np.array([1.25, -2.75, 1234.5, 0.5], np.float64)
    for decimals in (0, 1, -2):
        assert round(kiln.tensor(a), decimals).tolist() == np.round(a, decimals).tolist()
        assert kiln.tensor(a).round(decimals).tolist() == kiln.round(kiln.tensor(a), decimals).tolist()
    assert round(kiln.tensor([15, 25, -35, 149]), -1).tolist() == np.round([15, 25, -35, 149], -1).tolist()
    assert math.floor(kiln.tensor(2.7)) == 2


def test_names_of_dtypes_are_pytorchs():
    torch = peer("torch")
    x = [0.0, 1.5, -2.0]
    for name in ("bool", "char", "short", "int", "long", "half", "bfloat16", "float", "double"):
        ours, theirs = getattr(kiln.tensor(x), name)(), getattr(torch.tensor(x), name)()
        assert ours.dtype == kiln.DType(theirs.dtype) and ours.tolist() == theirs.tolist()
    assert kiln.tensor([1.0]).byte().dtype == kiln.uint8
    assert kiln.tensor([1]).type_as(kiln.tensor([1.0])).dtype == kiln.float32


def test_size_is_numpys_and_pytorchs():
    x = kiln.zeros(2, 3)
    assert x.size == 6 and isinstance(x.size, int) and x.size + 1 == 7
    assert x.size() == (2, 3) == x.shape and x.size(0) == 2 and x.size(-1) == 3 and x.size(dim=1) == 3
    with pytest.raises(IndexError):
        x.size(2)
    assert pickle.loads(pickle.dumps(x.size)) == 6


def test_elements_are_not_assigned():
    with pytest.raises(TypeError, match="never change"):
        kiln.zeros(3)[0] = 1


def test_one_number_is_asked_for():
    many = kiln.ones(2)
    for call in (bool, float, int):
        with pytest.raises(ValueError, match="2 elements"):
            call(many)
    with pytest.raises(TypeError, match="index"):
        [1, 2, 3][many]
    assert [1, 2, 3][kiln.tensor(1)] == 2 and range(5)[kiln.tensor([2])] == 2
    assert int(kiln.tensor([3.9])) == 3 and float(kiln.tensor(2)) == 2.0 and bool(kiln.tensor([[0.5]]))


def test_comparison_with_what_is_no_number():
    x = kiln.ones(2)
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert 1 in x and 3 not in x
    with pytest.raises(TypeError):
        x < "a"
    assert {x: 1}[x] == 1 and len({kiln.ones(2), kiln.ones(2)}) == 2


def test_copies():
    w = kiln.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    deep, shallow = copy.deepcopy(w), copy.copy(w)
    assert deep.requires_grad and deep.is_leaf and deep.grad.tolist() == w.grad.tolist() == [2, 4]
    w.grad = None
    assert deep.grad.tolist() == [2, 4] and shallow.grad is None and shallow.requires_grad
    (deep * deep).sum().backward()
    assert deep.grad.tolist() == [4, 8] and w.grad is None
    # The same tensor in two places stays one.
    pair = copy.deepcopy([w, w])
    assert pair[0] is pair[1]
    x = kiln.zeros(3)
    y, z = copy.deepcopy(x), copy.copy(x)
    x.numpy()[:] = 1
    assert y.tolist() == [0, 0, 0] and z.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(w * 2)
    assert pickle.loads(pickle.dumps(w)).requires_grad
    half = kiln.tensor([1.5], dtype=kiln.bfloat16)
    assert pickle.loads(pickle.dumps(half)).dtype == kiln.bfloat16


def test_tensors_are_referred_to_weakly():
    x = kiln.zeros(3)
    reference = weakref.ref(x)
    assert reference() is x
    del x
    gc.collect()
    assert reference() is None


METHODS = {
    "sum": {"dim": 0}, "prod": {"dim": 0}, "mean": {"axis": 1}, "max": {"dim": 0, "keepdim": True}, "min": {},
    "any": {}, "all": {"keepdims": True}, "argmax": {"dim": 1}, "argmin": {}, "std": {"correction": 0}, "var": {"dim": 1},
    "logsumexp": {"dim": 1}, "softmax": {"dim": 0}, "log_softmax": {}, "flatten": {}, "ravel": {}, "flip": {},
    "unsqueeze": {"dim": 0}, "squeeze": {}, "tril": {"diagonal": 1}, "isnan": {}, "isinf": {}, "isfinite": {}, "t": {},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_functions(name):
    x = kiln.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert getattr(kiln, name)(x, **METHODS[name]).tolist() == getattr(x, name)(**METHODS[name]).tolist()


def test_every_method_that_computes_is_a_function():
    state = {
        "astype", "backward", "bool", "byte", "char", "contiguous", "cpu", "cuda", "dim", "double", "float", "half",
        "int", "is_contiguous", "item", "long", "numpy", "requires_grad_", "short", "stride", "to", "to_device", "tolist",
        "type_as", "view", "bfloat16", "T", "mT", "device", "dtype", "grad", "is_leaf", "itemsize", "nbytes", "ndim",
        "requires_grad", "shape", "size", "strides",
    }  # fmt: skip
    missing = {name for name in dir(kiln.Tensor) if not name.startswith("_") and not hasattr(kiln, name)}
    assert missing <= state, missing - state


def test_integers_have_no_inverse():
    x = kiln.tensor([2, 0])
    for attempt in (lambda: x**-1, lambda: x ** kiln.tensor([1, -1]), lambda: 2 ** kiln.tensor(-1), lambda: x.pow(-2)):
        with pytest.raises(ValueError, match="powers below 0"):
            attempt()
    for attempt in (lambda: x // 0, lambda: 1 // x, lambda: x % x, lambda: x.floor_divide(0), lambda: divmod(x, 0)):
        with pytest.raises(ZeroDivisionError):
            attempt()
    assert (x**-1.0).tolist() == [0.5, math.inf] and (x / 0).tolist()[0] == math.inf
    assert (kiln.tensor([1.0]) // 0).item() == math.inf and (2**x).tolist() == [4, 1]
    assert [y.tolist() for y in divmod(kiln.tensor([7, -7]), 2)] == [[3, -4], [1, 1]]


INDICES = [
    np.s_[[0, 1], None, [1, 2]],
    np.s_[[0, 1], :, [1, 2]],
    np.s_[0, :, [1, 2]],
    np.s_[:, 0, [1, 2]],
    np.s_[[0, 1], [1, 2]],
    np.s_[[0, 1], ..., [1, 2]],
    np.s_[..., [1, 2], None, 0],
    np.s_[[[0], [1]], :, [0, 2, 1]],
    np.s_[None, [1, 0], 1:, None, 2],
    np.s_[-1, [0, -1], None],
    np.s_[[True, False], :, [0, 1]],
    np.s_[:, [True, False, True], [0, 1]],
    np.s_[1, None, [0, 1], [2, 3]],
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_positions_stand_apart_as_in_numpy(index):
    a = numbers("float32")
    ours = kiln.from_numpy(a)[index]
    assert ours.shape == a[index].shape and ours.tolist() == a[index].tolist()


def test_flip_of_all_axes():
    a = numbers("int64")
    assert kiln.from_numpy(a).flip().tolist() == np.flip(a).tolist()
    assert kiln.from_numpy(a).flip(-1, 0).tolist() == np.flip(a, (2, 0)).tolist()


def test_masked_arrays_are_refused():
    a = np.ma.array([1.0, 2.0], mask=[True, False])
    for attempt in (kiln.from_numpy, kiln.tensor, kiln.asarray, lambda a: kiln.ones(2).add(a)):
        with pytest.raises(TypeError, match="filled"):
            attempt(a)
    with pytest.raises(TypeError):
        kiln.ones(2) + a
    with pytest.raises(BufferError, match="filled"):
        kiln.from_dlpack(a)
    assert kiln.tensor(a.filled(0)).tolist() == [0, 2]
    assert kiln.tensor(np.ma.array([1.0, 2.0])).tolist() == [1, 2]


def test_names_of_devices():
    torch = peer("torch")
    assert kiln.Device("cpu") == "cpu" and kiln.zeros(1, device=torch.device("cpu")).device == kiln.Device("cpu")
    if "gpu:0" in devices():
        gpu = kiln.Device("gpu:0")
        for name in ("cuda", "cuda:0", "mps", "vulkan", "gpu"):
            assert kiln.Device(name) == gpu and kiln.zeros(2, device=name).device == gpu
        assert kiln.zeros(2).cuda().device == gpu == kiln.zeros(2).to(torch.device("cuda", 0)).device
        assert kiln.zeros(2).cuda(0).cpu().device == "cpu"
    for name in ("cuda:7", "toaster"):
        with pytest.raises(ValueError, match=rf"no device '{name}': there are 'cpu' \(CPU\)"):
            kiln.zeros(2, device=name)
    with pytest.raises(TypeError, match="device"):
        kiln.zeros(2, device=3)


DEFAULT = """
import io, kiln, numpy as np
gpu = kiln.Device("gpu:0")
kiln.save("a.npy", np.ones(3))
made = [
    kiln.zeros(2), kiln.ones(2), kiln.full(2, 1), kiln.arange(3), kiln.linspace(0, 1, 3), kiln.eye(2), kiln.rand(2),
    kiln.randn(2), kiln.randint(0, 3, 2), kiln.tensor([1.0]), kiln.asarray([1.0]), kiln.load("a.npy"),
    kiln.zeros_like(kiln.zeros(2)),
]
assert all(x.device == gpu for x in made), [x.device for x in made]
# What is shared stays where it lies, and what is named is heeded.
assert kiln.from_numpy(np.ones(2)).device == kiln.Device("cpu") == kiln.zeros(2, device="cpu").device
assert kiln.best_device() == gpu == kiln.get_default_device()
kiln.set_default_device("cpu")
assert kiln.zeros(2).device == kiln.Device("cpu")
"""


def test_the_environment_names_the_device(tmp_path, monkeypatch):
    if "gpu:0" not in devices():
        pytest.skip("there is no GPU, which was asked for")
    monkeypatch.setenv("KILN_DEVICE", "gpu:0")
    subprocess.run([sys.executable, "-c", DEFAULT], check=True, cwd=tmp_path)


def test_errors_speak_python():
    x = kiln.tensor([1.0], requires_grad=True)
    with pytest.raises(BufferError, match=r"`detach\(\)`"):
        x.__dlpack__()
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward\(retain_graph=True\)"):
        y.backward()


def test_files_that_are_open(tmp_path):
    a = numbers("float32")
    for name in ("a.npy", "a.npz", "a.safetensors"):
        data = a if name == "a.npy" else {"x": a, "y": a + 1}
        kiln.save(tmp_path / name, data)
        with open(tmp_path / name, "rb") as file:
            loaded = kiln.load(file)
        written = io.BytesIO()
        kiln.save(written, data, format=name.split(".")[1])
        again = kiln.load(io.BytesIO(written.getvalue()))
        for result in (loaded, again):
            if name == "a.npy":
                assert result.tolist() == a.tolist()
            else:
                assert {key: x.tolist() for key, x in result.items()} == {"x": a.tolist(), "y": (a + 1).tolist()}
    with pytest.raises(ValueError, match="format="):
        kiln.load(io.BytesIO(b"what is this?"))
    with pytest.raises(ValueError, match="format="):
        kiln.save(io.BytesIO(), a)


def test_mapped_files(tmp_path):
    a = numbers("float32")
    np.save(tmp_path / "a.npy", a)
    kiln.save(tmp_path / "a.safetensors", {"x": a})
    assert kiln.load(tmp_path / "a.npy", mmap=True).tolist() == a.tolist()
    assert not kiln.load(tmp_path / "a.npy", mmap=True).numpy().flags.writeable
    assert kiln.load(tmp_path / "a.safetensors", mmap=True)["x"].tolist() == a.tolist()
    np.savez(tmp_path / "a.npz", x=a)
    with pytest.raises(ValueError, match="mmap"):
        kiln.load(tmp_path / "a.npz", mmap=True)
    for device in devices():
        assert kiln.load(tmp_path / "a.npy", device=device).device == kiln.Device(device)


def test_files_of_the_web(tmp_path):
    import functools
    import http.server
    import threading

    a = numbers("float32")
    np.save(tmp_path / "a.npy", a)
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        assert kiln.load(f"{address}/a.npy?version=2").tolist() == a.tolist()
        with pytest.raises(OSError):
            kiln.load(f"{address}/b.npy")
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(ValueError, match="fsspec"):
        kiln.load("s3://bucket/a.npy")


TABLE = b"id,height,name\n1,1.5,ann\n2,,bob\n3,2.5,\n"


def test_tables(tmp_path):
    pandas = peer("pandas")
    (tmp_path / "a.csv").write_bytes(TABLE)
    for table in (kiln.load(tmp_path / "a.csv"), kiln.read_csv(io.BytesIO(TABLE)), kiln.load(io.BytesIO(TABLE), format="csv")):
        frame = pandas.read_csv(io.BytesIO(TABLE))
        assert list(table) == list(frame)
        assert table["id"].tolist() == frame["id"].tolist() and table["id"].dtype == kiln.int64
        np.testing.assert_array_equal(table["height"].numpy(), frame["height"].to_numpy())
        assert table["name"] == ["ann", "bob", None]
    some = kiln.read_csv(tmp_path / "a.csv", usecols=["height"], dtype={"height": kiln.float32}, fill=0.0)
    assert list(some) == ["height"] and some["height"].dtype == kiln.float32 and some["height"].tolist() == [1.5, 0, 2.5]
    assert list(kiln.load(tmp_path / "a.csv", fields=["id"])) == ["id"]
    odd = kiln.read_csv(io.BytesIO(b"# x\n1;?\n2;3\n"), delimiter=";", comment="#", header=False, names=["a", "b"], na_values=["?"])
    assert odd["a"].tolist() == [1, 2] and odd["b"].tolist()[1] == 3
    with pytest.raises(ValueError, match="delimiter"):
        kiln.read_csv(io.BytesIO(TABLE), delimiter=", ")


def test_options_of_tables_are_those_of_pandas():
    pandas = peer("pandas")
    for text, options in [
        ("a;b\n1.234;2,5\n7;8\n", dict(sep=";", decimal=",", thousands=".")),
        ("  x    y\n 1.5  2\n10.0  3\n", dict(sep=r"\s+")),
        ("a, b\n1, 2\n", dict(skipinitialspace=True)),
        ("inch\tname\n5\t5\" disk\n", dict(delimiter="\t", quoting=csv.QUOTE_NONE)),
        ("a,b\n'1,5',2\n", dict(quotechar="'")),
        ("a,b\nx\\,y,2\n", dict(escapechar="\\")),
        ("country,n\nNA,1\nDE,2\n", dict(keep_default_na=False)),
        ("a\n1\n?\n", dict(na_values="?")),
        ("a,b\n1,2\n3,4\n5,6\n", dict(nrows=2)),
        ("1,2\n3,4\n", dict(header=None, names=["x", "y"])),
        ("a,b\n1,2\n", dict(header=0, names=["x", "y"])),
        ("a,b\n1,2\n", dict(header="infer", usecols=[1])),
        ("id,n\n007,1\n", dict(dtype={"id": str, "n": "int32"})),
        ("a,b\n1,2\n3,4,5\n6,7\n", dict(on_bad_lines="skip")),
    ]:
        frame = pandas.read_csv(io.StringIO(text), **options)
        for source in (io.StringIO(text), io.BytesIO(text.encode())):
            table = kiln.read_csv(source, **options)
            assert list(table) == list(frame), options
            for name, column in table.items():
                expected = frame[name]
                if isinstance(column, list):
                    assert column == expected.tolist(), options
                else:
                    np.testing.assert_array_equal(column.numpy(), expected.to_numpy(), err_msg=str(options))
    sums = kiln.read_csv(io.BytesIO("straße;preis\nx;2\nSumme;2\n".encode("latin-1")), sep=";", encoding="latin-1", skipfooter=1)
    assert sums["straße"] == ["x"] and sums["preis"].tolist() == [2]
    filled = kiln.read_csv(io.BytesIO(b"n,kind\n,cat\n2,\n"), fill=[-1, "none"])
    assert filled["n"].tolist() == [-1, 2] and filled["kind"] == ["cat", "none"]
    with pytest.warns(UserWarning, match=r"left out: \[3\]"):
        kiln.read_csv(io.BytesIO(b"a,b\n1,2\n3,4,5\n"), on_bad_lines="warn")
    for options, message in [
        (dict(sep=",", delimiter=","), "two names of one option"),
        (dict(sep=",", delim_whitespace=True), "contradict"),
        (dict(encoding="klingon"), "utf-8, latin-1, cp1252, utf-16"),
        (dict(on_bad_lines="ask"), "error, skip or warn"),
        (dict(header=2), "header is"),
        (dict(quoting=9), "QUOTE_"),
    ]:
        with pytest.raises(ValueError, match=message):
            kiln.read_csv(io.BytesIO(TABLE), **options)
