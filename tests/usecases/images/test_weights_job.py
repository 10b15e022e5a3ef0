"""The job that fetches weights: who may ask, cancelling and going on, what it leaves on record."""

import threading
import time

import pytest
import small_project
from small_networks import CLIP, RESNET, RESNET_AT

from sslapp.embedding.weights import folders
from sslapp.embedding.weights.folders import folder_of
from sslapp.jobs import queue
from sslapp.store.database import reading
from sslapp.usecases.access import NotAllowed, admit
from sslapp.usecases.images.embeddings import embed, encoder_title, encoders_here
from sslapp.usecases.images.similar import like_text, reads_text
from sslapp.usecases.images.weights import (
    fetch_curated,
    fetch_weights,
    fetching_now,
    remove_weights,
    weights_here,
)
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.vocabulary import JobState

DINOV3 = "timm:vit_small_patch16_dinov3.lvd1689m"


def test_only_a_server_admin_fetches_and_removes(project) -> None:
    other = admit(project.workspace, project.engine, "guest", server_admin=False)
    for command in (
        lambda: fetch_weights(other, None, RESNET),
        lambda: fetch_curated(other, None, DINOV3, accept=True),
        lambda: remove_weights(other, RESNET),
    ):
        with pytest.raises(NotAllowed, match="Only a server admin may"):
            command()


def test_a_page_names_the_list_alone_and_asks_for_terms(project) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        fetch_curated(project, None, RESNET, accept=True)
    with pytest.raises(ValueError, match=r"dinov3-license\. Accept it first"):
        fetch_curated(project, None, DINOV3, accept=False)
    job = fetch_curated(project, None, DINOV3, accept=True)
    params = job_status(project, job)["params"]
    assert params["licence"] == "dinov3-license"
    assert params["by"].startswith(f"{project.reader}, 20")
    with pytest.raises(ValueError, match="are being fetched"):
        fetch_curated(project, None, DINOV3, accept=True)
    with pytest.raises(ValueError, match="Cancel that first"):
        remove_weights(project, DINOV3)
    cancel_job(project, job)
    assert not fetching_now(project)


@pytest.mark.slow
def test_a_cancelled_fetch_goes_on_and_is_on_record(project, hub) -> None:
    files = hub.repositories[RESNET_AT]
    content = files["model.safetensors"]
    hub.pause = 0.3
    job = fetch_weights(project, None, RESNET)

    def cancel_when_half_is_there() -> None:
        while folders.bytes_there(RESNET, project.workspace.weights) < len(content) // 3:
            time.sleep(0.02)
        cancel_job(project, job)

    canceller = threading.Thread(target=cancel_when_half_is_there)
    canceller.start()
    small_project.run_jobs(project)
    canceller.join()
    row = job_status(project, job)
    assert row["state"] == JobState.CANCELLED
    assert 0 < row["step"] < row["total"] == sum(map(len, files.values()))
    assert [each.name for each in weights_here(project) if each.partial] == [RESNET]
    hub.pause, hub.asked = 0.0, []
    again = fetch_weights(project, None, RESNET)
    small_project.run_jobs(project)
    row = job_status(project, again)
    assert row["state"] == JobState.DONE, row["error"]
    folder = folder_of(RESNET, project.workspace.weights)
    assert row["result"]["files"] == {each: folders.durable.sha256(folder / each) for each in files}
    (start,) = hub.ranges("model.safetensors")
    assert int(start.removeprefix("bytes=").removesuffix("-")) > 0
    assert (folder / "model.safetensors").read_bytes() == content
    with pytest.raises(ValueError, match="are there"):
        fetch_weights(project, None, RESNET)
    assert small_project.damage(project) is None
    assert remove_weights(project, RESNET) > len(content)


@pytest.mark.slow
def test_images_are_embedded_and_searched_with_what_was_fetched(project, hub) -> None:
    with pytest.raises(ValueError, match=r"sslapp weights fetch open_clip:hf-hub:small/clip"):
        embed(project, None, CLIP)
    fetch_weights(project, None, CLIP)
    small_project.run_jobs(project)
    assert encoders_here(project)[CLIP].title == encoder_title(CLIP) == "small/clip"
    hub.repositories.clear()  # from here on nothing is asked
    hub.asked = []
    job = embed(project, None, CLIP)
    small_project.run_jobs(project)
    row = job_status(project, job)
    assert row["state"] == JobState.DONE, row["error"]
    files = {"open_clip_config.json", "open_clip_model.safetensors"}
    assert row["result"]["weights"].keys() == files
    assert reads_text(project, None)
    assert len(like_text(project, None, "a seven", 5)) == 5
    assert not hub.asked
    path = folder_of(CLIP, project.workspace.weights) / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    broken = embed(project, None, CLIP)
    small_project.run_jobs(project)
    row = job_status(project, broken)
    assert row["state"] == JobState.FAILED
    assert "is not the file that came. Remove and fetch them again" in row["error"]
    with reading(project.engine) as conn:
        assert queue.read_job(conn, job)["result"]["encoder"] == CLIP
    remove_weights(project, CLIP)
    assert not reads_text(project, None)
