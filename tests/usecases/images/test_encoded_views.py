"""Views of a project's images: their cost, their job, and rounds on them."""

import signal

import numpy as np
import pytest
import small_project
from doomed import WORKER, points
from sqlalchemy import insert, select, update

from sslapp import durable
from sslapp.jobs import queue
from sslapp.methods.registry import CARDS
from sslapp.store.database import reading, writing
from sslapp.store.schema import embedding, job, view_set
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.encoded_views import WantedViews, cost, encoded_views, start_encoding
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.usecases.training.preview import choices, missing_before_start, preview
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import Gear, JobState

FEW = WantedViews(weak=1, strong=2, augmentation="geometric")
NAMES = ["weak-0", "strong-0", "strong-1"]
MEND = r"`sslapp encode`.*Encode views on the Projects page"


def encode(access, wanted=FEW):
    row = small_project.finish(access, start_encoding(access, None, wanted))
    assert row["state"] == JobState.DONE, row["error"]
    return row


def files(access) -> list[bytes]:
    with reading(access.engine) as conn:
        row = conn.execute(select(view_set).order_by(view_set.c.id.desc())).mappings().first()
    folder = access.workspace.path(row["folder"])
    return [(folder / f"{name}.npy").read_bytes() for name in NAMES]


def test_views_encoded_twice_are_the_same_bytes_and_another_seed_makes_others(project):
    with reading(project.engine) as conn:
        clean = conn.execute(select(embedding)).mappings().one()
    path = project.workspace.path(clean["features"])
    before = durable.sha256(path)
    assert encode(project)["result"]["views"] == NAMES
    first = files(project)
    assert len(set(first)) == 3
    encode(project)
    assert files(project) == first
    with reading(project.engine) as conn:
        assert conn.execute(select(embedding)).mappings().all() == [clean]
    assert durable.sha256(path) == before
    encode(project, WantedViews(weak=1, strong=2, augmentation="geometric", seed=1))
    assert all(a != b for a, b in zip(files(project), first, strict=True))
    assert small_project.damage(project) is None


def test_every_row_of_a_view_belongs_to_its_own_image(project):
    encode(project)
    with reading(project.engine) as conn:
        row = conn.execute(select(view_set)).mappings().one()
        clean = conn.execute(select(embedding)).mappings().one()
    features = np.asarray(durable.read_array(project.workspace.path(clean["features"])))
    view = np.asarray(durable.read_array(project.workspace.path(row["folder"]) / "weak-0.npy"))
    assert view.shape == features.shape
    distances = np.linalg.norm(view[:, None] - features[None], axis=2)
    own = np.diagonal(distances)
    # a ninth of the shifts by -1, 0 or 1 pixel moves nothing: then it is the clean image itself
    assert 1 / 30 < (own < 1e-4).mean() < 1 / 3


def test_a_killed_encoding_ends_with_the_same_files(open_copy, prepared, launcher):
    calm = open_copy(prepared)
    encode(calm)
    expected = files(calm)
    watched = open_copy(prepared)
    start_encoding(watched, None, FEW)
    assert launcher.run(watched.workspace.root, WORKER) == 0
    names = points(watched.workspace.root)
    assert files(watched) == expected
    assert {"in 000000000.npy", "in weak-0.npy", "after rename strong-1.npy"} <= set(names)
    # in the first chunk, after the second, while joining, and around the publication
    chosen = [names.index("in 000000000.npy"), names.index("in strong-1.npy"), len(names) - 2]
    for point in chosen:
        access = open_copy(prepared)
        start_encoding(access, None, FEW)
        assert launcher.run(access.workspace.root, WORKER, die_at=point + 1) == -signal.SIGKILL
        assert launcher.run(access.workspace.root, WORKER) == 0
        assert files(access) == expected, names[point]
        with reading(access.engine) as conn:
            assert len(conn.execute(select(view_set)).all()) == 1
        assert not list(access.workspace.root.rglob("chunks"))


def test_a_cancelled_encoding_leaves_no_views_and_the_same_wish_goes_on(project):
    job_id = start_encoding(project, None, FEW)
    with pytest.raises(ValueError, match=f"being encoded already, by job {job_id}"):
        start_encoding(project, None, FEW)
    with writing(project.engine) as conn:
        conn.execute(update(job).where(job.c.id == job_id).values(cancel=True))
    assert small_project.finish(project, job_id)["state"] == JobState.CANCELLED
    assert encoded_views(project, 1) is None
    assert start_encoding(project, None, FEW) == job_id
    small_project.run_jobs(project)
    assert job_status(project, job_id)["state"] == JobState.DONE
    assert encoded_views(project, 1).strong == 2
    assert start_encoding(project, None, FEW) != job_id, "done once, it may be made anew"


def test_the_cost_is_told_before_by_the_last_speed_of_the_encoder(project):
    with writing(project.engine) as conn:
        told = {"encoder": "pixels", "images_per_second": 8.0}
        conn.execute(update(job).where(job.c.kind == "embed").values(result=told))
    expected = cost(project, None, FEW)
    with reading(project.engine) as conn:
        dim = conn.execute(select(embedding.c.dim)).scalar_one()
    assert (expected.images, expected.views, expected.seconds) == (160, 3, 60.0)
    assert expected.size == 160 * 3 * dim * 4
    assert str(expected).startswith("3 views of 160 images: about 60 s at 8.0 images/s")
    with reading(project.engine) as conn:
        assert conn.execute(select(job.c.id).where(job.c.kind == "embed")).all() == [(2,)]
    with writing(project.engine) as conn:
        conn.execute(update(job).values(result={"encoder": "pixels"}))
    assert cost(project, None, FEW).seconds is None
    assert "not known" in str(cost(project, None, FEW))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (WantedViews(strong=0), "1 to 32 strong"),
        (WantedViews(augmentation="wild"), 'no augmentation "wild"; choose one of auto'),
        (WantedViews(encoder="open_clip"), "`sslapp embed --encoder open_clip`"),
    ],
)
def test_views_that_cannot_be_encoded_are_refused_with_the_mend(project, wanted, message):
    for ask in (cost, start_encoding):
        with pytest.raises(ValueError, match=message):
            ask(project, None, wanted)


def test_strangers_may_not_encode_and_new_images_have_to_be_embedded_first(project, tmp_path):
    with pytest.raises(NotAllowed):
        start_encoding(enter(project.workspace, "Mallory"), 1, FEW)
    more = small_project.write_more(tmp_path / "more.npz")
    small_project.finish(project, import_images(project, None, str(more)))
    with pytest.raises(ValueError, match=r"Not all images are embedded yet.*`sslapp embed`"):
        start_encoding(project, None, FEW)


def test_an_encoder_that_was_fitted_with_another_seed_or_weights_is_named(project):
    with reading(project.engine) as conn:
        path = project.workspace.path(conn.execute(select(embedding.c.features)).scalar_one())
    durable.write_array(path, np.asarray(durable.read_array(path)) * np.float32(1.1))
    row = small_project.finish(project, start_encoding(project, None, FEW))
    assert row["state"] == JobState.FAILED
    assert "Embed the images again" in row["error"]


def test_a_round_in_the_features_gear_needs_views_and_then_runs(project):
    assert CARDS["fixmatch"].compares_views
    options = {"method": "fixmatch", "gear": Gear.FEATURES, "config": small_project.TINY}
    with pytest.raises(ValueError, match=MEND):
        start_round(project, None, **options)
    state = preview(project, 1), choices(project, 1), Gear.FEATURES, None
    assert "Encode views" in missing_before_start(*state, compares_views=True)
    assert missing_before_start(*state) == ""
    encode(project)
    state = preview(project, 1), choices(project, 1), Gear.FEATURES, None
    assert missing_before_start(*state, compares_views=True) == ""
    start_round(project, None, **options)
    small_project.run_jobs(project)
    row = round_status(project, None)
    assert row["state"] == JobState.DONE, row["error"]
    assert (row["gear"], row["encoder"]) == ("features", "pixels")
    probabilities, _ = small_project.published(project)
    assert probabilities.shape == (160, 10)
    assert cancel_job(project, row["job_id"]) == JobState.DONE


@pytest.mark.slow
def test_a_round_trains_on_the_views_that_were_there_when_it_was_started(project):
    encode(project)
    options = {"method": "fixmatch", "gear": Gear.FEATURES, "config": small_project.TINY}
    start_round(project, None, **options)
    with writing(project.engine) as conn:
        row = conn.execute(select(view_set)).mappings().one()
        later = {**row, "id": 2, "folder": "nowhere", "created_at": queue.now()}
        conn.execute(insert(view_set).values(later))
    small_project.run_jobs(project)
    assert round_status(project, None)["state"] == JobState.DONE
