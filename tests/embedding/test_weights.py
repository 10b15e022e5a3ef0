"""Weights of encoders from a hub: names, folders, and fetching from a small hub on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import open_clip
import pytest
import safetensors.torch
import small_networks
import timm
import tiny_clip
import torch
from small_networks import BERT_CLIP, CLIP, RESNET, RESNET_AT, TIMM_CLIP, VIT, VIT_AT

from sslapp.embedding.encoders import available, find_choice, open_encoder, weights_file
from sslapp.embedding.open_clip_encoder import encode_text
from sslapp.embedding.weights import folders
from sslapp.embedding.weights.curated import CURATED
from sslapp.embedding.weights.fetch import FetchStopped, expected, fetch
from sslapp.embedding.weights.folders import FETCHING, LIST, folder_of, names_there, verified
from sslapp.embedding.weights.names import is_hub_name, of_folder, parse


@pytest.fixture
def laid(tmp_path: Path, repositories):
    """Lay the files of a repository where a fetch, or a hand, would have put them."""

    def lay(name: str, repository: str) -> Path:
        folder = folder_of(name, tmp_path)
        folder.mkdir(parents=True)
        for path, content in repositories[repository].items():
            (folder / path).write_bytes(content)
        return folder

    return lay


def fetched(name: str, root: Path, stop=lambda: False, **options) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    fetch(name, root, progress=lambda *at: seen.append(at), should_stop=stop, **options)
    return seen


def pixels(encoder, count: int = 3) -> torch.Tensor:
    torch.manual_seed(2)
    return torch.rand(count, 3, encoder.side, encoder.side)


def megabytes(network: torch.nn.Module) -> float:
    return 4e-6 * sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "open_clip",
        "open_clip:",
        "open_clip:ViT-B-32",
        "open_clip:ViT-B-32/openai/more",
        "open_clip:/etc/passwd",
        "open_clip:../../x",
        "open_clip:hf-hub:owner",
        "open_clip:hf-hub:../x",
        "open_clip:hf-hub:owner/a--b",
        "timm:owner/name",
        "timm:hf-hub:https://example.org/x",
        "timm:local-dir:x",
        "timm:resnet18\n",
        "timm:..",
        "timm:.hidden",
        "torch:resnet18",
        "timm:" + "x" * 200,
    ],
)
def test_nothing_but_a_name_is_a_name(name) -> None:
    assert not is_hub_name(name)
    with pytest.raises(ValueError, match="names no encoder of a hub"):
        parse(name)


def test_every_model_of_the_libraries_has_a_name_and_a_folder() -> None:
    pairs = [f"open_clip:{model}/{tag}" for model, tag in open_clip.list_pretrained()]
    names = [*pairs, *(f"timm:{each}" for each in timm.list_models(pretrained=True))]
    assert len(names) > 1000
    for name in names:
        assert str(parse(name)) == name
        assert of_folder(parse(name).folder) == parse(name)
    for folder in ("open_clip", "timm", "data", "timm--hf-hub--x", "open_clip--a", "timm--a--b--c"):
        assert of_folder(folder) is None


@pytest.mark.slow
def test_no_curated_name_has_rotted() -> None:
    pairs = set(open_clip.list_pretrained())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that timm has moved
        for name, known in CURATED.items():
            found = parse(name)
            if found.repository is not None:
                continue
            if found.library == "open_clip":
                assert (found.model, found.tag) in pairs, name
                config = open_clip.get_model_config(found.model)
                assert config["embed_dim"] == known.dimensions, name
                assert config["vision_cfg"]["image_size"] == known.side, name
                assert open_clip.get_pretrained_cfg(found.model, found.tag)["hf_hub"], name
                custom = config.pop("custom_text", False)
                build = open_clip.CustomTextCLIP if custom else open_clip.CLIP
                with torch.device("meta"):
                    network = build(**config)
                assert megabytes(network) == pytest.approx(known.megabytes, rel=0.05), name
            else:
                said = timm.get_pretrained_cfg(found.model)
                assert said is not None and said.hf_hub_id, name
                assert said.input_size[1] == known.side, name
                assert (said.license or "").lower() == known.licence.lower(), name
                with torch.device("meta"):
                    network = timm.create_model(found.model, pretrained=False, num_classes=0)
                assert network.num_features == known.dimensions, name
                assert megabytes(network) == pytest.approx(known.megabytes, rel=0.05), name


@pytest.mark.slow
def test_a_fetch_brings_all_there_is_and_says_how_far_it_is(hub, tmp_path) -> None:
    said = expected(RESNET, tmp_path)
    size = sum(map(len, hub.repositories[RESNET_AT].values()))
    assert (said.size, said.repositories) == (size, (RESNET_AT,))
    assert (said.licence, said.open) == ("apache-2.0", True)
    assert not list(tmp_path.iterdir()), "asking leaves nothing behind"
    hub.pause = 0.05
    size = len(hub.repositories[VIT_AT]["model.safetensors"])
    seen = fetched(VIT, tmp_path)
    assert seen == sorted(seen)
    assert len({there for there, _ in seen}) > 1
    assert {total for _, total in seen} == {size}
    folder = folder_of(VIT, tmp_path)
    assert sorted(each.name for each in folder.iterdir()) == ["model.safetensors", LIST]
    weights = verified(folder)
    assert weights.licence == "apache-2.0"
    assert weights.files == {
        "model.safetensors": folders.durable.sha256(folder / "model.safetensors")
    }
    assert VIT in available(tmp_path)


@pytest.mark.slow
def test_cut_connections_cost_what_was_under_way_and_no_more(hub, tmp_path) -> None:
    content = hub.repositories[RESNET_AT]["model.safetensors"]
    hub.cut_after = {"model.safetensors": [700_000, 300_000]}
    fetched(RESNET, tmp_path)
    ranges = hub.ranges("model.safetensors")
    assert ranges[0] == ""
    starts = [int(each.removeprefix("bytes=").removesuffix("-")) for each in ranges[1:]]
    assert len(starts) == 2
    assert starts[0] > 400_000
    assert starts[1] > starts[0]
    assert (folder_of(RESNET, tmp_path) / "model.safetensors").read_bytes() == content


@pytest.mark.slow
def test_a_stopped_fetch_is_gone_on_with(hub, tmp_path) -> None:
    hub.pause = 0.2
    folder = folder_of(RESNET, tmp_path)

    def enough() -> bool:
        return folders.bytes_there(RESNET, tmp_path) > 500_000

    with pytest.raises(FetchStopped):
        fetched(RESNET, tmp_path, stop=enough)
    assert folders.is_partial(RESNET, tmp_path)
    assert RESNET not in available(tmp_path)
    (part,) = (folder / FETCHING).glob("model.safetensors.*")
    have = part.stat().st_size
    assert 0 < have < len(hub.repositories[RESNET_AT]["model.safetensors"])
    hub.pause, hub.asked = 0.0, []
    fetched(RESNET, tmp_path)
    assert hub.ranges("model.safetensors") == [f"bytes={have}-"]
    assert verified(folder).network.read_bytes() == hub.repositories[RESNET_AT]["model.safetensors"]
    assert not (folder / FETCHING).exists()


FETCHES = """
import sys
from pathlib import Path
from sslapp.embedding.weights.fetch import fetch
fetch(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: None, should_stop=lambda: False)
"""


@pytest.mark.slow
def test_a_fetch_ends_with_the_worker_that_was_killed_and_is_gone_on_with(hub, tmp_path) -> None:
    hub.pause = 0.2
    content = hub.repositories[RESNET_AT]["model.safetensors"]
    worker = subprocess.Popen([sys.executable, "-c", FETCHES, RESNET, str(tmp_path)])
    until = time.monotonic() + 120
    while folders.bytes_there(RESNET, tmp_path) < len(content) // 3:
        assert time.monotonic() < until
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    time.sleep(1)
    have = folders.bytes_there(RESNET, tmp_path)
    time.sleep(1.5)
    assert folders.bytes_there(RESNET, tmp_path) == have < len(content), "nobody fetches any more"
    hub.pause, hub.asked = 0.0, []
    fetched(RESNET, tmp_path)
    (start,) = hub.ranges("model.safetensors")
    assert int(start.removeprefix("bytes=").removesuffix("-")) > 0
    assert verified(folder_of(RESNET, tmp_path)).network.read_bytes() == content


@pytest.mark.slow
def test_what_is_not_what_the_hub_lists_is_refused_and_deleted(hub, tmp_path) -> None:
    hub.wrong = {"model.safetensors"}
    with pytest.raises(ValueError, match=r"its hash differs\. It was deleted; fetch it again"):
        fetched(RESNET, tmp_path)
    folder = folder_of(RESNET, tmp_path)
    assert not list((folder / FETCHING).glob("model*"))
    assert RESNET not in available(tmp_path)
    hub.wrong = set()
    fetched(RESNET, tmp_path)
    verified(folder)


@pytest.mark.slow
def test_a_small_file_is_checked_as_well(hub, tmp_path) -> None:
    hub.wrong = {"open_clip_config.json"}
    with pytest.raises(ValueError, match=r"open_clip_config\.json of small/clip is not the file"):
        fetched(CLIP, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("timm:hf-hub:small/none", r"has no small/none\. Check the name"),
        ("timm:hf-hub:small/empty", r"small/empty has no model\.safetensors or pytorch_model\.bin"),
    ],
)
def test_what_cannot_be_had_is_named(hub, tmp_path, name, why) -> None:
    hub.repositories["small/empty"] = {"config.json": b"{}"}
    with pytest.raises(ValueError, match=why):
        fetched(name, tmp_path)


@pytest.fixture
def in_process(monkeypatch):
    """What fetches, without a process of its own: timm or open_clip would be loaded once more."""
    for name in ("TRANSFORMERS_OFFLINE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_XET"):
        monkeypatch.setenv(name, "1")  # what the module sets for its process is taken back
    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")
    from sslapp.embedding.weights import hub

    return hub


def test_what_a_library_does_not_list_is_named(in_process, tmp_path) -> None:
    plan = in_process.plan
    with pytest.raises(ValueError, match="timm has no weights of no_such_network"):
        plan(parse("timm:no_such_network"), tmp_path)
    with pytest.raises(ValueError, match="open_clip lists no weights ViT-B-32/no_such"):
        plan(parse("open_clip:ViT-B-32/no_such"), tmp_path)


@pytest.mark.slow
def test_without_a_network_the_files_and_their_place_are_named(
    in_process, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    what, folder = "model.safetensors (or pytorch_model.bin)", folder_of(RESNET, tmp_path)
    for command in (fetched, expected):
        with pytest.raises(ValueError, match=r"could not be fetched from http://127\.") as caught:
            command(RESNET, tmp_path)
        assert f"put {what} and config.json of {RESNET_AT} into {folder}." in str(caught.value)
        assert not folder.exists()
    folder = folder_of(VIT, tmp_path)
    said = in_process._reason(OSError("There is no network."), parse(VIT), folder)
    assert f"put {what} of {VIT_AT} into {folder}." in said


@pytest.mark.slow
def test_terms_must_be_accepted_by_their_name(hub, tmp_path) -> None:
    hub.licences[RESNET_AT] = "strict-license"
    assert not expected(RESNET, tmp_path).open
    for accepted in ("", "another"):
        with pytest.raises(ValueError, match=r'licence "strict-license"\. Read it at http'):
            fetched(RESNET, tmp_path, accepted=accepted)
    assert not hub.ranges("model.safetensors")
    fetched(RESNET, tmp_path, accepted="strict-license", by="ann, today")
    weights = verified(folder_of(RESNET, tmp_path))
    assert (weights.licence, weights.accepted) == ("strict-license", "ann, today")
    hub.licences["small/clip"] = ""
    with pytest.raises(ValueError, match='licence "none named"'):
        fetched(CLIP, tmp_path)


def test_files_put_there_by_hand_are_listed_at_their_first_use_and_held_to_it(
    laid, tmp_path
) -> None:
    folder = laid(VIT, VIT_AT)
    assert names_there(tmp_path) == [VIT]
    first = verified(folder)
    assert (folder / LIST).is_file()
    assert verified(folder) == first
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"is not the file that came\. Remove and fetch them again"
    ):
        open_encoder(VIT, weights_file(VIT, tmp_path))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors is gone"):
        open_encoder(VIT, weights_file(VIT, tmp_path))
    assert folders.remove(VIT, tmp_path) > 0
    assert weights_file(VIT, tmp_path) is None
    with pytest.raises(ValueError, match="No weights of"):
        folders.remove(VIT, tmp_path)


def test_a_list_that_names_files_elsewhere_is_refused(laid) -> None:
    folder = laid(VIT, VIT_AT)
    (folder / LIST).write_text(json.dumps({"name": VIT, "files": {"../../secret.bin": "0"}}))
    with pytest.raises(ValueError, match="names a file outside its folder"):
        verified(folder)


def test_a_network_of_timm_gives_its_own_features(laid, repositories, tmp_path) -> None:
    laid(VIT, VIT_AT)
    encoder = open_encoder(VIT, weights_file(VIT, tmp_path))
    assert (encoder.name, encoder.side, encoder.aspect) == (VIT, 168, "crop")  # 160 / .95
    network = timm.create_model("test_vit").eval()
    network.load_state_dict(safetensors.torch.load(repositories[VIT_AT]["model.safetensors"]))
    x = pixels(encoder)
    with torch.inference_mode():
        middle = (x[:, :, 4:164, 4:164] - 0.5) / 0.5
        expected = network.forward_head(network.forward_features(middle), pre_logits=True)
    torch.testing.assert_close(encoder.features(encoder.normalised(x)), expected)


def test_a_network_of_the_hub_is_what_its_configuration_says(laid, tmp_path) -> None:
    laid(RESNET, RESNET_AT)
    encoder = open_encoder(RESNET, weights_file(RESNET, tmp_path))
    assert (encoder.side, encoder.aspect, encoder.resample) == (80, "crop", "bilinear")
    assert encoder.features(encoder.normalised(pixels(encoder))).shape == (
        3,
        timm.create_model("test_resnet").num_features,
    )
    grey = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).expand(1, 3, 80, 80)
    zero = encoder._network(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(encoder.features(encoder.normalised(grey)), zero)  # its own mean


def test_weights_of_another_network_are_refused_and_not_filled_up(
    laid, repositories, tmp_path
) -> None:
    folder = laid(VIT, VIT_AT)
    (folder / "model.safetensors").write_bytes(repositories[RESNET_AT]["model.safetensors"])
    with pytest.raises(ValueError, match="does not hold the weights of timm:test_vit"):
        open_encoder(VIT, weights_file(VIT, tmp_path))
    state = safetensors.torch.load(repositories[VIT_AT]["model.safetensors"])
    state.pop("norm.weight")
    folders.remove(VIT, tmp_path)
    folder.mkdir()
    safetensors.torch.save_file(state, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"does not hold the weights(.|\n)*norm\.weight"):
        open_encoder(VIT, weights_file(VIT, tmp_path))


def test_pickled_weights_are_read_without_running_them(laid, repositories, tmp_path) -> None:
    folder = laid(VIT, VIT_AT)
    state = safetensors.torch.load((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    encoder = open_encoder(VIT, weights_file(VIT, tmp_path))
    assert encoder.features(encoder.normalised(pixels(encoder))).shape == (3, 64)

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    folders.remove(VIT, tmp_path)
    folder.mkdir()
    torch.save({"x": Attack()}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="does not hold the weights"):
        open_encoder(VIT, weights_file(VIT, tmp_path))
    assert not (tmp_path / "executed").exists()


def test_what_timm_would_load_from_elsewhere_is_left_out_of_a_configuration(laid, tmp_path) -> None:
    folder = laid(RESNET, RESNET_AT)
    said = json.loads((folder / "config.json").read_text())
    said["model_args"] = {"checkpoint_path": "/etc/passwd", "pretrained": False}
    (folder / "config.json").write_text(json.dumps(said))
    open_encoder(RESNET, weights_file(RESNET, tmp_path))
    folders.remove(RESNET, tmp_path)
    folder = laid(RESNET, RESNET_AT)
    said["architecture"] = "local-dir:/tmp"
    (folder / "config.json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match="has no network 'local-dir:/tmp'"):
        open_encoder(RESNET, weights_file(RESNET, tmp_path))


def test_a_clip_of_the_hub_sees_images_its_own_way(laid, tmp_path) -> None:
    laid(CLIP, "small/clip")
    encoder = open_encoder(CLIP, weights_file(CLIP, tmp_path))
    assert (encoder.name, encoder.side, encoder.aspect) == (CLIP, 32, "crop")
    model, x = tiny_clip.build(), pixels(encoder)
    with torch.inference_mode():
        expected = model.encode_image((x - 0.5) / 0.25, normalize=True)
    torch.testing.assert_close(encoder.features(encoder.normalised(x)), expected)
    choice = find_choice(CLIP, weights_file(CLIP, tmp_path))
    assert choice is not None and choice.reads_text
    assert not find_choice(VIT).reads_text


def test_towers_of_timm_work_and_stretch_where_they_were_trained_so(laid, tmp_path) -> None:
    laid(TIMM_CLIP, "small/timm-clip")
    encoder = open_encoder(TIMM_CLIP, weights_file(TIMM_CLIP, tmp_path))
    assert (encoder.side, encoder.aspect) == (160, "stretch")
    vectors = encoder.features(encoder.normalised(pixels(encoder))).numpy()
    assert vectors.shape == (3, 24)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_text_tower_of_transformers_comes_with_what_describes_it(hub, tmp_path) -> None:
    pytest.importorskip("transformers")
    made = small_networks.repositories_with_transformers(tmp_path)
    hub.repositories.update(made)
    fetched(BERT_CLIP, tmp_path)
    folder = folder_of(BERT_CLIP, tmp_path)
    there = verified(folder).files.keys()
    assert {"text/config.json", "tokenizer/tokenizer.json"} <= there
    hub.repositories.clear()
    hub.asked = []
    encoder = open_encoder(BERT_CLIP, weights_file(BERT_CLIP, tmp_path))
    assert encoder.features(encoder.normalised(pixels(encoder))).shape == (3, 24)
    choice = find_choice(BERT_CLIP, folder)
    assert choice is not None and choice.reads_text
    assert choice.needs == ("open_clip", "transformers")
    vectors = encode_text(folder, ["a cat", "a dog", "A  cat"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
    assert abs(vectors[0] - vectors[1]).max() > 1e-5
    assert not hub.asked
    (folder / "tokenizer").rename(tmp_path / "elsewhere")
    (folder / LIST).unlink()
    with pytest.raises(ValueError, match=r"Put tokenizer\.json and .* of small/bert"):
        encode_text(folder, ["a cat"])


ASK_NOBODY = """
import socket, sys
from pathlib import Path

def refuse(*args, **options):
    print("ASKED", args[1:] if args else "")
    raise OSError("there is no network")

socket.socket.connect = socket.getaddrinfo = refuse
from sslapp.embedding.encoders import open_encoder, weights_file
from sslapp.embedding.open_clip_encoder import encode_text
root = Path(sys.argv[1])
for name in sys.argv[2:]:
    try:
        open_encoder(name, weights_file(name, root))
        print("opened")
    except ValueError as error:
        print("refused", error)
    try:
        encode_text(root / name.replace(":", "--").replace("/", "--"), ["a cat"])
        print("read")
    except Exception as error:
        print("refused", error)
"""


@pytest.mark.slow
def test_opening_a_model_asks_nobody(laid, tmp_path, monkeypatch) -> None:
    """Also not where the environment says that there is a network, or what is described is gone."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    laid(TIMM_CLIP, "small/timm-clip")
    folder = laid(CLIP, "small/clip")
    text = {**tiny_clip.TINY["text_cfg"], "hf_tokenizer_name": "some/tokenizer"}
    text |= {"hf_model_name": "some/model"}
    said = {"model_cfg": {**tiny_clip.TINY, "text_cfg": text}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(said))
    names = [TIMM_CLIP, CLIP, VIT, "open_clip:ViT-B-32/openai"]
    done = subprocess.run(
        [sys.executable, "-c", ASK_NOBODY, str(tmp_path), *names],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [each for each in done.stdout.splitlines() if not each.startswith("Traceback")]
    assert "ASKED" not in done.stdout
    assert lines[:2] == ["opened", "read"]
    assert "config.json of some/model, which is not there" in lines[2]
    assert len(lines) == 8
    assert all(each.startswith("refused") for each in lines[2:])
