"""NumPy's side of `cargo bench --bench io`: reads tasks from standard input, answers with milliseconds."""

import sys
import time

import numpy as np

path, fields = sys.argv[1:]
written = path + ".numpy.npy"
array = None


def save():
    # Not timed: what is to be written.
    global array
    if array is None:
        array = np.load(path)
    start = time.perf_counter()
    np.save(written, array)
    return start


TASKS = {
    "mmap": lambda: np.load(path, mmap_mode="r"),
    "load": lambda: np.load(path),
    "field": lambda: np.ascontiguousarray(np.load(fields, mmap_mode="r")["b"]),
    "mmap_field": lambda: np.load(fields, mmap_mode="r")["b"],
}

for line in sys.stdin:
    task = line.strip()
    if task == "save":
        start = save()
    else:
        start = time.perf_counter()
        result = TASKS[task]()
    print((time.perf_counter() - start) * 1e3, flush=True)
    result = None
