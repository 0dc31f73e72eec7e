"""The Python of the guide, from top to bottom, as a reader would type it."""

import re

from peers import ROOT, peer

tensorflow, torch, jax, pandas = peer("tensorflow"), peer("torch"), peer("jax"), peer("pandas")

GUIDE = ROOT / "docs" / "from-numpy.md"


def test_every_snippet_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    imports = "import pathlib, jax, kiln, numpy as np, pandas as pd, tensorflow as tf, torch, torch.utils.dlpack"
    names: dict[str, object] = {}
    exec(imports, names)
    snippets = list(re.finditer(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE))
    assert len(snippets) > 25
    for snippet in snippets:
        line = GUIDE.read_text()[: snippet.start(1)].count("\n")
        # Blank lines in front, so that an error's line is the guide's.
        exec(compile("\n" * line + snippet[1], str(GUIDE), "exec"), names)
