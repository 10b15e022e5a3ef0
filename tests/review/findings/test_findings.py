"""What is found when it was planted: wrong labels, copies, strangers, rounds that disagree."""

import imagehash
import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.embedding.index import NeighbourIndex
from sslapp.review.findings import near_duplicates, probe
from sslapp.review.findings.found import Found, rows_of
from sslapp.review.findings.near_duplicates import Alike, alike, grouped, hashes
from sslapp.review.findings.outliers import outliers
from sslapp.review.findings.rounds_apart import rounds_apart
from sslapp.review.findings.suspicious import suspects


@pytest.fixture(scope="module")
def digits():
    """(500, 8, 8) pictures with their classes."""
    return small_project.digits(500, start=700)


def planted(labels, count, seed):
    """The labels with so many wrong ones, and which those are."""
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(labels), count, replace=False)
    said = labels.copy()
    said[wrong] = (said[wrong] + rng.integers(1, 10, count)) % 10
    return said, wrong


@pytest.mark.parametrize("seed", [0, 1])
def test_of_20_wrong_labels_among_500_at_least_16_are_among_the_first_40(digits, seed) -> None:
    pictures, truth = digits
    said, wrong = planted(truth, 20, seed)
    features = pictures.reshape(500, -1).astype(np.float32)
    probabilities = probe.out_of_sample(features, np.arange(500), said, 10, seed=0)
    found = suspects(probabilities, said)
    assert np.isin(found.rows[:40], wrong).sum() >= 16
    caught = np.isin(found.rows, wrong)
    named = found.columns[caught] == truth[found.rows[caught]]
    assert named.mean() > 0.8, "what the label should have been"
    assert (found.columns != said[found.rows]).all()


def test_labels_that_nothing_speaks_against_are_not_listed() -> None:
    sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]] * 5, dtype=np.float32)
    labels = np.array([0, 0, 1, 1] * 5)
    assert len(suspects(sure, labels)) == 0
    labels[0] = 1
    found = suspects(sure, labels)
    assert found.rows.tolist() == [0]
    assert (found.columns.tolist(), found.shares.tolist()) == ([0], [pytest.approx(0.9)])


def test_a_class_without_a_label_is_no_rival() -> None:
    rows = np.array([[0.3, 0.1, 0.6], [0.1, 0.8, 0.1]] * 6, dtype=np.float32)
    assert len(suspects(rows, np.array([0, 1] * 6))) == 0
    with pytest.raises(ValueError, match="two classes"):
        suspects(rows, np.zeros(12, dtype=np.int64))


def test_a_probe_is_asked_about_labels_that_it_was_not_taught() -> None:
    """Features say nothing, so that whoever is right has been told."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(400, 60)).astype(np.float32), np.arange(400) % 2
    rng.shuffle(labels)
    said = probe.out_of_sample(features, np.arange(400), labels, 2, seed=0)
    assert (said.argmax(axis=1) == labels).mean() < 0.6
    patients = np.repeat(np.arange(200), 2)
    twins = np.repeat(rng.normal(size=(200, 300)).astype(np.float32), 2, axis=0)
    of_patients = labels[::2].repeat(2)
    said = probe.out_of_sample(twins, np.arange(400), of_patients, 2, groups=patients, seed=0)
    assert (said.argmax(axis=1) == of_patients).mean() < 0.65
    without = probe.out_of_sample(twins, np.arange(400), of_patients, 2, seed=0)
    assert (without.argmax(axis=1) == of_patients).mean() > 0.8, "twins tell"


def test_a_probe_learns_from_a_sample_and_is_the_same_again(digits) -> None:
    pictures, truth = digits
    features, rows = pictures.reshape(500, -1), np.arange(500)
    ends = []
    told = {"seed": 3, "taught": 100, "report": lambda *done: ends.append(done)}
    said = probe.out_of_sample(features, rows, truth, 10, **told)
    assert np.array_equal(said, probe.out_of_sample(features, rows, truth, 10, **told))
    assert 0.7 < (said.argmax(axis=1) == truth).mean() < 1
    assert ends == [(each, 5) for each in range(1, 6)] * 2
    one = probe.fit(features, rows[:3], np.array([4, 4, 4]), seed=0)
    assert probe.softmax(one.logits(features, rows)).tolist() == [[1.0]] * 500


def moved(pictures, rng):
    """Copies 6 brighter and a pixel aside."""
    brighter = np.clip(pictures.astype(int) + 6, 0, 255).astype(np.uint8)
    ways = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    return np.stack([np.roll(each, ways[rng.integers(4)], (0, 1)) for each in brighter])


def test_copies_moved_by_a_pixel_and_made_brighter_are_found_and_nothing_else(digits) -> None:
    rng = np.random.default_rng(0)
    pictures = digits[0][150:270]
    chosen = rng.choice(120, 10, replace=False)
    every = np.concatenate([pictures, moved(pictures[chosen], rng)])
    found = alike(hashes(every[..., None]), None, seed=0)
    pairs = {tuple(each) for each in found.pairs.tolist()}
    real = {(int(each), 120 + row) for row, each in enumerate(chosen)}
    assert len(pairs & real) >= 9
    assert len(pairs - real) == 0


def test_the_hashes_are_those_of_imagehash_at_every_shift() -> None:
    """Of pictures with much, little and nothing in them, in grey and in colours."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3), dtype=np.uint8)
    bars = np.zeros((6, 12, 12, 3), dtype=np.uint8)
    bars[:3, 5], bars[3:, :, 5], bars[2:4, 5, 5] = 255, 9, 77
    blank = np.full((2, 12, 12, 3), [[[[0]]], [[[77]]]], dtype=np.uint8)
    for pictures in (noise, bars, blank, noise[..., :1], noise[:, :4, :4]):
        side = pictures.shape[1]
        for picture, found in zip(pictures, hashes(pictures), strict=True):
            grey = Image.fromarray(picture.squeeze()).convert("L")
            for (down, right), bits in zip(near_duplicates.SHIFTS, found, strict=True):
                box = (1 + right, 1 + down, side - 1 + right, side - 1 + down)
                expected = imagehash.phash(grey.crop(box), hash_size=16).hash.ravel()
                np.testing.assert_array_equal(np.unpackbits(bits), expected)


def test_features_find_what_hashes_do_not_if_those_do_not_object() -> None:
    """Two pairs lie within the radius; the hashes of one are of unlike images."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 16)).astype(np.float32)
    features[1], features[3] = features[0] + 1e-4, features[2] + 1e-4
    of_each = rng.integers(0, 256, (40, 9, 32), dtype=np.uint8)
    of_each[1] = of_each[0]
    of_each[1, :, :5] ^= 255  # 40 of 256 bits
    found = alike(of_each, NeighbourIndex(features), seed=0)
    assert (found.pairs.tolist(), found.bits.tolist()) == ([[0, 1]], [40])
    assert found.radius > 0
    assert near_duplicates.differing(of_each, np.array([[2, 3]]))[0] > near_duplicates.LOOSE


def test_pairs_become_groups_with_the_nearest_likeness_first() -> None:
    pairs = np.array([[0, 4], [1, 2], [2, 3], [5, 6]])
    found = grouped(Alike(pairs, np.array([9, 6, 2, 0]), 0.0), 8)
    assert found.positions.tolist() == [5, 6, 1, 2, 3, 0, 4]
    assert found.groups.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert found.others.tolist() == [6, 5, 2, 3, 2, 4, 0]
    assert found.values.tolist() == [0, 0, 6, 2, 2, 9, 9]
    assert len(grouped(Alike(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), 0.0), 8)) == 0


def test_a_stranger_is_the_first_outlier() -> None:
    positions = np.array([5, 6, 7, 8])
    distances = np.array([0.1, 0.9, 0.8, 0.1], dtype=np.float32)
    nearest = np.array([1, 2, 3, 4])
    energies = np.array([-9, -8, -1, -7], dtype=np.float32)
    found = outliers(positions, distances, nearest, energies)
    assert found.positions.tolist() == [7, 6, 8, 5], "odd in both ways first"
    assert found.others[0] == 3
    assert outliers(positions, distances, nearest, None).positions[0] == 6


def test_energy_is_high_where_no_class_is_likely() -> None:
    logits = np.array([[0.0, 0.0], [9.0, 0.0]], dtype=np.float32)
    assert probe.energies(logits).tolist() == pytest.approx([-np.log(2), -9.000123], abs=1e-5)


def test_rounds_are_apart_where_both_are_sure_first() -> None:
    found = rounds_apart(
        np.array([10, 11, 12, 13]),
        np.array([1, 1, 2, -1]),
        np.array([2, 1, 1, 2]),
        np.array([0.5, 0.9, 0.9, 0.9], dtype=np.float32),
        np.array([0.6, 0.9, 0.8, 0.9], dtype=np.float32),
    )
    assert found.positions.tolist() == [12, 10]
    assert found.class_ids.tolist() == [1, 2]


def test_a_table_gives_back_what_was_found() -> None:
    found = rows_of(np.array([3, 1]), np.array([0.5, 2], dtype=np.float32), others=np.array([7, 8]))
    again = Found.of_table(found.table())
    assert (again.positions.tolist(), again.others.tolist()) == ([3, 1], [7, 8])
    assert (again.groups.tolist(), again.values.tolist()) == ([-1, -1], [0.5, 2])
