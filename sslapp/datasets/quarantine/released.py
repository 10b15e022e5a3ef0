"""Images that an admin lets out of the quarantine, as a source of an import."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sslapp.datasets.quarantine.held_images import HeldFolder
from sslapp.datasets.source import Item, PseudonymousSource, Refusal
from sslapp.imaging.dicom.deidentification.blackening import blackened
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.refused import RefusedFile


class ReleasedSource(PseudonymousSource):
    """What is held back, as the import would have given it, but for what is blacked out.

    Args:
        folders: of one thing to label, at least one.
        rectangles: UID of a series -> what is blacked out on its pictures as they are seen.
    """

    class_names: list[str] | None = None

    def __init__(
        self, folders: Sequence[HeldFolder], rectangles: Mapping[str, Sequence[Rectangle]]
    ) -> None:
        self._folders, self._rectangles = folders, rectangles
        self.name, self.image_of = folders[0].title, folders[0].image_of
        self.refused: list[Refusal] = []
        self.dropped = Counter()
        self.facts = {each.name: each.facts for folder in folders for each in folder.images}

    def __len__(self) -> int:
        return len(self.facts)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the images from index `start` on."""
        places = [(folder, each) for folder in self._folders for each in folder.images]
        for folder, each in places[start:]:
            try:
                content = blackened(folder.content(each), self._rectangles, each.name)
            except RefusedFile as error:
                yield Refusal(each.name, str(error).partition(": ")[2])
            except (OSError, ValueError) as error:
                yield Refusal(each.name, str(error))
            else:
                yield Item(name=each.name, split=each.split, group=each.group, content=content)
