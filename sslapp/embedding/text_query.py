"""Turn sentences into vectors in a process of its own: `python -m sslapp.embedding.text_query`.

The application never loads torch, and a sentence now and then is not worth a process that stays.
Sentences come on standard input, a line each, and their vectors go to standard output as float32;
an error is one line on standard error and exit status 1.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TIMEOUT = 120.0
"""Seconds for loading torch and a model and encoding a few sentences, on a machine that trains."""

LONGEST = 300

_one_at_a_time = threading.Lock()  # each process holds a whole model


def text_vectors(weights: Path, version: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (n, D) float32 of length 1, one row a sentence; the same question is answered from
    memory.

    Args:
        weights: of an encoder that reads text.
        version: tells them from others that lay in the same place.
        texts: n >= 1 sentences.

    Raises:
        ValueError: for an empty or endless text, or when the model cannot be used.
    """
    asked = tuple(" ".join(each.split()) for each in texts)
    if not all(1 <= len(each) <= LONGEST for each in asked):
        raise ValueError(f"Describe the images in 1 to {LONGEST} characters.")
    with _one_at_a_time:
        answer = _ask(str(weights), version, asked)
    return np.frombuffer(answer, dtype="<f4").reshape(len(asked), -1)


@lru_cache(maxsize=256)
def _ask(weights: str, version: str, texts: tuple[str, ...]) -> bytes:
    # the version is in the key: other weights are another answer
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sslapp.embedding.text_query", weights],
            input="\n".join(texts).encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"The text was not understood within {TIMEOUT:.0f} s. Try again when no round trains."
        ) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ValueError(f"The text could not be encoded: {lines[-1]}")
    return done.stdout


def main() -> int:
    """Encode what comes on standard input with the weights named on the command line."""
    from sslapp.embedding.open_clip_encoder import encode_text

    try:
        texts = sys.stdin.buffer.read().decode().splitlines()
        vectors = encode_text(Path(sys.argv[1]), texts)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
