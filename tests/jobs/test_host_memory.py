"""Memory is kept while a job computes and given back after it."""

import os
import platform
import subprocess
import sys

import pytest

from sslapp.jobs import host_memory

SCRIPT = """
import mmap
import numpy as np
from sslapp.jobs.host_memory import freed_memory_kept

SIZE = 200 << 20

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * mmap.PAGESIZE

def take_and_free():
    np.ones(SIZE, np.uint8)

take_and_free()
before = resident()
with freed_memory_kept():
    take_and_free()
    inside = resident()
after = resident()
take_and_free()
again = resident()
print(*((figure - before) / SIZE for figure in (inside, after, again)))
"""

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told to keep memory"
)


@pytest.mark.slow
@glibc
def test_freed_memory_stays_inside_the_block_and_goes_back_at_its_end():
    # in a process of its own: this one's heap holds whatever other tests left in it
    inside, after, again = map(float, _printed(SCRIPT).split())
    assert inside > 0.9
    assert after < 0.1
    assert again < 0.1, "the setting outlived the block"


@pytest.mark.slow
@glibc
def test_an_error_gives_the_memory_back_too():
    raising = SCRIPT.replace(
        "with freed_memory_kept():\n    take_and_free()\n    inside = resident()",
        "inside = before\n"
        "try:\n"
        "    with freed_memory_kept():\n"
        "        take_and_free()\n"
        "        inside = resident()\n"
        "        raise RuntimeError\n"
        "except RuntimeError:\n"
        "    pass",
    )
    inside, after, again = map(float, _printed(raising).split())
    assert inside > 0.9
    assert after < 0.1
    assert again < 0.1


def test_a_c_library_without_the_call_is_left_alone(monkeypatch):
    monkeypatch.setattr(host_memory.ctypes, "CDLL", lambda name: object())
    ran = []
    with host_memory.freed_memory_kept():
        ran.append(True)
    assert ran == [True]


def _printed(script: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout
