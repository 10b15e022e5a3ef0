"""Numbers that depend on the step alone: learning rate and the memory of averages.

A step k counts from 0; K is the total. Nothing here keeps state, so a resumed run needs none.
"""

import math


def cosine(step: int, total: int, *, warm_up: int = 0) -> float:
    """The factor on the learning rate: cos(7 pi k / 16 K) after a linear warm-up.

    FixMatch (Sohn et al., NeurIPS 2020, section 2.4). It ends at 0.195. With a warm-up of W steps
    the factor is k / W before W and the cosine runs over the K - W steps after it.
    """
    if step < warm_up:
        return step / warm_up
    return max(0.0, math.cos(7 * math.pi * (step - warm_up) / (16 * max(1, total - warm_up))))


def memory(total: int, longest: int = 1000) -> int:
    """Steps an average over a run of `total` steps should remember: a tenth, at most `longest`.

    The field's EMA decay .999 and batch-norm momentum .001 both mean 1,000 steps and were made
    for a million. In a run of 1,000 such averages still consist of their start: an untrained
    network and running statistics of mean 0 and variance 1. A tenth leaves exp(-10) of it.
    """
    return max(1, min(longest, total // 10))
