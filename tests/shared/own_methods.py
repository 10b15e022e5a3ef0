"""Methods outside of the program, as their authors keep them: a file, or an installed package."""

from pathlib import Path

CARD = """
from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class OwnConfig(MethodConfig):
    lean: float = Field(1.0, gt=0, le=9, description="How far the answers lean.")


CARD = MethodCard("own-mean", "Own mean", "Of a test.", (Gear.FEATURES,), OwnConfig{code})
"""

METHOD = """
import torch

from sslapp.training.method import Method
from sslapp.training.predictor import LinearPredictor
from sslapp.training.task import features_of


class OwnMean(Method):
    Config = OwnConfig

    def fit(self, task, run):
        run.check()
        x = features_of(task).take(task.labelled)
        classes = torch.from_numpy(task.labels[task.labelled])
        weight = torch.stack([x[classes == c].mean(dim=0) for c in range(task.num_classes)])
        weight = weight.nan_to_num() * self.config.lean
        width = x.shape[1]
        return LinearPredictor(
            weight=weight,
            bias=-weight.square().sum(dim=1) / 2,
            mean=torch.zeros(width),
            std=torch.ones(width),
        )
"""

FILE = CARD.format(code="") + METHOD
"""A file for --plugin: the nearest class mean on features."""


def write_plugin(folder: Path, content: str = FILE) -> Path:
    path = folder / "own_mean.py"
    path.write_text(content, encoding="utf-8")
    return path


def install(folder: Path, name: str, entry: str, **modules: str) -> None:
    """Put a package into a folder as an installer leaves it: its modules and its metadata.

    Args:
        folder: is on the path, or will be.
        name: of the package.
        entry: "name = module:object" in the program's group.
        modules: content by name.
    """
    for module, content in modules.items():
        (folder / f"{module}.py").write_text(content, encoding="utf-8")
    about = folder / f"{name.replace('-', '_')}-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (about / "entry_points.txt").write_text(f"[sslapp.methods]\n{entry}\n")


def install_own_mean(folder: Path) -> None:
    """The method of FILE as a package."""
    install(
        folder,
        "own-mean",
        "own-mean = own_card:CARD",
        own_card=CARD.format(code=', code="own_code:OwnMean"'),
        own_code=f"from own_card import OwnConfig\n{METHOD}",
    )
