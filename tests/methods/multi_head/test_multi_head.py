"""Multi-head co-training: the oracle, who teaches whom, MultiMatch's margins, what is kept."""

import pytest
import resuming
import torch
from objectives import batch_of, step_of

from models.small_cnn import SmallCNN
from sslapp.methods.multi_head.method import (
    OTHERS,
    STRONG,
    MultiHead,
    MultiHeadConfig,
    MultiHeadObjective,
)
from sslapp.training.objective import LABELLED, NONE_OF_THESE
from sslapp.training.passes import HEADS, NetworkPasses
from sslapp.training.rules.thresholds.margins import AverageMargins, low_quantile

CPU = torch.device("cpu")
B, N, C = 4, 6, 3


def objective(classes=C, unlabelled=N, batch=N, **config):
    chosen = MultiHeadConfig(**config)
    return MultiHeadObjective(
        chosen, classes, unlabelled, batch, memory=10, device=CPU, dtype=torch.float64
    )


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


def a_step(weak, strong, *, forbidden=None, number=0, labelled=None):
    labelled = (
        torch.zeros(3, 1, weak.shape[2], dtype=torch.float64) if labelled is None else labelled
    )
    logits = {LABELLED: labelled, "weak": weak, "strong": strong}
    logits = {name: z.clone().requires_grad_() for name, z in logits.items()}
    views = {LABELLED: labelled[0], "weak": weak[0], "strong": strong[0]}
    batch = batch_of(views, forbidden=forbidden, classes=weak.shape[2])
    return step_of(logits, batch, names=logits, number=number)


WEAK = [[[2, 0], [0, 1]], [[1, 0], [1, 0]], [[3, 0], [0, 2]]]
STRONGS = [[[1, 0], [0, 1]], [[0, 1], [2, 0]], [[1, 1], [0, 3]]]


def test_the_oracle_is_met():
    step = a_step(tensor(WEAK), tensor(STRONGS))
    chosen = objective(classes=2)
    found = chosen.losses(step)
    assert found.metrics["unlabelled loss"].item() == pytest.approx(2.223299, abs=1e-6)
    assert found.metrics["mask rate"].item() == pytest.approx(4 / 6)
    assert found.guesses.classes.tolist() == [0, 1]
    assert found.guesses.weight.tolist() == pytest.approx([1, 1 / 3])
    q = torch.softmax(tensor(WEAK), dim=2)
    _, weights = chosen.taught(q, tensor(WEAK), step)
    assert weights.tolist() == [[True, False], [True, True], [True, False]]
    for head, expected in enumerate((0.156631, 1.720095, 0.346574)):
        alone = torch.full_like(tensor(STRONGS), 0)
        alone[:, :, 0] = 1e3 * (1 - 2 * q.argmax(2)[[OTHERS[h][0] for h in range(3)]])
        alone[head] = tensor(STRONGS)[head]
        found = chosen.losses(a_step(tensor(WEAK), alone))
        assert found.metrics["unlabelled loss"].item() == pytest.approx(expected, abs=1e-6)


def test_a_head_is_no_teacher_of_its_own():
    assert all(head not in pair and len({head, *pair}) == 3 for head, pair in enumerate(OTHERS))
    chosen = objective(classes=2)
    before = chosen.taught(torch.softmax(tensor(WEAK), dim=2), tensor(WEAK), None)
    turned = tensor(WEAK)
    turned[0] = turned[0].flip(dims=[1])
    after = chosen.taught(torch.softmax(turned, dim=2), turned, None)
    assert after[0][0].equal(before[0][0]) and after[1][0].equal(before[1][0])
    assert not after[1][1].equal(before[1][1])


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = SmallCNN(C, 1, 8, widths=(4, 4, 4, 4))
    made.add_module(HEADS, objective().heads(made.num_features))
    return made


def views():
    def images(size, seed):
        return torch.randn(size, 1, 8, 8, generator=torch.Generator().manual_seed(seed))

    sizes = {LABELLED: B, "weak": N, **dict.fromkeys(STRONG, N), NONE_OF_THESE: 2}
    return {name: images(size, seed) for seed, (name, size) in enumerate(sizes.items())}


def test_each_head_sees_strong_views_of_its_own(network):
    given = views()
    found = objective().forward(NetworkPasses(network), batch_of(given, classes=C))
    features = NetworkPasses(network).joint_features(given)
    heads = [network.head, *network.heads.values()]
    for head, name, z in zip(heads, STRONG, found["strong"], strict=True):
        assert torch.allclose(head(features[name]), z, atol=1e-6)
    assert found["weak"].shape == (3, N, C)
    mean = torch.stack([head(features[NONE_OF_THESE]) for head in heads]).mean(dim=0)
    assert torch.allclose(found[NONE_OF_THESE], mean, atol=1e-6)


def test_what_is_kept_is_a_plain_network_with_the_mean_of_the_heads(network):
    state = objective().finished(dict(network.state_dict()))
    plain = SmallCNN(C, 1, 8, widths=(4, 4, 4, 4))
    plain.load_state_dict(state)
    images = views()["weak"]
    network.eval(), plain.eval()
    h = network.features(images)
    mean = torch.stack([head(h) for head in (network.head, *network.heads.values())]).mean(dim=0)
    assert torch.allclose(plain(images), mean, atol=1e-6)


def test_forbidden_classes_are_never_taught_and_are_ruled_out_for_every_head():
    generator = torch.Generator().manual_seed(1)
    weak, strong = (
        torch.randn(3, N, C, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 0] = True
    for weighting in ("agreement", "apm"):
        chosen = objective(weighting=weighting)
        for number in range(3):
            found = chosen.losses(a_step(weak, strong, forbidden=forbidden, number=number))
            assert found.metrics["pseudo_labels"][0] == 0
        assert found.metrics["mask rate"] > 0
    step = a_step(weak, strong, forbidden=forbidden)
    objective(lambda_u=0).losses(step).total.backward()
    assert step.logits["weak"].grad is None
    assert (step.logits["strong"].grad[:, :, 0] > 0).all()


def test_margins_are_the_hand_computed_ones():
    kept = AverageMargins(1, 1, 3, CPU, dtype=torch.float64)
    expected = (
        (1.495500, -1.495500, -2.991000),
        (0.500743, -0.500743, -2.247737),
        (1.331330, -1.331330, -2.497739),
    )
    for epoch, logits in enumerate(((2, 0.5, -1), (1, 1.5, 0), (3, 0, 0))):
        z = tensor([[logits]])
        kept.update(z, z.argmax(dim=2), torch.tensor([0]), epoch)
        assert kept.average[0, 0].tolist() == pytest.approx(expected[epoch], abs=5e-6)
    assert low_quantile(tensor([4, 0.2, 1, 2, 0.5, 1.5]), 0.05).item() == pytest.approx(0.275)


def test_cutoffs_come_from_images_on_which_the_others_agree_and_stay_where_none_is():
    kept = AverageMargins(3, 4, 2, CPU, dtype=torch.float64)
    kept.labels = torch.tensor([[0, 0, 1, -1], [0, 0, 0, -1], [0, 1, 0, -1]])
    kept.average[1, :, 0] = tensor([1, 2, 3, 9])
    kept.average[2, :, 0] = tensor([4, 5, 6, 9])
    kept.cutoffs[:, 1] = 7
    kept.renew()
    # heads 1 and 2 agree on images 0 and 2, heads 0 and 2 on 0, heads 0 and 1 on 0 and 1
    assert kept.cutoffs[0, 0].item() == pytest.approx(1 + 0.05 * 3 * 2)
    assert kept.cutoffs[:, 1].tolist() == [7, 7, 7], "no class after one without agreement is lost"
    assert kept.cutoffs[1, 0].item() == pytest.approx(0 + 0.05 * 4)
    assert kept.cutoffs[2, 0].item() == pytest.approx(low_quantile(tensor([0, 0, 1, 2]), 0.05))


def test_an_image_twice_in_a_batch_keeps_its_last_margin():
    kept = AverageMargins(1, 2, 2, CPU, dtype=torch.float64)
    z = tensor([[[1, 0], [0, 3]]])
    kept.update(z, z.argmax(dim=2), torch.tensor([1, 1]), 0)
    assert kept.average[0, 1].tolist() == pytest.approx([-3 * 0.997, 3 * 0.997])
    assert kept.labels.tolist() == [[-1, 1]]


def test_with_margins_a_head_that_passes_alone_teaches_thrice_and_nobody_in_the_first_epoch():
    chosen = objective(classes=2, unlabelled=2, batch=2, weighting="apm")
    weak = tensor([[[2, 0], [0, 4]], [[4, 0], [4, 0]], [[3, 0], [0, 4]]])
    q = torch.softmax(weak, dim=2)
    step = a_step(weak, weak, number=0)
    assert not chosen.taught(q, weak, step)[1].any()
    chosen.margins.renew = lambda: None
    chosen.margins.cutoffs = tensor([[0, 5], [0, 0], [9, 0]])
    labels, weights = chosen.taught(q, weak, a_step(weak, weak, number=1))
    # head 0: heads 1 and 2 agree on image 0; of image 1 head 1 says 0 and passes, head 2 does not
    assert labels[0].tolist() == [0, 0] and weights[0].tolist() == [1, 3]
    # head 1: heads 2 and 0 agree on both images and pass
    assert labels[1].tolist() == [0, 1] and weights[1].tolist() == [1, 1]
    # head 2: nobody passes for class 0; of image 1 head 0 says 1 and passes
    assert weights[2].tolist() == [0, 3] and labels[2, 1] == 1


def test_a_threshold_moves_once_a_step():
    chosen = objective(classes=2, weighting="apm")
    weak = tensor(WEAK)
    chosen.taught(torch.softmax(weak, dim=2), weak, a_step(weak, weak))
    confidence = torch.softmax(weak[0], dim=1).max(dim=1).values.mean()
    assert chosen.thresholds[0].tau.item() == pytest.approx(
        0.9 / 2 + 0.1 * confidence.item(), abs=1e-6
    )


def test_the_state_survives_save_and_load():
    generator = torch.Generator().manual_seed(1)

    def drawn(number):
        weak, strong = (
            3 * torch.randn(3, N, C, generator=generator, dtype=torch.float64) for _ in range(2)
        )
        return a_step(weak, strong, number=number)

    first, other = (objective(weighting="apm") for _ in range(2))
    for number in range(2):
        first.losses(drawn(number))
    other.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    step = drawn(2)
    found = [each.losses(step).total.item() for each in (first, other)]
    assert found[0] == found[1]
    assert all(map(torch.equal, first.state_dict().values(), other.state_dict().values()))
    assert found[0] != objective(weighting="apm").losses(step).total.item()


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(digits, tmp_path):
    config = MultiHeadConfig(steps=6, batch_size=8, unlabelled_ratio=2, weighting="apm")
    assert resuming.ends_the_same(MultiHead(config), digits(40)[0], tmp_path)
