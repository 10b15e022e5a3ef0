"""A task of images as one of their pictures, and what is said of them together."""

import numpy as np
import torch

from sslapp.imaging.picture_rows import PictureRows
from sslapp.rounds.by_picture import ByPicture
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.method import Predictor
from sslapp.training.task import Task
from sslapp.vocabulary import CalibratedOn, Source

PICTURES = PictureRows.of([2, 1, 3, 1])


class Pixels:
    """Seven pictures, each of its own grey."""

    shape = (7, 1, 2, 2)

    def take(self, indices):
        return torch.from_numpy(indices).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).to(torch.uint8)


class ByGrey(Predictor):
    """Says how likely the second class is by the grey of a picture."""

    def logits(self, source, indices):
        p = source.take(indices)[:, 0, 0, 0].double() / 10 + 0.1
        return torch.stack([1 - p, p], dim=1).log().float()

    def embed(self, source, indices):
        return source.take(indices).float().reshape(-1, 4)

    def with_members(self, source, indices):
        logits = self.logits(source, indices)
        return logits, {"one": torch.softmax(logits, dim=1)}

    def save(self, folder):
        folder.mkdir()

    @classmethod
    def load(cls, folder):
        return cls()


BY = ByPicture(PICTURES, Pixels())
TASK = Task(
    num_classes=2,
    labels=np.array([0, 1, -1, 1]),
    source=np.array([Source.EXPERT, Source.EXPERT, Source.NONE, Source.EXPERT], np.uint8),
    forbidden=np.array([[False, False], [False, False], [True, False], [False, False]]),
    labelled=np.array([0, 1]),
    pool=np.array([2]),
    validation=np.array([3]),
)


def test_each_picture_carries_what_is_known_of_its_image() -> None:
    found = BY.task(TASK)
    assert found.labels.tolist() == [0, 0, 1, -1, -1, -1, 1]
    assert found.forbidden[:, 0].tolist() == [False] * 3 + [True] * 3 + [False]
    assert (found.labelled.tolist(), found.pool.tolist()) == ([0, 1, 2], [3, 4, 5])
    assert found.validation.tolist() == [6]
    assert found.groups.tolist() == [0, 0, 1, 2, 2, 2, 3]  # pictures of an image stay together
    assert found.pixels.shape[0] == 7


def test_groups_of_a_project_stay_those_of_patients() -> None:
    found = BY.task(Task(**{**vars(TASK), "groups": np.array([5, 5, 6, 7])}))
    assert found.groups.tolist() == [5, 5, 5, 6, 6, 6, 7]


def test_what_is_said_of_an_image_is_the_mean_over_its_pictures() -> None:
    predictor = BY.predictor(ByGrey())
    logits, members = predictor.with_members(Pixels(), np.array([2, 0]))
    p = torch.softmax(logits, dim=1)[:, 1]
    torch.testing.assert_close(p, torch.tensor([0.5, 0.15]))  # greys 3, 4, 5 and 0, 1
    torch.testing.assert_close(members["one"][:, 1], torch.tensor([0.5, 0.15]))
    torch.testing.assert_close(predictor.logits(Pixels(), np.array([2, 0])), logits)
    assert predictor.embed(Pixels(), np.array([2, 3]))[:, 0].tolist() == [4.0, 6.0]


def test_answers_about_pictures_are_said_of_images() -> None:
    rows = np.array([0, 1, 3, 4, 5])
    found = BY.answers(
        OutOfSample(
            source=CalibratedOn.FOLDS,
            rows=rows,
            logits=ByGrey().logits(Pixels(), rows),
            labels=torch.zeros(5, dtype=torch.int64),
            groups=np.array([0, 0, 2, 2, 2]),
        ),
        TASK,
    )
    assert found.rows.tolist() == [0, 2]
    torch.testing.assert_close(torch.softmax(found.logits, 1)[:, 1], torch.tensor([0.15, 0.5]))
    assert found.labels.tolist() == [0, -1]
    assert found.groups is None


def test_a_film_watches_images() -> None:
    seen = []
    watch = BY.observing(lambda step, total, embed: seen.append(embed(np.array([0, 2]))))
    watch(1, 2, lambda rows: torch.from_numpy(rows).float().unsqueeze(1))
    assert seen[0].ravel().tolist() == [0.5, 4.0]
