"""Lossless JPEG files, which Pillow reads and does not write."""

import struct

import numpy as np


def lossless_jpeg(grey: np.ndarray, precision: int = 8) -> bytes:
    """A lossless JPEG (process 14, predictor 1) of (H, W) uint8 or uint16."""
    bits = []
    values = grey.astype(int)
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            guess = row[x - 1] if x else values[y - 1][0] if y else 1 << (precision - 1)
            difference = int(value) - int(guess)
            size = abs(difference).bit_length()
            bits.append(format(size, "05b"))  # the table gives all 17 sizes codes of 5 bits
            if 0 < size < 16:
                low = difference if difference > 0 else difference + (1 << size) - 1
                bits.append(format(low, f"0{size}b"))
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    body = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    height, width = grey.shape
    table = b"\0" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    frame = struct.pack(">BHHBBBB", precision, height, width, 1, 1, 0x11, 0)
    segments = ((0xC4, table), (0xC3, frame), (0xDA, bytes([1, 1, 0, 1, 0, 0])))
    made = b"".join(bytes([0xFF, m]) + struct.pack(">H", len(d) + 2) + d for m, d in segments)
    return b"\xff\xd8" + made + body + b"\xff\xd9"
