"""A certificate in a file that is verified without the workspace."""

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import small_project

from sslapp.store.errors import Damaged
from sslapp.usecases.access import Access
from sslapp.usecases.auditing import opening
from sslapp.usecases.auditing.answers import answer, next_looks
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.certificate_file import (
    FACTS,
    LOG,
    STATEMENT,
    verify_certificate,
    write_certificate,
)
from sslapp.usecases.auditing.opening import audit_labels


@pytest.fixture(scope="module")
def certified(with_accepted, tmp_path_factory) -> Iterator[tuple[Access, Path]]:
    """A project after some looks, to read, and the file of its certificate."""
    folder = tmp_path_factory.mktemp("certified")
    access = small_project.copy(with_accepted, folder / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "fresh_seed", lambda: 11)
        audit_labels(access, None, target=0.8)
    truth = small_project.true_columns(access)
    for look in next_looks(access, None, count=30):
        answer(access, None, None, look.position, str(truth[look.position]))
    write_certificate(access, None, folder / "certificate.zip")
    yield access, folder / "certificate.zip"
    access.engine.dispose()


def rewrite(path, name, change) -> None:
    """Change one part of the file."""
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each).decode() for each in archive.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in parts.items():
            archive.writestr(each, text)


@pytest.mark.slow
def test_the_file_alone_gives_the_certificate_again(certified) -> None:
    access, written = certified
    stated = certify(access, None)
    found = verify_certificate(written)
    assert asdict(found) == asdict(stated)
    assert found.lots[0].looks == 30
    with zipfile.ZipFile(written) as archive:
        text = "".join(archive.read(each).decode() for each in archive.namelist())
    assert ".png" not in text


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        (STATEMENT, lambda t: t.replace('"precision": 0', '"precision": 1', 1), "another certif"),
        (LOG, lambda t: "\n".join(t.splitlines()[:-1]), "another certificate"),
        (LOG, lambda t: "\n".join(t.splitlines()[1:]), "Event 1 is missing"),
        (LOG, lambda t: t.replace('"class_id": 4', '"class_id": 5', 1), "was changed"),
        (FACTS, lambda t: t.replace('"count": 160', '"count": 170'), "another certificate"),
        (FACTS, lambda t: t[:40], "no certificate"),
    ],
)
def test_what_was_changed_is_found(certified, tmp_path, part, change, said) -> None:
    _, written = certified
    changed = Path(shutil.copy(written, tmp_path))
    rewrite(changed, part, change)
    with pytest.raises(Damaged, match=said):
        verify_certificate(changed)


def test_another_file_is_no_certificate(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("position,class")
    with pytest.raises(Damaged, match="no certificate of sslapp"):
        verify_certificate(path)
