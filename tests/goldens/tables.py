"""Writes the tables that pandas reads: python tests/goldens/tables.py

`tables.jsonl` has whole tables with options, `columns.jsonl` single columns, of which the dtype is found out."""

import csv
import io
import itertools
import json
import pathlib
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
lines = []


def keywords_of(options):
    """Kiln's options as those of pandas."""
    keywords = dict(options)
    if keywords.get("header") is False:
        keywords["header"] = None
    if keywords.pop("delim_whitespace", False):
        keywords["sep"] = r"\s+"
    if keywords.get("quoting") is False:
        keywords["quoting"] = csv.QUOTE_NONE
    if "skipfooter" in keywords:
        keywords["engine"] = "python"
    else:
        keywords["float_precision"] = "round_trip"
    return keywords


def case(text, **options):
    """A text, and the columns that pandas makes of it: floats by their bits."""
    encoded = text.encode(options.get("encoding", "utf-8"))
    frame = pd.read_csv(io.BytesIO(encoded), **keywords_of(options))
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
    line = {"text": text, "options": options, "columns": columns}
    if "encoding" in options:
        line["bytes"] = encoded.hex()
    lines.append(json.dumps(line, ensure_ascii=False))


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
# Where lines end.
case("a,b\r1,2\r# note\r3,4\r", comment="#")
case("a,b\r\n# x\r\n1,2\r\n#y\r\n\r\n3,4", comment="#")
case("a,b\n1,2\r\r3,4\n\r5,6\r\n")
case("x\ra,b\r1,2\r3,4", skiprows=1)
case("x\r\n\r\na,b\r\n1,2\r\n", skiprows=2)
case("\n\na,b\n1,2\n", skiprows=1)
case('"x\ny"\na,b\n1,2\n', skiprows=1)
case('p,"x\ry"\rz\ra,b\r1,2\r', skiprows=2)
case('x"y\na,b\n1,2\n', skiprows=1)
case('# "y\n\na,b\n1,2\n', skiprows=2, comment="#")
case('a,b\r\n"x\r\ny",1\r\n\r\n"z\r",3')
# Options.
case("a,b\n1,2 # x\n3,#4\n#\n5,6", comment="#")
case('a,b\n1,"2" #x\n3,"#"\n', comment="#")
case(" a   b\tc\n1 2  3 \n  4\t5 6\n\n   \n7 8 9", delim_whitespace=True)
case("a b\r  1 2\r3 4 \r\r", delim_whitespace=True)
case('a b\n"x y" 2\n"" 4\n', delim_whitespace=True)
case("a b # c\n1 2 # d\n3 4# e\n", delim_whitespace=True, comment="#")
case('a, b\n1, 2\n3,  "x, y"\n, \n', skipinitialspace=True)
case("a, b\n1, \t2\n  \n   4,5", skipinitialspace=True)
case('a,b\n1\\,2,3\n"x\\"y",4\n\\n,5\n"a\\\\",6\n', escapechar="\\")
case("a,b\nx\\\ny,2\n", escapechar="\\")
case('a,b\n"x,2\n"y",3\n', quoting=False)
case("a,b\n'x,1',2\n\"y\",3\n'it''s',4\n", quotechar="'")
case('a,b\n"x""y",2\n', doublequote=False)
case('a,b\n"x"y,1\n"x" ,2\nx"y",3\n')
case("a;b\n1,5;1.000\n-2,5e3;1.234.567\n", delimiter=";", decimal=",", thousands=".")
case("a;b;c\n1,5;1.5;,5\n", delimiter=";", decimal=",")
case("a;b;c;d;e;f;g\n1,234;,5;1,;1,,2;1,2.5;-1,000;+1,0\n", delimiter=";", thousands=",")
case("a;b;c;d;e\n1,234.5;1.5,5;1e1,0;1 000;1,234e2\n", delimiter=";", thousands=",")
case("a;b;c\n1 000;2 000,5;+1 0\n", delimiter=";", thousands=" ", decimal=",")
case('a,b\n"1,234","2,5"\n"5","1,000,000.25"\n', thousands=",")
case("a,b\n1,2\n3,4,5\n6,7\n", on_bad_lines="skip")
case("a,b\n1,2\n3,4,5\n6,7\n8,9\n", on_bad_lines="skip", nrows=2)
case("a,b\n1,2\n3,4,5\n", nrows=1)
case('a,b\n1,2\nx,"4\n', nrows=1)
case("a,b\n\n1,2\n#\n3,4\n5,x", nrows=2, comment="#")
case("a,b\n1,2\n3,4\ntotal\n", skipfooter=1)
case("a,b\n1,2\n3,4\n5,6\n\n", skipfooter=2)
case('a,b\n1,2\n3,4\n"to\ntal",5\nend', skipfooter=2)
case("a,b\n1,2\n3,4\n#x\n", skipfooter=1, comment="#")
case("NA\n1\na,b\n1,2\n3,4\n9,9\n", skiprows=2, skipfooter=1)
case("a,b\nNA,None\nx,\n", keep_default_na=False)
case("a,b\n1,None\n,\n", keep_default_na=False, na_values=[""])
case("a,b\n-999,-999.0\n1,-999.00\n2,3\n", na_values=["-999"])
case("a,b\n-999.0,-9.99e2\n1.5,-999\n2,3\n", na_values=["-999"])
case('x\n" "\n1\n')
case('x\n""\n1\n')
case("a\tb\n\t1\n  \n \t2\n", delimiter="\t")
case("naïve,b\nGröße,1\nä,2\n", encoding="latin-1")
case("naïve,b\n“Größe”,1\n€,2\n", encoding="cp1252")
case("naïve,b\r\nGröße,1\r\n\U0001f525,2\r\n", encoding="utf-16")
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

# Columns: every field alone, every pair of some, and some of three and four.
ALONE = """-0 +0 00 007 1 -1 +1 1. .5 5. -.5 +.5 1.0 -1.5 1e3 1E3 1e+3 1e-3 -1e3 1e400 -1e400 1e-400 -1e-400 1e 1e+ .e3 1.e 5.e3
0x10 0b1 0o7 1_0 1,0 1L 1f 1d5 $1 1% 1- 1+ --1 +-1 . - + e5 inf Infinity -inf +inf INF iNfInItY infinit nan NaN NAN +nan -nan
-NaN NA N/A n/a #N/A #NA null NULL Null None none <NA> True TRUE true tRuE False FALSE false T yes t 0 x
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616
-18446744073709551616 100000000000000000000000 00000000000000000000000000001 0000000000000000000009223372036854775808
9007199254740993 9007199254740993.0 0.1 123456789.123456789 2020-01-01 12:30 1/2 −1 １ ١ ½ \ufeff1""".split()
ALONE += [" 1", "1 ", "\t1", "1\x0b", "\x0c1", " 1.5 ", " -0", "1 .5", "- 1", "+ 1", "1 2", " inf", "inf ", "nan ", " NA", "True ", " x", "1\u00a0", "\u00a01"]
ALONE += ['"1"', '"1.5"', '"NA"', '""', '" "', '"1 "', '"True"', '"-0"', '"x"', '"1,000"', "1\x00"]
PAIRS = ["1", "-0", "-1", "1.5", "1e3", "inf", "NA", '""', "True", "false", "x", "9223372036854775808", "18446744073709551616"]
PAIRS += ["-9223372036854775809", " 2", '"3"', "1."]


def field_text(field):
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def column(fields):
    """What pandas makes of a column: its dtype, and its values, floats by their bits, text as it stands there."""
    text = "x\n" + "".join(field + "\n" for field in fields)
    kinds = []
    for keywords in ({"float_precision": "round_trip"}, {}):
        values = pd.read_csv(io.StringIO(text, newline=""), sep=";", **keywords)["x"]
        kinds.append(values.dtype.name if values.dtype.kind in "biuf" else "text")
    assert kinds[0] == kinds[1], (fields, kinds)
    values = pd.read_csv(io.StringIO(text, newline=""), sep=";", float_precision="round_trip")["x"]
    assert len(values) == len(fields), fields
    if kinds[0] == "float64":
        return "float64", [f"{bits:016x}" for bits in values.to_numpy().view(np.uint64)]
    if kinds[0] == "text":
        # Where integers are too large for a dtype, pandas keeps the text of missing values; Kiln does not.
        missing = [pd.isna(v) or f in ("NA", '""') for v, f in zip(values, fields)]
        return "text", [None if m else field_text(f) for m, f in zip(missing, fields)]
    return kinds[0], values.tolist()


columns = [[field] for field in ALONE]
columns += [list(pair) for pair in itertools.permutations(PAIRS, 2)]
columns += [[PAIRS[i] for i in random.integers(0, len(PAIRS), random.integers(3, 5))] for _ in range(150)]
written = []
for fields in columns:
    kind, values = column(fields)
    # In pandas it depends on the order whether an integer of more than 64 bits and a float make floats or text.
    orders = {column(list(order))[0]: column(list(order))[1] for order in itertools.permutations(fields)}
    if len(orders) > 1:
        assert set(orders) == {"float64", "text"}, fields
        kind = "float64"
        values = [column([field, "1.5"])[1][0] for field in fields]
        if any(len(column([field, "1.5"])[0]) != 7 for field in fields):
            values = [f"{np.float64(field_text(f) if f not in ('NA', chr(34) * 2) else 'nan').view(np.uint64):016x}" for f in fields]
    written.append(json.dumps({"fields": fields, "dtype": kind, "values": values}, ensure_ascii=False))
path.with_name("columns.jsonl").write_text("\n".join(written) + "\n")
print(len(lines), "tables,", len(written), "columns")
