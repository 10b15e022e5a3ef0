"""What every part of gpu.py is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from step_time import CONVOLUTION, COPY, PRODUCT

from sslapp.rounds.plan import apply_plan, make_plan


@dataclass(frozen=True)
class Setting:
    """Where a part computes, and how much.

    Attributes:
        device: cuda or cpu.
        small: whether sizes are those of a test.
        folder: for files, of this part alone; gone afterwards.
        speeds: the machine's, as `step_time.speeds` names them; {} where they are not known.
    """

    device: torch.device
    small: bool
    folder: Path
    speeds: Mapping[str, float] = field(default_factory=dict)

    def planned(self, *, deterministic: bool = True) -> torch.dtype:
        """Have this process compute as a round does; returns the number format of one.

        Raises:
            RuntimeError: when there is no such device.
        """
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("torch finds no CUDA GPU. Take --device cpu for the small version.")
        plan = make_plan(None, deterministic=deterministic)
        _, dtype = apply_plan({**plan, "device": self.device.type})
        return dtype

    def floor(
        self,
        flop: float,
        moved: float,
        number_format: str,
        kinds: Sequence[str] = (PRODUCT, CONVOLUTION),
    ) -> float | None:
        """Seconds that so many operations, or so many bytes, take at the machine's own speed.

        Args:
            flop: operations.
            moved: bytes read and written.
            number_format: of the operations, as torch calls it.
            kinds: of operations, the fastest of which counts. Convolutions in float32 use TF32
                on a GPU, which not everything may.
        """
        if not self.speeds:
            return None
        compute = max(self.speeds[f"{number_format} {kind}"] for kind in kinds)
        return max(flop / compute, moved / self.speeds[COPY])
