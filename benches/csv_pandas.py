"""Reads a table with pandas and with Kiln in turns: python benches/csv_pandas.py BENCH [ROUNDS]

BENCH is the program that `cargo bench --bench csv --no-run` names. Prints the medians in milliseconds."""

import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

bench = sys.argv[1]
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
rows = 1_000_000
random = np.random.default_rng(0)
columns = {}
for i in range(5):
    columns[f"float{i}"] = random.normal(scale=10.0 ** (i - 2), size=rows).round(2 + 3 * i)
    columns[f"int{i}"] = random.integers(0, 10 ** (2 * i + 1), size=rows)
times = {"pandas, default": [], "pandas, round_trip": [], "kiln": []}
with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    pd.DataFrame(columns).to_csv(file.name, index=False)
    size = len(open(file.name, "rb").read())
    for _ in range(rounds):
        for name, options in (("pandas, default", {}), ("pandas, round_trip", {"float_precision": "round_trip"})):
            start = time.perf_counter()
            pd.read_csv(file.name, engine="c", **options)
            times[name].append(1e3 * (time.perf_counter() - start))
        output = subprocess.run([bench, "--rounds", "1", file.name], check=True, capture_output=True, text=True)
        times["kiln"].append(float(output.stdout))
print(f"{rows} rows of {len(columns)} columns, {size / 1e6:.0f} MB; medians of {rounds} rounds in turns")
for name, values in times.items():
    print(f"{name:20} {statistics.median(values):7.0f} ms   (from {min(values):.0f} to {max(values):.0f})")
