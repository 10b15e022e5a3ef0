"""FixMatch on encoded views of the digits: do the views earn their cost?"""

import dataclasses

import numpy as np
import pytest

from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.views import ViewChunks, encode_views, view_names
from sslapp.methods.fixmatch.method import FixMatch
from sslapp.methods.registry import method_class
from sslapp.methods.supervised.method import Supervised
from sslapp.rounds.data import TaskFeatures
from sslapp.training.inputs.view_images import ViewImages
from sslapp.vocabulary import Gear

SEEDS = (0, 1, 2)
LABELS = 40


class Stored:
    """(N, 1, S, S) images as a pixel store has them."""

    def __init__(self, images):
        self.images = images.transpose(0, 2, 3, 1)
        self.shape = self.images.shape

    def take(self, indices):
        return self.images[indices]


@pytest.fixture(scope="module")
def encoded(digits, tmp_path_factory):
    """The digits' features by the encoder "pixels", with 2 weak and 4 strong views of each."""
    task, _ = digits(LABELS)
    pixels = Stored(task.pixels.array)
    encoder = open_encoder("pixels")
    vectors = encoder.fit(
        pixels,
        np.arange(pixels.shape[0]),
        seed=0,
        progress=lambda *_: None,
        should_stop=lambda: False,
    )
    folder = tmp_path_factory.mktemp("views")
    names = view_names(2, 4)
    chunks = ViewChunks(pixels.shape[0], folder / "chunks")
    encode_views(
        vectors,
        pixels,
        chunks,
        names,
        ViewImages(0, "smooth", flip=False),
        batch=encoder.batch,
        progress=lambda *_: None,
        should_stop=lambda: False,
    )
    for name in names:
        chunks.join(name, folder / f"{name}.npy")
    clean = vectors(pixels.take(np.arange(pixels.shape[0])))
    return TaskFeatures(clean, {each: np.load(folder / f"{each}.npy") for each in names})


def accuracy(method, task, truth, run, **config):
    fitted = method(method.Config(**config)).fit(task, run)
    predicted = fitted.logits(task.features, task.pool).argmax(dim=1).numpy()
    return float((predicted == truth[task.pool]).mean())


def mean_accuracy(method, digits, encoded, make_run, **config):
    found = []
    for seed in SEEDS:
        task, truth = digits(LABELS, seed)
        task = dataclasses.replace(task, pixels=None, features=encoded)
        name = f"{method.__name__}-{seed}-{len(config)}"
        run = make_run(Gear.FEATURES, name)
        found.append(accuracy(method, task, truth, run, **config))
    return float(np.mean(found))


@pytest.mark.slow
def test_fixmatch_on_encoded_views_beats_the_probe_and_its_own_head(digits, encoded, make_run):
    probe = mean_accuracy(Supervised, digits, encoded, make_run)
    fixmatch = mean_accuracy(FixMatch, digits, encoded, make_run, steps=200)
    alone = mean_accuracy(FixMatch, digits, encoded, make_run, steps=200, lambda_u=0)
    assert fixmatch > probe + 0.02
    assert fixmatch > alone + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flexmatch", "freematch", "softmatch", "uda", "pseudo-label"])
def test_its_relatives_train_on_encoded_views(name, digits, encoded, make_run):
    task, truth = digits(LABELS)
    task = dataclasses.replace(task, pixels=None, features=encoded)
    run = make_run(Gear.FEATURES, name)
    assert accuracy(method_class(name), task, truth, run, steps=40) > 0.5


@pytest.mark.slow
def test_classes_that_readers_ruled_out_are_kept_out(digits, encoded, make_run):
    task, truth = digits(LABELS)
    task = dataclasses.replace(task, features=encoded, forbidden=task.forbidden.copy())
    config = FixMatch.Config(steps=100)
    before = FixMatch(config).fit(task, make_run(Gear.FEATURES, "before"))
    predicted = before.logits(encoded, task.pool).argmax(dim=1).numpy()
    is_wrong = predicted != truth[task.pool]
    wrong = task.pool[is_wrong]
    assert len(wrong) > 100
    task.forbidden[wrong, predicted[is_wrong]] = True
    after = FixMatch(config).fit(task, make_run(Gear.FEATURES, "after"))
    again = after.logits(encoded, wrong).argmax(dim=1).numpy()
    # a linear classifier cannot bend around every single image
    assert np.mean(task.forbidden[wrong, again]) < 0.75, "it was all of them"
