"""Images per second of strong views: ours against torchvision on PIL images and on tensors.

    python benchmarks/augmentation.py --threads 2

Every row makes the same kind of view: reflected crop, perhaps a flip, RandAugment operations and
a box of half the side. torchvision always applies two operations, FixMatch's policy one on average
and USB's three, hence the row with both of FixMatch's. For a whole batch torchvision draws once,
so that row is a bound and no substitute. The rows take turns and the median repetition counts, so
that other work on the machine slows all of them alike.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from sslapp.training.augmentation import StrongAugmentation, policies
from sslapp.training.augmentation.smooth import SmoothAugmentation

Row = tuple[str, Callable[[], object]]


def torchvision_views(api: ModuleType, side: int, *, flip: bool) -> list[Callable[..., object]]:
    return [
        api.RandomCrop(side, padding=side // 8, padding_mode="reflect"),
        api.RandomHorizontalFlip(0.5 if flip else 0),
        api.RandAugment(num_ops=2),
        api.PILToTensor(),
        api.RandomErasing(p=1, scale=(0.25, 0.25), ratio=(1, 1), value=127),
    ]


def rows(images: Tensor, device: torch.device, *, flip: bool) -> list[Row]:
    side = images.shape[-1]
    pil_images = [to_pil_image(image) for image in images]
    on_pil = v1.Compose(torchvision_views(v1, side, flip=flip))
    stages = torchvision_views(v2, side, flip=flip)
    on_tensors = v2.Compose([stage for stage in stages if not isinstance(stage, v2.PILToTensor)])
    on_device = images.to(device)
    generator = torch.Generator().manual_seed(0)
    found: list[Row] = [
        ("torchvision v1, PIL, an image at a time", lambda: [on_pil(each) for each in pil_images]),
        ("torchvision v2, tensors, an image at a time", lambda: [on_tensors(x) for x in images]),
        ("torchvision v2, tensors, one draw a batch", lambda: on_tensors(on_device)),
    ]
    both = dataclasses.replace(policies["fixmatch"], probability=1.0)
    for name, policy in (
        ("fixmatch", policies["fixmatch"]),
        ("fixmatch, both operations applied", both),
        ("usb", policies["usb"]),
    ):
        strong = StrongAugmentation(policy, flip=flip)
        found.append((f"sslapp, {name}", partial(strong, on_device, generator)))
    smooth = SmoothAugmentation(flip=flip)
    found.append(("sslapp, smooth", lambda: smooth(on_device, generator)))
    return found


def median_seconds(work: list[Row], device: torch.device, *, repetitions: int) -> list[float]:
    """The median repetition of every row, after one turn that does not count."""
    taken: list[list[float]] = [[] for _ in work]
    for _ in range(repetitions + 1):
        for times, (_, run) in zip(taken, work, strict=True):
            start = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return [statistics.median(times[1:]) for times in taken]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=448)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="where tensors lie; PIL stays on the CPU")
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"batch {options.batch}, {torch.get_num_threads()} thread(s), tensors on {device}")
    print("| image | views by | images/s | ratio to PIL |")
    print("|---|---|---|---|")
    for channels, side, flip in ((3, 32, True), (1, 28, False)):
        shape = (options.batch, channels, side, side)
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        work = rows(images, device, flip=flip)
        seconds = median_seconds(work, device, repetitions=options.repetitions)
        for (name, _), taken in zip(work, seconds, strict=True):
            speed, ratio = options.batch / taken, seconds[0] / taken
            print(f"| {side}x{side}x{channels} | {name} | {speed:,.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
