"""What a person fetches in the browser from the Export page."""

import time
from pathlib import Path


def fetch(reader, to: Path) -> Path:
    """Press the newest export's link and keep what comes."""
    fetched = []

    def keep(download) -> None:
        fetched.append(download)

    def watch(page) -> None:
        page.on("download", keep)

    # the link opens a window of its own, which the browser closes when it turns into a download
    reader.context.on("page", watch)
    watch(reader)
    reader.get_by_role("link", name="Download").first.click()
    end = time.monotonic() + 30
    while not fetched:
        assert time.monotonic() < end, "nothing came"
        reader.wait_for_timeout(50)  # lets Playwright hear of the new window
    target = to / fetched[0].suggested_filename
    fetched[0].save_as(target)
    return target
