"""The browser's code comes from an address that names its content, and from no other."""

import re
from pathlib import Path

import pytest

from sslapp.web import browser_code
from sslapp.web.browser_code import CODE, COMPONENTS, address, read_modules

IMPORTED = re.compile(r"""^(?:import|export)\b[^"']*\bfrom\s+["']([^"']+)["']""", re.MULTILINE)


def test_a_module_is_served_for_ever_as_javascript(client) -> None:
    answer = client.get(address("label/reader.js"))
    assert answer.status_code == 200
    assert answer.content == (COMPONENTS / "label" / "reader.js").read_bytes()
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_who_has_not_signed_in_may_read_the_code(team) -> None:
    assert team.get(address("common/outbox.js")).status_code == 200


def test_a_foreign_name_gets_no_code(client) -> None:
    answer = client.get(address("common/outbox.js"), headers={"Host": "evil.example.org"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        f"/code/{'0' * 32}/label/reader.js",
        f"/code/{CODE.version}/label/nothing.js",
        f"/code/{CODE.version}/label/reader.css",
        f"/code/{CODE.version}/",
        f"/code/{CODE.version}/..%2f..%2f..%2f..%2fapp.py",
        f"/code/{CODE.version}/%2e%2e/%2e%2e/web/browser_code.py",
        "/code/label/reader.js",
    ],
)
def test_another_version_and_no_module_are_not_there(client, path) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_module_that_is_none_has_no_address() -> None:
    with pytest.raises(ValueError, match=r'no module "label/redaer.js"'):
        address("label/redaer.js")


def test_every_module_imports_modules_that_are_served() -> None:
    count = 0
    for name in CODE.modules:
        for imported in IMPORTED.findall((COMPONENTS / name).read_text(encoding="utf-8")):
            assert imported.startswith("."), f"{name} imports {imported}"
            path = (COMPONENTS / name).parent / imported
            assert path.resolve().relative_to(COMPONENTS).as_posix() in CODE.modules
            count += 1
    assert count > 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("label", "common"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.js").write_text(f"export const x = '{name}'\n")
    return tmp_path


def test_the_version_changes_with_every_byte_and_every_name(folder: Path) -> None:
    versions = [read_modules(folder).version]
    assert read_modules(folder).version == versions[0]
    (folder / "label" / "x.js").write_text("export const x = 'Label'\n")
    versions.append(read_modules(folder).version)
    (folder / "label" / "x.js").rename(folder / "label" / "y.js")
    versions.append(read_modules(folder).version)
    assert len(set(versions)) == 3


def test_what_is_edited_while_the_server_runs_is_served_at_its_next_start(
    client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_code, "CODE", read_modules(folder))
    before = address("label/x.js")
    (folder / "label" / "x.js").write_text("export const x = 2\n")
    assert client.get(before).text == "export const x = 'label'\n"
    monkeypatch.setattr(browser_code, "CODE", read_modules(folder))
    assert client.get(before).status_code == 404
    assert client.get(address("label/x.js")).text == "export const x = 2\n"
