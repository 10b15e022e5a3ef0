"""Stages: computed once, found again by a later attempt, never half."""

import pytest
import torch

from sslapp.training.run import Stopped


def ones(_):
    return {"x": torch.ones(3)}


def never(_):
    raise AssertionError("computed twice")


def test_a_stage_is_computed_once(make_run, tmp_path):
    make_run("first").stage("fit", ones)
    again = make_run("second", earlier=(tmp_path / "first",))
    assert torch.equal(again.stage("fit", never)["x"], torch.ones(3))


def test_stages_nest_and_keep_their_finished_parts(make_run, tmp_path):
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
    second = make_run("second", earlier=(tmp_path / "first",))
    assert torch.equal(second.stage("whole", outer(second, never))["x"], torch.ones(3))


def test_the_newest_checkpoint_of_all_attempts_is_loaded(make_run, tmp_path):
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

    run = make_run("third", earlier=(tmp_path / "first", tmp_path / "second"))
    assert torch.equal(run.stage("fit", compute)["x"], torch.full((2,), 30.0))


def test_a_checkpoint_does_not_move_on_with_its_tensor(make_run, tmp_path):
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
    names = [path.name for path in (tmp_path / "first" / "fit").iterdir()]
    assert names == ["result.safetensors"]


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
