"""Makes PyTorch's build for CUDA importable without NVIDIA's libraries, which take 4 GB.

    python torch_without_cuda.py SITE_PACKAGES

PyPI has no build of PyTorch for the CPU alone on Linux. Installed with `pip install --no-deps torch` it lacks the
libraries that it is linked with. This links an empty one for each, beside PyTorch's own: the loader finds every name
that it looks for, in the version that it looks for, and every function reports that there is no device.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

NO_DEVICE = 100
PYTHON = re.compile(r"_?Py")


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def missing_libraries(libraries: list[Path]) -> set[str]:
    have = {library.name for library in libraries}
    have.update(re.findall(r"^\s+(\S+) \(", output("ldconfig", "-p"), re.MULTILINE))
    needed = {
        name
        for library in libraries
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-dW", library))
    }
    return needed - have


def versions(library: Path) -> dict[str, str]:
    """The library that each version of a name is of."""
    owner, found = "", {}
    for line in output("readelf", "-VW", library).splitlines():
        if file := re.search(r"File: (\S+)", line):
            owner = file[1]
        elif name := re.search(r"Name: (\S+)\s+Flags", line):
            found[name[1]] = owner
    return found


def names(libraries: list[Path], missing: set[str]) -> tuple[dict[str, dict[str, set[str]]], set[str]]:
    """What is looked for in each missing library, by version, and what is looked for anywhere."""
    versioned: dict[str, dict[str, set[str]]] = {library: defaultdict(set) for library in missing}
    anywhere: set[str] = set()
    defined: set[str] = set()
    for library in libraries:
        owners = versions(library)
        for version, owner in owners.items():
            if owner in missing:
                versioned[owner][version]
        for line in output("nm", "-D", library).splitlines():
            kind, name = line.split()[-2:]
            name, _, version = name.partition("@")
            version = version.lstrip("@")
            if kind not in "UwvUV":
                defined.add(name)
            elif owners.get(version) in missing:
                versioned[owners[version]][version].add(name)
            elif kind == "U" and not version and not PYTHON.match(name):
                anywhere.add(name)
    return versioned, anywhere - defined


def definition(name: str) -> str:
    if re.search(r"String|Name$", name):
        return f'const char *{name}(void) {{ return "no CUDA"; }}'
    return f"int {name}(void) {{ return {NO_DEVICE}; }}"


def link(target: Path, by_version: dict[str, set[str]], unversioned: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "empty.c"), Path(folder, "versions")
        every = set().union(unversioned, *by_version.values())
        source.write_text("\n".join(map(definition, sorted(every))) + "\n")
        command = ["cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{target.name}", "-o", str(target), str(source)]
        if by_version:
            lists = ((version, "".join(f" {name};" for name in sorted(names))) for version, names in by_version.items())
            script.write_text("".join(f"{version} {{{' global:' + names if names else ''} }};\n" for version, names in lists))
            command.append(f"-Wl,--version-script,{script}")
        subprocess.run(command, check=True)


def main(site_packages: Path) -> None:
    folder = site_packages / "torch" / "lib"
    libraries = [library for library in folder.glob("*.so*") if not library.is_symlink()]
    missing = missing_libraries(libraries)
    versioned, anywhere = names(libraries, missing)
    for i, library in enumerate(sorted(missing)):
        # A name without a version may come from any library that has been loaded.
        link(folder / library, versioned[library], anywhere if i == 0 else set())
    print(f"{len(missing)} empty libraries in place of {', '.join(sorted(missing)) or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
