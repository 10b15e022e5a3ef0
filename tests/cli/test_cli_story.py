"""Every command, end to end: the digits from an empty workspace to a backup restored."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from small_project import digits

pytestmark = pytest.mark.timeout(240)
TINY = ("-s", "steps=12", "-s", "batch-size=16", "-s", "calibration-trainings=one", "--seed", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story")


@pytest.fixture(scope="module")
def story(folder, ask, command, launcher) -> SimpleNamespace:
    """Play the whole story once, beside one worker, and keep what every command printed."""
    root, said = folder / "workspace", {}

    def play(name: str, *words: object):
        said[name] = ask(root, *words)
        return said[name]

    play("init", "init", "Digits")
    with launcher.working(root):
        _, truth = digits(1797)
        play("import", "import", "digits")
        play("embed", "embed")
        play("next", "next", "-n", 10)
        offered = [each["position"] for each in said["next"]]
        play("label", "label", offered[0], truth[offered[0]])
        play("unsure", "unsure", offered[1], "--comment", "6 or 8")
        play("skip", "skip", offered[2])
        play("flag", "flag", offered[3])
        rows = [f"{position},{truth[position]}" for position in range(60)]
        (folder / "labels.csv").write_text("\n".join(["position,class", *rows]))
        play("label csv", "label", folder / "labels.csv")
        play("start", "round", "start", "--method", "fixmatch", *TINY)
        play("wait", "round", "wait")
        play("round status", "round", "status", 1)
        play("start again", "round", "start", "--method", "supervised", "-s", "steps=100000")
        play("cancel", "round", "cancel", 2)
        said["wait cancelled"] = command(root, "round", "wait", "2")
        play("resume", "round", "resume", 2)
        play("cancel again", "round", "cancel")
        play("candidates", "candidates", "--threshold", 0, "--limit", 0)
        listed = [each["position"] for each in said["candidates"]["candidates"]]
        play("accept", "accept", listed[-1], listed[-2])
        play("reject", "reject", listed[0])
        play("relabel", "relabel", listed[1], truth[listed[1]])
        play("withhold", "withhold", listed[2], listed[3])
        play("withhold class", "withhold", "--threshold", 0, "--class", 7)
        play("candidates after", "candidates", "--threshold", 0, "--limit", 0)
        play("accept above", "accept", "--threshold", 0.5, "--opened", 4, "--unproven")
        play("undo", "undo", said["accept above"]["events"][0])
        play("accept all", "accept", "--threshold", 0, "--unproven")
        for name in ("labels.csv", "labels.parquet", "pictures"):
            play(f"export {name}", "export", folder / "out" / name)
        play("status", "status")
        play("verify", "verify")
        play("backup", "backup", folder / "backup.tar")
        said["restore"] = ask(folder / "elsewhere", "restore", folder / "backup.tar")
        said["verify restored"] = ask(folder / "elsewhere", "verify")
        said["status restored"] = ask(folder / "elsewhere", "status")
    return SimpleNamespace(said=said, root=root, folder=folder, truth=truth)


def test_the_import_and_the_embedding_cover_all_images(story) -> None:
    assert story.said["import"]["images"] == 1797
    assert story.said["import"]["refused"] == []
    assert story.said["embed"]["shape"][0] == 1797


def test_next_names_positions_with_reasons(story) -> None:
    assert len(story.said["next"]) == 10
    assert {"position", "holdout", "strategy", "reason"} <= set(story.said["next"][0])
    assert sum(each["holdout"] for each in story.said["next"]) == 2


def test_every_decision_is_an_event_of_its_own(story) -> None:
    singles = ["label", "unsure", "skip", "flag", "reject", "relabel", "withhold", "undo"]
    numbers = [story.said[name]["event"] for name in singles]
    assert numbers == sorted(set(numbers))
    assert story.said["label csv"] == {"labels": 60}
    assert len(story.said["accept"]["events"]) == 2
    assert len(story.said["accept above"]["events"]) == 1


def test_a_round_is_started_waited_for_and_described(story) -> None:
    assert story.said["start"] == {"round": 1}
    assert story.said["wait"]["round"] == 1
    status = story.said["round status"]
    assert (status["state"], status["method"], status["seed"]) == ("done", "fixmatch", 3)
    assert status["config"]["steps"] == 12
    assert status["plan"]["threads"] == 1


def test_a_round_is_cancelled_and_resumed(story) -> None:
    assert story.said["cancel"]["state"] in ("running", "cancelled")
    waited = story.said["wait cancelled"]
    assert waited.exit_code == 1
    assert "cancelled" in waited.stderr
    assert story.said["resume"] == {"resumed": True}


def test_candidates_shrink_by_what_was_decided(story) -> None:
    before, after = story.said["candidates"], story.said["candidates after"]
    sevens = sum(each["class"] == "7" for each in before["candidates"])
    assert before["count"] == len(before["candidates"])
    assert 0 < after["count"] <= before["count"] - 5
    assert story.said["withhold class"]["withheld"] <= sevens
    assert "7" not in {each["class"] for each in after["candidates"]}


def test_everything_but_what_was_withheld_is_labelled_in_the_end(story) -> None:
    counts = story.said["status"]["counts"]
    assert counts["images"] == 1797
    assert counts["pool"] == story.said["withhold class"]["withheld"] + 2
    assert counts["accepted"] == story.said["accept all"]["accepted"] + 2
    assert {job["state"] for job in story.said["status"]["jobs"]} <= {"done", "cancelled"}


def test_the_exports_agree_and_are_right_more_often_than_not(story) -> None:
    csv = pd.read_csv(story.folder / "out" / "labels.csv")
    parquet = pd.read_parquet(story.folder / "out" / "labels.parquet")
    assert csv["position"].tolist() == parquet["position"].tolist()
    assert csv["class"].astype(str).tolist() == parquet["class"].tolist()
    pictures = list((story.folder / "out" / "pictures" / "images").glob("*/*"))
    assert len(pictures) == len(csv) == story.said["export labels.csv"]["rows"]
    experts = csv[csv["source"] == "expert"]
    assert (experts["class"].to_numpy() == story.truth[experts["position"]]).all()
    accepted = csv[csv["source"] == "accepted"]
    assert (accepted["class"].to_numpy() == story.truth[accepted["position"]]).mean() > 0.5


def test_the_history_verifies_here_and_after_the_restore(story) -> None:
    assert story.said["verify"]["ok"]
    assert story.said["restore"] == {"projects": ["Digits"]}
    assert story.said["verify restored"]["ok"]
    assert story.said["verify restored"]["projects"] == story.said["verify"]["projects"]
    assert story.said["status restored"]["counts"] == story.said["status"]["counts"]


def test_without_json_the_same_commands_speak_in_words(story, command) -> None:
    for words, expected in (
        (("status",), "reader_actions"),
        (("candidates", "--threshold", "0"), "candidates at 0"),
        (("round", "status"), "supervised"),
        (("verify",), "chain, tables and files agree"),
    ):
        result = command(story.root, *words)
        assert result.exit_code == 0, result.stderr
        assert expected in result.stdout
        with pytest.raises(json.JSONDecodeError):
            json.loads(result.stdout)
