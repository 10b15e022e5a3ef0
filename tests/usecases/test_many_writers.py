"""Many readers at once."""

import subprocess
import sys

import pytest
import reader_process
import small_project

from sslapp.vocabulary import EventKind

READERS, EACH = 8, 50


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_eight_readers_label_at_once_and_the_chain_holds_all_of_it(project) -> None:
    before = len(small_project.log(project))
    about = (str(project.workspace.root), str(READERS), str(EACH))
    subprocess.run([sys.executable, reader_process.__file__, *about], check=True)
    made = small_project.log(project)[before:]
    assert len(made) == READERS * EACH
    assert [each.number for each in made] == list(range(before + 1, before + len(made) + 1))
    assert {each.kind for each in made} == {EventKind.LABEL}
    assert len({each.reader_id for each in made}) == READERS
    assert small_project.damage(project) is None
