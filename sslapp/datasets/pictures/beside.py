"""What lies beside images and is none: masks drawn over them, changed copies of them."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sslapp.datasets.pictures import folder_names as names_of

_SUSPECT = re.compile("mask|seg|annot|label|truth|gt|contour|overlay|aug", re.IGNORECASE)
_MASK_WORD = re.compile(r"[_\-. ](?:mask|seg|label|gt|annot|contour|ground)", re.IGNORECASE)
_MASK_FILE = re.compile(
    r"(?P<stem>.+?)[_\-. ](?P<end>mask|seg|segmentation|label|gt|annotation|groundtruth|contour)s?"
    r"(?:[_\-. ]?\d+)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What was met beside images.

    Attributes:
        suggested: what is to be left out, as `Reading.leave_out` writes it.
        masks: folders that are called as masks are, and endings of such files.
        augmented: folders that are called as changed copies are.
        said: sentences on them.
    """

    suggested: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    augmented: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def found_beside(names: Sequence[str]) -> Beside:
    """Look for masks and changed copies among relative paths."""
    children: dict[str, set[str]] = defaultdict(set)
    for parent in {name.rpartition("/")[0] for name in names}:
        folder = parent
        while folder:
            above, _, last = folder.rpartition("/")
            if last in children[above]:
                break
            children[above].add(last)
            folder = above
    masks: set[str] = set()
    unsure: set[str] = set()
    augmented: set[str] = set()
    for beside in children.values():
        # most folders are called nothing of the kind, which must not cost much to see
        suspects = [name for name in beside if _SUSPECT.search(name)]
        if not suspects:
            continue
        augmented.update(filter(names_of.is_augmented, suspects))
        drawn = [name for name in suspects if names_of.is_mask(name)] if len(beside) > 1 else []
        (masks if any(map(names_of.is_plain, beside)) else unsure).update(drawn)
    endings = _mask_files(names)
    leave_out = tuple(sorted(masks) + sorted(endings))
    said = []
    if masks:
        said.append(
            f"Folders called {_listed(masks)} lie beside folders of images: masks drawn over them, "
            "which are left out unless you say otherwise."
        )
    if endings:
        said.append(f"Files called {_listed(endings)} lie beside images of the same name: masks.")
    if unsure - masks:
        said.append(
            f"Folders called {_listed(unsure - masks)} may hold masks; leave them out if they do."
        )
    if augmented:
        said.append(
            f"Folders called {_listed(augmented)} hold changed copies of other images by their "
            "names. In a pool they count twice, and a copy of a test image gives it away: leave "
            "them out."
        )
    return Beside(
        suggested=leave_out,
        masks=tuple(sorted(masks | unsure) + sorted(endings)),
        augmented=tuple(sorted(augmented)),
        said=tuple(said),
    )


def _mask_files(names: Sequence[str]) -> set[str]:
    """Patterns of files that are called like another with "_mask" after it."""
    suspects = []
    if not any(map(_MASK_WORD.search, names)):
        return set()
    for name in names:
        stem = name.rpartition(".")[0]
        match = _MASK_FILE.fullmatch(stem.rpartition("/")[2])
        if match is not None:
            suspects.append((name.rpartition("/")[0], match))
    if not suspects:
        return set()
    stems = {name.rpartition(".")[0] for name in names}
    found: set[str] = set()
    doubtful: set[str] = set()
    for parent, match in suspects:
        ending = f"*{match.string[match.end('stem')]}{match['end'].lower()}*"
        has_image = (f"{parent}/" if parent else "") + match["stem"] in stems
        (found if has_image else doubtful).add(ending)
    return found - doubtful  # a pattern that also fits others is no pattern of masks


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)[:6])
