"""Weights of encoders and words for classes from the command line."""

import pytest
import small_project
from small_networks import RESNET, RESNET_AT

from sslapp import words
from sslapp.embedding.weights.curated import CURATED


@pytest.mark.slow
def test_weights_are_sized_fetched_used_and_removed(project, hub, command, ask, refusal) -> None:
    root = project.workspace.root
    assert [each["name"] for each in ask(root, "weights", "list")] == list(CURATED)
    size = sum(map(len, hub.repositories[RESNET_AT].values()))
    assert ask(root, "weights", "fetch", RESNET, "--cost") == {
        "size": size,
        "repositories": [RESNET_AT],
        "licence": "apache-2.0",
        "open": True,
    }
    queued = command(root, "weights", "fetch", RESNET, "--no-wait")
    assert queued.stdout.startswith(
        f"{RESNET}: {words.size(size)} of {RESNET_AT}, licence: apache-2.0.\nJob "
    )
    small_project.run_jobs(project)
    here = [each for each in ask(root, "weights", "list") if each["there"]]
    assert [(each["name"], each["licence"]) for each in here] == [(RESNET, "apache-2.0")]
    assert RESNET in command(root, "weights", "list").stdout
    removed = ask(root, "weights", "remove", RESNET)
    assert removed["bytes"] > size
    assert refusal(root, "weights", "remove", RESNET).startswith(f"No weights of {RESNET} lie in")


@pytest.mark.slow
def test_terms_are_accepted_by_an_option(project, hub, command) -> None:
    root = project.workspace.root
    hub.licences[RESNET_AT] = "strict-license"
    command(root, "weights", "fetch", RESNET, "--no-wait")
    small_project.run_jobs(project)
    assert RESNET not in command(root, "weights", "list").stdout
    command(root, "weights", "fetch", RESNET, "--accept-licence", "--no-wait")
    small_project.run_jobs(project)
    assert "strict-license" in command(root, "weights", "list").stdout


def test_what_is_no_name_is_refused_in_a_line(project, refusal) -> None:
    root = project.workspace.root
    for name in ("/etc/passwd", "https://example.org/model", "timm:../x"):
        assert "names no encoder of a hub" in refusal(root, "weights", "fetch", name)
    assert "sslapp weights fetch timm:resnet18" in refusal(
        root, "embed", "--encoder", "timm:resnet18"
    )


def test_words_for_a_class_are_kept(project, ask, command, refusal) -> None:
    root = project.workspace.root
    name = next(iter(ask(root, "prompt", "list")))
    assert ask(root, "prompt", "set", name, "a scan of it")["words"] == "a scan of it"
    assert ask(root, "prompt", "list")[name] == "a scan of it"
    assert "a scan of it" in command(root, "prompt", "list").stdout
    assert ask(root, "prompt", "set", name, "")["words"] == f"a photo of {name}"
    assert "no class" in refusal(root, "prompt", "set", "nothing", "x")
    assert "encoder that reads text" in refusal(root, "next", "--strategy", "zero-shot")
