"""The browser's code that draws nothing, run by Node; and ESLint over all of it where it is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TESTS = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("file", TESTS, ids=lambda each: each.name)
def test_what_node_can_test_of_the_browser_s_code(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js 18 or newer (Debian: apt-get install nodejs)")
    found = subprocess.run(
        [node, "--test", file],
        cwd=ROOT,
        # a test run of Node inside another of Node's would report to that one
        env={name: value for name, value in os.environ.items() if name != "NODE_TEST_CONTEXT"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "# fail 0" in found.stdout or "ℹ fail 0" in found.stdout
    assert "pass 0" not in found.stdout
