"""Killing a training half way and going on, against the same training left alone."""

from pathlib import Path

import pytest
import torch

from sslapp.training.run import Run, Stopped
from sslapp.vocabulary import Gear


def ends_the_same(method, task, folder, *, after=3):
    """Whether every averaged weight has the same bits.

    Args:
        method: of few steps: every one of them is a checkpoint.
        task: has pixels.
        folder: of this test.
        after: steps before the kill.
    """
    polls = []

    def stop():
        polls.append(1)
        return len(polls) > after

    with pytest.raises(Stopped):
        method.fit(task, _run(folder / "killed", checkpoint_seconds=0, should_stop=stop))
    resumed = _weights(method, task, _run(folder / "resumed", earlier=(folder / "killed",)))
    whole = _weights(method, task, _run(folder / "whole"))
    return resumed.keys() == whole.keys() and all(map(torch.equal, *_rows(resumed, whole)))


def _run(folder, **options):
    return Run(gear=Gear.PIXELS, device=torch.device("cpu"), seed=3, folder=Path(folder), **options)


def _weights(method, task, run):
    method.fit(task, run)
    return run.stage("train", lambda _: pytest.fail("it was not trained"))


def _rows(resumed, whole):
    return resumed.values(), (whole[name] for name in resumed)
