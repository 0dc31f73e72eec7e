"""NumPy reads what Kiln has written, and would have written the same bytes."""

import sys

from peers import ROOT, cargo

sys.path.insert(0, str(ROOT / "tests" / "corpus"))
import check_written  # noqa: E402


def test_files_are_to_the_byte_what_numpy_writes():
    cargo("test", "--test", "integration", "written::")
    check_written.check(ROOT / "target" / "tmp" / "written")
