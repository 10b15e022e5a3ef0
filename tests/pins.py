"""Exact versions of everything that is installed, in constraints.txt: `python tests/pins.py`.

Says which pins are missing, outside the ranges of the requirement files, or not what is installed:
what was tested is then not what a fresh machine gets. `make constraints` resolves all files at
once and writes the pins anew (`--write`, with pip's report on standard input).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-postgres.txt",
    "requirements-networks.txt",
    "requirements-ocr.txt",
)
PINS = "constraints.txt"
HEAD = """\
# What was tested, exactly: every package that requirements*.txt bring, resolved together.
# `make constraints` writes this file; `make check` compares it with the ranges and the environment.
"""


def faults(root: Path = ROOT) -> list[str]:
    """A sentence for each pin that is missing, outside its range, or not installed."""
    pins = pinned(root)
    return [each for name in FILES for each in _unmet(name, root, pins)] + _unequal(pins)


def write(report: Mapping[str, object], root: Path = ROOT) -> int:
    """Write the pins of pip's installation report and return how many there are."""
    installed = [each["metadata"] for each in report["install"]]  # type: ignore[attr-defined]
    lines = sorted(f"{canonicalize_name(each['name'])}=={each['version']}" for each in installed)
    (root / PINS).write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def pinned(root: Path) -> dict[str, str]:
    """Version by package, in the spelling of package indexes."""
    lines = (root / PINS).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def _requirements(path: Path) -> Iterator[Requirement]:
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            yield Requirement(text)


def _unmet(name: str, root: Path, pins: Mapping[str, str]) -> Iterator[str]:
    """Faults of the requirements in a file, and of what the installed ones require in turn."""
    waiting = [(name, each) for each in _requirements(root / name)]
    known = set()
    while waiting:
        by, each = waiting.pop()
        if each.marker is not None and not each.marker.evaluate():
            continue
        package = canonicalize_name(each.name)
        pin = pins.get(package)
        if pin is None:
            yield f"{package} is required by {by} and has no pin. Run `make constraints`."
            continue
        if not each.specifier.contains(pin, prereleases=True):
            yield f"{package}=={pin} is outside {each.specifier} of {by}. Run `make constraints`."
        for extra in {"", *each.extras}:
            if (package, extra) not in known:
                known.add((package, extra))
                waiting += [(package, required) for required in _required(package, extra)]


def _required(package: str, extra: str) -> Iterator[Requirement]:
    try:
        lines = distribution(package).requires or []
    except PackageNotFoundError:
        return  # an extra that is not installed here
    for each in map(Requirement, lines):
        if each.marker is None:
            if not extra:
                yield each
        elif each.marker.evaluate({"extra": extra}):
            yield Requirement(str(each).partition(";")[0])


def _unequal(pins: Mapping[str, str]) -> list[str]:
    found = []
    for package, pin in pins.items():
        try:
            here = distribution(package).version
        except PackageNotFoundError:
            continue
        if here.partition("+")[0] != pin.partition("+")[0]:
            found.append(
                f"{package} {here} is installed and {pin} is pinned. Run `make setup` for the "
                "pinned one, or `make constraints` to pin what is newest in range."
            )
    return found


if __name__ == "__main__":
    if "--write" in sys.argv:
        print(f"{write(json.load(sys.stdin))} packages are pinned.")
    else:
        lines = faults()
        print("\n".join(lines) or "Every package is pinned, in range, and installed as pinned.")
        sys.exit(bool(lines))
