"""What is loaded once must not be looked through by every garbage collection."""

import asyncio
import gc
import sys
from contextlib import suppress
from types import ModuleType

import pytest

from sslapp.web import garbage_collection


@pytest.fixture(autouse=True)
def _frozen_as_before():
    """What the tests loaded stays frozen for the tests to come, and nothing of these."""
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.mark.slow
def test_what_a_page_loads_later_is_spared_as_well(monkeypatch):
    monkeypatch.setattr(garbage_collection, "LOOK_EVERY", 0.01)
    counts = []

    async def watch():
        task = asyncio.create_task(garbage_collection.spare_modules())
        await asyncio.sleep(0.05)
        counts.append(gc.get_freeze_count())
        kept = [[] for _ in range(5000)]
        await asyncio.sleep(0.05)
        counts.append(gc.get_freeze_count())  # nothing loaded: what pages make stays collectable
        monkeypatch.setitem(sys.modules, "loaded_late", ModuleType("loaded_late"))
        await asyncio.sleep(0.3)
        counts.append(gc.get_freeze_count())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return kept

    asyncio.run(watch())
    assert counts[0] > 10_000
    assert counts[1] < counts[0] + 1000
    assert counts[2] > counts[1] + 4000
