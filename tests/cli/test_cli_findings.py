"""`sslapp review findings` on the command line."""

import small_project

from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.findings import queued
from sslapp.usecases.reviewing.searching import start_search
from sslapp.vocabulary import Finding


def test_what_was_found_is_listed_with_its_reasons(reviewed, ask, command) -> None:
    small_project.finish(reviewed, start_search(reviewed, None, Finding.OUTLIERS))
    found = queued(reviewed, 1, read_board(reviewed, 1), Finding.OUTLIERS)
    root = reviewed.workspace.root
    said = ask(root, "review", "findings", "outliers", "--limit", 3)
    assert said["count"] == len(found)
    assert [each["position"] for each in said["findings"]] == found.positions[:3].tolist()
    words = command(root, "review", "findings", "outliers", "--round", 1).stdout
    assert words.startswith(f"{len(found)} found")
    assert said["findings"][0]["why"] in words
    queue = ask(root, "review", "findings", "suspicious", "--no-wait")
    assert list(queue) == ["job_id"]


def test_what_is_not_there_is_said(reviewed, refusal) -> None:
    root = reviewed.workspace.root
    assert "no other round" in refusal(root, "review", "findings", "disagree")
    assert "disagree" in refusal(root, "review", "findings", "outliers", "--against", 1)
    assert "Round 7" in refusal(root, "review", "findings", "outliers", "--round", 7)
