"""Where people sign in: whoever has not sees the gate at every page, and nothing behind it."""

from pathlib import Path

import identity_provider
import pytest
import small_project

PAGES = sorted((Path(__file__).parents[2] / "pages").glob("*.py"))
CALLBACK = "https://labels.example.org/oauth2callback"


@pytest.mark.parametrize("name", [each.stem for each in PAGES])
def test_a_fresh_server_shows_the_gate_at_every_page(name, open_app, project, secrets) -> None:
    secrets(identity_provider.secrets_file("http://localhost:1", CALLBACK))
    page = open_app(project.workspace.root, name)
    assert [each.label for each in page.button] == ["Sign in"]
    text = "\n".join(
        each.value for kind in ("title", "markdown", "caption") for each in page.get(kind)
    )
    assert small_project.NAME not in text
    assert "images" not in text.replace("Label a few images", "")
    assert not page.get("bidi_component") and not page.get("plotly_chart") and not page.dataframe
