"""Predictors: what is saved is what was fitted, and no other source is answered."""

import json

import numpy as np
import pytest
import torch

import models
from models import NETWORKS
from sslapp.training import configuration, networks
from sslapp.training.configuration import TrainingConfig
from sslapp.training.predictor import LinearPredictor, NetworkPredictor


@pytest.fixture
def fitted():
    network = NETWORKS["small-cnn"](3, 1, 8)
    return NetworkPredictor(
        name="small-cnn",
        shape=(1, 8, 8),
        num_classes=3,
        state=dict(network.state_dict()),
        mean=torch.tensor([0.4]),
        std=torch.tensor([0.2]),
    )


def test_a_saved_predictor_gives_the_same_scores(fitted, stripes, tmp_path):
    task = stripes()
    rows = np.array([5, 0, 5, 59])
    fitted.save(tmp_path / "predictor")
    loaded = NetworkPredictor.load(tmp_path / "predictor")
    assert torch.equal(loaded.logits(task.pixels, rows), fitted.logits(task.pixels, rows))
    assert torch.equal(loaded.embed(task.pixels, rows), fitted.embed(task.pixels, rows))
    assert loaded.embed(task.pixels, rows).shape == (4, 128)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["timm:vit_tiny_patch4_8", "timm:resnet18", "timm:mobilenetv3_small_050"]
)
def test_a_saved_timm_network_gives_the_same_scores(name, stripes, tmp_path):
    size = 8 if "vit" in name else 32
    network = models.build(name, 3, 1, size).to(memory_format=torch.channels_last)
    made = NetworkPredictor(
        name=name,
        shape=(1, size, size),
        num_classes=3,
        state=dict(network.state_dict()),
        mean=torch.tensor([0.4]),
        std=torch.tensor([0.2]),
    )
    made.save(tmp_path / "predictor")
    loaded = NetworkPredictor.load(tmp_path / "predictor")
    pixels = stripes().pixels
    pixels.array = np.tile(pixels.array, (1, 1, size // 8, size // 8))
    pixels.shape = pixels.array.shape
    rows = np.arange(5)
    assert torch.equal(loaded.logits(pixels, rows), made.logits(pixels, rows))
    assert loaded.embed(pixels, rows).shape == (5, network.num_features)


def test_scores_do_not_depend_on_the_other_rows(fitted, stripes):
    task = stripes()
    together = fitted.logits(task.pixels, np.arange(60))
    alone = torch.cat([fitted.logits(task.pixels, np.array([row])) for row in range(60)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_no_rows_have_no_scores(fitted, stripes):
    none = np.zeros(0, dtype=np.int64)
    assert fitted.logits(stripes().pixels, none).shape == (0, 3)
    assert fitted.embed(stripes().pixels, none).shape == (0, 128)


def test_images_of_another_shape_are_refused(fitted, stripes):
    class Larger:
        shape = (60, 1, 9, 9)

    with pytest.raises(ValueError, match=r"rows of shape \(1, 9, 9\)"):
        fitted.logits(Larger(), np.array([0]))


def test_only_known_networks_are_loaded(fitted, tmp_path):
    fitted.save(tmp_path)
    path = tmp_path / "predictor.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "network": "os.system"}))
    with pytest.raises(ValueError, match=r'"os\.system" is unknown; use one of small-cnn'):
        NetworkPredictor.load(tmp_path)


def test_a_predictor_of_another_kind_is_not_loaded(fitted, tmp_path):
    fitted.save(tmp_path)
    with pytest.raises(ValueError, match='kind is "network", expected "linear"'):
        LinearPredictor.load(tmp_path)


def test_every_network_can_be_chosen():
    assert sorted(configuration.NETWORKS) == sorted(NETWORKS)
    for name in configuration.SUGGESTED:
        assert TrainingConfig(network=name).network == name


def test_initial_weights_come_from_the_seed_alone():
    def first(seed):
        torch.rand(1)
        network = networks.build("small-cnn", num_classes=2, channels=1, size=8, seed=seed)
        return network.head.weight

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_statistics_are_those_of_training_rows(stripes, make_run):
    task = stripes()
    mean, std = networks.statistics(task, make_run())
    rows = np.concatenate([task.labelled, task.pool])
    images = task.pixels.array[rows] / 255
    assert mean.tolist() == pytest.approx([images.mean()], abs=1e-6)
    assert std.tolist() == pytest.approx([images.std()], abs=1e-6)
