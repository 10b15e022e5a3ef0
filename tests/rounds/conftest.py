"""A round that waits for its worker, and how it ends when nobody disturbs it."""

import signal
from collections.abc import Callable
from pathlib import Path

import doomed
import killing
import pytest
import small_project

from sslapp.usecases.training.rounds import start_round


@pytest.fixture(scope="session")
def queued(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A function that returns a closed workspace with a FixMatch round of so many steps waiting."""
    made: dict[int, Path] = {}

    def make(steps: int) -> Path:
        if steps not in made:
            made[steps] = tmp_path_factory.mktemp("queued") / "workspace"
            access = small_project.copy(prepared, made[steps])
            start_round(access, None, config={**small_project.TINY, "steps": steps})
            access.engine.dispose()
        return made[steps]

    return make


HALF = 8
"""Of the steps of `killed_halfway`."""


@pytest.fixture(scope="session")
def ended(queued, launcher, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """A function: a closed workspace whose round of so many steps nobody disturbed, its ending."""
    made: dict[int, tuple[Path, killing.Ending]] = {}

    def make(steps: int) -> tuple[Path, killing.Ending]:
        if steps not in made:
            root = tmp_path_factory.mktemp("undisturbed") / "workspace"
            access = small_project.copy(queued(steps), root)
            made[steps] = root, killing.undisturbed(launcher, access)
            access.engine.dispose()
        return made[steps]

    return make


@pytest.fixture(scope="session")
def undisturbed(ended) -> Callable:
    """A function that says how a round of so many steps ends when nobody disturbs it."""
    return lambda steps: ended(steps)[1]


@pytest.fixture
def waiting(open_copy, queued) -> Callable:
    """A function that gives access to a fresh project with a round of so many steps waiting."""
    return lambda steps: open_copy(queued(steps))


@pytest.fixture(scope="session")
def killed_halfway(launcher, queued, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a round that was killed after step 8 of 16; see `half_done`."""
    root = tmp_path_factory.mktemp("killed-halfway") / "workspace"
    access = small_project.copy(queued(2 * HALF), root)
    death = f"in checkpoint-{HALF + 1}.safetensors"
    assert launcher.run(root, doomed.WORKER, die_at=death) == -signal.SIGKILL
    access.engine.dispose()
    return root


@pytest.fixture
def half_done(open_copy, killed_halfway):
    """Access to a project whose round was killed after step 8 of 16, planned with one thread."""
    return open_copy(killed_halfway)


@pytest.fixture
def assert_undisturbed(undisturbed) -> Callable:
    """A function that checks that a round ended like an undisturbed one, bit for bit."""

    def check(access, steps: int) -> None:
        differs = killing.difference(access, undisturbed(steps))
        assert differs is None, differs

    return check
