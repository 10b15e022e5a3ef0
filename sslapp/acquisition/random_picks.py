"""Picks drawn uniformly at random: the yardstick for every other strategy."""

from sslapp.acquisition.state import Pick, Situation

NAME = "random"


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are, drawn without replacement."""
    rows = situation.trainable
    chosen = situation.generator(seed, NAME).choice(rows, min(count, len(rows)), replace=False)
    reason = "Drawn at random from the images without a label."
    return [Pick(int(position), NAME, reason, holdout=False, score=0.0) for position in chosen]
