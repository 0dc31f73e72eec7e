"""The libraries and devices that tests run with."""

import importlib
import importlib.util
import os
import pathlib
import subprocess
from types import ModuleType

import numpy as np
import pytest

import kiln

NUMPY_DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
]  # fmt: skip
ROOT = pathlib.Path(__file__).parents[2]
NUMPY_VERSION = tuple(int(n) for n in np.__version__.split(".")[:2])


def peer(name: str, module: str = "") -> ModuleType:
    """A library of those that `scripts/test-python` tests with, or that are there if it has not run.

    One that it tests with must import: the tests fail otherwise.
    """
    listed = os.environ.get("KILN_TEST_PEERS")
    there = name in listed.split(",") if listed else importlib.util.find_spec(name) is not None
    if not there:
        reason = f"{name} is left out: scripts/test --all tests with it" if listed else f"there is no {name}"
        pytest.skip(reason, allow_module_level=True)
    return importlib.import_module(module or name)


def devices() -> list[str]:
    """The CPU and a GPU, which may be a driver that runs on the CPU; without it only if that is asked for."""
    if os.environ.get("KILN_TEST_GPU") == "off":
        return ["cpu"]
    if len(kiln.devices()) < 2:
        pytest.fail("the tests need a GPU or a software one; KILN_TEST_GPU=off runs them on the CPU alone")
    return ["cpu", "gpu:0"]


def numbers(dtype: str, shape: tuple[int, ...] = (2, 3, 4)) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def resident_bytes() -> int:
    """The memory of this process."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def cargo(*arguments: str) -> None:
    """Runs cargo with the packages and features of `scripts/test`: what that has built is not built anew."""
    command, *rest = arguments
    selection = os.environ.get("KILN_TEST_SELECTION", "--features safetensors").split()
    subprocess.run(["cargo", command, "--quiet", *selection, *rest], cwd=ROOT, check=True)
