"""Steps with random logits for objectives of methods with thresholds, and what all must do."""

import torch
from objectives import batch_of, step_of

from sslapp.training.objective import LABELLED

B, N, C = 4, 12, 3


def random_step(
    seed=0, *, classes=C, forbidden=None, number=0, total=10, scale=3, labels=None, **logits
):
    """A step of float64 logits that take gradients; views given by name stay as they are."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        view: scale * torch.randn(size, classes, generator=generator, dtype=torch.float64)
        for view, size in ((LABELLED, B), ("weak", N), ("strong", N))
    }
    views = {view: logits.get(view, z).clone().requires_grad_() for view, z in drawn.items()}
    if forbidden is None:
        forbidden = torch.zeros(len(views["weak"]), classes, dtype=torch.bool)
    labels = torch.arange(B) % classes if labels is None else labels
    batch = batch_of(views, labels, forbidden, torch.arange(len(forbidden)))
    return step_of(views, batch, number=number, total=total)


def assert_goes_on_from_its_state(make):
    """Two steps, then a third by the same objective and by a new one that takes over its state."""
    one, other = make(), make()
    for number in range(2):
        one.losses(random_step(number, number=number))
    kept = {name: value.clone() for name, value in one.state_dict().items()}
    other.load_state_dict(kept)
    unsure = {"seed": 2, "number": 2, "scale": 1}
    third = [each.losses(random_step(**unsure)) for each in (one, other)]
    fresh = make().losses(random_step(**unsure))
    assert torch.equal(third[0].total, third[1].total)
    assert not torch.equal(third[0].total, fresh.total), "nothing was remembered"
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def assert_never_teaches_forbidden_classes(objective, student="strong"):
    """The weak views' favourite is ruled out: no step may pull the student towards it.

    Args:
        objective: whose lambda_c is 0.
        student: the view that learns.
    """
    weak = torch.tensor([[9.0, 3.0, 0.0]], dtype=torch.float64).repeat(N, 1)
    forbidden = torch.tensor([[True, False, False]]).repeat(N, 1)
    moved = 0.0
    for number in range(2):
        step = random_step(number, forbidden=forbidden, number=number, weak=weak)
        objective.losses(step).total.backward()
        gradient = step.logits[student].grad
        assert (gradient[:, 0] >= 0).all()
        moved += gradient.abs().sum()
    assert moved > 0, "nothing was taught"
