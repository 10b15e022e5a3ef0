"""One round in full: what it was told, on what it ran, what it reported, why it failed."""

from typing import Any

import streamlit as st

from sslapp.ui.common import plain, progress_panel, round_figures
from sslapp.ui.train import model
from sslapp.usecases.access import Access
from sslapp.usecases.training.history import Detail, detail
from sslapp.usecases.training.trust import rests_on
from sslapp.vocabulary import FailureKind, JobState, ScalingKind
from sslapp.words import count


def show(access: Access, project_id: int, number: int, titles: dict[str, str]) -> None:
    """Draw the round's details."""
    found = detail(access, project_id, number)
    title = plain.markdown(titles.get(found.method, found.method))
    st.subheader(f"Round {number} · {title}", anchor=False)
    if found.error:
        st.error(plain.markdown(found.error), icon=":material/error:")
    if found.resumable:
        inexact = found.failure is FailureKind.INEXACT
        progress_panel.resume(access, project_id, number, inexact=inexact)
    drawn = any(len(found.curves.get(name, ())) > 1 for name in round_figures.LINES)
    sides = st.grid(2 if drawn else 1, min_column_width=380)
    with sides.container(gap="xsmall"):
        for name, text in facts(found):
            about, said = st.columns([1, 4], gap="small")
            about.caption(name)
            said.markdown(plain.markdown(text))
    if drawn:
        with sides.container(gap="xsmall"):
            round_figures.losses(found.curves, found.steps, key=f"detail-losses-{number}")
    if found.state is JobState.DONE and not found.listed:
        model.show(access, project_id, number)


def facts(found: Detail) -> list[tuple[str, str]]:
    """Name and text of everything that makes the round what it is."""
    counts = found.counts
    labels = [
        count(counts["labelled"], "label"),
        f"pool of {count(counts['pool'], 'image')}",
        f"holdout {counts['validation']:,} labelled of {counts['holdout']:,} drawn",
        f"snapshot {found.snapshot[:12]} at event {found.event:,}",
    ]
    gear = found.gear
    if gear == "features":
        gear = f"{gear}, features of {' and '.join(found.encoders)}"
    told = [
        ("Trained on", " · ".join(labels)),
        ("Gear", f"{gear} · seed {found.seed}"),
        ("Options", _listed(found.changed) if found.changed else "all as by default"),
    ]
    if found.listed:
        told = [("Read from", found.listed), ("Labels then", " · ".join(labels))]
    if found.plugin:
        told.append(("Plugin", found.plugin))
    if found.metrics.get("temperature") is not None:
        temperature = f"{found.metrics['temperature']:.3g}"
        told.append(("Temperature", f"{temperature} ({rests_on(found.metrics)})"))
    if scaling := found.metrics.get("scaling"):
        told.append(("Scaling", scaled(scaling)))
    if found.metrics.get("ece_interval") is not None:
        low, high = found.metrics["ece_interval"]
        before, after = found.metrics["ece_before"], found.metrics["ece_after"]
        said = f"{before:.3f}, calibrated {after:.3f} ({low:.3f} to {high:.3f})"
        told.append(("Calibration error", said))
    if found.holdout_sentences:
        told.append(("Holdout accuracy", " ".join(found.holdout_sentences)))
    if found.environment:
        told.append(("Ran with", _listed(found.environment)))
    if found.inexact:
        told.append(("Resumed", f"inexactly: {'; '.join(found.inexact)}"))
    if found.passed_over:
        damaged = " ".join(found.passed_over)
        told.append(("Damaged files", f"{damaged} The predictions are unchanged."))
    if found.attempt > 1:
        told.append(("Attempts", str(found.attempt)))
    return told


def scaled(scaling: dict[str, Any]) -> str:
    """The parameters of another map than a temperature, in short."""
    if scaling["kind"] == ScalingKind.VECTOR:
        weight, bias = (
            f"{min(scaling[which]):.2f} to {max(scaling[which]):.2f}"
            for which in ("weight", "bias")
        )
        return f"vector scaling, weights {weight}, biases {bias} by class"
    steps = sorted(set(scaling["to"]))
    return f"isotonic regression, {len(steps)} steps from {steps[0]:.2f} to {steps[-1]:.2f}"


def _listed(values: dict[str, Any]) -> str:
    return " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
