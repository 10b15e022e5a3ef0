"""A job says which work an encoder is for, and one that was queued before it said so is known."""

import pytest

from sslapp.usecases.images.encoder_jobs import EncoderWork, work_of


@pytest.mark.parametrize(
    ("params", "work"),
    [
        ({"work": "features", "encoder": "pixels", "seed": 0}, EncoderWork.FEATURES),
        ({"work": "views", "encoder": "pixels", "views": {}}, EncoderWork.VIEWS),
        ({"work": "projection", "projection": "umap"}, EncoderWork.PROJECTION),
        ({"encoder": "pixels", "seed": 0}, EncoderWork.FEATURES),
        ({"encoder": "pixels", "seed": 0, "views": {"weak": 2}}, EncoderWork.VIEWS),
        ({"encoder": "pixels", "seed": 0, "projection": "umap"}, EncoderWork.PROJECTION),
    ],
)
def test_the_work_is_what_the_job_says_or_what_its_parameters_are_for(params, work) -> None:
    assert work_of(params) is work


def test_an_unknown_work_is_no_embedding() -> None:
    with pytest.raises(ValueError, match="segment"):
        work_of({"work": "segment", "encoder": "pixels"})
