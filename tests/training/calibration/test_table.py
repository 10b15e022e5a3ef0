"""Calibration bins and their error against the definition, image by image."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sslapp.training.calibration.table import calibration_table
from sslapp.training.calibration.temperature import expected_calibration_error


def by_definition(confidence, right, bins):
    """sum_b n_b / n |accuracy_b - confidence_b| over the intervals (b / bins, (b + 1) / bins]."""
    total = 0.0
    for b in range(bins):
        inside = [math.ceil(float(c) * bins) == b + 1 for c in confidence]
        if any(inside):
            total += sum(inside) * abs(right[inside].mean() - confidence[inside].mean(dtype=float))
    return total / len(confidence)


@pytest.mark.slow
@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 50),
        elements=st.floats(0.25, 1, width=32),
    ),
    st.randoms(use_true_random=False),
)
def test_the_calibration_error_is_what_its_definition_says(confidence, random) -> None:
    right = np.array([random.random() < 0.5 for _ in confidence])
    table = calibration_table(confidence, right)
    # the other classes share the rest: the first is the likeliest, and right where it is the label
    p = torch.zeros(len(confidence), 8)
    p[:, 0] = torch.from_numpy(confidence)
    p[:, 1:] = ((1 - p[:, :1]) / 7).expand(-1, 7)
    labels = torch.from_numpy(np.where(right, 0, 7))
    assert table.error == pytest.approx(expected_calibration_error(p, labels), abs=1e-6)
    assert table.error == pytest.approx(by_definition(confidence, right, 15), abs=1e-6)
    assert table.counts.sum() == len(confidence)
    assert (table.right <= table.counts).all()


def test_without_images_there_is_no_calibration_error() -> None:
    assert math.isnan(calibration_table(np.zeros(0), np.zeros(0, bool)).error)
