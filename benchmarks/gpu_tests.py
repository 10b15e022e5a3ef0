"""The tests that need a CUDA device, run by pytest in this process."""

import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from gpu_setting import Setting
from gpu_table import Row

PART = "CUDA tests"
TESTS = Path(__file__).parents[1] / "tests"
MARK = '@pytest.mark.needs("a CUDA device")'


class Outcomes:
    """Listens to pytest: how many tests passed, failed and were skipped, and which failed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: object) -> None:
        when, outcome = getattr(report, "when", ""), getattr(report, "outcome", "")
        if when == "call" or outcome != "passed":
            self.counts[outcome] += 1
        if outcome == "failed":
            self.failed.append(str(getattr(report, "nodeid", "")).rpartition("/")[2])


def files() -> list[Path]:
    """The files with such tests."""
    found = sorted(TESTS.rglob("test_*.py"))
    return [path for path in found if MARK in path.read_text(encoding="utf-8")]


def cuda_tests(setting: Setting) -> Iterator[Row]:
    """Run them; on a GPU none may be skipped, on a CPU all are."""
    import pytest

    outcomes, said = Outcomes(), io.StringIO()
    # nothing that these tests do without: plug-ins, and classes that the filters of warnings name
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    quiet = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings="]
    with redirect_stdout(said):
        status = pytest.main(
            [*quiet, "-m", "needs", *map(str, files())],
            plugins=[outcomes],
        )
    wrong = status != pytest.ExitCode.OK or bool(outcomes.failed)
    if setting.device.type == "cuda":
        wrong = wrong or outcomes.counts["passed"] == 0 or outcomes.counts["skipped"] > 0
    if wrong:
        print(said.getvalue(), flush=True)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.counts.items()))
    failures = "; ".join(outcomes.failed[:5])
    yield Row(
        part=PART,
        what=", ".join(path.name for path in files()),
        figure=float(outcomes.counts["passed"]),
        unit="passed",
        note=told,
        problem=f"pytest ended with {int(status)}: {failures or told}" if wrong else "",
    )
