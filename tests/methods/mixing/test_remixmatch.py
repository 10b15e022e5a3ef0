"""ReMixMatch: its loss in USB's terms and the paper's, its views and heads, and resuming."""

from dataclasses import replace

import pytest
import torch
from objectives import batch_of, step_of
from resuming import ends_the_same
from usb import close, entry, play_images

from models.small_cnn import SmallCNN
from sslapp.methods.mixing.remixmatch.config import ReMixMatchConfig
from sslapp.methods.mixing.remixmatch.method import ReMixMatch, ReMixMatchObjective
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.mixing import Mix
from sslapp.training.rules.rotations import rotated

VIEWS = {"strong_0": "strong", "strong_1": "strong 2", "strong_0_rotated": None}


def unmixed(count, generator):
    return Mix(torch.ones(1), torch.arange(count))


def test_what_usb_computed():
    found = entry("remixmatch")
    draws = [
        Mix(
            torch.tensor([each["draws"]["lambda_used"]], dtype=torch.float64),
            torch.tensor(each["draws"]["permutation"]),
        )
        for each in found["inputs"]["steps"]
    ]
    turns = [torch.tensor(each["rotation_labels"]) for each in found["inputs"]["steps"]]
    targets = torch.tensor(found["inputs"]["targets_of_labelled_set"])
    frequencies = targets.bincount().double() / len(targets)
    objective = ReMixMatchObjective(
        ReMixMatchConfig(variant="usb", rotation="on", ramp=0.4),
        lambda count, generator: draws.pop(0),
        DistributionAlignment(frequencies, 0.999, from_first=True),
        lambda images, generator: turns.pop(0),
    )
    for losses, outputs, expected in play_images(objective, "remixmatch", names=VIEWS):
        close(losses.metrics["labelled loss"], expected["supervised"])
        close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        close(losses.metrics["strong view loss"], expected["unmixed"])
        close(losses.metrics["rotation loss"], expected["rotation"])
        close(outputs["mixed labels"], expected["target_labelled"])
        close(outputs["mixed guesses"], expected["target"])
        close(outputs["guesses"], expected["target_unmixed"])
        close(objective.alignment.average, expected["state"]["p_model"])


@pytest.mark.parametrize(("ramp", "expected"), [(0, 1.324223), (0.5, 1.908958), (1, 2.493693)])
def test_the_paper_s_loss_of_the_oracle(ramp, expected):
    def rows(*values):
        return torch.tensor(values, dtype=torch.float64)

    q = rows([0.123288, 0.876712])
    step = TrainingStep(
        number=round(100 * ramp),
        total=100,
        labels=torch.tensor([0]),
        logits={LABELLED: rows([2.0, 0.0]), "strong": rows([0.5, 0.0])},
        outputs={
            "mixed": rows([1.0, -1.0], [0.0, 0.5]),
            "mixed labels": rows([0.736987, 0.263013]),
            "mixed guesses": rows([0.9, 0.1], [0.3, 0.7]),
            "guesses": q,
            "turned": rows([0.1, 0.2, 0.3, 0.4]),
            "turns": torch.tensor([2]),
        },
        forbidden=torch.zeros(1, 2, dtype=torch.bool),
        rows=torch.tensor([0]),
    )
    config = ReMixMatchConfig(rotation="on", ramp=1.0)
    losses = ReMixMatchObjective(config, unmixed, None).losses(step)
    terms = [
        losses.metrics[f"{name} loss"].item()
        for name in ("labelled", "unlabelled", "strong view", "rotation")
    ]
    assert terms == pytest.approx([0.652955, 0.475502, 0.912433, 1.342536], abs=1e-6)
    assert losses.total.item() == pytest.approx(expected, abs=2e-6)


def objective(**options):
    return ReMixMatchObjective(ReMixMatchConfig(**options), unmixed, None)


def test_the_paper_augments_labelled_images_strongly_and_usb_does_not():
    assert objective().labelled_views == {"labelled strong": "strong"}
    assert objective(variant="usb").labelled_views == {}
    assert objective(strong_views=3).views == {
        **{"weak": "weak", "strong": "strong", "strong 2": "strong", "strong 3": "strong"}
    }


@pytest.mark.parametrize(
    ("options", "turns"),
    [
        ({}, False),
        ({"flip": True}, True),
        ({"rotation": "on"}, True),
        ({"flip": True, "rotation": "off"}, False),
    ],
)
def test_turns_are_told_apart_where_images_may_be_mirrored(options, turns):
    heads = objective(**options).heads(8)
    assert (heads is not None) == turns


def images(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_labelled_images_are_seen_strong_and_ruled_out_classes_are_not_guessed():
    torch.manual_seed(0)
    network = SmallCNN(3, 1, 8, widths=(4, 4, 4, 4)).eval()
    forbidden = torch.zeros(6, 3, dtype=torch.bool)
    forbidden[:, 1] = True
    views = {LABELLED: images(4), "labelled strong": images(4, 1)}
    views |= {name: images(6, seed) for seed, name in enumerate(("weak", "strong", "strong 2"), 2)}
    batch = batch_of(views, torch.tensor([0, 1, 2, 0]), forbidden)
    chosen = objective(lambda_u=0.0, lambda_strong=0.0)
    outputs = chosen.forward(NetworkPasses(network), batch)
    assert torch.allclose(outputs[LABELLED], network(views["labelled strong"]), atol=1e-6)
    assert len(outputs["mixed"]) == 18
    assert not outputs["guesses"][:, 1].any()
    outputs["strong"].retain_grad()
    losses = chosen.losses(step_of(outputs, batch))
    assert losses.guesses.classes.equal(outputs["guesses"].argmax(dim=1))
    losses.total.backward()
    assert torch.all(outputs["strong"].grad[:, 1] > 0)


@pytest.mark.parametrize("rotation", ["on", "off"])
def test_pictures_are_strong_views_mixed_and_turned_and_move_no_alignment(rotation):
    views = {name: images(6, seed) for seed, name in enumerate(("weak", "strong", "strong 2"))}

    def halves(count, generator):
        return Mix(torch.full((1,), 0.5), torch.arange(count).roll(-6))

    alignment = DistributionAlignment(torch.full((3,), 1 / 3), 0.999, from_first=True)
    config = ReMixMatchConfig(rotation=rotation)
    turns = torch.arange(6) % 4
    chosen = ReMixMatchObjective(config, halves, alignment, lambda images, generator: turns)
    state = {name: value.clone() for name, value in chosen.state_dict().items()}
    shown = chosen.pictures(NetworkPasses(torch.nn.Identity()), views)
    assert shown.pop("mixed").equal((views["strong"] + views["strong 2"]) / 2)
    assert list(shown) == (["turned"] if rotation == "on" else [])
    if shown:
        assert shown["turned"].equal(rotated(views["strong"], turns))
    assert all(value.equal(state[name]) for name, value in chosen.state_dict().items())


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(digits, tmp_path):
    task, _ = digits(20)
    task = replace(task, pool=task.pool[:40])
    config = ReMixMatchConfig(steps=6, batch_size=4, unlabelled_ratio=1, rotation="on")
    method = ReMixMatch(config)
    assert ends_the_same(method, task, tmp_path, after=3)
