"""Downloads of known sets by torchvision's own functions, from this machine or from nowhere."""

import dataclasses
import errno
import gzip
import hashlib
import io
import socket
import tarfile
from functools import partial
from pathlib import Path

import pytest
import small_server
import tiny_sets
import torchvision.datasets as readers

from sslapp.datasets.known import download as downloading
from sslapp.datasets.known import medmnist
from sslapp.datasets.known.catalogue import KNOWN
from sslapp.datasets.known.download import CUT, FULL, NO_NETWORK, download, why
from sslapp.datasets.known.fetch import FETCHING, DownloadStopped, fetch, settle
from sslapp.datasets.registry import open_source

ADDRESSES = {
    "mnist": ("MNIST", "mirrors"),
    "fashion-mnist": ("FashionMNIST", "mirrors"),
    "kmnist": ("KMNIST", "mirrors"),
    "emnist": ("EMNIST", "url"),
    "cifar10": ("CIFAR10", "url"),
    "cifar100": ("CIFAR100", "url"),
    "svhn": ("SVHN", "split_list"),
    "stl10": ("STL10", "url"),
    "flowers102": ("Flowers102", "_download_url_prefix"),
    "pets": ("OxfordIIITPet", "_RESOURCES"),
    "dtd": ("DTD", "_URL"),
    "food101": ("Food101", "_URL"),
    "aircraft": ("FGVCAircraft", "_URL"),
}
"""The attribute of each reader that says from where it fetches."""


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def instead(value, address: str):
    """The same list of addresses, each on another machine."""
    if isinstance(value, str):
        return address + value.rsplit("/", 1)[-1] if value.startswith("http") else value
    if isinstance(value, dict):
        return {key: instead(each, address) for key, each in value.items()}
    return type(value)(instead(each, address) for each in value)


@pytest.fixture
def moved(monkeypatch):
    """Have a set fetched from another address: moved(name, address)."""

    def move(name: str, address: str):
        if name not in ADDRESSES:
            monkeypatch.setattr(medmnist, "ADDRESS", address.rstrip("/"))
            return KNOWN[name]
        reader, attribute = ADDRESSES[name]
        kind = getattr(readers, reader)
        monkeypatch.setattr(kind, attribute, instead(getattr(kind, attribute), address))
        return KNOWN[name]

    return move


@pytest.fixture
def server():
    with small_server.serving(small_server.SmallServer()) as served:
        yield served


def refused_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


def fault(known, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    with pytest.raises(ValueError) as caught:
        download(known, folder)
    message = str(caught.value)
    assert message.startswith(f"{known.title} could not be downloaded: ")
    assert "Nothing half is kept" in message and known.by_hand in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", [*ADDRESSES, "bloodmnist", "pathmnist_224"])
def test_a_lost_network_is_called_a_lost_network(tmp_path, moved, name):
    known = moved(name, refused_address())
    message = fault(known, tmp_path / "in")
    assert NO_NETWORK in message and "Connection refused" in message


@pytest.mark.parametrize("name", ["cifar10", "mnist", "food101", "bloodmnist", "svhn"])
def test_a_server_without_the_files_is_named(tmp_path, moved, server, name):
    message = fault(moved(name, server.address), tmp_path / "in")
    assert "404" in message


def test_a_server_that_falls_silent_counts_as_lost(tmp_path, moved, server, monkeypatch):
    monkeypatch.setattr(downloading, "SILENCE", 0.1)
    server.silent.update({"food-101.tar.gz", "train-images-idx3-ubyte.gz"})
    for name in ("food101", "mnist"):
        assert NO_NETWORK in fault(moved(name, server.address), tmp_path / name)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize(
    "named",
    [
        ("cifar100", "cifar-100-python.tar.gz"),
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("dtd", "dtd-r1.0.1.tar.gz"),
        ("svhn", "train_32x32.mat"),
        ("bloodmnist", "bloodmnist.npz"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_bytes_that_are_not_the_authors_or_not_all_of_them_are_told(
    tmp_path, moved, server, named, cut
):
    name, file = named
    server.files[file] = b"x" * 200_000
    server.cut.update({file} if cut else ())
    message = fault(moved(name, server.address), tmp_path / "in")
    assert CUT in message or (cut and NO_NETWORK in message)


def packed(folder: Path, leave_out: str = "-") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and leave_out not in path.name:
                archive.add(path, path.relative_to(folder))
    return content.getvalue()


def test_an_archive_without_an_md5_is_checked_by_what_is_in_it(tmp_path, moved, server):
    """torchvision has none for FGVC-Aircraft."""
    tiny_sets.aircraft(tmp_path / "real")
    known = moved("aircraft", server.address)
    (file,) = [str(readers.FGVCAircraft._URL).rsplit("/", 1)[-1]]
    server.files[file] = packed(tmp_path / "real")
    (tmp_path / "in").mkdir()
    download(known, tmp_path / "in")
    assert len(open_source("aircraft", root=tmp_path / "in")) == 3
    assert not [*(tmp_path / "in").rglob("*.gz")], "the archive is deleted once it is unpacked"
    server.files[file] = packed(tmp_path / "real", leave_out="1514522.jpg")
    assert "1 of 3 pictures are missing" in fault(known, tmp_path / "half")
    server.files[file] = packed(tmp_path / "real")[:-300]
    assert CUT in fault(known, tmp_path / "cut")


def test_a_file_of_medmnist_is_held_against_its_md5(tmp_path, medmnist_file, server, moved):
    content = medmnist_file.read_bytes()
    server.files["bloodmnist.npz"] = content
    fetched = partial(medmnist._download, "bloodmnist.npz", md5(content))
    known = dataclasses.replace(moved("bloodmnist", server.address), download=fetched)
    (tmp_path / "in").mkdir()
    download(known, tmp_path / "in")
    assert (tmp_path / "in" / "bloodmnist.npz").read_bytes() == content
    assert open_source("bloodmnist", root=tmp_path / "in").class_names[0] == "basophil"


@pytest.fixture
def medmnist_file(medmnist):
    return medmnist()


def test_a_full_disk_is_called_a_full_disk():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as first:
            raise RuntimeError("Error downloading it") from first
    except RuntimeError as error:
        assert why(error) == FULL


def test_cars_which_nobody_offers_say_so_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"not offered for download any more\. Or put the folder"):
        fetch("cars", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_and_what_is_in_the_way_is_named(tmp_path):
    tiny_sets.mnist(tmp_path / "sets")
    fetch("mnist", tmp_path)
    fetch("digits", tmp_path)
    (tmp_path / "KMNIST").mkdir()
    with pytest.raises(ValueError, match=r"KMNIST is in the way of KMNIST\. Rename or delete it"):
        fetch("kmnist", tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"sets", "KMNIST"}


def test_a_download_that_is_cancelled_keeps_nothing_nor_what_a_killed_one_left(tmp_path):
    tiny_sets.write(tmp_path / FETCHING / "mnist", {"MNIST/raw/train-images-idx3-ubyte": "half"})
    with pytest.raises(DownloadStopped):
        fetch("mnist", tmp_path, should_stop=lambda: True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", ["", "svhn"])
def test_what_came_moves_to_its_place_when_all_of_it_is_there(
    tmp_path, server, moved, monkeypatch, home
):
    known = moved("mnist", server.address)
    tiny_sets.mnist(tmp_path / "real")
    resources = []
    for path in sorted((tmp_path / "real" / "MNIST" / "raw").iterdir()):
        server.files[f"{path.name}.gz"] = gzip.compress(path.read_bytes())
        resources.append((f"{path.name}.gz", md5(server.files[f"{path.name}.gz"])))
    monkeypatch.setattr(readers.MNIST, "resources", resources)
    staging = tmp_path / "data" / FETCHING / "mnist"
    staging.mkdir(parents=True)
    download(known, staging)
    with pytest.raises(ValueError, match=r"mnist\.npz is in"):
        open_source("mnist", root=tmp_path / "data")
    settle(dataclasses.replace(known, home=home), staging, tmp_path / "data")
    items = open_source("mnist", root=tmp_path / "data").items()
    assert [item.true_class for item in items] == [3, 1, 4, 1, 5, 9]
    with pytest.raises(ValueError, match="is in the way"):
        settle(dataclasses.replace(known, home=home), staging, tmp_path / "data")
