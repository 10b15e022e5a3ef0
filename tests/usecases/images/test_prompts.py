"""Words for the classes: kept, changed by admins, and an order where an encoder reads them."""

import numpy as np
import pytest
import small_project
import tiny_clip

from sslapp import durable
from sslapp.embedding.open_clip_encoder import encode_text
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.log.sight import sight_of_strategy
from sslapp.store.state import load_state
from sslapp.usecases.access import NotAllowed, admit
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.prompts import likeness, prompts, set_prompts
from sslapp.usecases.labelling import offers
from sslapp.vocabulary import Sight


def test_words_are_kept_and_empty_ones_go_back(project) -> None:
    usual = prompts(project, None)
    first, second = list(usual)[:2]
    assert usual[first] == f"a photo of {first}"
    assert set_prompts(project, None, {first: "  a scan \n of it ", second: usual[second]})
    assert prompts(project, None) == {**usual, first: "a scan of it"}
    assert not set_prompts(project, None, {first: "a scan of it"})
    assert set_prompts(project, None, {first: " "})
    assert prompts(project, None) == usual
    assert small_project.damage(project) is None


def test_other_classes_readers_and_endless_words_are_refused(project) -> None:
    name = next(iter(prompts(project, None)))
    with pytest.raises(ValueError, match='no class "none"'):
        set_prompts(project, None, {"none": "x"})
    with pytest.raises(ValueError, match="at most 300 characters"):
        set_prompts(project, None, {name: "x" * 301})
    guest = admit(project.workspace, project.engine, "guest", server_admin=False)
    with pytest.raises(NotAllowed):
        set_prompts(guest, 1, {name: "x"})


def test_the_order_is_offered_only_where_text_is_read(project) -> None:
    assert "zero-shot" not in {each.name for each in offers.opening(project, None).strategies}
    with pytest.raises(ValueError, match="encoder that reads text"):
        offers.refill(project, None, count=3, strategy="zero-shot")


@pytest.mark.slow
def test_images_most_like_the_words_come_first_and_stay_blind(project) -> None:
    weights = tiny_clip.write(project.workspace.weights, tiny_clip.build())
    embed(project, None, "open_clip")
    small_project.run_jobs(project)
    assert "zero-shot" in {each.name for each in offers.opening(project, None).strategies}
    words = list(prompts(project, None).values())
    with reading(project.engine) as conn:
        row = latest_embedding(conn, 1)
    features = np.asarray(durable.read_array(project.workspace.path(row["features"])))
    expected = features @ encode_text(weights, words).T
    at = np.array([3, 5, 8])
    found = likeness(project, None, at, len(features))
    np.testing.assert_allclose(found[at], expected[at], atol=1e-5)
    assert not np.delete(found, at, axis=0).any()
    offer = offers.refill(project, None, count=10, strategy="zero-shot")
    picked = [each for each in offer.items if each.strategy == "zero-shot"]
    (reason,) = {each.reason for each in picked}
    assert "photo" not in reason
    assert sight_of_strategy("zero-shot") is Sight.NOTHING
    first = prompts(project, None)
    lead = expected - np.sort(expected, axis=1)[:, -2:-1]
    surest = {int(np.argmax(lead[:, column])) for column in range(len(first))}
    with reading(project.engine) as conn:
        pool = set(load_state(conn, 1).pool.tolist())
    assert surest & pool & {each.position for each in picked}
