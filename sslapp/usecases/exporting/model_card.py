"""The card of a round's model: what it was trained on, how good it is, and how to use it."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from sslapp.embedding.weights.curated import CURATED
from sslapp.methods.registry import CARDS
from sslapp.packaging.description import AgreementPart, ModelDescription
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.embeddings import encoders_of
from sslapp.store.rounds import FinishedRound, finished_round
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.certificate import certificate_of
from sslapp.usecases.auditing.wording import statement
from sslapp.usecases.training.trust import rests_on
from sslapp.vocabulary import Gear
from sslapp.words import count, proportion

LICENCES: Mapping[str, str] = MappingProxyType(
    {
        "pixels": "fitted to the project's own images; no licence of others",
        "efficientnet-lite0": "Apache-2.0 (Google's EfficientNet-Lite0, trained on ImageNet)",
        "efficientnet-lite2": "Apache-2.0 (Google's EfficientNet-Lite2, trained on ImageNet)",
    }
)
"""Encoder -> under what its weights may be passed on, where that is known."""

UNKNOWN = "not known to sslapp; ask where they came from"


def model_card(access: Access, project: str | int | None, number: int | None = None) -> str:
    """The card of a finished round as Markdown.

    Args:
        number: of the round; None for the newest that has finished.

    Raises:
        NotFinished: when the round has not finished.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return card_of(conn, finished_round(conn, project_id, number))


def card_of(conn: Connection, found: FinishedRound, package: ModelDescription | None = None) -> str:
    """The card within a transaction.

    Args:
        package: of the model as it was exported, if it was.
    """
    row = projects.find_project(conn, found.project_id)
    title = CARDS[found.method].title if found.method in CARDS else found.method
    encoders = encoders_of(conn, found) if Gear(found.gear) is Gear.FEATURES else []
    sections = {
        "": [f"# {_plain(row.name)}: the model of round {found.number}"],
        "Model": _model(found, title, encoders, package),
        "Trained on": _trained_on(found),
        "How good it is": _quality(found),
        "Certificate of the project": _certificate(conn, found.project_id),
        "Limits": _limits(found),
        "Licences": _licences(encoders),
        "How to use it": _use(package),
    }
    parts = []
    for head, lines in sections.items():
        body = "\n".join(lines if not head else [f"- {each}" for each in lines])
        parts.append(f"## {head}\n\n{body}" if head else body)
    return "\n\n".join(parts) + "\n"


def _model(
    found: FinishedRound, title: str, encoders: list[str], package: ModelDescription | None
) -> list[str]:
    said = [f"Method: {title} (`{found.method}`), in the {found.gear} gear, seed {found.seed}."]
    if encoders:
        said.append(f"Frozen encoder: {', '.join(f'`{each}`' for each in encoders)}.")
    if Gear(found.gear) is Gear.PIXELS and "network" in found.config:
        said.append(f"Network: `{found.config['network']}`.")
    options = ", ".join(f"{name} = {value}" for name, value in sorted(found.config.items()))
    said.append(f"Options: {options or 'none'}.")
    if package is not None:
        sizes = " and ".join(
            f"{each.size} x {each.size} pixels, {'grey' if each.channels == 1 else 'RGB'}"
            for each in package.inputs
        )
        said.append(f"Reads images of {sizes}, 8 bits a channel.")
    return said


def _trained_on(found: FinishedRound) -> list[str]:
    counts = found.snapshot.counts
    labelled = f"{count(counts['labelled'], 'label')}, {count(counts['pool'], 'unlabelled image')}"
    said = [
        f"{labelled}, snapshot `{found.snapshot.hash[:16]}` at event "
        f"{found.snapshot.event_number:,}.",
    ]
    sources = [f"{n:,} {name}" for name, n in counts.get("sources", {}).items() if n]
    said.append(f"Labels by source, the holdout's included: {', '.join(sources) or 'none'}.")
    by_class = ", ".join(f"{_plain(name)}: {n:,}" for name, n in counts["classes"].items())
    said.append(f"Labels by class, the holdout's included: {by_class}.")
    return said


def _quality(found: FinishedRound) -> list[str]:
    metrics = found.metrics
    if metrics.get("holdout"):
        share = proportion(metrics["holdout_accuracy"], metrics["holdout"])
        said = [
            f"Accuracy on the holdout, drawn at random and never trained on: {share}; the interval "
            "is the exact 95 % one."
        ]
    else:
        said = ["Its accuracy was never measured: the project had no holdout label."]
    if not found.is_calibrated:
        return [
            *said,
            "Its confidence is uncalibrated: a high number does not mean that it is right.",
        ]
    said.append(f"Calibration: {rests_on(metrics)}; temperature {found.temperature:.3g}.")
    if metrics.get("ece_interval"):
        low, high = metrics["ece_interval"]
        said.append(
            f"Expected calibration error {metrics['ece_after']:.3f} ({low:.3f} to {high:.3f}), "
            f"before calibration {metrics['ece_before']:.3f}, both on the labels it was fitted to."
        )
    return said


def _certificate(conn: Connection, project_id: int) -> list[str]:
    found = certificate_of(conn, project_id)
    if not found.lots:
        return ["None is in force. It would be about the project's labels, not about this model."]
    return [
        f"{statement(found)} It is about the project's labels at event {found.event:,}, not about "
        "what this model says of other images."
    ]


def _limits(found: FinishedRound) -> list[str]:
    said = [
        "What stands above was measured on images of this project. For another scanner, site, "
        "population or way of cutting images out nothing is known until it is measured there.",
        f"It knows {len(found.class_ids)} classes and gives one of them to any image, also to one "
        "that belongs to none.",
        "Its confidence is an estimate. Below the threshold that you choose `sslapp predict` says "
        "`none`; who needs a proof audits a random sample.",
    ]
    collapse = found.metrics.get("collapse")
    if collapse and collapse["contradicted"]:
        said.append(
            f"It calls {100 * collapse['share']:.0f} % of the pool one class, which the holdout "
            "contradicts: do not rely on it."
        )
    return said


def _licences(encoders: list[str]) -> list[str]:
    said = [f"Weights of `{each}`: {_licence(each)}." for each in encoders]
    return [
        *said,
        "What was learnt from the project's images belongs to who may use these images.",
    ]


def _licence(encoder: str) -> str:
    if encoder in CURATED:
        return f"{CURATED[encoder].licence}, as the hub names it"
    return LICENCES.get(encoder, UNKNOWN)


def _use(package: ModelDescription | None) -> list[str]:
    said = ["With sslapp, no workspace needed: `sslapp predict MODEL FOLDER --to out.csv`."]
    if package is None:
        return [
            *said,
            "Written by `sslapp model export`, which adds the files and how they are read.",
        ]
    if package.onnx:
        said.append(
            "Without sslapp: unpack, `pip install onnxruntime numpy pillow`, `python predict.py "
            "PICTURE ...`. `model.onnx` takes "
            + " and ".join(
                f"`{each.name}` (n, {each.channels}, {each.size}, {each.size}) uint8"
                for each in package.inputs
            )
            + f" and gives `probabilities` (n, {len(package.classes)}) float32, calibrated."
        )
    else:
        said.append(f"There is no model.onnx: {package.why_no_onnx}")
    said += [
        f"Columns, in order: {', '.join(map(_plain, package.classes))}.",
        f"Preparation of an image. {package.preparation}",
        _compared(package.agreement),
    ]
    return said


def _compared(agreement: AgreementPart) -> str:
    """How the model was held against its round."""
    held = (
        f"Compared with the round on {agreement.images} images of the project before it was written"
    )
    if agreement.exact:
        return f"{held}: largest difference of a probability {agreement.largest_difference:.1e}."
    return (
        f"{held}. The round's features were encoded in bfloat16 and the model computes in float32, "
        f"so a probability differs by {agreement.mean_from_round:.4f} on average and "
        f"{agreement.largest_from_round:.3f} at most; {agreement.same_class} of "
        f"{agreement.images} images get the same class. Of its own formula in torch it differs by "
        f"{agreement.largest_difference:.1e} at most."
    )


def _plain(name: str) -> str:
    """A typed name as text that Markdown leaves as it is."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>()#+-.!|~" else each for each in name)
