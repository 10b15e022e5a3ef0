"""Pictures of a training: when they are written, and that they come back as they were."""

import numpy as np
import torch

from sslapp.rounds.pictures import FILE, Pictures, read


def views(value):
    grey = torch.full((6, 1, 8, 8), value, dtype=torch.uint8)
    return {"image": grey, "weak": grey + 1, "a mixture": (grey + 2).expand(-1, 3, -1, -1)}


def test_they_are_read_in_the_order_in_which_they_were_shown(tmp_path):
    assert read(tmp_path) is None
    Pictures(tmp_path).look(7, 100, lambda: views(3))
    found = read(tmp_path)
    assert (found.step, found.total) == (7, 100)
    assert list(found.views) == ["image", "weak", "a mixture"]
    assert found.views["a mixture"].shape == (6, 8, 8, 3)
    assert np.unique(found.views["weak"]).tolist() == [4]


def test_they_are_made_at_the_first_report_of_an_attempt_and_four_times_more(tmp_path):
    made = []
    pictures = Pictures(tmp_path)
    for step in range(5, 101, 5):
        pictures.look(step, 100, lambda step=step: made.append(step) or views(step))
    assert made == [5, 25, 50, 75, 100]
    assert read(tmp_path).step == 100
    Pictures(tmp_path).look(60, 100, lambda: views(0))  # another attempt
    assert read(tmp_path).step == 60


def test_where_there_is_nothing_to_see_there_is_no_file(tmp_path):
    Pictures(tmp_path).look(1, 100, dict)
    assert not (tmp_path / FILE).exists()
