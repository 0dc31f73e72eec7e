"""Puts the files of tests/corpus into fuzz/corpus, a folder for each target, for the fuzzer to start from."""

import zipfile
from pathlib import Path

HERE = Path(__file__).parent

with zipfile.ZipFile(HERE.parent / "tests" / "corpus" / "corpus.zip") as archive:
    for name in archive.namelist():
        target = HERE / "corpus" / Path(name).suffix[1:]
        if (HERE / "fuzz_targets" / f"{target.name}.rs").exists():
            target.mkdir(parents=True, exist_ok=True)
            (target / name.replace("/", "_")).write_bytes(archive.read(name))
