"""What every predictor says as a module, in torch and in ONNX, is what it says in its project."""

import numpy as np
import pytest
import torch
from small_tasks import Clouds

import models
from sslapp.methods.diff_sysc.image_encoder import ImageEncoder
from sslapp.methods.diff_sysc.predictor import LabelDiffusionPredictor
from sslapp.methods.head_ensemble.method import (
    FittedMember,
    Forbidden,
    HeadEnsemblePredictor,
    HeadMember,
    Weight,
)
from sslapp.methods.label_propagation.method import GraphVotePredictor, LabelPropagationPredictor
from sslapp.methods.nearest_neighbours.method import NearestNeighboursPredictor, of_length_1
from sslapp.methods.predictors import load_predictor
from sslapp.methods.prototypes.method import PrototypesPredictor
from sslapp.packaging import onnx_graph
from sslapp.packaging.graph import ModelGraph
from sslapp.packaging.inputs import ImageInput
from sslapp.training.calibration.modules import module_of
from sslapp.training.calibration.scaling import Isotonic, Temperature
from sslapp.training.inputs.encoded import FeaturePredictor
from sslapp.training.predictor import LinearPredictor, NetworkPredictor
from sslapp.training.standardisation import Standardisation

CLASSES, DIM = 3, 12  # features of 12 numbers are images of 2 x 2 pixels in colour
RNG = np.random.default_rng(0)


class Flat(torch.nn.Module):
    """Stands where an encoder stands: the pixels themselves."""

    def forward(self, images):
        return images.flatten(1)


def tensor(*shape: int, kind: type = np.float32) -> torch.Tensor:
    return torch.from_numpy(RNG.normal(size=shape).astype(kind))


def linear() -> LinearPredictor:
    return LinearPredictor(
        weight=tensor(CLASSES, DIM),
        bias=tensor(CLASSES),
        mean=tensor(DIM),
        std=tensor(DIM).abs() + 0.1,
    )


def feature_head() -> FeaturePredictor:
    state = {"head.weight": tensor(CLASSES, DIM), "head.bias": tensor(CLASSES)}
    return FeaturePredictor(
        num_classes=CLASSES,
        state=state,
        standardise=Standardisation(tensor(DIM), tensor(DIM).abs() + 0.1),
    )


def prototypes(whitened: bool = False) -> PrototypesPredictor:
    basis = tensor(4 if whitened else 0, DIM, kind=np.float64)
    offset = torch.tensor([0.3, -torch.inf, -0.2], dtype=torch.float64)
    return PrototypesPredictor(
        mean=torch.full((DIM,), 0.65, dtype=torch.float64),  # of roots of numbers in [0, 1]
        basis=basis,
        prototypes=tensor(CLASSES, 4 if whitened else DIM, kind=np.float64) / 4,
        offset=offset,
        sharpness=2.0,
    )


def neighbours() -> NearestNeighboursPredictor:
    return NearestNeighboursPredictor(
        unit=of_length_1(tensor(9, DIM)),
        labels=torch.arange(9) % CLASSES,
        num_classes=CLASSES,
        neighbours=4,
    )


def denoiser() -> LabelDiffusionPredictor:
    from models.label_diffusion import LabelDenoiser

    torch.manual_seed(0)
    state = LabelDenoiser(CLASSES, DIM, width=8).state_dict()
    for name, factor in (("of_features", 30), ("encode.0", 30), ("head", 5)):
        state[f"{name}.weight"] *= factor  # untrained it hardly tells images apart
    return LabelDiffusionPredictor(
        state=state,
        mean=torch.full((DIM,), 0.5),
        num_classes=CLASSES,
        width=8,
        diffusion="cosine",
        steps=5,
        temperature=5.0,
    )


def colour_images(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, 3, 2, 2)).astype(np.uint8)


def as_features(images: np.ndarray) -> Clouds:
    return Clouds((images.astype(np.float32) / np.float32(255)).reshape(len(images), -1))


def expected(predictor, source, rows, scaling) -> np.ndarray:
    return scaling.of_logits(predictor.logits(source, rows).double().numpy())


@pytest.mark.parametrize(
    "make",
    [linear, feature_head, prototypes, lambda: prototypes(True), neighbours, denoiser],
    ids=["linear", "feature-head", "prototypes", "whitened", "neighbours", "denoiser"],
)
def test_heads_on_features(make, tmp_path) -> None:
    images = colour_images(6)
    source, rows = as_features(images), np.arange(6)
    predictor, scaling = make(), Isotonic(1.4, (0.4, 0.6, 0.9), (0.35, 0.7, 0.8))
    predictor.save(tmp_path)
    loaded = load_predictor(tmp_path)
    graph = ModelGraph(
        inputs=[ImageInput.of(2, 3)],
        encoders=[(0, Flat())],
        head=loaded.module(),
        calibration=module_of(scaling),
    )
    wanted = expected(predictor, source, rows, scaling)
    assert np.ptp(wanted, axis=0).max() > 0.05  # images differ, else anything would do
    np.testing.assert_allclose(graph.probabilities([images]), wanted, atol=1e-6)
    pytest.importorskip("onnxruntime")
    model = onnx_graph.OnnxModel(onnx_graph.write(graph), graph.inputs)
    for some in (slice(0, 1), slice(0, 6)):
        said = model.probabilities([images[some]])
        np.testing.assert_allclose(said, wanted[some], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seen"),
    [("small-cnn", 1), ("wrn-28-2", 1), ("wrn-37-2", 1), ("efficientnet-lite0", 3)],
)
def test_networks_on_pixels(name, seen) -> None:
    """Pre-trained ones see a grey image thrice."""
    images = RNG.integers(0, 256, (3, 1, 32, 32)).astype(np.uint8)

    class Held:
        shape = images.shape

        def take(self, indices):
            return torch.from_numpy(images[indices])

    torch.manual_seed(1)
    state = models.build(name, CLASSES, seen, 32).state_dict()
    predictor = NetworkPredictor(
        name=name,
        shape=(1, 32, 32),
        num_classes=CLASSES,
        state=state,
        mean=torch.tensor([0.4, 0.5, 0.6][:seen]),
        std=torch.tensor([0.3, 0.2, 0.1][:seen]),
    )
    graph = ModelGraph(
        inputs=[ImageInput.of(32, 1)],
        encoders=[],
        head=predictor.module(),
        calibration=module_of(Temperature(0.5)),
    )
    wanted = expected(predictor, Held(), np.arange(3), Temperature(0.5))
    np.testing.assert_allclose(graph.probabilities([images]), wanted, atol=1e-5)
    pytest.importorskip("onnxruntime")
    model = onnx_graph.OnnxModel(onnx_graph.write(graph), graph.inputs)
    np.testing.assert_allclose(model.probabilities([images]), wanted, atol=1e-5)


@pytest.fixture
def graph_and_others() -> tuple[LabelPropagationPredictor, Clouds]:
    """A propagation over 30 rows of 40."""
    source = Clouds(RNG.normal(size=(40, DIM)).astype(np.float32))
    p = torch.softmax(tensor(30, CLASSES), dim=1)
    rows = torch.from_numpy(np.sort(RNG.permutation(40)[:30]))
    return LabelPropagationPredictor(rows=rows, distribution=p, neighbours=5), source


def test_a_propagation_takes_its_graph_along(graph_and_others, tmp_path) -> None:
    predictor, source = graph_and_others
    out = predictor.detached(source)
    out.save(tmp_path)
    loaded = load_predictor(tmp_path)
    assert isinstance(loaded, GraphVotePredictor)
    rows = np.arange(40)  # those of the graph, by their own row, and the others, by a vote
    wanted = predictor.logits(source, rows).numpy()
    np.testing.assert_allclose(loaded.logits(source, rows).numpy(), wanted, atol=1e-5)
    known = predictor._rows.numpy()
    apart = np.setdiff1d(rows, known)
    near = source.array[known[:1]] + np.float32(0.05)
    moved = loaded.logits(Clouds(near), np.arange(1)).numpy()
    assert np.abs(moved - wanted[known[:1]]).max() > 1e-3  # another image is voted on
    assert len(apart) == 10


def test_an_ensemble_leaves_without_what_was_ruled_out(graph_and_others, tmp_path) -> None:
    propagation, source = graph_and_others
    other = Clouds(source.array[:, :5].copy())
    own = Clouds(source.array)
    own.name, other.name, own.beside = "own", "other", (other,)
    of_other = LinearPredictor(
        weight=tensor(CLASSES, 5), bias=tensor(CLASSES), mean=tensor(5), std=torch.ones(5)
    )
    members = {
        each.name: FittedMember(fitted, weight, each)
        for fitted, weight, each in (
            (linear(), Weight(1.5, 0.7), HeadMember("linear probe", "own")),
            (propagation, Weight(0.8, 0.4), HeadMember("label propagation", "own")),
            (of_other, Weight(1.0, 0.6), HeadMember("linear probe", "other")),
        )
    }
    closed = torch.tensor([[True, False, False]])
    ensemble = HeadEnsemblePredictor(members, Forbidden(torch.tensor([7]), closed))
    out = ensemble.detached(own)
    out.save(tmp_path)
    loaded, rows = load_predictor(tmp_path), np.arange(40)
    wanted = ensemble.logits(own, rows).numpy()
    said = loaded.module()(own.take(rows), other.take(rows)).numpy()
    there = rows != 7
    np.testing.assert_allclose(said[there], wanted[there], atol=1e-5)
    assert said[7, 0] > wanted[7, 0] + 1  # elsewhere nobody has ruled it out


def test_two_encoders_of_two_sizes_have_an_input_each() -> None:
    pytest.importorskip("onnxruntime")

    class Sum(torch.nn.Module):
        def forward(self, one, two):
            return torch.cat([one[:, :2], two[:, :1]], dim=1)

    graph = ModelGraph(
        inputs=[ImageInput.of(2, 1), ImageInput.of(4, 1)],
        encoders=[(1, Flat()), (0, Flat())],
        head=Sum(),
        calibration=module_of(Temperature(1.0)),
    )
    small = RNG.integers(0, 256, (3, 1, 2, 2)).astype(np.uint8)
    large = RNG.integers(0, 256, (3, 1, 4, 4)).astype(np.uint8)
    logits = np.stack([large[:, 0, 0, 0], large[:, 0, 0, 1], small[:, 0, 0, 0]], axis=1) / 255
    wanted = Temperature(1.0).of_logits(logits)
    model = onnx_graph.OnnxModel(onnx_graph.write(graph), graph.inputs)
    np.testing.assert_allclose(model.probabilities([small, large]), wanted, atol=1e-6)


def test_what_onnx_cannot_express_is_named() -> None:
    pytest.importorskip("onnx")

    class Odd(torch.nn.Module):
        def forward(self, images):
            resized = torch.nn.functional.interpolate(
                images, (3, 3), mode="bicubic", align_corners=False, antialias=True
            )
            return resized.flatten(1)

    graph = ModelGraph(
        inputs=[ImageInput.of(2, 1)],
        encoders=[],
        head=Odd(),
        calibration=module_of(Temperature(1.0)),
    )
    with pytest.raises(onnx_graph.NotExpressible, match="upsample_bicubic2d_aa"):
        onnx_graph.write(graph)


def test_a_denoiser_that_looks_at_images_too_says_what_to_do() -> None:
    from models.label_diffusion import LabelDenoiser

    encoder = ImageEncoder(
        network="small-cnn",
        pixels=None,
        shape=(1, 8, 8),
        mean=torch.tensor([0.5]),
        std=torch.tensor([0.2]),
    )
    denoises = LabelDenoiser(CLASSES, DIM, width=8, encoder=encoder.build(8, seed=0))
    predictor = LabelDiffusionPredictor(
        state=denoises.state_dict(),
        mean=tensor(DIM),
        num_classes=CLASSES,
        width=8,
        diffusion="cosine",
        steps=5,
        temperature=1.0,
        encoder=encoder,
    )
    with pytest.raises(ValueError, match='Train Diff-SySC with encoder "frozen"'):
        predictor.module()
