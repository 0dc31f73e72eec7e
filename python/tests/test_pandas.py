"""pandas: columns and frames become tensors by way of NumPy."""

import numpy as np
import pytest
from peers import peer

import kiln

pd = peer("pandas")


def test_columns_and_frames():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert kiln.tensor(frame["a"]).tolist() == [1, 2]
    assert kiln.tensor(frame).tolist() == [[1, 3], [2, 4]]
    assert kiln.tensor(frame).dtype == kiln.float64
    assert kiln.asarray(frame["b"], dtype=kiln.float32).dtype == kiln.float32
    assert kiln.tensor(pd.Series([True, False])).dtype == kiln.bool
    assert kiln.tensor(pd.Index([1, 2])).tolist() == [1, 2]


def test_columns_are_shared():
    column = pd.Series(np.arange(4.0))
    t = kiln.from_numpy(column.to_numpy())
    assert t.numpy().ctypes.data == column.to_numpy().ctypes.data
    assert kiln.asarray(column).numpy().ctypes.data == column.to_numpy().ctypes.data
    assert t.numpy().flags.writeable == column.to_numpy().flags.writeable


def test_tensors_become_frames():
    t = kiln.arange(6).reshape(3, 2)
    frame = pd.DataFrame(t.numpy(), columns=["a", "b"])
    assert frame["b"].tolist() == [1, 3, 5]
    assert kiln.tensor(frame).tolist() == t.tolist()
    assert pd.Series(t[:, 0].numpy()).sum() == 6


def test_what_holds_no_numbers():
    with pytest.raises(TypeError, match="Python objects|strings are not numbers"):
        kiln.tensor(pd.Series(["a", "b"]))
    with pytest.raises(TypeError, match="convert them to int64"):
        kiln.tensor(pd.to_datetime(pd.Series(["2020-01-01"])))
