"""Commands killed at any moment: the history verifies, nothing acknowledged is lost.

Of every kind an evenly spread part; `benchmarks/kills.py` has them all.
"""

import signal

import doomed
import killed_commands
import killing
import pytest
import small_project

from sslapp.usecases.images.incoming.imports import import_images

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
KILLS = 5
EVERY = 3
"""One point in so many."""


@pytest.fixture
def copied(prepared, tmp_path):
    """A function: access to a copy of the prepared project of that name, closed after the test."""
    opened = []

    def make(name):
        opened.append(small_project.copy(prepared, tmp_path / str(name)))
        return opened[-1]

    yield make
    for access in opened:
        access.engine.dispose()


def test_a_list_of_labels_is_saved_whole_or_not_at_all(launcher, copied, tmp_path) -> None:
    path = tmp_path / "labels.csv"
    killed_commands.write_list(path)
    command = killed_commands.list_command(path)
    seconds = killed_commands.seconds_undisturbed(launcher, copied("undisturbed"), command)
    saved = [
        killed_commands.kill_list(launcher, copied(number), path, death)
        for number, death in enumerate(killed_commands.moments(1, seconds, KILLS))
    ]
    assert not all(saved), "no kill came in time"


def test_no_acknowledged_label_is_lost(launcher, copied) -> None:
    undisturbed = copied("undisturbed")
    seconds = killed_commands.seconds_undisturbed(launcher, undisturbed, *killed_commands.LABELS)
    acknowledged = [
        killed_commands.kill_labels(launcher, copied(number), death)
        for number, death in enumerate(killed_commands.moments(2, seconds, KILLS))
    ]
    assert min(acknowledged) < len(killed_commands.LABELS), "no kill came in time"
    assert max(acknowledged) > 0


def test_an_import_is_there_completely_or_not_at_all_and_the_next_worker_completes_it(
    launcher, copied, tmp_path
) -> None:
    source = small_project.write_more(tmp_path / "more.npz")

    def waiting(name):
        access = copied(name)
        import_images(access, None, str(source))
        return access

    undisturbed = waiting("undisturbed")
    seconds = killed_commands.seconds_undisturbed(launcher, undisturbed, doomed.WORKER)
    count = len(doomed.points(undisturbed.workspace.root))
    assert count > 6
    deaths = killed_commands.moments(3, seconds, KILLS)
    deaths += [{"die_at": point} for point in killing.spread(count, EVERY, seed=4)]
    for number, death in enumerate(deaths):
        killed_commands.kill_import(launcher, waiting(number), death)


def test_the_first_import_killed_at_points_leaves_no_half_class_list(launcher, tmp_path) -> None:
    source = small_project.write_more(tmp_path / "digits.npz")
    point, ended = 1 - EVERY, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        point += EVERY
        root = tmp_path / f"workspace-{point}"
        ended = killed_commands.kill_first_import(launcher, root, source, {"die_at": point})
    assert point > 8
