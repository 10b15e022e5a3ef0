"""The command line in this process, with what it prints kept apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def command() -> Callable:
    """A function that runs a command in a workspace and returns click's result."""
    from sslapp.cli import app

    runner = CliRunner()

    def run(workspace: Path, *words: object, reader: str = "Ann"):
        options = ["--workspace", str(workspace), "--reader", reader]
        return runner.invoke(app, [*options, *(str(word) for word in words)])

    return run


@pytest.fixture(scope="session")
def ask(command) -> Callable:
    """A function that runs a command with --json and returns the one value it prints."""

    def run(workspace: Path, *words: object):
        result = command(workspace, *words, "--json")
        assert result.exit_code == 0, f"{words}: {result.stderr}"
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="session")
def refusal(command) -> Callable:
    """A function that runs a command which must fail, and returns its message."""

    def run(workspace: Path, *words: object) -> str:
        result = command(workspace, *words)
        assert result.exit_code == 1, f"{words}: {result.stdout}"
        assert result.stdout == ""
        assert result.stderr.startswith("sslapp: ")
        assert "Traceback" not in result.stderr
        return result.stderr.removeprefix("sslapp: ").rstrip("\n")

    return run
