"""A round whose files went bad on the disk goes on from older ones, says so, and ends the same."""

import json

import doomed
import pytest
import small_project
from job_folders import attempt_folder

from sslapp import durable
from sslapp.rounds import PASSED_OVER, frames
from sslapp.usecases.comparing.curves import read_film
from sslapp.usecases.jobs import job_status
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import JobState

pytestmark = pytest.mark.timeout(180)

STEPS = 16


def checkpoints(access, attempt: int = 1) -> list:
    """Those of an attempt's training, oldest first."""
    folder = attempt_folder(access.workspace, access.engine, 3, attempt) / "stages" / "train"
    found = durable.find_named(folder, "checkpoint-*", ".safetensors")
    return sorted(found, key=lambda path: int(durable.stem_of(path).removeprefix("checkpoint-")))


def log_lines(access) -> list[str]:
    folder = attempt_folder(access.workspace, access.engine, 3, 2)
    return (folder / "log.jsonl").read_text().splitlines()


def flip_a_bit(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def first_step(access) -> int:
    """The step of the last worker's first checkpoint; it saves one after every step."""
    points = doomed.points(access.workspace.root)
    names = [each for each in points if each.startswith("in checkpoint-")]
    return int(names[0].removeprefix("in checkpoint-").removesuffix(".safetensors"))


@pytest.mark.parametrize("damage", [flip_a_bit, cut])
def test_a_damaged_newest_checkpoint_is_passed_over_and_the_round_ends_the_same(
    damage, half_done, launcher, assert_undisturbed
) -> None:
    older, newest = checkpoints(half_done)
    damage(newest)
    assert launcher.run(half_done.workspace.root, doomed.WORKER) == 0
    assert_undisturbed(half_done, STEPS)
    resumed_from = int(durable.stem_of(older).removeprefix("checkpoint-"))
    assert first_step(half_done) == resumed_from + 1
    (said,) = round_status(half_done, None)["plan"][PASSED_OVER]
    assert newest.name in said
    log = log_lines(half_done)
    logged = [json.loads(line) for line in log]
    assert [each["what"] for each in logged if each["event"] == "passed over"] == [said]


def test_with_all_checkpoints_damaged_it_starts_over_and_ends_the_same(
    half_done, launcher, assert_undisturbed
) -> None:
    for path in checkpoints(half_done):
        flip_a_bit(path)
    assert launcher.run(half_done.workspace.root, doomed.WORKER) == 0
    assert first_step(half_done) == 1
    assert len(round_status(half_done, None)["plan"][PASSED_OVER]) == 2
    assert_undisturbed(half_done, STEPS)


@pytest.mark.slow
def test_a_damaged_result_is_computed_again_and_the_round_ends_the_same(
    launcher, waiting, assert_undisturbed
) -> None:
    access = waiting(STEPS)
    launcher.run(access.workspace.root, doomed.WORKER, die_at="in probabilities.npy")
    (result,) = (attempt_folder(access.workspace, access.engine, 3) / "stages" / "train").iterdir()
    assert durable.stem_of(result) == "result"
    cut(result)
    small_project.run_jobs(access)
    assert result.name in round_status(access, None)["plan"][PASSED_OVER][0]
    assert_undisturbed(access, STEPS)


def test_what_was_passed_over_is_said_once_and_stays_on_record(
    half_done, launcher, assert_undisturbed
) -> None:
    newest = checkpoints(half_done)[-1]
    cut(newest)
    # dies at once after it was said: the next attempt comes by the same file
    launcher.run(half_done.workspace.root, doomed.WORKER, die_at=20)
    small_project.run_jobs(half_done)
    assert job_status(half_done, 3)["attempt"] == 3
    (said,) = round_status(half_done, None)["plan"][PASSED_OVER]
    assert newest.name in said
    assert_undisturbed(half_done, STEPS)


def test_a_round_goes_on_from_the_checkpoint_of_an_earlier_version(
    half_done, launcher, assert_undisturbed
) -> None:
    older, newest = checkpoints(half_done)
    older.unlink()
    newest.rename(newest.with_name("checkpoint.safetensors"))
    kept = attempt_folder(half_done.workspace, half_done.engine, 3, 1) / "frames"
    for path in kept.iterdir():
        path.rename(path.with_name(durable.stem_of(path) + path.suffix))
    assert launcher.run(half_done.workspace.root, doomed.WORKER) == 0
    assert first_step(half_done) == 1 + int(durable.stem_of(newest).partition("-")[2])
    assert PASSED_OVER not in round_status(half_done, None)["plan"]
    assert read_film(half_done, 1, 1).steps.tolist() == frames.moments(STEPS)
    assert_undisturbed(half_done, STEPS)


def test_a_damaged_frame_is_left_out_of_the_film_and_the_round_ends_the_same(
    half_done, assert_undisturbed
) -> None:
    kept = attempt_folder(half_done.workspace, half_done.engine, 3, 1) / "frames"
    (path,) = durable.find_named(kept, "2", frames.SUFFIX)
    cut(path)
    small_project.run_jobs(half_done)
    row = round_status(half_done, None)
    assert row["state"] == JobState.DONE, row["error"]
    assert path.name in row["plan"][PASSED_OVER][0]
    expected = [step for step in frames.moments(STEPS) if step != 2]
    assert read_film(half_done, 1, 1).steps.tolist() == expected
    assert_undisturbed(half_done, STEPS)
