"""Running an objective outside of the loop: on a given network and given views."""

import torch

from sslapp.training.objective import LABELLED, Batch, TrainingStep
from sslapp.training.passes import NetworkPasses


def batch_of(views, labels=None, forbidden=None, rows=None, *, classes=1):
    """The views as the loop would hand them over: n is the length of the last one."""
    count = len(list(views.values())[-1])
    if labels is None:
        labels = torch.zeros(len(views.get(LABELLED, ())), dtype=torch.int64)
    if forbidden is None:
        forbidden = torch.zeros(count, classes, dtype=torch.bool)
    rows = torch.arange(count) if rows is None else rows
    return Batch(views=views, labels=labels, rows=rows, forbidden=forbidden)


def forward(objective, network, views, **given):
    """What the objective makes of a network and views: logits and whatever else."""
    return objective.forward(NetworkPasses(network), batch_of(views, **given))


def step_of(outputs, batch, *, names=None, number=0, total=1):
    """The step that losses are taken on: logits are what has a view's name, or one of `names`."""
    rest = dict(outputs)
    names = batch.views if names is None else names
    logits = {name: rest.pop(name) for name in names if name in rest}
    return TrainingStep(
        number=number,
        total=total,
        labels=batch.labels,
        logits=logits,
        outputs=rest,
        forbidden=batch.forbidden,
        rows=batch.rows,
    )
