"""Writes the tables that pandas reads: python tests/goldens/tables.py"""

import io
import json
import pathlib
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
lines = []


def case(text, **options):
    """A text, and the columns that pandas makes of it: floats by their bits."""
    keywords = dict(options)
    if keywords.get("header") is False:
        keywords["header"] = None
    frame = pd.read_csv(io.StringIO(text, newline=""), float_precision="round_trip", **keywords)
    columns = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype == np.float64:
            values = [f"{bits:016x}" for bits in column.to_numpy().view(np.uint64)]
            kind = "float64"
        elif column.dtype.kind in "biu":
            values, kind = column.tolist(), column.dtype.name
        else:
            values = [None if pd.isna(v) else str(v) for v in column]
            kind = "text"
        columns.append({"name": str(name), "dtype": kind, "values": values})
    lines.append(json.dumps({"text": text, "options": options, "columns": columns}, ensure_ascii=False))


case("a,b\n1,2\n3,4\n")
case("a,b\r\n1,2.5\r\n3,x\r\n")
case("a,b\r1,2\r3,4\r")
case("a,b\n1,2\n\n3,4\n   \n5,6")
case('a,b\n"x, y",1\n"say ""hi""",2\n"two\nlines",3\n')
case('a,b\n"1","2.5"\n"3",""\n')
case("a,b\n1,NA\nnan,2\nN/A,\nnull,None\n")
case("a\n-1.#IND\n1.5\n<NA>\n#N/A\n")
case("a,b\n1,?\n-,2\n", na_values=["?", "-"])
case("a,b\n1,-999\n-999,2.5\n", na_values=["-999"])
case("a;b\n1;2,5\n3;x\n", delimiter=";")
case("a\tb\n1\t2\n", delimiter="\t")
case("made by hand\non a Monday\na,b\n1,2\n", skiprows=2)
case("# first\na,b\n# second\n1,2\n", comment="#")
case("1,2.5,x\n3,4.5,y\n", header=False)
case("a,b,c,d\n1,2,3,4\n5,6,7,8\n", usecols=["b", "d"])
case("a,b,c,d\n1,x,3,4\n5,y,7,8\n", usecols=[0, 2])
case("a,b\nTrue,TRUE\nFalse,false\n")
case("a,b\nTrue,1\n0,False\n")
case("a,b,c\n1,1,1\n18446744073709551615,9223372036854775807,9223372036854775808\n")
case("a,b\n1,-9223372036854775808\n2.5,9223372036854775807\n")
case("a\n9007199254740993\n0.5\n-9007199254740993\n")
case("a\n 1\n2 \n\t3\n")
case("a,b\n +1 ,+2.5\n007,.5\n12,5.\n")
case("a\n1\n2\nx\n")
case("a,b\n,\n,\n")
case("a,b\n,1\n,\n3,\n")
case("a,b\n,x\n1,\n")
case("a\ninf\n-inf\nInfinity\n-INFINITY\n+inf\n")
case("a\n1e400\n-1e400\n1e-400\n-1e-400\n4.9e-324\n2.4e-324\n2.5e-324\n")
case("a\n0x10\n1_000\n1e\n")
case("héllo,wörld\nÄ,1\nß,2\n")
case("\ufeffa,b\n1,2\n")
case("species,length\nsetosa,5.1\nvirginica,6.3\nsetosa,4.9\n")
random = np.random.default_rng(1)
numbers = []
for i in range(600):
    value = random.normal() * 10.0 ** random.integers(-12, 12)
    numbers.append(f"{value:.{random.integers(1, 22)}{'ef'[i % 2]}}")
    # Next to the middle between two floats.
    bits = int(random.integers(1 << 52, 2047 << 52, dtype=np.int64))
    numbers.append(repr(np.int64(bits).view(np.float64).item()))
numbers += ["9007199254740993.0", "0.1", "1e23", "8.5e22", "2.2250738585072014e-308", "2.2250738585072011e-308"]
numbers += ["7.2057594037927933e16", "123456789012345678901234567890", "0." + "0" * 40 + "1", "1" + "0" * 40 + ".0"]
case("number\n" + "\n".join(numbers) + "\n")
path = pathlib.Path(__file__).with_name("tables.jsonl")
path.write_text("\n".join(lines) + "\n")
