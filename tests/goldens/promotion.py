"""The dtypes that torch.result_type gives, for tests/promotion.rs. Writes promotion.jsonl beside itself.

Each line is [a, rank of a, b, rank of b, result], with b a dtype or, at rank -1, a number of Python. PyTorch does not
promote uint16, uint32 and uint64 among dtypes of one kind; those rows are NumPy's, where both are tensors with axes, and
left out elsewhere.
"""

import itertools
import json
import pathlib

import numpy
import torch

NAMES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NAMES += ["float16", "bfloat16", "float32", "float64"]
NUMBERS = {"bool": True, "int": 1, "float": 1.0}


def tensor(name, rank):
    return torch.ones([1] * rank, dtype=getattr(torch, name))


def main():
    rows = []
    for a, b in itertools.product(NAMES, repeat=2):
        for ranks in [(1, 1), (2, 1), (1, 0), (0, 1), (0, 0)]:
            try:
                result = torch.result_type(tensor(a, ranks[0]), tensor(b, ranks[1]))
                rows.append([a, ranks[0], b, ranks[1], str(result).removeprefix("torch.")])
            except RuntimeError:
                integers = not (a.startswith("float") or b.startswith("float") or "bfloat16" in (a, b))
                if ranks == (1, 1) and integers:
                    rows.append([a, 1, b, 1, numpy.promote_types(a, b).name])
    for a, (b, number) in itertools.product(NAMES, NUMBERS.items()):
        for rank in [1, 0]:
            result = torch.result_type(tensor(a, rank), number)
            rows.append([a, rank, b, -1, str(result).removeprefix("torch.")])
    path = pathlib.Path(__file__).with_name("promotion.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


main()
