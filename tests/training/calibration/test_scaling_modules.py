"""The calibration of a graph is the round's, whatever the map and however odd the logits."""

import numpy as np
import pytest
import torch

from sslapp.training.calibration.modules import module_of
from sslapp.training.calibration.scaling import Isotonic, Scaling, Temperature, Vector

MAPS = [
    Temperature(1.7),
    Temperature(0.05),
    Vector(1.2, (0.5, 1.0, 1.5, 2.0), (0.1, -0.3, 0.0, 0.2)),
    Isotonic(1.3, (0.3, 0.5, 0.7, 0.99), (0.3, 0.3, 0.8, 0.95)),
    Isotonic(0.7, (0.4,), (0.6,)),
]


@pytest.mark.parametrize("scaling", MAPS, ids=lambda each: type(each).__name__)
def test_it_is_the_map_of_the_round(scaling: Scaling) -> None:
    rng = np.random.default_rng(0)
    logits = np.concatenate(
        [
            rng.normal(size=(200, 4)) * 3,
            [[0, 0, 0, 0], [1, 1, 0, 0], [60, 0, 0, 0], [2000, 0, 0, 0], [0, -400, -400, -400]],
        ]
    )
    said = module_of(scaling)(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(said, scaling.of_logits(logits), atol=1e-9)


@pytest.mark.parametrize("scaling", [MAPS[3], Vector(1.0, (0.5, 2.0), (0.1, 0.0))])
def test_two_classes(scaling: Scaling) -> None:
    logits = np.random.default_rng(1).normal(size=(50, 2)) * 2
    said = module_of(scaling)(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(said, scaling.of_logits(logits), atol=1e-9)
