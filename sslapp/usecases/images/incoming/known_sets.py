"""Sets with a name: what each is, whether it is on this machine, and having it fetched."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sslapp.datasets.known.card import KnownSet
from sslapp.datasets.known.catalogue import KNOWN, SetPlace, data_folders, find
from sslapp.datasets.known.fetch import DownloadStopped, fetch
from sslapp.datasets.known.medmnist import check_one_label
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store.database import reading
from sslapp.store.images import image_sets
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.words import size

TITLES = {each.name: each.title for each in KNOWN.values()}
"""The named sets as a page calls them."""


@dataclass(frozen=True)
class KnownHere:
    """A set with a name, and where it lies.

    Attributes:
        card: what is known of it.
        place: None when it was not found.
    """

    card: KnownSet
    place: SetPlace | None

    @property
    def there(self) -> bool:
        """Whether it can be imported without a network."""
        return self.place is not None or not self.card.layout

    @property
    def offered(self) -> bool:
        """Whether it can be downloaded."""
        return self.card.download is not None

    @property
    def download_size(self) -> str:
        """How much a download brings, in words."""
        if not self.card.layout:
            return "none needed"
        if not self.offered:
            return "not offered"
        return size(self.card.megabytes * 1e6) if self.card.megabytes else "size not known"

    def to_json(self) -> dict[str, Any]:
        """What a plan says of it, as plain values."""
        return {
            "title": self.card.title,
            "licence": self.card.licence,
            "download_megabytes": self.card.megabytes,
            "offered": self.offered,
        }

    def whereabouts(self) -> str:
        """Where it lies, or what a download brings, as one sentence."""
        if self.place is not None:
            return f"It lies in {self.place.path}."
        if self.there:
            return "It comes with the program."
        if not self.offered:
            return (
                f"It is not here, and nobody offers a download. Put {self.card.by_hand} into the "
                "workspace's folder data."
            )
        known = self.card.megabytes is not None
        much = self.download_size if known else "how much, its server says"
        return f"It is not here; to be downloaded: {much}."


def known_here(access: Access, name: str) -> KnownHere:
    """One of the sets, and where it lies: see `known_sets`."""
    card = KNOWN[name]
    return KnownHere(card, find(card, data_folders(_folders(access))))


def known_sets(access: Access) -> list[KnownHere]:
    """Every set, and where it lies.

    They are looked for in the workspace's data folder, for a server admin also in the folders that
    may be imported, and in the folders directly in these.
    """
    places = data_folders(_folders(access))
    return [KnownHere(card, find(card, places)) for card in KNOWN.values()]


def images_of_set(access: Access, project_id: int, name: str) -> int:
    """How many images of a set a project has from earlier imports of it."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return sum(each.count for each in image_sets(conn, project_id) if each.name == name)


def root_of(access: Access, name: str) -> Path:
    """The folder that a named set is read from or fetched into; that of the workspace for others.

    Args:
        name: of a set, or any other source.

    Raises:
        ValueError: for the name of a set that no project can hold.
    """
    check_one_label(name)
    place = known_here(access, name).place if name in KNOWN else None
    return place.root if place is not None else access.workspace.data


def with_root(access: Access, origin: Origin) -> Origin:
    """The origin with the folder of its named set written out, so that a job finds the same one.

    Raises:
        ValueError: for the name of a set that no project can hold.
    """
    return replace(origin, root=origin.root or root_of(access, origin.source))


def fetch_known(context: JobContext) -> None:
    """Have an import's set fetched if it has a name and is not there; part of the import's job.

    Raises:
        Cancelled: when the job was.
        ValueError: with the mend, when it failed.
    """
    name, root = context.claim.params["source"], Path(context.claim.params["root"])
    if name not in KNOWN:
        return
    try:
        fetch(
            *(name, root),
            progress=lambda done, total: context.progress(done, total, "downloading, MB"),
            should_stop=context.should_stop,
        )
    except DownloadStopped:
        raise Cancelled from None


def _folders(access: Access) -> list[Path]:
    allowed = access.workspace.import_folders if access.server_admin else ()
    return [access.workspace.data, *allowed]
