"""Images most like the words for a class, each class in its turn: a first order before any round.

The words are the project's prompts (Radford et al., ICML 2021: "a photo of a dog"), read by the
encoder that made the features. They order images and are never a label. Nothing of what they found
reaches the reader, neither which class an image was taken for nor how much it is like its words, so
labels stay blind; classes take turns in an order drawn anew, or the turn would tell the class.
"""

import numpy as np

from sslapp.acquisition.state import Pick, Situation

NAME = "zero-shot"
REASON = "Among the images most like the words for one of the classes."


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are, those first that are most like one class and
    least like the others.

    Raises:
        ValueError: when nobody has compared the images with words.
    """
    if situation.likeness is None:
        raise ValueError(
            'The strategy "zero-shot" needs images embedded with an encoder that reads text. '
            "Embed them with one of open_clip, or choose another strategy."
        )
    rows = situation.compared(seed)
    lead = _lead(situation.likeness[rows])
    order = [rows[np.lexsort((rows, -column))].tolist() for column in lead.T]
    scores = dict(zip(rows.tolist(), lead.max(axis=1).tolist(), strict=True))
    generator, taken = situation.generator(seed, NAME), dict[int, None]()
    places = np.zeros(len(order), dtype=np.int64)
    while len(taken) < min(count, len(rows)):
        for column in generator.permutation(len(order)):
            while places[column] < len(rows) and order[column][places[column]] in taken:
                places[column] += 1
            if places[column] < len(rows):
                taken[order[column][places[column]]] = None
    return [Pick(each, NAME, REASON, holdout=False, score=scores[each]) for each in taken][:count]


def _lead(likeness: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> np.ndarray:
    """(n, C): by how much an image is more like a class than like the likest of the others."""
    if likeness.shape[1] < 2:
        return likeness
    best = np.argmax(likeness, axis=1)
    second = np.partition(likeness, -2, axis=1)[:, -2]
    most = likeness[np.arange(len(likeness)), best]
    rival = np.repeat(most[:, None], likeness.shape[1], axis=1)
    rival[np.arange(len(likeness)), best] = second
    return likeness - rival
