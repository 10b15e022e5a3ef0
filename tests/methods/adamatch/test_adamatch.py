"""AdaMatch: the oracles of its parts, the equation, USB's numbers, its views and its state."""

import pytest
import resuming
import torch
import usb
from objectives import batch_of, step_of

from models.small_cnn import SmallCNN
from sslapp.methods.adamatch.method import (
    LABELLED_STRONG,
    AdaMatch,
    AdaMatchConfig,
    AdaMatchObjective,
    rise,
)
from sslapp.training.objective import LABELLED
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.alignment.moving import MovingAlignment

B, N, C = 4, 6, 3
CPU = torch.device("cpu")


def aligned(momentum=0.9, latest=0, classes=C):
    return MovingAlignment(classes, momentum, CPU, latest=latest, dtype=torch.float64)


def objective(momentum=0.9, latest=4, **config):
    return AdaMatchObjective(AdaMatchConfig(**config), aligned(momentum, latest))


def drawn(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(count, C, generator=generator, dtype=torch.float64)).requires_grad_()


def a_step(seed=0, forbidden=None, number=50, total=100):
    sizes = {LABELLED: B, LABELLED_STRONG: B, "weak": N, "strong": N}
    logits = {name: drawn(size, seed + place) for place, (name, size) in enumerate(sizes.items())}
    batch = batch_of(logits, torch.arange(B) % C, forbidden, classes=C)
    return step_of(logits, batch, number=number, total=total)


def test_the_unlabelled_loss_rises_over_the_first_half():
    assert [rise(k, 8) for k in (0, 1, 2, 4, 8)] == pytest.approx(
        [0, 0.1464466, 0.5, 1, 1], abs=1e-6
    )


def test_the_threshold_is_a_share_of_the_mean_labelled_confidence():
    chosen = objective()
    chosen.relative.relate(torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64))
    assert chosen.relative.limit.item() == pytest.approx(0.72, abs=1e-9)
    assert objective(variant="usb").relative._tau == 0.95


def test_alignment_is_the_hand_computed_one():
    align = aligned(momentum=1.0, classes=2)
    align._target = torch.tensor([0.8, 0.2], dtype=torch.float64)
    align.average = torch.full((2,), 0.5)
    found = align(torch.tensor([[0.6, 0.4]], dtype=torch.float64))
    assert found[0].tolist() == pytest.approx([0.8571429, 0.1428571], abs=1e-5)


def test_the_buffer_holds_the_latest_batches_and_starts_at_equal_classes():
    align = aligned(latest=2, classes=2)
    for p, expected in (((1.0, 0.0), 0.75), ((0.0, 1.0), 0.5), ((0.0, 1.0), 0.0)):
        align(torch.tensor([p], dtype=torch.float64))
        assert align.average[0].item() == pytest.approx(expected)


def test_usbs_numbers_are_met():
    config = usb.entry("adamatch")["config"]
    chosen = AdaMatchObjective(AdaMatchConfig(variant="usb"), aligned(config["ema_p"]))
    for losses, _, expected in usb.play(chosen, "adamatch"):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        usb.close(losses.metrics["mask rate"], sum(expected["mask"]) / 12, 1e-6)
        usb.close(chosen.moving.average, expected["state"]["p_model"])
        usb.close(chosen.moving.target, expected["state"]["p_target"])
        usb.close(chosen.relative.limit, expected["state"]["threshold"])


def test_the_loss_is_the_papers_equation():
    step = a_step(number=25)
    chosen = objective(tau=0.98)
    found = chosen.losses(step)
    p, q = (torch.softmax(step.logits[name].detach(), dim=1) for name in (LABELLED, "weak"))
    target = 0.9 / C + 0.1 * p.mean(dim=0)
    average = (3 / C + q.mean(dim=0)) / 4
    q = q * (target + 1e-6) / (average + 1e-6)
    q = q / q.sum(dim=1, keepdim=True)
    mask = q.max(dim=1).values >= 0.98 * p.max(dim=1).values.mean()
    assert 0 < mask.sum() < N

    def entropy(name, labels):
        rows = torch.log_softmax(step.logits[name], dim=1)
        return -rows[torch.arange(len(rows)), labels]

    labelled = entropy(LABELLED, step.labels).mean() + entropy(LABELLED_STRONG, step.labels).mean()
    unlabelled = (entropy("strong", q.argmax(dim=1)) * mask).mean()
    assert found.total.item() == pytest.approx((labelled / 2 + unlabelled / 2).item(), abs=1e-9)
    found.total.backward()
    assert step.logits["weak"].grad is None and step.logits[LABELLED_STRONG].grad.any()


def passes_of(network):
    return NetworkPasses(network, number=3, total=10)


def views():
    def images(size, seed):
        return torch.randn(size, 1, 8, 8, generator=torch.Generator().manual_seed(seed))

    sizes = {LABELLED: B, LABELLED_STRONG: B, "weak": N, "strong": N}
    return {name: images(size, seed) for seed, (name, size) in enumerate(sizes.items())}


def test_labelled_logits_lie_between_those_of_the_two_passes_and_teach_by_both():
    torch.manual_seed(0)
    network = SmallCNN(C, 1, 8, widths=(4, 4, 4, 4))
    given = views()
    found = objective().forward(passes_of(network), batch_of(given, classes=C))
    alone = network(torch.cat([given[LABELLED], given[LABELLED_STRONG]]))[:B]
    joint = NetworkPasses(network).joint(given)
    low, high = torch.minimum(alone, joint[LABELLED]), torch.maximum(alone, joint[LABELLED])
    inside = (found[LABELLED] > low) & (found[LABELLED] < high)
    assert inside.all(), "each logit has a share of its own, strictly between"
    assert found["weak"].equal(joint["weak"])
    again = objective().forward(passes_of(network), batch_of(given, classes=C))
    assert torch.allclose(again[LABELLED], found[LABELLED], atol=1e-6), "it follows the step"


def test_equal_logits_stay_what_they_are_and_statistics_follow_the_joint_pass_alone():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, C))
    given = views()
    found = objective().forward(passes_of(network), batch_of(given, classes=C))
    assert torch.allclose(found[LABELLED], network(given[LABELLED]), atol=1e-6)


def test_forbidden_classes_are_never_targets():
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 0] = True
    chosen = objective(tau=0.1)
    step = a_step(forbidden=forbidden)
    assert not chosen.predictions(step)[:, 0].any()
    assert chosen.losses(step).metrics["pseudo_labels"][0] == 0


@pytest.mark.parametrize("latest", [0, 4])
def test_the_state_survives_save_and_load(latest):
    first = objective(latest=latest)
    for seed in (1, 2):
        first.losses(a_step(seed))
    other = objective(latest=latest)
    other.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    states = []
    for each in (first, other, objective(latest=latest)):
        total = each.losses(a_step(3)).total
        states.append([total, *each.state_dict().values()])
    assert all(map(torch.equal, states[0], states[1]))
    assert not all(map(torch.equal, states[0], states[2]))


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(digits, tmp_path):
    method = AdaMatch(AdaMatchConfig(steps=6, batch_size=8, unlabelled_ratio=2))
    assert resuming.ends_the_same(method, digits(40)[0], tmp_path)
