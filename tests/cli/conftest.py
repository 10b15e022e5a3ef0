"""The command line in this process, with what it prints kept apart."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
import typer.testing


@pytest.fixture(scope="session")
def command() -> Iterator[Callable]:
    """A function that runs a command in a workspace and returns click's result."""
    from sslapp.cli import app

    runner = typer.testing.CliRunner()

    def run(workspace: Path, *words: object, reader: str = "Ann"):
        options = ["--workspace", str(workspace), "--reader", reader]
        return runner.invoke(app, [*options, *(str(word) for word in words)])

    with pytest.MonkeyPatch.context() as patched:
        # Typer reads every command's signature anew for every run, which takes half of its time
        patched.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield run


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


@pytest.fixture(scope="session")
def unchanged(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The prepared project for commands that must leave it as it was, to which they are held."""
    import small_project

    access = small_project.copy(prepared, tmp_path_factory.mktemp("unchanged") / "workspace")
    before = small_project.log(access)[-1].hash
    yield access.workspace.root
    assert small_project.log(access)[-1].hash == before
    assert small_project.run_jobs(access) == 0, "none was queued"
    access.engine.dispose()
