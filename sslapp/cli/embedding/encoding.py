"""Commands that encode images: embed, learn, encode."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.embeddings import embed, embedding_time, encoder_title
from sslapp.usecases.images.encoded_views import AUGMENTATIONS, WantedViews, cost, start_encoding
from sslapp.usecases.training.own_encoder import learn


@command(app, "embed")
def embed_command(
    project: Project = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="pixels (fast), efficientnet-lite0, or one of `sslapp weights list`. "
            "Default: by the images' size.",
        ),
    ] = None,
    seed: int = 0,
    only_cost: Annotated[
        bool, typer.Option("--cost", help="Say how long it takes and start nothing.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Embed all images, as a job."""
    who = access()
    if only_cost:
        name, time = embedding_time(who, project, encoder)
        told = None if time is None else asdict(time)
        what = f"{encoder_title(name)}: {time or 'not known before it ran here.'}"
        show({"encoder": name, "time": told}, as_json, what)
        return
    job_id = embed(who, project, encoder, seed)
    result = wait_for(who, job_id, wait)
    encoder = result["encoder"] if wait else encoder

    def words() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        images, features = result["shape"]
        return f"Embedded {images} images as {features} features each ({encoder})."

    show(result, as_json, words)


@command(app, "learn")
def learn_command(
    project: Project = None,
    network: Annotated[
        str, typer.Option(help="A network of the pixels gear: `sslapp round options fixmatch`.")
    ] = "small-cnn",
    steps: Annotated[int, typer.Option(help="0: forty times through the images.")] = 0,
    image_size: Annotated[
        int, typer.Option(help="Pixels a side, from originals; 0: the training store's.")
    ] = 0,
    seed: int = 0,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Train an encoder on the project's own images, without labels, and embed with it."""
    who = access()
    job_id = learn(who, project, network=network, steps=steps, image_size=image_size, seed=seed)
    result = wait_for(who, job_id, wait)

    def words() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        images, features = result["shape"]
        return f"Trained an encoder and embedded {images} images as {features} features each."

    show(result, as_json, words)


@command(app, "encode")
def encode_command(
    project: Project = None,
    weak: Annotated[int, typer.Option(help="Weak views of every image.")] = WantedViews.weak,
    strong: Annotated[int, typer.Option(help="Strong views of every image.")] = WantedViews.strong,
    encoder: Annotated[str | None, typer.Option(help="Default: the newest embedding's.")] = None,
    augmentation: Annotated[
        str, typer.Option(help=f"One of {', '.join(AUGMENTATIONS)}.")
    ] = WantedViews.augmentation,
    seed: int = 0,
    cost_only: Annotated[
        bool, typer.Option("--cost", help="Say what it would take, and start nothing.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Encode views of all images, as a job: FixMatch then runs on features."""
    who = access()
    wanted = WantedViews(encoder, weak, strong, augmentation, seed)
    expected = cost(who, project, wanted)
    result: dict[str, Any] = {**asdict(expected), "expected_seconds": expected.seconds}
    if cost_only:
        show(result, as_json, str(expected))
        return
    typer.echo(str(expected), err=True)
    result |= wait_for(who, start_encoding(who, project, wanted), wait)

    def words() -> str:
        if not wait:
            return f"Job {result['job_id']} is queued."
        return f"Encoded {weak} weak and {strong} strong views ({expected.encoder})."

    show(result, as_json, words)
