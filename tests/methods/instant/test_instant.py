"""InstanT: the oracles of its threshold and its loss, one gradient, and what T learns by."""

import pytest
import resuming
import torch
from objectives import batch_of, step_of
from torch.autograd import gradcheck

from models.small_cnn import SmallCNN
from sslapp.methods.instant.method import (
    TRANSITION,
    InstanT,
    InstanTConfig,
    InstanTObjective,
)
from sslapp.training.objective import LABELLED, NONE_OF_THESE
from sslapp.training.passes import HEADS, NetworkPasses
from sslapp.training.rules.alignment.moving import MovingAlignment
from sslapp.training.rules.losses import cross_entropy
from sslapp.training.rules.thresholds.transition import (
    ClassTransition,
    doubt,
    forward_corrected,
    of_logits,
)

CPU = torch.device("cpu")
B, N, C = 4, 6, 3
EXACT = torch.float64


def objective(total=100, **config):
    chosen = InstanTConfig(**config)
    one = None
    if chosen.transition == "class":
        one = ClassTransition(C, scale=chosen.scale, rate=0.5, device=CPU, dtype=EXACT)
    return InstanTObjective(chosen, total, MovingAlignment(C, 0.9, CPU, dtype=EXACT), one)


def a_step(seed=0, number=50, forbidden=None, **outputs):
    generator = torch.Generator().manual_seed(seed)
    logits = {
        name: (3 * torch.randn(size, C, generator=generator, dtype=EXACT)).requires_grad_()
        for name, size in ((LABELLED, B), ("weak", N), ("strong", N))
    }
    batch = batch_of(logits, torch.arange(B) % C, forbidden, classes=C)
    return step_of({**logits, **outputs}, batch, number=number, total=100)


def test_the_threshold_rises_by_the_hand_computed_doubt():
    transition = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=EXACT)
    q = torch.tensor([[0.7, 0.3]], dtype=EXACT)
    assert doubt(q, transition).item() == pytest.approx(0.33, abs=1e-12)
    assert doubt(q, transition[None]).item() == pytest.approx(0.33, abs=1e-12)


def test_the_authors_softmax_of_probabilities_is_flat():
    chosen = InstanTObjective(
        InstanTConfig(variant="official"), 1, MovingAlignment(2, 0.9, CPU, dtype=EXACT)
    )
    for p, expected in (([0.9, 0.1], 0.8320184), ([1.0] + [0.0] * 9, 0.4508531)):
        q = torch.tensor([p], dtype=EXACT)
        step = step_of({}, batch_of({"weak": q}, classes=len(p)))
        assert chosen.doubted(q, step).max().item() == pytest.approx(expected, abs=1e-7)


def test_with_the_identity_the_corrected_loss_is_the_cross_entropy():
    z, labels = a_step().logits["strong"], torch.arange(N) % C
    found = forward_corrected(z, labels, torch.eye(C, dtype=EXACT))
    assert torch.allclose(found, cross_entropy(z, labels), atol=1e-8)
    each = torch.eye(C, dtype=EXACT).expand(N, C, C)
    assert forward_corrected(z, labels, each).equal(found)


def test_the_corrected_loss_teaches_the_network_and_the_matrix():
    labels = torch.arange(N) % C
    each = torch.randn(N, C * C, generator=torch.Generator().manual_seed(1), dtype=EXACT)

    def loss(logits, given):
        return forward_corrected(logits, labels, of_logits(given, 2.0))

    assert gradcheck(loss, (a_step().logits["strong"], each.requires_grad_()))


def test_rows_of_every_matrix_sum_to_1():
    one = ClassTransition(C, scale=5.0, rate=0.1, device=CPU, dtype=EXACT)()
    assert torch.allclose(one.sum(dim=1), torch.ones(C, dtype=EXACT))
    assert one[0, 0].item() == pytest.approx(5 / (5 + 2 * 0.1192029), abs=1e-6)
    each = of_logits(torch.randn(N, C * C), 5.0)
    assert torch.allclose(each.sum(dim=2), torch.ones(N, C))
    assert of_logits(torch.zeros(1, C * C), 5.0)[0, 0, 0].item() == pytest.approx(0.9867, abs=1e-4)


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_the_loss_is_the_papers_equation_and_its_gradient_is_counted_once(variant):
    step = a_step()
    chosen = objective(transition="class", variant=variant, tau=0.8)
    transition = chosen.one().detach()
    found = chosen.losses(step)
    found.total.backward()
    p, q = (torch.softmax(step.logits[name].detach(), dim=1) for name in (LABELLED, "weak"))
    q = q * (0.9 / C + 0.1 * p.mean(dim=0) + 1e-6) / (q.mean(dim=0) + 1e-6)
    q = q / q.sum(dim=1, keepdim=True)
    r = q if variant == "paper" else torch.softmax(q / 0.5, dim=1)
    strong = step.logits["strong"].detach().requires_grad_()
    loss, counted = 0.0, 0
    for b in range(N):
        y = int(q[b].argmax())
        limit = 0.8 * q.max(dim=1).values.mean() + transition[y, y] * r[b].sort().values[-2]
        limit += sum(transition[j, y] * r[b, j] for j in range(C) if j != y)
        if q[b].max() >= min(limit, 0.99):
            counted += 1
            loss = loss - torch.log(torch.softmax(strong[b], dim=0) @ transition[:, y]) / N
    assert 0 < counted < N
    assert found.metrics["unlabelled loss"].item() == pytest.approx(loss.item(), abs=1e-9)
    loss.backward()
    assert torch.allclose(step.logits["strong"].grad, strong.grad, atol=1e-9)
    assert step.logits["weak"].grad is None


def test_in_the_first_stage_there_is_no_estimate():
    chosen = objective(transition="class", tau=0.5)
    step = a_step(number=9)
    found = chosen.losses(step)
    found.total.backward()
    assert found.metrics["mask rate"] > 0 and chosen.one.w.grad is None
    chosen.stepped(None, 9)
    chosen.losses(a_step(number=10)).total.backward()
    before = chosen.one().detach()
    chosen.stepped(None, 10)
    assert not torch.equal(chosen.one().detach(), before)


def views():
    def images(size, seed):
        return torch.randn(size, 1, 8, 8, generator=torch.Generator().manual_seed(seed))

    sizes = {LABELLED: B, "weak": N, "strong": N, NONE_OF_THESE: 2}
    return {name: images(size, seed) for seed, (name, size) in enumerate(sizes.items())}


def test_the_estimate_for_each_image_learns_and_moves_no_feature():
    torch.manual_seed(0)
    network = SmallCNN(C, 1, 8, widths=(4, 4, 4, 4))
    chosen = objective(transition="instance")
    network.add_module(HEADS, chosen.heads(network.num_features))
    found = chosen.forward(NetworkPasses(network), batch_of(views(), classes=C))
    assert found[NONE_OF_THESE].shape == (2, C)
    found[TRANSITION].sum().backward()
    assert network.heads[TRANSITION].weight.grad.any()
    assert all(each.grad is None for each in network.body.parameters())
    assert HEADS not in "".join(chosen.finished(dict(network.state_dict())))


def test_forbidden_classes_are_never_targets():
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 0] = True
    for variant in ("paper", "official"):
        chosen = objective(transition="instance", variant=variant, tau=0.1)
        step = a_step(forbidden=forbidden, transition=torch.zeros(N, C * C))
        q = chosen.predictions(step)
        assert not q[:, 0].any() and not chosen.doubted(q, step)[:, 0].any()
        found = chosen.losses(step)
        assert found.metrics["pseudo_labels"][0] == 0 and torch.isfinite(found.total)


def test_the_state_survives_save_and_load():
    def taken(chosen, number):
        total = chosen.losses(a_step(number, number)).total
        total.backward()
        chosen.stepped(None, number)
        return total.item()

    first, other = (objective(transition="class", tau=0.5) for _ in range(2))
    for number in (20, 21):
        taken(first, number)
    other.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    assert taken(first, 22) == taken(other, 22)
    assert taken(first, 23) == taken(other, 23)
    assert taken(objective(transition="class", tau=0.5), 23) != taken(first, 23)


@pytest.mark.slow
@pytest.mark.parametrize("transition", ["class", "instance"])
def test_a_killed_training_goes_on_where_it_was(transition, digits, tmp_path):
    options = {"steps": 6, "batch_size": 8, "unlabelled_ratio": 2, "tau": 0.5}
    config = InstanTConfig(transition=transition, **options)
    assert resuming.ends_the_same(InstanT(config), digits(40)[0], tmp_path)
