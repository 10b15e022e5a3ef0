"""What images of none of the classes teach: less confidence about others like them."""

import dataclasses

import numpy as np
import pytest
import torch

from sslapp.methods.supervised.method import Supervised, SupervisedConfig

UNFITTING = 7


@pytest.mark.slow
def test_a_network_is_less_sure_of_images_like_those_that_no_class_fits(digits, make_run):
    task, truth = digits(200)
    parts = {name: getattr(task, name) for name in ("labelled", "validation", "pool")}
    kept = {name: rows[truth[rows] != UNFITTING] for name, rows in parts.items()}
    outliers = np.flatnonzero(truth == UNFITTING)
    task = dataclasses.replace(task, **kept, none_of_these=outliers[:20])
    rest = {"outliers": outliers[20:], "others": kept["pool"][:300]}
    sure = {}
    for weight in (0.0, 0.5):
        config = SupervisedConfig(steps=50, batch_size=32, none_weight=weight)
        fitted = Supervised(config).fit(task, make_run(name=f"weight-{weight}"))
        for name, rows in rest.items():
            p = torch.softmax(fitted.logits(task.pixels, rows), dim=1)
            sure[name, weight] = p.max(dim=1).values.mean().item()
    assert sure["outliers", 0.5] < sure["outliers", 0.0] - 0.1
    assert sure["others", 0.5] > sure["outliers", 0.5] + 0.1
