"""Keeping what is loaded once out of every garbage collection.

Streamlit collects all garbage after every run of a page, and a lasso runs twice. Most of the time
goes over modules, which never become garbage: with them frozen a collection takes a hundredth.
"""

import asyncio
import gc
import sys

LOOK_EVERY = 2.0
"""Seconds between two looks; a page loads modules when it is opened for the first time."""


async def spare_modules() -> None:
    """Freeze all objects whenever modules have been loaded since, and no more are being loaded."""
    frozen = before = 0
    while True:
        await asyncio.sleep(LOOK_EVERY)
        known = len(sys.modules)
        if known == before != frozen:
            gc.collect()  # what is garbage now must not be kept for ever
            gc.freeze()
            frozen = known
        before = known
