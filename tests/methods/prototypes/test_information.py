"""The loss of transductive information maximisation: its value, its gradient, its limits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.methods.prototypes.information import (
    ENTROPY_WEIGHT,
    LABELLED_WEIGHT,
    Adam,
    Images,
    loss_and_gradient,
)


def made(seed, *, low, high):
    """Four classes, of which the last has no label, with bounds on the others' shares."""
    random = np.random.default_rng(seed)

    def unit(rows):
        x = torch.from_numpy(random.normal(size=(rows, 3)))
        return x / x.norm(dim=1, keepdim=True)

    absent = torch.tensor([False, False, False, True])
    closed = torch.from_numpy(random.random((9, 4)) < 0.2) | absent
    closed[closed.all(dim=1), 0] = False
    present = (~absent).double()
    return Images(
        labelled=unit(5),
        given=torch.eye(4).double()[[0, 1, 2, 0, 1]],
        unlabelled=unit(9),
        closed=closed,
        absent=absent,
        bounds=torch.stack([low * present, high * present]),
        sharpness=2.5,
    ), torch.from_numpy(random.normal(size=(4, 3)))


@pytest.mark.slow
@given(
    seed=st.integers(0, 2**32 - 1),
    bounds=st.sampled_from([(1 / 3, 1 / 3), (0.0, 1.0), (0.3, 0.36), (0.4, 1.0)]),
)
@settings(max_examples=40, deadline=None)
def test_the_gradient_is_that_of_finite_differences(seed, bounds):
    images, w = made(seed, low=bounds[0], high=bounds[1])
    _, gradient = loss_and_gradient(w, images)
    eps = 1e-6
    for c in range(4):
        for k in range(3):
            step = torch.zeros_like(w)
            step[c, k] = eps
            above, below = (loss_and_gradient(w + d, images)[0] for d in (step, -step))
            assert float(gradient[c, k]) == pytest.approx(
                float(above - below) / (2 * eps), rel=1e-4, abs=1e-7
            )


def test_the_value_is_the_paper_s_where_classes_are_equally_frequent():
    images, w = made(3, low=0.25, high=0.25)
    images = images._replace(
        closed=torch.zeros(9, 4, dtype=torch.bool),
        absent=torch.zeros(4, dtype=torch.bool),
        bounds=torch.full((2, 4), 0.25).double(),
    )

    def shares(f):
        return torch.softmax(-images.sharpness * torch.cdist(f, w) ** 2, dim=1)

    p, p_l = shares(images.unlabelled), shares(images.labelled)
    p_hat = p.mean(dim=0)
    cross_entropy = -(images.given * p_l.log()).sum(dim=1).mean()
    of_labels = -(p_hat * p_hat.log()).sum()
    of_images = -(p * p.log()).sum(dim=1).mean()
    expected = LABELLED_WEIGHT * cross_entropy - of_labels + ENTROPY_WEIGHT * of_images
    loss, _ = loss_and_gradient(w, images)
    assert float(loss) == pytest.approx(float(expected) + np.log(4))


def test_shares_within_their_bounds_cost_nothing():
    images, w = made(1, low=0.0, high=1.0)
    loose, _ = loss_and_gradient(w, images)
    exact, _ = loss_and_gradient(w, made(1, low=1 / 3, high=1 / 3)[0])
    assert float(exact) > float(loose)


def test_without_unlabelled_images_the_labels_alone_decide():
    images, w = made(0, low=0.0, high=1.0)
    bare = images._replace(unlabelled=images.unlabelled[:0], closed=images.closed[:0])
    loss, gradient = loss_and_gradient(w, bare)
    p = torch.softmax(-2.5 * torch.cdist(images.labelled, w[:3]) ** 2, dim=1)
    expected = -LABELLED_WEIGHT * (images.given[:, :3] * p.log()).sum(dim=1).mean()
    assert float(loss) == pytest.approx(float(expected))
    assert gradient[3].tolist() == [0.0, 0.0, 0.0]  # nobody labelled it


def test_the_steps_are_those_of_adam():
    random = np.random.default_rng(0)
    w = torch.from_numpy(random.normal(size=(3, 2)))
    theirs = w.clone().requires_grad_()
    reference = torch.optim.Adam([theirs], lr=0.01)
    adam = Adam(0.01)
    for _ in range(5):
        gradient = torch.from_numpy(random.normal(size=(3, 2)))
        theirs.grad = gradient.clone()
        reference.step()
        w = adam(w, gradient)
    assert w.numpy() == pytest.approx(theirs.detach().numpy(), abs=1e-12)
