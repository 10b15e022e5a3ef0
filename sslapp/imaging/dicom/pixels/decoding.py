"""Decodes compressed frames: as functions, and as a program that does so for another process.

Some of the decoders end their process over a damaged frame (GDCM: "terminate called after throwing
an instance of 'gdcm::Exception'"), or take any memory that a codestream asks for. As a program this
file imports nothing of sslapp: it is started by its path, reads requests and writes answers, each a
line of JSON with the length of what follows it.
"""

import json
import logging
import sys
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

MOST_MEMORY = 4 * 2**30
"""Bytes of address space of the program: 64 million pixels of three samples, decoded and copied."""


def decoded(frame: bytes, request: dict[str, Any]) -> tuple[NDArray[Any], str]:
    """(H, W) or (H, W, 3) values of a frame, and how its colours are meant after decoding.

    Args:
        frame: a codestream, whose size was compared with the header's.
        request: "syntax", a UID; "plugin", the name of pydicom's decoder, or "gdcm-12" for a JPEG
            of 12 bits; "raw", whether values stay as decoded; "options", of pydicom's decoders.

    Raises:
        Exception: of nearly any kind when the frame is damaged.
    """
    if request["plugin"] == "gdcm-12":
        return _of_twelve_bits(frame, request["syntax"], request["options"]), ""
    values, facts = get_decoder(request["syntax"]).as_array(
        encapsulate([frame], has_bot=False),
        index=0,
        raw=request["raw"],
        decoding_plugin=request["plugin"],
        **request["options"],
    )
    return values, str(facts["photometric_interpretation"])


def _of_twelve_bits(frame: bytes, syntax: str, options: dict[str, Any]) -> NDArray[np.uint16]:
    """A grey JPEG of 12 bits (extended, process 4): GDCM decodes it, and pydicom never asks it."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((options["columns"], options["rows"], 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    # GDCM gives a char* as text
    values = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), "<u2")
    return values[: options["rows"] * options["columns"]].reshape(
        options["rows"], options["columns"]
    )


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        frame = requests.read(request["length"])
        try:
            values, photometric = decoded(frame, request)
            content = np.ascontiguousarray(values).tobytes()
        except Exception as error:  # decoders have no common base of theirs
            answer: dict[str, Any] = {"error": type(error).__name__}
            content = b""
        else:
            answer = {
                "dtype": values.dtype.str,
                "shape": values.shape,
                "photometric": photometric,
            }
        head = json.dumps({**answer, "length": len(content)}).encode("ascii")
        answers.write(head + b"\n" + content)
        answers.flush()


if __name__ == "__main__":
    import resource

    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)
