"""Fetch an encoder's weights from the hub: `python -m sslapp.embedding.weights.hub NAME FOLDER`.

A process of its own and, but for the one that fetches known sets, the only one of this program that
looks anything up: everywhere else the model libraries are told that there is no network. It ends
with whoever started it, and what it had by then is where the next one goes on. On standard output
comes one line of JSON with what is to be fetched; an error is one line on standard error and exit
status 1.

Bytes come through huggingface_hub's `http_get`, which asks for the rest of a file that was cut off
(`hf_hub_download` of its version 2 begins each file anew in each process).
"""

import hashlib
import json
import os
import shutil
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sslapp import durable
from sslapp.embedding.weights import folders
from sslapp.embedding.weights.folders import (
    CONFIGURATION,
    FETCHING,
    HOME,
    PICKLED,
    SAFE,
    TEXT,
    TOKENIZER,
)
from sslapp.embedding.weights.names import HubName, Library, parse

# before huggingface_hub is imported, which reads them once
os.environ.pop("TRANSFORMERS_OFFLINE", None)
os.environ.update(HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1")
os.environ.update(HF_HUB_DISABLE_PROGRESS_BARS="1")

PIECE = 1 << 18
"""Bytes that are written at once: what a cut connection costs."""

TOKENIZER_FILES = frozenset({"tokenizer_config.json", "special_tokens_map.json", "config.json"})
VOCABULARIES = frozenset(
    {
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "tokenizer.model",
        "sentencepiece.bpe.model",
    }
)
"""What a tokenizer is made of where there is no tokenizer.json."""

OPEN_LICENCES = {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0"}
OPEN_LICENCES |= {"cc-by-sa-4.0", "isc", "unlicense", "openrail"}
"""Licences that allow use, training and sharing without being accepted first."""


NONE_NAMED = "none named"
"""Stands for the licence of weights of which the hub says nothing."""


@dataclass(frozen=True)
class HubFile:
    """One file to fetch.

    Attributes:
        repository, revision, remote: where it is on the hub; the revision is a commit.
        path: where it belongs below the encoder's folder.
        size: in bytes.
        sha256: as the hub says; empty for small files, which have `blob`.
        blob: sha1 of the file as git counts it.
    """

    repository: str
    revision: str
    remote: str
    path: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class Repository:
    """What the hub says of a repository at one commit."""

    name: str
    revision: str
    licence: str
    files: dict[str, tuple[int, str, str]]

    def file(self, remote: str, path: str | None = None) -> HubFile:
        """A file of it; `path` where it is kept under another name."""
        return HubFile(self.name, self.revision, remote, path or remote, *self.files[remote])

    def first(self, names: Sequence[str]) -> HubFile:
        """The first of these files that there is.

        Raises:
            ValueError: when there is none.
        """
        for each in names:
            if each in self.files:
                return self.file(each)
        raise ValueError(f"{self.name} has no {' or '.join(names)}. Choose another model.")


def repository(name: str) -> Repository:
    """Ask the hub for a repository's newest commit and its files."""
    from huggingface_hub import HfApi

    found = HfApi().model_info(name, files_metadata=True)
    files = {
        each.rfilename: (each.size or 0, each.lfs.sha256 if each.lfs else "", each.blob_id or "")
        for each in found.siblings or ()
    }
    card = dict(found.card_data.to_dict()) if found.card_data else {}
    licence = card.get("license_name") or card.get("license") or NONE_NAMED
    return Repository(name, str(found.sha), str(licence), files)


def plan(name: HubName, folder: Path) -> tuple[list[HubFile], str]:
    """The files that an encoder needs, small ones first, and the licence of its weights.

    Configurations that say what else is needed are fetched at once.

    Raises:
        ValueError: when there is no such model, or one that cannot be used here.
    """
    if name.library is Library.TIMM:
        return _plan_timm(name)
    if name.repository is None:
        home, names, model = _open_clip_tag(name)
        found = repository(home)
        described = []
    else:
        found = repository(name.repository)
        names = (SAFE[name.library], PICKLED[name.library])
        configuration = found.first([CONFIGURATION[name.library]])
        _fetch(configuration, folder)
        model = json.loads((folder / configuration.path).read_text(encoding="utf-8"))["model_cfg"]
        described = [configuration]
    text = model.get("text_cfg", {})
    beside = [*described, *_tokenizer(text), *_text_tower(text)]
    return [*beside, found.first(names)], found.licence


def repository_of(name: HubName) -> str:
    """Where on the hub the weights of an encoder are.

    Raises:
        ValueError: when the library knows no such model.
    """
    if name.repository is not None:
        return name.repository
    return (_open_clip_tag(name) if name.library is Library.OPEN_CLIP else _timm_tag(name))[0]


def _open_clip_tag(name: HubName) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Repository, names of the weights there and configuration of a pair that open_clip lists."""
    import open_clip

    found = open_clip.get_pretrained_cfg(name.model, name.tag)
    model = open_clip.get_model_config(name.model)
    if not found or model is None:
        raise ValueError(
            f"open_clip lists no weights {name.model}/{name.tag}. Choose a pair of "
            "open_clip.list_pretrained()."
        )
    home, _, file = found["hf_hub"].rpartition("/")
    if not home:
        raise ValueError(
            f"open_clip fetches {name} from an address of its own, where a fetch that was cut off "
            f"cannot go on. Put the file into the folder weights/{name.folder} by hand."
        )
    safe = (f"{Path(file).stem}.safetensors", file) if file else ()
    return home, safe or (SAFE[name.library], PICKLED[name.library]), model


def _timm_tag(name: HubName) -> tuple[str, tuple[str, ...]]:
    """Repository and names of the weights there of a model that timm lists."""
    import timm

    found = timm.get_pretrained_cfg(name.model) if timm.is_model(name.model) else None
    if found is None or not found.hf_hub_id or str(found.custom_load) == "hf":
        raise ValueError(
            f"timm has no weights of {name.model} on the hub. Choose a name of "
            "timm.list_models(pretrained=True)."
        )
    file = found.hf_hub_filename
    return found.hf_hub_id, (file,) if file else (SAFE[name.library], PICKLED[name.library])


def _plan_timm(name: HubName) -> tuple[list[HubFile], str]:
    if name.repository is None:
        home, names = _timm_tag(name)
        found = repository(home)
        described = []
    else:
        names = (SAFE[name.library], PICKLED[name.library])
        found = repository(name.repository)
        described = [found.first([CONFIGURATION[name.library]])]
    return [*described, found.first(names)], found.licence


def _tokenizer(text: dict[str, Any]) -> Iterator[HubFile]:
    """The files by which sentences are cut, where that is not open_clip's own way."""
    if not text.get("hf_tokenizer_name"):
        return
    found = repository(str(text["hf_tokenizer_name"]))
    whole = "tokenizer.json" in found.files
    wanted = TOKENIZER_FILES | ({"tokenizer.json"} if whole else VOCABULARIES)
    for each in sorted(wanted & found.files.keys()):
        yield found.file(each, f"{TOKENIZER}/{each}")


def _text_tower(text: dict[str, Any]) -> Iterator[HubFile]:
    """What describes a text tower of transformers; its weights are in the model's own file."""
    if text.get("hf_model_name"):
        yield repository(str(text["hf_model_name"])).file("config.json", f"{TEXT}/config.json")


def fetch(name: HubName, folder: Path, files: Sequence[HubFile], licence: str, by: str) -> None:
    """Fetch what is missing, and list it when all is there.

    Raises:
        ValueError: when a file is not what the hub says that it is.
    """
    for each in files:
        _fetch(each, folder)
    hashes = {each.path: durable.sha256(folder / each.path) for each in files}
    folders.write_list(folders.Weights(str(name), folder, hashes, licence, by))
    shutil.rmtree(folder / FETCHING)


def _fetch(file: HubFile, folder: Path) -> None:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    target = folder / file.path
    if target.is_file() and _is(target, file):
        return
    # a part of another commit's file must not be gone on with
    part = folder / FETCHING / f"{file.path.replace('/', '--')}.{file.revision[:12]}"
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    if have > file.size:
        part.unlink()
        have = 0
    with open(part, "ab") as out:
        http_get(
            hf_hub_url(file.repository, file.remote, revision=file.revision),
            out,
            resume_size=have,
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    if not _is(part, file):
        part.unlink()
        raise ValueError(
            f"{file.remote} of {file.repository} is not the file that the hub lists: its hash "
            "differs. It was deleted; fetch it again, and if that does not help, ask whoever keeps "
            "the hub."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _is(path: Path, file: HubFile) -> bool:
    """Whether a file is the one that the hub lists."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return durable.sha256(path) == file.sha256
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return not file.blob or blob.hexdigest() == file.blob


def _end_with_parent() -> None:
    while os.read(
        0, 1
    ):  # nothing is ever sent; it returns when whoever holds the other end is gone
        pass
    os._exit(3)


def _reason(error: Exception, name: HubName, folder: Path) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return (
            f"The hub gives {name} only to who has accepted its terms there. Accept them at "
            f"{constants.ENDPOINT}/{repository_of(name)} and set HF_TOKEN to your token."
        )
    if isinstance(error, RepositoryNotFoundError):
        return f"The hub {constants.ENDPOINT} has no {repository_of(name)}. Check the name."
    if isinstance(error, ValueError):
        return str(error)
    short = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    what = (
        short if isinstance(error, HfHubHTTPError | OSError) else f"{type(error).__name__}: {short}"
    )
    return (
        f"{name} could not be fetched from {constants.ENDPOINT}: {what} "
        "What came is kept: fetch it again to go on. "
        f"{folders.by_hand(str(name), folder, repository_of(name))}"
    )


def main() -> int:
    """Plan, and fetch unless only the plan is asked for."""
    options = ArgumentParser()
    options.add_argument("name", type=parse)
    options.add_argument("folder", type=Path)
    options.add_argument("--plan", action="store_true")
    options.add_argument("--into", type=Path, help="the folder that a message names")
    options.add_argument("--accepted", default="", help="the licence that somebody accepted")
    options.add_argument("--by", default="", help="who accepted it, and when")
    given = options.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        (given.folder / FETCHING).mkdir(parents=True, exist_ok=True)
        files, licence = plan(given.name, given.folder)
        told = {"licence": licence, "open": licence in OPEN_LICENCES}
        print(json.dumps({**told, "files": [asdict(each) for each in files]}), flush=True)
        if given.plan:
            return 0
        if licence not in OPEN_LICENCES and given.accepted != licence:
            raise ValueError(
                f"The weights of {given.name} come under the licence "
                f'"{licence}". Read it at {_address(given.name)} and accept it: '
                f"sslapp weights fetch {given.name} --accept-licence"
            )
        fetch(given.name, given.folder, files, licence, given.by)
    except Exception as error:  # whatever a library raises must end as one line
        print(
            " ".join(_reason(error, given.name, given.into or given.folder).split()),
            file=sys.stderr,
        )
        return 1
    finally:
        _tidy(given.folder)
    return 0


def _tidy(folder: Path) -> None:
    """Leave nothing behind where nothing came."""
    begun = folder / FETCHING
    shutil.rmtree(begun / HOME, ignore_errors=True)
    for each in (begun, folder):
        if each.is_dir() and not any(each.iterdir()):
            each.rmdir()


def _address(name: HubName) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository_of(name)}"


if __name__ == "__main__":
    sys.exit(main())
