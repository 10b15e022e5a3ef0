"""An import of patients' files looks for text in pictures and holds back what may show any."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sslapp.datasets.pictures.reading import AS_SUGGESTED, TextChoice
from sslapp.datasets.quarantine.held_images import QuarantineWriter
from sslapp.datasets.source import ImageSource, PseudonymousSource
from sslapp.imaging.text.detector import MISSING, TextDetector, is_installed
from sslapp.jobs.context import JobContext
from sslapp.store.database import reading
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.quarantine.holding import names_here, sweep
from sslapp.words import count

if TYPE_CHECKING:
    from sslapp.datasets.quarantine.screening import ScreenedSource


class Screening:
    """What an import of patients' files does about text in pictures; others are left alone.

    Args:
        context: the import's job.
        origin: as it was asked for.
        source: that it was opened as.
    """

    def __init__(self, context: JobContext, origin: Origin, source: ImageSource) -> None:
        choice = (origin.reading or AS_SUGGESTED).burned_in
        self._context = context
        self._screened: ScreenedSource | None = None
        self.source = source
        if isinstance(source, PseudonymousSource):
            self.source = self._screened = self._of_patients(source, choice)

    def _of_patients(self, source: ImageSource, choice: TextChoice | None) -> "ScreenedSource":
        # pydicom takes a second to import
        from sslapp.datasets.quarantine.screening import ScreenedSource

        assert isinstance(source, PseudonymousSource)
        claim = self._context.claim
        sweep(self._context.engine, self._context.workspace, claim.project_id)
        target = self._context.workspace.quarantine(claim.project_id) / claim.folder
        threads = self._context.threads or max(1, (os.cpu_count() or 2) - 1)
        return ScreenedSource(
            source,
            choice,
            QuarantineWriter(target, claim.attempt, source.name, source.image_of),
            TextDetector(threads) if is_installed() else None,
            self._look,
        )

    def _look(self, done: int) -> None:
        self._context.check()
        self._context.progress(done, len(self.source), "looking for text")

    def restart(self) -> None:
        """Before the source is read: look anew at what the project has and what is held back."""
        if self._screened is not None:
            claim = self._context.claim
            with reading(self._context.engine) as conn:
                here = names_here(conn, self._context.workspace, claim.project_id)
            self._screened.restart(here)

    def publish(self) -> None:
        """Before the last transaction: bring what is held back to its place."""
        if self._screened is not None:
            self._screened.writer.publish()

    def notes(self) -> Iterator[str]:
        """What a person should know of it."""
        if self._screened is None or self._screened.takes_all:
            return
        held = self._screened.writer
        if held.images:
            yield (
                f"Held back: {count(held.images, 'image')} of {held.series:,} series that may show "
                "a name. An admin looks through them on the Projects page, or by `sslapp "
                "quarantine`."
            )
        if not is_installed():
            yield MISSING
        elif self._screened.searched:
            yield (
                f"Text was looked for in the pictures of {count(self._screened.searched, 'image')} "
                f"and found in {self._screened.found:,}. Small, faint or hand-written text may be "
                "missed."
            )
