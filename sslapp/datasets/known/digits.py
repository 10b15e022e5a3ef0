"""The digits of scikit-learn: 1,797 images of 8 x 8 pixels that are always there.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998.
"""

import numpy as np

from sslapp.datasets.arrays.parts import ArraySource, Part, in_memory
from sslapp.datasets.known.card import Announced, KnownSet, Outline
from sslapp.vocabulary import Split


def digits_source() -> ArraySource:
    """1,797 x (8, 8) uint8, 10 classes; 17 grey levels 0..16 become 0..255. All are pool."""
    # scikit-learn takes a second to import, which a command like `sslapp status` must not pay
    from sklearn.datasets import load_digits

    data = load_digits()
    part = Part(
        name="digits",
        split=Split.POOL,
        count=len(data.images),
        labels=data.target.astype(np.int64),
        blocks=in_memory(np.rint(data.images * 255 / 16).astype(np.uint8)),
    )
    return ArraySource("digits", [str(name) for name in data.target_names], [part])


_HELD = Announced(pool=1797, test=0, classes=10, pixels=(8, 8), colour=False)

DIGITS = KnownSet(
    name="digits",
    title="Handwritten digits",
    about="1,797 grey images of 8 x 8 pixels, 10 classes, that come with scikit-learn; there in "
    "seconds.",
    licence="CC BY 4.0",
    layout="",
    announced=_HELD,
    read=lambda known, root: digits_source(),
    sketch=lambda known, root: Outline(
        shares=digits_source().shares(), pixels=_HELD.pixels, kind=_HELD.kind
    ),
)
