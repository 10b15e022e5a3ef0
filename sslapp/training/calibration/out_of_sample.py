"""What a method says of labelled images that it was not taught: confidence is calibrated on it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sslapp.training.calibration.sources import source_for
from sslapp.training.folds import cross_folds, experts, held_out_third, thirds
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run
from sslapp.training.task import Indices, Task
from sslapp.vocabulary import CalibratedOn, Gear


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """A method's answers about n labelled images that the fit which answers was not taught.

    Attributes:
        source: how they were had.
        rows: (n,) int64 the images.
        logits: (n, C) float32.
        labels: (n,) int64.
        groups: (n,) int64 (patients), or None.
    """

    source: CalibratedOn
    rows: Indices
    logits: Tensor
    labels: Tensor
    groups: Indices | None = None

    def __len__(self) -> int:
        return len(self.rows)


def source_of(method: Method, task: Task, gear: Gear) -> CalibratedOn:
    """Where the answers about a task come from."""
    labels = {"holdout": len(task.validation), "experts": len(experts(task))}
    return source_for(method.config, gear, **labels)


def ask(method: Method, task: Task, run: Run, predictor: Predictor) -> OutOfSample:
    """Ask a method about labelled images that it was not taught.

    Args:
        predictor: what it fitted to the whole task.
    """
    source = source_of(method, task, run.gear)
    if source is CalibratedOn.HOLDOUT:
        inputs = task.pixels if run.gear is Gear.PIXELS else task.features
        assert inputs is not None
        return _answers(source, task, task.validation, predictor.logits(inputs, task.validation))
    folds = []
    if source is CalibratedOn.FOLDS:
        folds = cross_folds(task, run.seed, quick=method.config.quick_on_features)
    elif source is CalibratedOn.THIRDS:
        folds = thirds(task, run.seed)
    elif source is CalibratedOn.THIRD:
        third = held_out_third(task, run.seed)
        folds = [] if third is None else [third]
    if not folds:
        nothing = np.zeros(0, dtype=np.int64)
        none = torch.zeros(0, task.num_classes)
        return _answers(CalibratedOn.NOTHING, task, nothing, none)
    rows = np.concatenate([each.rows for each in folds])
    return _answers(source, task, rows, method.answer(folds, run))


def _answers(source: CalibratedOn, task: Task, rows: Indices, logits: Tensor) -> OutOfSample:
    order = np.argsort(rows)
    return OutOfSample(
        source=source,
        rows=rows[order],
        logits=logits.float().cpu()[torch.from_numpy(order)],
        labels=torch.from_numpy(task.labels[rows[order]]),
        groups=None if task.groups is None else task.groups[rows[order]],
    )
