"""The wheel, as it comes to somebody who has nothing else: it installs, runs, and says what it is."""

import email
import email.message
import os
import pathlib
import re
import subprocess
import sys
import venv
import zipfile

import pytest
from peers import ROOT, devices

README = ROOT / "python" / "README.md"


@pytest.fixture(scope="module")
def wheel() -> pathlib.Path:
    path = os.environ.get("KILN_TEST_WHEEL")
    if not path:
        pytest.skip("scripts/test-python builds the wheel, and says by KILN_TEST_WHEEL where it is")
    return pathlib.Path(path)


def metadata(wheel: pathlib.Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_it_says_what_it_is(wheel):
    about = metadata(wheel)
    assert about["Name"] == "kiln" and about["Requires-Python"] == ">=3.10"
    assert "GPU" in about["Summary"] and about["License-Expression"] == "MIT OR Apache-2.0"
    assert about["Description-Content-Type"].startswith("text/markdown")
    assert about.get_payload().strip() == README.read_text().strip()
    assert len(about.get_all("Project-URL")) == 4 and len(about.get_all("Classifier")) > 10
    # Nothing else must be installed.
    assert all("extra ==" in needed for needed in about.get_all("Requires-Dist") or [])


def test_it_holds_what_the_package_holds(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("kiln/")}
    package = ROOT / "python" / "kiln"
    files = [path for path in package.rglob("*") if path.suffix in (".py", ".pyi", ".typed")]
    sources = {path.relative_to(package.parent).as_posix() for path in files}
    sources.add("kiln/py.typed")
    assert names - sources == {name for name in names if re.fullmatch(r"kiln/_kiln\.(abi3\.)?(so|pyd)", name)}
    assert sources <= names


def test_the_readme_runs_in_a_bare_environment(wheel, tmp_path):
    venv.create(tmp_path / "bare", with_pip=True)
    python = tmp_path / "bare" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", wheel]
    subprocess.run(install, check=True)
    snippets = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(snippets) == 2
    checks = "assert loss.item() < 1e-6 and [round(v, 3) for (v,) in w.tolist()] == [1.0, -2.0, 0.5]\n"
    checks += "import importlib.util; assert importlib.util.find_spec('numpy') is None\n"
    # The second needs a GPU.
    program = snippets[0] + checks + (snippets[1] + "assert abs(y - 1e9) < 1e4\n" if "gpu:0" in devices() else "")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([python, "-c", program], check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("0.000000")
