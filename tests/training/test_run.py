"""Stages: computed once, found again by a later attempt, never half, and never damaged."""

import pytest
import safetensors.torch
import torch

from sslapp import durable
from sslapp.training.run import Stopped

DAMAGES = ("one bit", "cut", "empty", "unreadable", "lacking")


def ones(_):
    return {"x": torch.ones(3)}


def never(_):
    raise AssertionError("computed twice")


def test_a_stage_is_computed_once(make_run):
    make_run("first").stage("fit", ones)
    again = make_run("second", after=("first",))
    assert torch.equal(again.stage("fit", never)["x"], torch.ones(3))


def test_stages_nest_and_keep_their_finished_parts(make_run):
    def outer(run, inner):
        def compute(_):
            part = run.stage("part", inner)
            raise_on_first = not run._folders[:-1]
            if raise_on_first:
                raise KeyboardInterrupt
            return part

        return compute

    first = make_run("first")
    with pytest.raises(KeyboardInterrupt):
        first.stage("whole", outer(first, ones))
    second = make_run("second", after=("first",))
    assert torch.equal(second.stage("whole", outer(second, never))["x"], torch.ones(3))


def test_the_newest_checkpoint_of_all_attempts_is_loaded(make_run):
    def interrupted(step):
        def compute(checkpoints):
            checkpoints.save(step, {"x": torch.full((2,), float(step))})
            raise KeyboardInterrupt

        return compute

    for name, step in (("first", 30), ("second", 20)):
        with pytest.raises(KeyboardInterrupt):
            make_run(name).stage("fit", interrupted(step))

    def compute(checkpoints):
        step, tensors = checkpoints.load()
        assert step == 30
        return tensors

    run = make_run("third", after=("first", "second"))
    assert torch.equal(run.stage("fit", compute)["x"], torch.full((2,), 30.0))


def test_a_checkpoint_does_not_move_on_with_its_tensor(make_run):
    def compute(checkpoints):
        x = torch.zeros(2)
        checkpoints.save(1, {"x": x, "same": x})
        x += 1
        return checkpoints.load()[1]

    assert torch.equal(make_run().stage("fit", compute)["same"], torch.zeros(2))


def test_a_finished_stage_leaves_no_checkpoint(make_run, tmp_path):
    def compute(checkpoints):
        checkpoints.save(1, {"x": torch.zeros(1)})
        return ones(checkpoints)

    make_run("first").stage("fit", compute)
    stems = [durable.stem_of(path) for path in (tmp_path / "first" / "fit").iterdir()]
    assert stems == ["result"]


def test_generators_are_keyed_by_seed_purpose_and_step(make_run):
    def draw(run, *key):
        return torch.rand(4, generator=run.generator(*key)).tolist()

    run = make_run()
    first = draw(run, "weak", 3)
    draw(run, "strong", 3)
    assert draw(run, "weak", 3) == first
    others = [draw(run, "weak", 4), draw(run, "strong", 3), draw(make_run(seed=8), "weak", 3)]
    assert first not in others


def test_a_stopped_run_says_so(make_run):
    make_run().check()
    with pytest.raises(Stopped):
        make_run(should_stop=lambda: True).check()


def damage(path, how) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "one bit":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "unreadable":
        path.mkdir()
    else:
        tensors = safetensors.torch.load(content)
        del tensors["x"]
        stem = durable.stem_of(path)
        durable.write_named(path.parent, stem, path.suffix, safetensors.torch.save(tensors))


def killed_after(run, *steps):
    """A stage "fit" that is killed after it saved what is called by its steps."""

    def compute(checkpoints):
        for step in steps:
            checkpoints.save(step, {"x": torch.full((2,), float(step))})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.stage("fit", compute)


def resumed(run):
    """What the stage "fit" of a run goes on from."""
    found = []

    def compute(checkpoints):
        found.append(checkpoints.load(["x"]))
        return ones(checkpoints)

    run.stage("fit", compute)
    return found[0]


def test_the_last_two_checkpoints_are_kept(make_run, tmp_path):
    killed_after(make_run("first"), 8, 9, 10, 11)
    stems = {durable.stem_of(path) for path in (tmp_path / "first" / "fit").iterdir()}
    assert stems == {"checkpoint-10", "checkpoint-11"}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_and_that_is_said(
    make_run, tmp_path, how
):
    killed_after(make_run("first"), 9, 10)
    (newest,) = durable.find_named(tmp_path / "first" / "fit", "checkpoint-10", ".safetensors")
    damage(newest, how)
    said = []
    step, tensors = resumed(make_run("again", after=("first",), say=said.append))
    assert step == 9
    assert torch.equal(tensors["x"], torch.full((2,), 9.0))
    (sentence,) = said
    assert "first/fit/checkpoint-10-" in sentence
    assert "passed over as damaged" in sentence
    assert str(tmp_path.parent) not in sentence


def test_checkpoints_damaged_in_two_attempts_lead_back_to_the_first_intact_one(make_run, tmp_path):
    killed_after(make_run("first"), 5, 6)
    killed_after(make_run("second", after=("first",)), 8, 9)
    for path in (tmp_path / "second" / "fit").iterdir():
        damage(path, "cut")
    said = []
    assert resumed(make_run("third", after=("first", "second"), say=said.append))[0] == 6
    assert len(said) == 2


def test_with_every_checkpoint_damaged_it_starts_over(make_run, tmp_path):
    killed_after(make_run("first"), 5, 6)
    for path in (tmp_path / "first" / "fit").iterdir():
        damage(path, "one bit")
    assert resumed(make_run("again", after=("first",))) is None


@pytest.mark.parametrize("how", ["one bit", "cut", "empty", "unreadable"])
def test_a_damaged_result_is_computed_again_and_that_is_said(make_run, tmp_path, how):
    make_run("first").stage("fit", ones)
    (path,) = (tmp_path / "first" / "fit").iterdir()
    damage(path, how)
    said, computed = [], []
    run = make_run("again", after=("first",), say=said.append)
    run.stage("fit", lambda _: computed.append(1) or {"x": torch.full((3,), 2.0)})
    assert computed == [1]
    assert len(said) == 1 and "first/fit/result-" in said[0]
    third = make_run("third", after=("first", "again"))
    assert torch.equal(third.stage("fit", never)["x"], torch.full((3,), 2.0))


def test_a_damaged_result_is_computed_from_its_checkpoint_where_there_is_one(make_run, tmp_path):
    killed_after(make_run("first"), 5, 6)
    make_run("second", after=("first",)).stage("fit", ones)
    (path,) = (tmp_path / "second" / "fit").iterdir()
    damage(path, "cut")
    assert resumed(make_run("third", after=("first", "second")))[0] == 6


def test_nested_stages_name_their_damaged_file(make_run, tmp_path):
    run = make_run("first")
    run.stage("whole", lambda _: run.stage("part", ones))
    for path in (tmp_path / "first" / "whole").rglob("*.safetensors"):
        damage(path, "cut")
    said = []
    again = make_run("again", after=("first",), say=said.append)
    again.stage("whole", lambda _: again.stage("part", ones))
    assert ["first/whole/result-" in said[0], "first/whole/part/result-" in said[1]] == [True, True]


def as_earlier_versions_wrote(folder) -> None:
    for path in folder.rglob("*.safetensors"):
        path.rename(path.with_name(durable.stem_of(path).partition("-")[0] + path.suffix))


def test_stages_of_earlier_versions_are_found(make_run, tmp_path):
    killed_after(make_run("first"), 6)
    make_run("second").stage("other", ones)
    for name in ("first", "second"):
        as_earlier_versions_wrote(tmp_path / name)
    assert (tmp_path / "first" / "fit" / "checkpoint.safetensors").exists()
    again = make_run("again", after=("first", "second"))
    assert torch.equal(again.stage("other", never)["x"], torch.ones(3))
    assert resumed(again)[0] == 6


def test_a_later_checkpoint_comes_before_that_of_an_earlier_version(make_run, tmp_path):
    killed_after(make_run("first"), 6)
    as_earlier_versions_wrote(tmp_path / "first")
    killed_after(make_run("second", after=("first",)), 7)
    assert resumed(make_run("again", after=("first", "second")))[0] == 7


@pytest.mark.parametrize("how", ["cut", "empty"])
def test_a_damaged_file_of_an_earlier_version_is_passed_over(make_run, tmp_path, how):
    killed_after(make_run("first"), 6)
    as_earlier_versions_wrote(tmp_path / "first")
    damage(tmp_path / "first" / "fit" / "checkpoint.safetensors", how)
    said = []
    assert resumed(make_run("again", after=("first",), say=said.append)) is None
    assert len(said) == 1


def test_what_a_killed_write_left_is_not_read(make_run, tmp_path):
    killed_after(make_run("first"), 5, 6)
    folder = tmp_path / "first" / "fit"
    newest = max(folder.iterdir())
    newest.rename(durable.temporary(newest))
    said = []
    assert resumed(make_run("again", after=("first",), say=said.append))[0] == 5
    assert not said
