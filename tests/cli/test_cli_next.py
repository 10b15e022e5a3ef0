"""`sslapp next`: what a round's members say is told where they disagree."""

import small_project

from sslapp.embedding import index


def test_the_members_words_are_the_reason(ensembled, ask, command) -> None:
    root = ensembled.workspace.root
    asked = ("next", "-n", 4, "--strategy", "disagreement")
    found = ask(root, *asked)
    assert len(found) == 4
    assert {each["strategy"] for each in found} == {"disagreement"}
    assert all(small_project.LABELLED <= each["position"] < small_project.POOL for each in found)
    assert found[0]["reason"].startswith("Linear probe")
    assert found[0]["score"] >= found[1]["score"] >= found[2]["score"] >= found[3]["score"] > 0
    assert found[0]["reason"] in command(root, *asked).stdout


def test_what_faiss_runs_on_is_not_told_to_a_person(ensembled, command, monkeypatch) -> None:
    index._gpu.cache_clear()  # it is said once in a process
    monkeypatch.setattr("faiss.get_num_gpus", lambda: 0)
    result = command(ensembled.workspace.root, "next", "-n", 2, "--strategy", "typiclust")
    assert (result.exit_code, result.stderr) == (0, "")
