"""`sslapp quarantine`: what is held back, listed, looked at, released and discarded."""

import numpy as np
import pytest
from burned_in import TEXT, ultrasounds
from PIL import Image

from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.incoming.quarantine.looking_through import held_series
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import Role
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path, monkeypatch):
    monkeypatch.setattr(screening, "is_installed", lambda: False)
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward", ["normal", "other"])
    yield made
    made.engine.dispose()


@pytest.mark.slow
def test_the_way_of_two_series(access, tmp_path, command, ask, refusal) -> None:
    root, folder = access.workspace.root, ultrasounds(tmp_path / "in")
    assert "--burned-in hold-back, leave-out or take" in refusal(root, "import", folder)
    said = command(root, "import", folder, "--burned-in", "hold-back").stdout
    assert "Held back: 6 images of 2 series" in said
    first, second = held_series(access, None)
    listed = command(root, "quarantine", "list").stdout
    assert first.label in listed
    assert "pictures of their kind often show text" in listed
    found = ask(root, "quarantine", "list")
    shown = tmp_path / "shown.png"
    name = found[0]["pictures"][0]["image"]
    command(root, "quarantine", "picture", name, "--output", shown)
    x, y, width, height = TEXT
    assert np.array(Image.open(shown))[y : y + height, x : x + width].max() > 200
    assert "exists already" in refusal(root, "quarantine", "picture", name, "--output", shown)
    assert "write X,Y,WIDTH,HEIGHT" in refusal(
        root, "quarantine", "release", first.label, "--black", "8,8"
    )
    black = f"{x},{y},{width},{height}"
    told = command(root, "quarantine", "release", first.label, "--black", black).stdout
    assert "Imported 3 images." in told
    assert f"blacked out at {black}" in told
    assert "Discarded 3 images" in command(root, "quarantine", "discard", second.label).stdout
    assert command(root, "quarantine", "list").stdout == "Nothing is held back.\n"
    assert status(access).counts["images"] == 3


def test_a_reader_is_refused(access, tmp_path, command) -> None:
    root = access.workspace.root
    command(
        root, "import", ultrasounds(tmp_path / "in", series=1, images=1), "--burned-in", "hold-back"
    )
    (series,) = held_series(access, None)
    grant(access, None, "Bo", Role.READER)
    for words in (
        ("list",),
        ("picture", series.pictures[0].image, "--output", tmp_path / "x.png"),
        ("release", series.label),
        ("discard", series.label),
    ):
        result = command(root, "quarantine", *words, reader="Bo")
        assert result.exit_code == 1
        assert "this needs admin" in result.stderr
    assert not (tmp_path / "x.png").exists()
