"""Ctrl-C, and other signals, while Kiln computes."""

import os
import signal
import threading
import time

import pytest
from peers import devices

import kiln

# People are promised an answer within a second. This is what a busy machine may take, whose work would not end by then.
PATIENCE = 30


def interrupt_after(seconds: float) -> list[float]:
    """Sends what Ctrl-C sends; the list tells when."""
    sent: list[float] = []

    def send():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(seconds, send).start()
    return sent


def chain(x, count):
    for _ in range(count):
        x = (x @ x).tanh()
    return x


@pytest.mark.parametrize("device", devices())
def test_many_kernels_are_interrupted_and_continued(device):
    n, count = (400, 150) if device == "cpu" else (200, 50)
    x = kiln.randn(n, n, seed=1, device=device) * 0.01
    y = chain(x, count)
    sent = interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        while True:
            chain(x, count).sum().item()
    assert time.monotonic() - sent[0] < PATIENCE
    # Nothing is lost, not even what was being computed.
    assert (y * 0 + 1).sum().item() == n * n
    assert y.tolist() == chain(kiln.randn(n, n, seed=1, device=device) * 0.01, count).tolist()


def test_one_long_kernel_is_left_behind():
    n = 1500  # above 2^31 steps of arithmetic, for which a kernel gets a thread of its own
    x = kiln.ones(n, n)
    y = x @ x
    sent = interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        while True:
            y.sum().item()
            y = x @ (x + 0)
    assert time.monotonic() - sent[0] < PATIENCE
    assert y[0, :3].tolist() == [n, n, n]


def test_ops_do_not_wait_for_another_threads_work():
    x = kiln.randn(400, 400, seed=1) * 0.01
    started, ended = threading.Event(), threading.Event()

    def compute():
        y = chain(x, 60)
        started.set()
        y.tolist()
        ended.set()

    thread = threading.Thread(target=compute)
    thread.start()
    started.wait()
    for i in range(1000):
        z = x + i
    thread.join()
    assert ended.is_set() and z[0, 0].item() == pytest.approx(x[0, 0].item() + 999)


class Raised(Exception):
    pass


def test_handlers_may_raise_and_call_kiln():
    x = kiln.randn(400, 400, seed=1) * 0.01
    seen = []

    def handler(number, frame):
        seen.append(kiln.arange(10).sum().item())
        raise Raised

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(Raised):
            while True:
                chain(x, 100).sum().item()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [45]
    assert kiln.ones(3).sum().item() == 3


def test_handlers_that_raise_nothing_change_nothing():
    x = kiln.randn(300, 300, seed=1) * 0.01
    expected = chain(x, 50).tolist()
    seen = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(kiln.ones(2, 2).sum().item()))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        while len(seen) < 5:
            assert chain(x, 50).tolist() == expected
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert set(seen) == {4.0}


def test_reading_a_pipe_is_interrupted(tmp_path):
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)
    sent = interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        kiln.load(pipe)
    assert time.monotonic() - sent[0] < PATIENCE
    # Lets the thread that waits for the pipe go.
    os.close(os.open(pipe, os.O_WRONLY))
