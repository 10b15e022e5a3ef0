"""What the rooms that put the others together share: copies of one prepared project."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# pytest puts this folder on the path, and what is in its folder `models` would be taken for the
# package of that name, were that not on the path as well
sys.path += [str(HERE / "shared"), str(HERE.parent)]

if "PYTEST_XDIST_WORKER" in os.environ:
    # a test's worker has one core: threads of several that wait for each other on the same cores
    # make a training of 11 seconds take more than 60. Read when torch and NumPy are loaded, here
    # and in every process that a test starts.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

MEMORY = Path("/dev/shm")
WORKSPACES_TAKE = 8 << 30
"""Bytes of a file system in memory from which on tests' workspaces lie there: they sync and commit
tens of thousands of times, and nobody asks them to survive a power cut. What a killed process
leaves is the same."""

if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= WORKSPACES_TAKE:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# no test may leave a secret in the home folder of who runs it
os.environ["SSLAPP_SECRETS"] = str(Path(tempfile.gettempdir()) / f"sslapp-secrets-{os.getuid()}")


TIERS = {
    "browser": {"browser", "server_launcher"},
    "slow": {"launcher", "pages", "story"},
    "project": {"prepared", "open_app", "migrated"},
}
"""Marks, and the fixtures whose tests carry them: those that start a browser or a server; that kill
processes or run jobs in processes of their own; that open a project of their own or show a page.
Other slow tests are marked by hand."""


SECONDS = {"browser": 8.0, "slow": 8.0, "postgres": 1.0}
"""About what a test of a tier takes; of no tier a fifth of a second."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let every other of several workers begin with the last folder.

    On a fresh copy most of what collecting takes is that pytest compiles all tests' modules. Two
    workers that meet in the middle compile a half each and read the other one.
    """
    gc.disable()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    asked = [
        (session.config.invocation_params.dir / each).resolve() for each in session.config.args
    ]
    if int(worker) % 2 and asked == [HERE]:
        folders = [each for each in HERE.iterdir() if each.is_dir() and each.name[0] not in "_."]
        session.config.args = [
            str(each) for each in sorted([*folders, *HERE.glob("test_*.py")])[::-1]
        ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its tiers, and begin with the files that take longest.

    The last minutes would otherwise be those of one long file and an idle core.
    """
    for item in items:
        assert isinstance(item, pytest.Function)
        for mark, fixtures in TIERS.items():
            if fixtures & set(item.fixturenames):
                item.add_marker(mark)
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if "postgresql" in (params.get("url"), params.get("kept")):
            item.add_marker("postgres")
    takes: Counter[Path] = Counter()
    for item in items:
        tiers = {mark.name for mark in item.iter_markers()} & SECONDS.keys()
        takes[item.path] += max((SECONDS[tier] for tier in tiers), default=0.2)
    # stable: a file's tests stay together; and the same whatever was collected first
    items.sort(key=lambda item: (-takes[item.path], item.path))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what all tests' modules have loaded: it never goes."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Let what was frozen go as it would have: libraries complain of what outlives them."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """AppTest leaves its script behind as `__main__`, which processes that are spawned run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def own_threads() -> Iterator[None]:
    """What a test told torch of threads is not the next one's: in parallel each has one core."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    yield
    if torch is not None and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> None:
    """More than a thousand databases are opened, which ask in the same words."""
    import compiled_once  # brings SQLAlchemy, which the process that hands out tests does not need

    compiled_once.compile_once()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the project of `small_project`, closed; copy it, never open it."""
    import small_project  # brings scikit-learn and torch, which tests of lower rooms do not need

    root = tmp_path_factory.mktemp("prepared") / "workspace"
    small_project.build(root)
    return root


@pytest.fixture(scope="session")
def with_round(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared workspace after one finished round, closed."""
    import small_project

    from sslapp.usecases.training.rounds import start_round

    root = tmp_path_factory.mktemp("with-round") / "workspace"
    access = small_project.copy(prepared, root)
    start_round(access, None, method="supervised", config={**small_project.TINY_SUPERVISED})
    small_project.run_jobs(access)
    small_project.published(access)
    access.engine.dispose()
    return root


@pytest.fixture(scope="session")
def with_two_rounds(with_round: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That workspace after a second finished round on the same snapshot, by another method."""
    import small_project

    from sslapp.usecases.training.rounds import start_round

    root = tmp_path_factory.mktemp("with-two-rounds") / "workspace"
    access = small_project.copy(with_round, root)
    start_round(access, None, method="label-propagation", same_as=1)
    small_project.run_jobs(access)
    small_project.published(access, 2)
    access.engine.dispose()
    return root


@pytest.fixture(scope="session")
def with_ensemble(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared workspace after one finished round of the ensemble of heads, closed."""
    import small_project

    from sslapp.usecases.training.rounds import start_round

    root = tmp_path_factory.mktemp("with-ensemble") / "workspace"
    access = small_project.copy(prepared, root)
    start_round(access, None, method="head-ensemble")
    small_project.run_jobs(access)
    small_project.published(access)
    access.engine.dispose()
    return root


@pytest.fixture
def open_copy(tmp_path: Path) -> Iterator[Callable]:
    """A function that copies a closed workspace and opens the copy as Ann."""
    import small_project

    opened = []
    numbers = itertools.count()

    def make(source: Path):
        opened.append(small_project.copy(source, tmp_path / f"workspace-{next(numbers)}"))
        return opened[-1]

    yield make
    for access in opened:
        access.engine.dispose()


@pytest.fixture
def project(open_copy, prepared):
    """Access to a fresh copy of the prepared project."""
    return open_copy(prepared)


@pytest.fixture
def reviewed(open_copy, with_round):
    """Access to a fresh copy of the project with one finished round."""
    return open_copy(with_round)


@pytest.fixture
def ensembled(open_copy, with_ensemble):
    """Access to a fresh copy of the project with one finished round of the ensemble of heads."""
    return open_copy(with_ensemble)


@pytest.fixture
def quick_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let maps by UMAP be made without UMAP itself, which is compiled for ten seconds in a process.

    The program's own steps are the real ones; tests/embedding/test_umap.py has the real UMAP.
    """
    import quick_umap

    monkeypatch.setitem(sys.modules, "umap", quick_umap)


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A function that makes this text the server's secrets."""
    from streamlit import config
    from streamlit.runtime.secrets import secrets_singleton

    from sslapp.web import identity

    before = config.get_option("secrets.files")
    file = tmp_path / "secrets.toml"

    def use(text: str) -> None:
        file.write_text(text)
        config.set_option("secrets.files", [str(file)])
        secrets_singleton._reset()
        identity.sign_in.cache_clear()

    yield use
    config.set_option("secrets.files", before)
    secrets_singleton._reset()
    identity.sign_in.cache_clear()


@pytest.fixture(scope="session")
def launcher() -> Iterator:
    """Starts sslapp commands in processes that die where a test wants it; see `doomed`."""
    import doomed

    with doomed.Launcher() as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """With SSLAPP_REQUIRE_ALL=1 a skip is a failure, but for hardware and data one cannot install.

    Those tests carry the mark `needs`.
    """
    report = yield
    required = os.environ.get("SSLAPP_REQUIRE_ALL") == "1"
    if report.skipped and required and item.get_closest_marker("needs") is None:
        report.outcome = "failed"
        report.longrepr = f"SSLAPP_REQUIRE_ALL is set, but this was skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def repositories() -> dict[str, dict[str, bytes]]:
    """Small models as a hub has them; building them takes seconds."""
    import small_networks

    return small_networks.repositories()


@pytest.fixture
def hub(
    repositories: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A small hub on this machine, which is where everything is fetched from."""
    from small_hub import SmallHub, serving

    with serving(SmallHub({**repositories})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub
