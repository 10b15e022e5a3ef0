"""Readers are listed, shut out and let in again from the command line."""

import pytest

from sslapp.usecases.people.members import grant
from sslapp.vocabulary import Role


def test_a_reader_is_shut_out_and_let_in_again(project, ask, command) -> None:
    root = project.workspace.root
    grant(project, 1, "Ben", Role.READER)
    assert ask(root, "reader", "deactivate", "Ben") == {"reader": "Ben", "active": False}
    assert [each["active"] for each in ask(root, "reader", "list")["readers"]] == [True, False]
    result = command(root, "status", reader="Ben")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Ben is set inactive on this server" in result.stderr
    listed = command(root, "reader", "list").stdout.splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["Ann", "yes", "1"],
        ["Ben", "no", "1"],
    ]
    assert command(root, "reader", "activate", "Ben").stdout == "Ben is active now.\n"
    assert command(root, "status", reader="Ben").exit_code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("reader", "deactivate", "Ann"), "Nobody sets themselves inactive"),
        (("reader", "deactivate", "Eve"), 'no reader "Eve"'),
        (("reader", "activate", "Eve"), 'no reader "Eve"'),
    ],
)
def test_a_refusal_is_one_line(unchanged, refusal, words, expected) -> None:
    message = refusal(unchanged, *words)
    assert expected in message
    assert "\n" not in message
