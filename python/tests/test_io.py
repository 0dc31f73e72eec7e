"""Files that NumPy reads and writes."""

import numpy as np
import pytest
from peers import NUMPY_DTYPES, numbers

import kiln


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_npy_both_ways(dtype, tmp_path):
    for a in (numbers(dtype), numbers(dtype).T, numbers(dtype)[:, :0], numbers(dtype)[0, 0, 0]):
        np.save(tmp_path / "a.npy", a)
        t = kiln.load(tmp_path / "a.npy")
        assert t.dtype == kiln.DType(dtype) and t.shape == a.shape and t.tolist() == a.tolist()
        kiln.save(str(tmp_path / "b.npy"), t)
        b = np.load(tmp_path / "b.npy")
        assert b.dtype == a.dtype and b.tolist() == a.tolist()


def test_loaded_tensors_may_be_written_to(tmp_path):
    np.save(tmp_path / "a.npy", numbers("float32"))
    kiln.load(tmp_path / "a.npy").numpy()[:] = 1


def test_npz_both_ways(tmp_path):
    a, b = numbers("float32"), numbers("int64", (2, 2))
    np.savez_compressed(tmp_path / "a.npz", a=a, b=b)
    tensors = kiln.load(tmp_path / "a.npz")
    assert list(tensors) == ["a", "b"] and tensors["b"].tolist() == b.tolist()
    kiln.save(tmp_path / "b.npz", {"x": tensors["a"], "y": b, "z": [1.0, 2.0]})
    with np.load(tmp_path / "b.npz") as archive:
        assert sorted(archive) == ["x", "y", "z"]
        np.testing.assert_array_equal(archive["x"], a)
        np.testing.assert_array_equal(archive["y"], b)
        assert archive["z"].tolist() == [1, 2]


RECORD = np.dtype([("id", "<i8"), ("at", [("x", ">f4"), ("y", "<f8", (2,))]), ("name", "S3")])


def test_structured_arrays_are_dictionaries_of_fields(tmp_path):
    a = np.zeros(5, RECORD)
    a["id"], a["at"]["x"], a["at"]["y"] = np.arange(5), np.arange(5) / 2, np.arange(10).reshape(5, 2)
    np.save(tmp_path / "a.npy", a[["id", "at"]])
    fields = kiln.load(tmp_path / "a.npy")
    assert list(fields) == ["id", "at"] and list(fields["at"]) == ["x", "y"]
    assert fields["id"].tolist() == a["id"].tolist() and fields["at"]["x"].dtype == kiln.float32
    np.testing.assert_array_equal(fields["at"]["y"].numpy(), a["at"]["y"])
    np.save(tmp_path / "names.npy", a)
    with pytest.raises(ValueError, match="name"):
        kiln.load(tmp_path / "names.npy")
    some = kiln.load(tmp_path / "names.npy", fields=["at.x", "at"])
    assert list(some) == ["at.x", "at"] and some["at.x"].tolist() == some["at"]["x"].tolist() == [0, 0.5, 1, 1.5, 2]
    np.savez(tmp_path / "a.npz", a=a[["id", "at"]], b=numbers("int8"))
    assert kiln.load(tmp_path / "a.npz")["a"]["at"]["x"].tolist() == [0, 0.5, 1, 1.5, 2]
    assert list(kiln.load(tmp_path / "a.npz", fields=["b"])) == ["b"]


def test_dictionaries_are_written_as_structured_arrays(tmp_path):
    fields = {"id": np.arange(5), "at": kiln.rand(5, 3), "flag": [True, False, True, True, False]}
    kiln.save(tmp_path / "a.npy", fields)
    a = np.load(tmp_path / "a.npy")
    assert a.dtype == np.dtype([("id", "<i8"), ("at", "<f4", (3,)), ("flag", "?")])
    for name, x in fields.items():
        np.testing.assert_array_equal(a[name], np.asarray(x))


def test_safetensors_both_ways(tmp_path):
    tensors = {"b": kiln.rand(2, 3).to(kiln.bfloat16), "a": numbers("int64")}
    kiln.save(tmp_path / "a.safetensors", tensors)
    loaded = kiln.load(tmp_path / "a.safetensors")
    assert sorted(loaded) == ["a", "b"] and loaded["b"].dtype == kiln.bfloat16
    assert loaded["b"].tolist() == tensors["b"].tolist() and loaded["a"].tolist() == tensors["a"].tolist()
    assert list(kiln.load(tmp_path / "a.safetensors", fields=["a"])) == ["a"]


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.npy"):
        kiln.load(tmp_path / "missing.npy")
    with pytest.raises(FileNotFoundError, match="missing.npz"):
        kiln.load(tmp_path / "missing.npz")
    with pytest.raises(FileNotFoundError):
        kiln.save(tmp_path / "no" / "such" / "folder.npy", kiln.zeros(1))
    with pytest.raises(ValueError, match="ends in none of .npy, .npz, .safetensors"):
        kiln.load(tmp_path / "a.pt")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(ValueError, match="broken.npy: it ends within"):
        kiln.load(tmp_path / "broken.npy")
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(ValueError, match="pickled Python objects"):
        kiln.load(tmp_path / "objects.npy")
    with pytest.raises(TypeError, match="takes a mapping from names"):
        kiln.save(tmp_path / "a.npz", kiln.zeros(1))
    with pytest.raises(TypeError, match="not among NumPy's dtypes"):
        kiln.save(tmp_path / "a.npy", kiln.zeros(1, dtype=kiln.bfloat16))
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(OSError):
        kiln.load(tmp_path / "folder.npy")
