"""Many readers at once."""

import multiprocessing
import time
from pathlib import Path

import pytest
import reader_process
import small_project

from sslapp.vocabulary import EventKind

READERS, EACH = 8, 120


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_eight_readers_label_at_once_and_the_chain_holds_all_of_it(project) -> None:
    before = len(small_project.log(project))
    processes = multiprocessing.get_context("spawn")
    root = str(project.workspace.root)
    workers = [
        processes.Process(target=reader_process.label, args=(root, f"reader-{i}", EACH))
        for i in range(READERS)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * READERS
    made = small_project.log(project)[before:]
    assert len(made) == READERS * EACH
    assert [each.number for each in made] == list(range(before + 1, before + len(made) + 1))
    assert {each.kind for each in made} == {EventKind.LABEL}
    assert len({each.reader_id for each in made}) == READERS
    assert small_project.damage(project) is None
    print(f"{len(made) / (time.monotonic() - started):.0f} events a second")
    assert Path(root, "sslapp.db").exists()
