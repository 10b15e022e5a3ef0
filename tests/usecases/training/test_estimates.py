"""How long the next round takes: told by one like it, else by the measured rule of thumb."""

import socket
from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update

from sslapp.methods.registry import CARDS
from sslapp.store.database import writing
from sslapp.store.schema import job, round_, round_metric
from sslapp.usecases.training import rounds
from sslapp.usecases.training.estimates import (
    Planned,
    default_threads,
    estimate,
    rule_of_thumb,
    scaled,
)
from sslapp.vocabulary import CalibratedOn, Gear, JobState

SMALL = (8, 8, 1)


def planned(method="fixmatch", gear=Gear.PIXELS, size=SMALL, **changed) -> Planned:
    options = CARDS[method].options(**changed).model_dump(mode="json")
    return Planned(method, gear, options, trained=110, images=160, size=size)


def test_trainings_in_a_row_take_as_much_longer() -> None:
    given = {"threads": 2, "bf16": True}
    one, four = (
        replace(planned("self-training", steps=100, iterations=each), images=0) for each in (1, 4)
    )
    assert rule_of_thumb(four, **given) == pytest.approx(4 * rule_of_thumb(one, **given))
    # on features it takes no steps, whatever its options say of them
    probes = planned("self-training", Gear.FEATURES, steps=100)
    told = scaled(8, 160, [(0, 0.5), (3, 6.5)], probes)
    assert told == pytest.approx(8)


def finish(access, number: int, seconds: float, pace: float, steps: int, **columns) -> None:
    """Have a waiting round end as if it had taken `seconds`, `pace` of them a step."""
    with writing(access.engine) as conn:
        row = conn.execute(select(round_).where(round_.c.number == number)).one()
        ended = {"state": JobState.DONE, "attempt": 1, "host": socket.gethostname(), **columns}
        conn.execute(update(job).where(job.c.id == row.job_id).values(ended))
        conn.execute(
            update(round_).where(round_.c.id == row.id).values(metrics={"seconds": seconds})
        )
        conn.execute(
            insert(round_metric),
            [
                {"round_id": row.id, "step": step, "name": "seconds", "value": 2 + pace * step}
                for step in (1, steps)
            ],
        )


def test_a_finished_round_like_it_tells_the_duration_by_steps_and_the_rest(project) -> None:
    rounds.start_round(project, None, config={"steps": 100})
    finish(project, 1, seconds=15, pace=0.1, steps=100)
    # 10 s were steps and 5 s the rest, so 400 steps take 40 + 5
    found = estimate(project, 1, planned(steps=400))
    assert (found.round_number, found.seconds) == (1, pytest.approx(45))


def test_the_newest_round_like_it_counts(project) -> None:
    for number, pace in ((1, 0.5), (2, 0.1)):
        rounds.start_round(project, None, config={"steps": 100})
        finish(project, number, seconds=100 * pace + 2, pace=pace, steps=100)
    assert estimate(project, 1, planned(steps=100)).round_number == 2


@pytest.mark.parametrize(
    ("differs", "ended"),
    [
        ({"network": "wrn-28-2"}, {}),
        ({"batch_size": 64}, {}),
        ({"unlabelled_ratio": 7}, {}),
        ({}, {"host": "another machine"}),
        ({}, {"attempt": 2}),
        ({}, {"state": JobState.CANCELLED}),
    ],
)
def test_a_round_unlike_it_tells_nothing(project, differs, ended) -> None:
    rounds.start_round(project, None, config={"steps": 100})
    finish(project, 1, seconds=15, pace=0.1, steps=100, **ended)
    assert estimate(project, 1, planned(steps=100, **differs)).round_number is None


def test_of_a_method_without_steps_only_the_same_options_tell(project) -> None:
    features = {"method": "prototypes", "gear": Gear.FEATURES}
    rounds.start_round(project, None, **features)
    finish(project, 1, seconds=3, pace=0, steps=2)
    assert estimate(project, 1, planned(**features)).seconds == pytest.approx(3)
    assert estimate(project, 1, planned(**features, iterations=500)).round_number is None


def test_what_a_round_costs_besides_grows_with_its_images() -> None:
    curve = [(10, 3.0), (110, 13.0)]
    bigger = planned(steps=110)
    # 11 s of steps; the other 4 s were for 80 images and are needed twice for 160
    assert scaled(15, 80, curve, bigger) == pytest.approx(11 + 8)


def test_an_ensemble_is_fitted_on_every_encoder() -> None:
    one = replace(planned("head-ensemble", Gear.FEATURES), calibrated_on=CalibratedOn.FOLDS)
    three = replace(one, encoders=3)
    assert scaled(12, 160, [], three, fits=6) == pytest.approx(36)
    assert scaled(36, 160, [], one, fits=18) == pytest.approx(12)
    for source in (CalibratedOn.HOLDOUT, CalibratedOn.NOTHING):
        held = replace(one, calibrated_on=source)  # its members are cross-fitted all the same
        assert scaled(12, 160, [], held, fits=6) == pytest.approx(12)
    thumb = [rule_of_thumb(each, threads=2, bf16=True) for each in (one, three)]
    assert thumb[1] == pytest.approx(3 * thumb[0])


def test_further_trainings_take_as_long_again() -> None:
    curve = [(10, 3.0), (110, 13.0)]
    once = planned(steps=110)
    twice = replace(once, calibrated_on=CalibratedOn.THIRD)
    # told by a round that trained once (11 s of steps and 4 s besides), and by one that did twice
    assert scaled(15, 160, curve, twice) == pytest.approx(22 + 4)
    assert scaled(26, 160, curve, twice, fits=2) == pytest.approx(22 + 4)
    assert scaled(26, 160, curve, once, fits=2) == pytest.approx(11 + 4)
    for method in ("fixmatch", "diff-sysc"):
        plan = planned(method, Gear.FEATURES if method == "diff-sysc" else Gear.PIXELS)
        told = [
            rule_of_thumb(replace(plan, calibrated_on=each), threads=2, bf16=True)
            for each in (CalibratedOn.HOLDOUT, CalibratedOn.THIRD, CalibratedOn.THIRDS)
        ]
        assert told[1:] == pytest.approx([2 * told[0], 4 * told[0]])


@pytest.mark.parametrize(
    ("network", "size", "batch", "ratio", "milliseconds"),
    [
        ("small-cnn", (8, 8, 1), 32, 4, 13.3),
        ("small-cnn", (28, 28, 1), 32, 4, 49.1),
        ("small-cnn", (32, 32, 3), 64, 7, 281.4),
        ("wrn-28-2", (32, 32, 3), 64, 7, 1903.8),
    ],
)
def test_the_rule_of_thumb_keeps_to_the_benchmarks(network, size, batch, ratio, milliseconds):
    options = {"network": network, "batch_size": batch, "unlabelled_ratio": ratio, "steps": 1000}
    told = rule_of_thumb(planned(size=size, **options), threads=2, bf16=True)
    assert told == pytest.approx(milliseconds, rel=0.2)


def test_the_rule_of_thumb_knows_pretrained_networks_their_sizes_and_what_is_frozen() -> None:
    def told(bf16=True, **changed) -> float:
        options = {"network": "efficientnet-lite0", "steps": 1000, "image_size": 160, **changed}
        return rule_of_thumb(planned("supervised", **options), threads=1, bf16=bf16)

    # 12 images a step, 44 ms each on one thread, and reading 160 originals
    assert told() == pytest.approx(1000 * 12 * 0.044, rel=0.2)
    assert told(bf16=False) == told(), "it runs in float32 anyway"
    assert told(image_size=224) == pytest.approx(told() * (224 / 160) ** 2, rel=0.02)
    assert told(batch_size=24) == pytest.approx(2 * told(), rel=0.02)
    in_order = [told(train=each) for each in ("head", "last-blocks", "lora", "all")]
    assert in_order == sorted(in_order) and in_order[0] < in_order[-1] / 3
    # 200 steps are chosen for it
    assert told(steps=0) == told(steps=200)


def test_rounds_of_an_earlier_version_still_tell_how_long_it_takes(project) -> None:
    rounds.start_round(project, None, config={"steps": 100, "batch_size": 32})
    finish(project, 1, seconds=15, pace=0.1, steps=100)
    with writing(project.engine) as conn:
        row = conn.execute(select(round_)).one()
        before = {
            name: value
            for name, value in row.config.items()
            if name not in ("image_size", "train", "batch_norm", "labelled_views")
        }
        conn.execute(update(round_).values(config=before))
    assert estimate(project, 1, planned(steps=400)).round_number == 1
    assert estimate(project, 1, planned(image_size=128)).round_number is None
    assert estimate(project, 1, planned(batch_size=16)).round_number is None


def test_the_rule_of_thumb_knows_threads_float32_and_the_labels_alone() -> None:
    def told(method="fixmatch", threads=2, bf16=True) -> float:
        return rule_of_thumb(planned(method, steps=1000), threads=threads, bf16=bf16)

    assert told(threads=1) == pytest.approx(2 * told())
    assert told(bf16=False) == pytest.approx(2.5 * told())
    assert told("supervised") < told() / 8


@pytest.mark.parametrize(("batch", "ratio", "milliseconds"), [(32, 4, 1.49), (64, 7, 3.59)])
def test_a_step_of_the_linear_head_has_a_cost_of_its_own(batch, ratio, milliseconds) -> None:
    def told(method="fixmatch", **changed) -> float:
        return rule_of_thumb(planned(method, Gear.FEATURES, **changed), threads=2, bf16=True)

    options = {"batch_size": batch, "unlabelled_ratio": ratio}
    steps = told(steps=11_000, **options) - told(steps=1000, **options)
    assert steps == pytest.approx(10 * milliseconds, rel=0.1)
    # 500 steps are chosen for so few images
    assert told(**options) == told(steps=500, **options)
    # the linear probe has the option and takes no steps
    assert told("supervised", steps=11_000) == told("supervised", steps=1000)
    assert told("prototypes") == told("supervised")


def test_it_counts_the_threads_that_a_round_is_planned_with() -> None:
    from sslapp.rounds.plan import make_plan

    assert default_threads() == make_plan(None)["threads"]
