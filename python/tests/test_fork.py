"""Processes that are forked, as by multiprocessing and PyTorch's loader."""

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
from peers import devices, peer

import kiln

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    # Of Python 3.12 on: it is the point of these tests that a process with threads is forked.
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]


def work(n: int) -> list[float]:
    """Work of each kind that is divided among threads."""
    x = kiln.randn(n, n, seed=3)
    big = kiln.randn(1 << 20, seed=4)
    ids = kiln.arange(1 << 16) % 7
    spread = kiln.zeros(7, dtype=kiln.float32).scatter_add(0, ids, big[: 1 << 16])
    results = [(x @ x).sum(), x.softmax(0).max(), big.exp().mean(), (big * 2 + 1).std(), spread.sum(), x.cdist(x).mean()]
    return [y.item() for y in results]


def in_child(f, *arguments):
    """The result of a function in a forked process, which is stopped if it hangs."""
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        return pool.apply_async(f, arguments).get(timeout=120)


def test_children_compute_as_their_parents():
    expected = work(512)
    assert in_child(work, 512) == expected
    assert work(512) == expected


def test_children_of_children_compute():
    expected = work(512)

    context = multiprocessing.get_context("fork")

    def child(results):
        def grandchild(results):
            results.put(work(512))

        process = context.Process(target=grandchild, args=(results,))
        process.start()
        process.join(120)

    results = context.Queue()
    process = context.Process(target=child, args=(results,))
    process.start()
    assert results.get(timeout=120) == expected
    process.join(120)


def test_tensors_of_the_parent_are_the_childs():
    x = kiln.randn(600, 600, seed=1)
    pending = x @ x
    expected = (kiln.randn(600, 600, seed=1) @ kiln.randn(600, 600, seed=1)).numpy()

    def child():
        return pending.numpy()

    # A function of its own is not pickled: the child has it by the fork.
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        ok = np.array_equal(child(), expected)
        os.write(writer, b"1" if ok else b"0")
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"1"
    os.waitpid(process, 0)


def test_a_gpu_says_that_it_cannot_be_used():
    if "gpu:0" not in devices():
        pytest.skip("there is no GPU, which was asked for")
    x = kiln.ones(4, device="gpu:0") + 1
    assert x.sum().item() == 8

    def attempts():
        for attempt in (lambda: (x * 2).tolist(), lambda: x.numpy(), lambda: kiln.ones(3, device="gpu:0").sum().item()):
            try:
                yield f"no error: {attempt()}"
            except Exception as error:
                yield str(error)

    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(writer, "\n".join(attempts()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read().split("\n")
    os.waitpid(process, 0)
    assert len(told) == 3 and all("forked" in line and "spawn" in line for line in told), told
    assert (x * 2).tolist() == [4, 4, 4, 4]


LOADER = """
import kiln, torch
from torch.utils.data import DataLoader, Dataset

class Products(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        x = kiln.full((450, 450), float(i))
        return torch.from_dlpack((x @ x).sum().reshape(1))

if __name__ == "__main__":
    x = kiln.ones(450, 450)
    (x @ x).tolist()
    total = sum(batch.sum().item() for batch in DataLoader(Products(), batch_size=2, num_workers=2))
    # Float32 rounds the sums.
    assert abs(total / sum(450.0 ** 3 * i * i for i in range(8)) - 1) < 1e-6, total
"""


def test_pytorchs_loader_has_workers(tmp_path):
    peer("torch")
    script = tmp_path / "loader.py"
    script.write_text(LOADER)
    subprocess.run([sys.executable, str(script)], check=True, timeout=300)
