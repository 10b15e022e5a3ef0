"""What USB's own code computed for given inputs, as numbers to hold objectives against.

USB is microsoft/Semi-supervised-learning (MIT licence, copyright Microsoft Corporation) at commit
1ef4cbebcc0b368158315aeb425053858cf6c845. usb_losses.json holds inputs, losses, gradients and states
of its methods, computed in float64, and no line of its code. Fields of an entry: `config` (USB's
names), `inputs` (labels, weights and draws, and an object a step: logits or images by view, rows,
epoch), `expected` (an object a step), `differs_from_paper`.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from objectives import batch_of, step_of

from sslapp.training.objective import LABELLED
from sslapp.training.passes import NetworkPasses

NAMES = {"labelled": LABELLED, "labelled_strong": "labelled strong"}
"""Views that are called otherwise here."""


@cache
def _entries():
    path = Path(__file__).with_name("usb_losses.json")
    return {each["name"]: each for each in json.loads(path.read_text())["entries"]}


def entry(name):
    """The entry of that name."""
    return _entries()[name]


def close(found, expected, tolerance=1e-9):
    """Hold a tensor or number against the file's."""
    found = found.detach().numpy() if torch.is_tensor(found) else found
    np.testing.assert_allclose(found, np.asarray(expected), rtol=tolerance, atol=tolerance)


def play(objective, name, *, names=None, forbidden=None):
    """Take an entry's steps by one objective: yields (losses, gradients by view, expected).

    Total and the gradients of the logits are checked here; what else an entry expects, its test
    checks.

    Args:
        objective: in float64, its state that of a new fit.
        name: of the entry, whose method takes logits.
        names: USB's name of a view -> the objective's, beside NAMES.
        forbidden: (n, C) bool, nothing by default.
    """
    found = entry(name)
    labels = torch.tensor(found["inputs"]["labels"])
    for number, (given, expected) in enumerate(
        zip(found["inputs"]["steps"], found["expected"], strict=True)
    ):
        known = {**NAMES, **(names or {})}
        logits = {
            known.get(view, view): torch.tensor(rows, dtype=torch.float64, requires_grad=True)
            for view, rows in given["logits"].items()
        }
        classes = logits[LABELLED].shape[1]
        count = len(given["logits"]["weak"]) if "weak" in given["logits"] else 0
        rows = torch.tensor(given.get("rows", range(count)))
        if forbidden is None:
            ruled_out = torch.zeros(count, classes, dtype=torch.bool)
        else:
            ruled_out = forbidden
        known_labels = torch.tensor(given["labels"]) if "labels" in given else labels
        batch = batch_of(logits, known_labels, ruled_out, rows)
        step = step_of(
            logits,
            batch,
            number=given.get("it", found["config"].get("it", number)),
            total=found["config"].get("num_train_iter", 1),
        )
        losses = objective.losses(step)
        losses.total.backward()
        gradients = {
            view: torch.zeros_like(z) if z.grad is None else z.grad for view, z in logits.items()
        }
        close(losses.total, expected["loss"], found["tolerance"])
        for view, value in expected["gradients"]["logits"].items():
            close(gradients[known.get(view, view)], value, found["tolerance"])
        yield losses, gradients, expected


class Linear(torch.nn.Module):
    """The network of the entries whose methods take images: W flatten(x) + b.

    Args:
        weights: W and b as the file has them.
    """

    def __init__(self, weights):
        super().__init__()
        self.head = linear(weights)

    def features(self, images):
        """(n, D) the pixels themselves."""
        return images.flatten(1)

    def forward(self, images):
        """(n, C) logits."""
        return self.head(self.features(images))


def linear(weights):
    """A layer of the file's W and b, in float64."""
    layer = torch.nn.Linear(len(weights["W"][0]), len(weights["W"]), dtype=torch.float64)
    state = {"weight": weights["W"], "bias": weights["b"]}
    layer.load_state_dict(
        {name: torch.tensor(value, dtype=torch.float64) for name, value in state.items()}
    )
    return layer


def play_images(objective, name, *, names=None, forbidden=None):
    """Take an entry's steps by one objective that runs the network by itself, as `play` does:
    yields (losses, outputs, expected).

    Total and gradients of the weights are checked here.

    Args:
        objective: its state that of a new fit, its draws those of the entry.
        name: of the entry, whose method takes images.
        names: USB's name of a view -> the objective's, beside NAMES; None leaves it out.
        forbidden: (n, C) bool, nothing by default.
    """
    found = entry(name)
    network = Linear(found["inputs"]["network"])
    turned = found["inputs"].get("network_rotation")
    if turned:
        network.add_module("heads", torch.nn.ModuleDict({"rotation": linear(turned)}))
    teacher = found["inputs"].get("teacher")
    averaged = Linear(teacher).state_dict() if teacher else None
    labels = torch.tensor(found["inputs"]["labels"])
    known = {**NAMES, **(names or {})}
    for number, (given, expected) in enumerate(
        zip(found["inputs"]["steps"], found["expected"], strict=True)
    ):
        views = {
            known.get(view, view): torch.tensor(images, dtype=torch.float64)
            for view, images in given["images"].items()
            if known.get(view, view) is not None
        }
        if forbidden is None:
            classes = len(found["inputs"]["network"]["b"])
            count = len(given["images"]["weak"])
            forbidden = torch.zeros(count, classes, dtype=torch.bool)
        batch = batch_of(views, labels, forbidden)
        at = given.get("it", found["config"].get("it", number))
        total = found["config"].get("num_train_iter", 1)
        passes = NetworkPasses(
            network,
            averaged=None if averaged is None else lambda: averaged,
            number=at,
            total=total,
        )
        outputs = objective.forward(passes, batch)
        assert all(value.grad is None for value in network.parameters()), "a pass left gradients"
        losses = objective.losses(step_of(outputs, batch, number=at, total=total))
        losses.total.backward()
        close(losses.total, expected["loss"], found["tolerance"])
        learnt = {"W": network.head.weight, "b": network.head.bias}
        if turned:
            head = network.heads["rotation"]
            learnt |= {"W_rotation": head.weight, "b_rotation": head.bias}
        for weight, value in expected["gradients"].items():
            close(learnt[weight].grad, value, found["tolerance"])
        network.zero_grad(set_to_none=True)
        yield losses, outputs, expected
