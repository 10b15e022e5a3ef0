"""Where fetched weights lie, and whether they are still what was fetched. Imports no torch.

Each encoder has a folder of its own below the workspace's `weights`, named after it, with a list
of its files beside them. Files that somebody put there by hand are listed when they are first used.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sslapp import durable
from sslapp.embedding.weights.names import Library, of_folder, parse

LIST = "weights.json"
"""The list of an encoder's files, written when all of them are there."""

FETCHING = ".fetching"
"""Folder of what is not fetched whole yet. The network's file is the last to leave it: where that
lies in its place, everything does."""

HOME = "home"
"""Folder below it that stands for the account's own caches and tokens, which are left alone."""

CONFIGURATION = {Library.OPEN_CLIP: "open_clip_config.json", Library.TIMM: "config.json"}
"""What a model of the hub is described by."""

SAFE = {Library.OPEN_CLIP: "open_clip_model.safetensors", Library.TIMM: "model.safetensors"}
PICKLED = {Library.OPEN_CLIP: "open_clip_pytorch_model.bin", Library.TIMM: "pytorch_model.bin"}
"""The usual names of weights on the hub; the safe ones are preferred where there are both."""

TOKENIZER = "tokenizer"
TEXT = "text"
"""Folders of what a text tower of transformers is cut and described by."""

_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class Weights:
    """The files of an encoder, as they were when they came.

    Attributes:
        name: the encoder's.
        folder: where they lie.
        files: path below the folder -> sha256.
        licence: as the hub names it; empty when nobody said.
        accepted: who accepted the licence and when; empty when that was not asked for.
    """

    name: str
    folder: Path
    files: Mapping[str, str]
    licence: str = ""
    accepted: str = ""

    @property
    def digest(self) -> str:
        """sha256 over all of it: other weights have another."""
        lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def network(self) -> Path:
        """The file of the network's weights.

        Raises:
            ValueError: when there is none.
        """
        names = [each for each in self.files if "/" not in each and each.endswith(_SUFFIXES)]
        if not names:
            raise ValueError(f"No weights lie in {self.folder}. {by_hand(self.name, self.folder)}")
        return self.folder / min(names, key=lambda each: (_SUFFIXES.index(Path(each).suffix), each))


def folder_of(name: str, root: Path) -> Path:
    """Where the weights of an encoder belong.

    Args:
        name: as `names.parse` reads it.
        root: the workspace's folder of weights.

    Raises:
        ValueError: when the name is none.
    """
    return root / parse(name).folder


def names_there(root: Path) -> list[str]:
    """The encoders whose weights lie below `root`, by name."""
    return [each for each in names_begun(root) if is_there(each, root)]


def names_begun(root: Path) -> list[str]:
    """The encoders of which anything lies below `root`, whole or partial, by name."""
    folders = root.iterdir() if root.is_dir() else ()
    return sorted(str(each) for each in map(of_folder, (each.name for each in folders)) if each)


def is_there(name: str, root: Path) -> bool:
    """Whether the weights of an encoder lie below `root`; whether they are whole, `verified` says.

    Raises:
        ValueError: when the name is none.
    """
    return _holds(folder_of(name, root))


def bytes_there(name: str, root: Path) -> int:
    """Size of everything that lies in an encoder's folder, in bytes, fetched whole or not."""
    return sum(map(_size, _files(folder_of(name, root))))


def is_partial(name: str, root: Path) -> bool:
    """Whether a fetch of these weights has begun and not ended."""
    folder = folder_of(name, root)
    return not _holds(folder) and any(map(_size, _files(folder)))


def verified(folder: Path) -> Weights:
    """Read every file of an encoder's weights and compare it with what came.

    Weights without a list were brought by hand; they are listed now.

    Raises:
        ValueError: when a file is gone or another one, with the mend.
    """
    if not (folder / LIST).is_file():
        return _listed(folder)
    weights = listed(folder)
    for path, sha256 in weights.files.items():
        if not (folder / path).is_file():
            raise ValueError(f"{folder / path} is gone. {again(weights.name)}")
        if durable.sha256(folder / path) != sha256:
            raise ValueError(f"{folder / path} is not the file that came. {again(weights.name)}")
    return weights


def listed(folder: Path) -> Weights:
    """What the list of an encoder's files says, unchecked.

    Raises:
        ValueError: when there is none, or it cannot be read.
    """
    path = folder / LIST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        name = str(parse(said["name"]))
        files = {str(each): str(sha256) for each, sha256 in said["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} cannot be read. Delete it to list the files anew.") from error
    for each in files:
        if not (folder / each).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{path} names a file outside its folder. Delete it.")
    return Weights(name, folder, files, said.get("licence", ""), said.get("accepted", ""))


def write_list(weights: Weights) -> None:
    """Keep what came: from now on it counts as there."""
    said = {
        "name": weights.name,
        "files": dict(weights.files),
        "licence": weights.licence,
        "accepted": weights.accepted,
    }
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    durable.write_bytes(weights.folder / LIST, text.encode())


def remove(name: str, root: Path) -> int:
    """Delete an encoder's weights, whole or not, and return how many bytes that were.

    Raises:
        ValueError: when the name is none, or nothing is there.
    """
    folder = folder_of(name, root)
    if not folder.is_dir():
        raise ValueError(f"No weights of {name} lie in {root}.")
    size = bytes_there(name, root)
    shutil.rmtree(folder)
    return size


def again(name: str) -> str:
    """The mend of weights that are not what came."""
    return f"Remove and fetch them again: sslapp weights remove {name}"


def by_hand(name: str, folder: Path, repository: str | None = None) -> str:
    """Which files to put where when there is no network.

    Args:
        name: the encoder's.
        folder: where its weights belong.
        repository: of the hub; None where only the library knows it.
    """
    found = parse(name)
    repository = repository or found.repository
    files = f"{SAFE[found.library]} (or {PICKLED[found.library]})"
    if found.repository is not None:
        files += f" and {CONFIGURATION[found.library]}"
    of = f" of {repository}" if repository else ""
    return f"Without a network, put {files}{of} into {folder}."


def _files(folder: Path) -> Iterator[Path]:
    """Everything below a folder but what stands for the account's own."""
    home = (FETCHING, HOME)
    return (
        each for each in folder.rglob("*") if each.relative_to(folder).parts[: len(home)] != home
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # it was moved to its place meanwhile
        return 0


def _holds(folder: Path) -> bool:
    return (folder / LIST).is_file() or any(
        each.suffix in _SUFFIXES for each in folder.glob("*") if each.is_file()
    )


def _listed(folder: Path) -> Weights:
    name = of_folder(folder.name)
    if name is None:
        raise ValueError(f"{folder} is not named after an encoder.")
    if not _holds(folder):
        raise ValueError(
            f"The weights of {name} are not there. Fetch them: sslapp weights fetch {name}. "
            f"{by_hand(str(name), folder)}"
        )
    paths = [each.relative_to(folder) for each in sorted(folder.rglob("*")) if each.is_file()]
    files = {
        each.as_posix(): durable.sha256(folder / each)
        for each in paths
        if each.parts[0] != FETCHING and each.suffix != ".tmp"
    }
    weights = Weights(str(name), folder, files)
    write_list(weights)
    return weights
