"""Class probabilities of pictures by model.onnx: python predict.py PICTURE ... (CSV on stdout)."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def eight_bits(x: np.ndarray, choice: str, limits: list[float] | None) -> np.ndarray:
    """Deep grey values as uint8, by the mapping that config.json names."""
    low, high = float(x.min()), float(x.max())
    if choice == "set" and limits:
        low, high = limits
    elif choice != "extremes":
        first, last = np.quantile(x, (0.005, 0.995))
        low, high = (first, last) if last > first else (low, high)
    share = (x.astype(np.float64) - low) / (high - low) if high > low else np.zeros(x.shape)
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def fitted(picture: Image.Image, each: dict[str, Any], intensities: dict[str, Any]) -> np.ndarray:
    """(C, S, S) uint8 for an input: upright, transparency over white, square by its rule."""
    size, channels, aspect = each["size"], each["channels"], each["aspect"]
    kernel = Image.Resampling[each["resample"].upper()]
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F" or picture.mode[0] == "I":  # more than 8 bits a sample
        picture = Image.fromarray(eight_bits(np.array(picture), **intensities))
    if picture.mode in ("P", "PA", "LA", "RGBA", "RGBa") or "transparency" in picture.info:
        grey, whole = picture.mode in ("L", "LA"), picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
        picture = picture.convert("L" if grey else "RGB")
    picture = picture.convert("L" if picture.mode == "1" else "RGB" if picture.mode != "L" else "L")
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (size, size) and aspect == "pad":  # whole, in the middle of a black square
        scale = size / max(picture.size)
        inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        page, small = Image.new(picture.mode, (size, size)), picture.resize(inner, kernel)
        page.paste(small, ((size - inner[0]) // 2, (size - inner[1]) // 2))
        picture = page
    elif picture.size != (size, size):
        (w, h), side = picture.size, min(picture.size)
        middle = (w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2
        picture = picture.resize((size, size), kernel, box=middle if aspect == "crop" else None)
    return np.array(picture).reshape(size, size, channels).transpose(2, 0, 1)


def disarmed(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def main() -> None:
    """Write file, class and probabilities of each picture."""
    here = Path(__file__).resolve().parent
    config = json.loads((here / "config.json").read_text(encoding="utf-8"))
    model = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])
    out = csv.writer(sys.stdout)
    classes = [disarmed(each) for each in config["classes"]]
    out.writerow(["file", "class", *classes])
    for name in sys.argv[1:]:
        with Image.open(name) as picture:
            feed = {
                each["name"]: fitted(picture, each, config["intensities"])[None]
                for each in config["inputs"]
            }
            if "icc_profile" in picture.info:
                print(f"{name}: its colour profile is not applied", file=sys.stderr)
        p = model.run(["probabilities"], feed)[0][0]
        numbers = [f"{each:.6f}" for each in p]
        out.writerow([disarmed(name), classes[int(p.argmax())], *numbers])


if __name__ == "__main__":
    main()
