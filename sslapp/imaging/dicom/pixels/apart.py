"""Frames decoded in other processes, which may die over one without anything else."""

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

MOST = min(4, os.cpu_count() or 1)
"""Processes at once; each takes some 100 MB."""

LONGEST = 60.0
"""Seconds that a frame may take."""

_PROGRAM = Path(__file__).with_name("decoding.py")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class DecoderFailed(ValueError):
    """A frame that a decoder refused, or died over."""


class _Decoder:
    """A process that decodes; it ends with the end of its input, at the latest with this one."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders write what they like there
            start_new_session=True,  # an interrupt of this process is none of its business
            env={**os.environ, **_ONE_THREAD},
        )

    def ask(self, frame: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer's head and content.

        Raises:
            DecoderFailed: when the process ended over it; it is of no more use then.
        """
        requests = cast(BinaryIO, self.process.stdin)
        answers = cast(BinaryIO, self.process.stdout)
        watch = threading.Timer(LONGEST, self.process.kill)
        watch.daemon = True
        watch.start()
        try:
            head = json.dumps({**request, "length": len(frame)}).encode("ascii")
            requests.write(head + b"\n" + frame)
            requests.flush()
            answer = json.loads(answers.readline() or b"{}")
            content = answers.read(answer.get("length", 0))
        except (OSError, ValueError) as error:
            raise DecoderFailed("the decoder ended") from error
        finally:
            watch.cancel()
        if not answer:
            raise DecoderFailed("the decoder ended")
        return answer, content

    def end(self) -> None:
        self.process.kill()
        with self.process:
            pass


_idle: "queue.LifoQueue[_Decoder]" = queue.LifoQueue()
_turns = threading.BoundedSemaphore(MOST)


@atexit.register
def end_decoders() -> None:
    """End the processes that wait; the next frame starts another."""
    while not _idle.empty():
        _idle.get_nowait().end()


def decoded_apart(frame: bytes, request: dict[str, Any]) -> tuple[NDArray[Any], str]:
    """What `decoding.decoded` makes of a frame, made by another process.

    Threads may call it; beyond MOST of them they wait. Processes are kept for the next frames.

    Raises:
        DecoderFailed: when the frame is damaged, or takes longer than LONGEST.
    """
    with _turns:
        decoder = _a_decoder()
        try:
            answer, content = decoder.ask(frame, request)
        except BaseException:
            decoder.end()
            raise
        _idle.put(decoder)
    if "error" in answer:
        raise DecoderFailed(answer["error"])
    values = np.frombuffer(content, answer["dtype"]).reshape(answer["shape"])
    return values, answer["photometric"]


def _a_decoder() -> _Decoder:
    """An idle one that still lives, or a new one."""
    while True:
        try:
            decoder = _idle.get_nowait()
        except queue.Empty:
            return _Decoder()
        if decoder.process.poll() is None:
            return decoder
        decoder.end()
