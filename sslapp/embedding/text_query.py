"""Turn a sentence into a vector in a process of its own: `python -m sslapp.embedding.text_query`.

The application never loads torch, and a sentence now and then is not worth a process that stays.
The text comes on standard input, the vector goes to standard output as float32; an error is one
line on standard error and exit status 1.
"""

import os
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TIMEOUT = 120.0
"""Seconds for loading torch and a model and encoding one sentence, on a machine that trains."""

LONGEST = 300

_one_at_a_time = threading.Lock()  # each process holds a whole model


def text_vector(weights: Path, text: str) -> NDArray[np.float32]:
    """Return (D,) float32 of length 1 for a sentence; the same question is answered from memory.

    Raises:
        ValueError: for an empty or endless text, or when the model cannot be used.
    """
    text = " ".join(text.split())
    if not 1 <= len(text) <= LONGEST:
        raise ValueError(f"Describe the images in 1 to {LONGEST} characters.")
    found = weights.stat()
    with _one_at_a_time:
        answer = _ask(str(weights), found.st_mtime_ns, found.st_size, text)
    return np.frombuffer(answer, dtype="<f4")


@lru_cache(maxsize=256)
def _ask(weights: str, changed: int, size: int, text: str) -> bytes:
    # the file's time and size are in the key: other weights are another answer
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sslapp.embedding.text_query", weights],
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
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
        vector = encode_text(Path(sys.argv[1]), sys.stdin.buffer.read().decode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(np.ascontiguousarray(vector, dtype="<f4").tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
