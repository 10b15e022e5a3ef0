"""A comparison of methods as a reader starts it, and what is suggested by it."""

from dataclasses import replace

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.jobs import history
from sslapp.jobs.context import JobContext
from sslapp.jobs.worker import work
from sslapp.methods.challengers import CHALLENGERS, FINE_TUNING
from sslapp.review.trial import Trial
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Refused
from sslapp.store.integrity import seals
from sslapp.store.schema import embedding
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.classes import add_class, retire_class
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.usecases.training.suggestion import suggested_now
from sslapp.usecases.training.trials import (
    PastTrials,
    newest_compared,
    rows_of,
    start_trials,
)
from sslapp.vocabulary import Gear, JobKind, JobState

TRIED = Trial(
    method="head-ensemble",
    gear=Gear.FEATURES,
    encoders=("pixels",),
    judged=20,
    right=15,
    only_this=0,
    only_ensemble=0,
    groups_this=0,
    groups_ensemble=0,
    seconds=1.0,
)


def embedded_by(access: Access, encoder: str, *, noise: float) -> None:
    """Add what another encoder might have made: the pixels, more or less disturbed."""
    with reading(access.engine) as conn:
        row = latest_embedding(conn, 1)
    features = np.array(durable.read_array(access.workspace.path(row["features"])))
    disturbed = features + noise * np.random.default_rng(0).normal(size=features.shape)
    path = access.workspace.jobs / f"embed-{encoder}" / "attempt-1" / "features.npy"
    durable.write_array(path, disturbed.astype(np.float32))
    values = {name: value for name, value in row.items() if name not in ("id", "seal")}
    named = {"encoder": encoder, "features": access.workspace.relative(path)}
    with writing(access.engine) as conn:
        seals.insert(conn, embedding, {**values, **named})


def compared(access: Access):
    with reading(access.engine) as conn:
        return newest_compared(conn, 1)


def test_methods_are_compared_on_the_labels_as_they_are(project) -> None:
    assert compared(project) is None
    ended = small_project.finish(project, start_trials(project, 1, seed=4))
    assert ended["state"] == JobState.DONE, ended["error"]
    found = compared(project)
    taught = small_project.LABELLED - 6  # so many are in the holdout
    assert (found.labelled, len(found.class_ids)) == (taught, 10)
    assert [each.method for each in found.trials][:2] == ["head-ensemble", "supervised"]
    assert {each.judged for each in found.trials} == {taught}
    lines = rows_of(found.trials)
    assert (lines[0]["Method"], lines[0]["Sees"]) == ("Ensemble of heads", "Pixels (PCA)")
    assert lines[0]["Against the ensemble"] == "–"
    assert f"n = {taught}" in lines[0]["Right"]
    assert "points (" in lines[1]["Against the ensemble"]
    assert small_project.damage(project) is None


@pytest.mark.slow
def test_the_same_labels_and_seed_give_the_same_answers(project) -> None:
    results = []
    for _ in range(2):
        small_project.finish(project, start_trials(project, 1))
        results.append([(each.method, each.right) for each in compared(project).trials])
    assert results[0] == results[1]


def test_what_is_suggested_rests_on_the_comparison_while_its_features_stand(project) -> None:
    embedded_by(project, "efficientnet-lite0", noise=0.1)
    assert "cannot be told from 34 labels unseen" in suggested_now(project, 1).suggestion.reason
    small_project.finish(project, start_trials(project, 1))
    found = suggested_now(project, 1)
    assert "34 labels that it was not taught" in found.suggestion.reason
    assert found.trials[0].encoders == ("efficientnet-lite0",), "pixels are not averaged"
    assert {each.encoders for each in found.trials[1:]} == {("efficientnet-lite0",), ("pixels",)}
    add_class(project, None, "eel")
    assert suggested_now(project, 1).trials == [], "the classes are others"
    retire_class(project, None, "eel")
    assert suggested_now(project, 1).trials
    embedded_by(project, "open-clip", noise=0.2)
    assert suggested_now(project, 1).trials == []


def test_twice_as_many_labels_outgrow_a_comparison() -> None:
    found = PastTrials(class_ids=[1, 2], labelled=20, trials=[TRIED])
    now = {"class_ids": [1, 2], "encoders": ["pixels"]}
    assert found.stands(labelled=39, **now)
    assert not found.stands(labelled=40, **now)
    assert not found.stands(labelled=20, class_ids=[1, 2], encoders=["pixels", "open-clip"])
    assert not found.stands(labelled=20, class_ids=[1, 3], encoders=["pixels"])
    assert not PastTrials(class_ids=[1, 2], labelled=20, trials=[]).stands(labelled=20, **now)


def test_it_is_refused_where_it_could_tell_nothing(project) -> None:
    with pytest.raises(Refused, match='"prototypes" cannot be added'):
        start_trials(project, 1, also=["prototypes"])
    start_trials(project, 1)
    with pytest.raises(Refused, match="being compared already"):
        start_trials(project, 1)
    stranger = enter(project.workspace, "Bob")
    with pytest.raises(NotAllowed):
        start_trials(stranger, 1)
    stranger.engine.dispose()


def test_too_few_labels_and_missing_features_say_so(open_copy, prepared) -> None:
    bare = open_copy(prepared)
    for position in range(small_project.LABELLED):
        if position % 6 != 5 and position > 9:
            decisions.undo(bare, 1, newest_label(bare, position))
    with pytest.raises(Refused, match="give 1 more label first"):
        start_trials(bare, 1)
    assert not list((bare.workspace.project(1) / "snapshots").glob("*")), "nothing was frozen"
    blind = open_copy(prepared)
    with writing(blind.engine) as conn:
        seals.update(conn, embedding, [], {"count": 100})
    with pytest.raises(Refused, match="embed all images first"):
        start_trials(blind, 1)


def newest_label(access: Access, position: int) -> int:
    return next(
        each.number
        for each in reversed(small_project.log(access))
        if each.position == position and each.kind == "label"
    )


def test_a_cancelled_comparison_leaves_none(project) -> None:
    job_id = start_trials(project, 1)
    cancel_job(project, job_id)
    small_project.run_jobs(project)
    assert job_status(project, job_id)["state"] == JobState.CANCELLED
    assert compared(project) is None
    with reading(project.engine) as conn:
        assert not history.under_way(conn, JobKind.TRIAL, 1)


def test_methods_that_train_for_minutes_can_be_added() -> None:
    slow = {"fine-tuning", "fixmatch", "flexmatch", "freematch", "layermatch", "diff-sysc"}
    assert slow <= set(CHALLENGERS)
    assert not {"supervised", "head-ensemble", "prototypes"} & set(CHALLENGERS)


def test_what_won_by_its_options_is_suggested_and_started_with_them(project) -> None:
    small_project.finish(project, start_trials(project, 1))
    stood = compared(project)
    options = dict(FINE_TUNING.config)
    won = replace(TRIED, method="supervised", gear=Gear.PIXELS, encoders=(), config=options)
    won = replace(won, right=20, only_this=20, groups_this=20)
    rows = [each.row() for each in (*stood.trials, won)]

    def finish(context: JobContext) -> None:
        with context.finishing({"trials": rows}):
            pass

    start_trials(project, 1, also=["fine-tuning"])
    work(project.workspace, project.engine, {JobKind.TRIAL: finish}, until_idle=True)
    assert rows_of(compared(project).trials)[-1]["Method"] == "Fine-tuned EfficientNet-Lite0"
    found = suggested_now(project, 1).suggestion
    assert (found.method, found.gear, found.config) == ("supervised", Gear.PIXELS, options)
    assert "Fine-tuned EfficientNet-Lite0 on pixels was right" in found.reason
    number = start_round(project, 1, config={"steps": 7})
    started = round_status(project, 1, number)
    assert (started["method"], started["gear"]) == ("supervised", Gear.PIXELS)
    assert started["config"].items() >= {**options, "steps": 7}.items()


@pytest.mark.slow
def test_an_ensemble_takes_every_learned_encoder_and_one_that_is_asked_for(project) -> None:
    embedded_by(project, "efficientnet-lite0", noise=0.1)
    embedded_by(project, "open-clip", noise=0.3)
    start_round(project, 1, gear=Gear.FEATURES)
    start_round(project, 1, method="head-ensemble", encoder="pixels", same_as=1)
    small_project.run_jobs(project)
    both, alone = (round_status(project, 1, number) for number in (1, 2))
    assert (both["method"], both["state"], alone["state"]) == ("head-ensemble", "done", "done")
    assert detail(project, 1, 1).encoders == ["open-clip", "efficientnet-lite0"]
    assert detail(project, 1, 2).encoders == ["pixels"]
    kinds = ("linear probe", "prototypes", "label propagation")
    assert both["metrics"]["members"] == [
        f"{kind}, {encoder}" for encoder in ("open-clip", "efficientnet-lite0") for kind in kinds
    ]
    assert alone["metrics"]["members"] == list(kinds)
    assert small_project.damage(project) is None
