"""Pixels: decoding untrusted files, fitting to one size, the two pixel stores, thumbnails."""
