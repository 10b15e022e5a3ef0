"""`sslapp none`: an answer about single images, all of them or none."""


def test_it_is_saved_counted_and_taken_back(project, ask, command, refusal) -> None:
    root = project.workspace.root
    first, second = ask(root, "none", 60, 61)["events"]
    assert second == first + 1
    assert ask(root, "status")["counts"]["none_of_these"] == 2
    assert command(root, "undo", second).exit_code == 0
    assert "There is no image 999" in refusal(root, "none", 62, 999)
    assert ask(root, "status")["counts"]["none_of_these"] == 1
