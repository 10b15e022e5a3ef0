"""Exact neighbours by FAISS: how long among a million rows, and are they the true ones?"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from gpu_setting import Setting
from gpu_table import Row, timed
from numpy.typing import NDArray
from step_time import PRODUCT
from torch.nn import functional

from sslapp.embedding.index import NeighbourIndex

PART = "FAISS"
K = 10
CHECKED = 64
"""Queries whose neighbours are looked for in float64 as well."""

AT_ONCE = 50_000


def search(setting: Setting) -> Iterator[Row]:
    """Build an index of random rows, search it, and look whether what it says is true."""
    setting.planned()
    import faiss

    on_gpu = setting.device.type == "cuda"
    if on_gpu and not faiss.get_num_gpus():
        raise RuntimeError("FAISS finds no GPU. Install faiss-gpu, for the driver that is here.")
    count, width, asked = (2000, 32, 128) if setting.small else (1_000_000, 512, 4096)
    rows = _random(setting.device, count, width)
    queries = _random(setting.device, asked, width, seed=1)

    free = _free(setting.device)
    began = time.perf_counter()
    index = NeighbourIndex(rows)
    index.search(queries[:1], K)
    kind = type(index._whole).__name__
    yield timed(
        PART,
        f"index of {count:,} x {width}",
        time.perf_counter() - began,
        memory=free - _free(setting.device) if on_gpu else None,
        note=kind,
        problem="the rows are not on the GPU" if on_gpu and not kind.startswith("Gpu") else "",
    )
    # a product and a look at every row, as few as there can be
    floor = setting.floor(2.0 * asked * count * width, rows.nbytes, "float32", (PRODUCT,))
    members = np.arange(count, dtype=np.int64)
    prepared = index._prepared(queries)
    for what, work in (
        (f"{asked:,} queries, k {K}, candidates alone", lambda: index._near(prepared, members, K)),
        (f"{asked:,} queries, k {K}, ranked in float64", lambda: index.search(queries, K)),
    ):
        seconds = _fastest(work)
        yield timed(
            PART,
            what,
            seconds,
            floor,
            memory=free - _free(setting.device) if on_gpu else None,
            note=f"{asked / seconds:,.0f} queries/s",
        )
    began = time.perf_counter()
    _, found = index.search(queries[:CHECKED], K)
    truth = nearest(torch.from_numpy(rows), torch.from_numpy(queries[:CHECKED]), setting.device)
    right = float((found == truth).mean())
    row = timed(PART, f"{CHECKED} queries in float64, by torch", time.perf_counter() - began)
    yield _checked(row, right)


def nearest(rows: torch.Tensor, queries: torch.Tensor, device: torch.device) -> NDArray[np.int64]:
    """(q, K) positions of the rows with the largest cosine similarity, in float64."""
    q = functional.normalize(queries.to(device, torch.float64), dim=1)
    parts = [
        q @ functional.normalize(part.to(device, torch.float64), dim=1).T
        for part in rows.split(AT_ONCE)
    ]
    return torch.cat(parts, dim=1).topk(K, dim=1).indices.cpu().numpy()


def _checked(row: Row, right: float) -> Row:
    told = f"{right:.2%} of the neighbours are the same"
    return replace(row, note=told) if right == 1 else replace(row, problem=told)


def _random(device: torch.device, count: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    generator = torch.Generator(device).manual_seed(seed)
    made = torch.randn(count, width, device=device, generator=generator).cpu().numpy()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return made


def _free(device: torch.device) -> int:
    """Bytes of the device that nobody holds: FAISS asks torch for none."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _fastest(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
