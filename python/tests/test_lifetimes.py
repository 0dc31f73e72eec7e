"""Who keeps memory alive, and that nobody keeps it longer."""

import gc
import io
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from peers import NUMPY_VERSION, address, numbers, resident_bytes

import kiln

MEBIBYTE = 1 << 20


class Array(np.ndarray):
    """An array whose end can be watched."""


def watched(values):
    a = np.array(values, np.float32).view(Array)
    gone = []
    weakref.finalize(a, gone.append, True)
    return a, gone


def test_a_tensor_keeps_its_array():
    a, gone = watched([1, 2, 3, 4])
    t = kiln.from_numpy(a)
    view, result = t[1::2], t + 1
    del a, t
    gc.collect()
    assert not gone and view.tolist() == [2, 4]
    assert result.tolist() == [2, 3, 4, 5]
    del view
    assert gone


def test_an_array_keeps_its_tensor():
    t = kiln.tensor([1.0, 2.0, 3.0])
    a, b = t.numpy(), np.asarray(t[1:])
    c = np.from_dlpack(t) if NUMPY_VERSION >= (2, 0) else a
    del t
    gc.collect()
    others = [kiln.tensor([9.0, 9.0, 9.0]) + i for i in range(100)]
    assert sum(x.sum().item() for x in others) > 0
    assert a.tolist() == c.tolist() == [1, 2, 3] and b.tolist() == [2, 3]


def test_memory_goes_from_hand_to_hand():
    a, gone = watched([1, 2])
    b = kiln.from_numpy(kiln.from_numpy(a).numpy()).numpy()
    assert address(b) == address(a)
    del a
    assert not gone and b.tolist() == [1, 2]
    del b
    assert gone


def test_capsules_that_nobody_takes():
    a, gone = watched([1, 2])
    t = kiln.from_numpy(a)
    capsules = [t.__dlpack__(), t.__dlpack__(max_version=(1, 0))]
    del a, t
    assert not gone
    del capsules
    assert gone


def test_refused_arrays_are_given_back():
    a = np.zeros([1] * 9).view(Array)
    before = sys.getrefcount(a)
    for _ in range(10):
        with pytest.raises(BufferError):
            kiln.from_numpy(a)
    assert sys.getrefcount(a) == before


def test_finalizers_may_call_kiln():
    a = np.arange(3, dtype=np.float32).view(Array)
    sums = []
    weakref.finalize(a, lambda: sums.append(kiln.arange(10).sum().item()))
    result = (kiln.from_numpy(a) * 2).exp()
    del a
    result.tolist()
    assert sums == [45]


def test_gradients_keep_what_they_need():
    a, gone = watched([1, 2])
    w = kiln.tensor([3.0, 4.0], requires_grad=True)
    loss = (kiln.from_numpy(a) * w).sum()
    del a
    assert not gone
    loss.backward()
    assert w.grad.tolist() == [1, 2]
    del loss
    w.grad = None
    gc.collect()
    assert gone


@pytest.mark.parametrize("way", ["dlpack", "numpy"])
def test_ten_thousand_round_trips_in_flat_memory(way):
    a = np.zeros(MEBIBYTE // 4, np.float32)

    def round_trip():
        if way == "numpy":
            return kiln.from_numpy(kiln.from_numpy(a).numpy())
        return kiln.from_dlpack(kiln.from_dlpack(kiln.from_numpy(a)))

    for _ in range(100):
        round_trip()
    gc.collect()
    before, references = resident_bytes(), sys.getrefcount(a)
    for _ in range(10_000):
        round_trip()
    gc.collect()
    assert sys.getrefcount(a) == references
    # A copy that was left behind in one of a hundred trips would show.
    assert resident_bytes() - before < 16 * MEBIBYTE


def test_copies_in_flat_memory():
    a = np.zeros(MEBIBYTE // 4, np.float32)
    for _ in range(50):
        (kiln.tensor(a) + 1).numpy()
    before = kiln.Device("cpu").memory()["live"]
    for _ in range(1000):
        (kiln.tensor(a) + 1).numpy()
    assert kiln.Device("cpu").memory()["live"] - before <= 4 * MEBIBYTE


def test_four_threads():
    errors = []

    def work(seed):
        try:
            for i in range(300):
                a = numbers("float32") + seed * i
                t = kiln.from_numpy(a) if i % 2 else kiln.from_dlpack(a)
                b = (t * 2 + 1).numpy()
                np.testing.assert_array_equal(b, a * 2 + 1)
                w = kiln.tensor([1.0, 2.0], requires_grad=True)
                (w * w).sum().backward()
                assert w.grad.tolist() == [2, 4]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_the_last_tensor_may_die_on_another_thread():
    a, gone = watched([1, 2])
    tensors = [kiln.from_numpy(a)]
    del a
    thread = threading.Thread(target=tensors.clear)
    thread.start()
    thread.join()
    assert gone


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_others_run_while_kiln_works(tmp_path):
    # The file has an end only when the other thread has written it, for which it needs the interpreter's lock.
    path = tmp_path / "pipe.npy"
    os.mkfifo(path)

    contents = io.BytesIO()
    np.save(contents, numbers("float32"))

    def write():
        with open(path, "wb") as pipe:
            pipe.write(contents.getvalue())

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    t = kiln.load(path)
    thread.join()
    assert t.tolist() == numbers("float32").tolist()


def test_tensors_may_outlive_the_interpreter():
    code = """
import numpy, kiln, sys
kept = kiln.from_numpy(numpy.arange(3.0))
sys.kept = [kept, kept.numpy(), kept.__dlpack__(), kept + 1, kiln.tensor([1.0], requires_grad=True) * 2]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
