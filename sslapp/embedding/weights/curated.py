"""The encoders of the hub that a page offers; others are named on the command line.

Sizes and dimensions were read where the weights are kept; a test holds the names against what the
installed libraries list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class CuratedEncoder:
    """One line of the list.

    Attributes:
        title: how a page calls it.
        good_for: one sentence that helps to choose.
        licence: of the weights, as the hub names it.
        megabytes: about, of what is fetched.
        dimensions: of its vectors.
        side: pixels of the images it reads.
        ask: the licence has terms that somebody must accept first; `terms` is where they are.
    """

    title: str
    good_for: str
    licence: str
    megabytes: int
    dimensions: int
    side: int
    ask: bool = False
    terms: str = ""


CURATED: Mapping[str, CuratedEncoder] = MappingProxyType(
    {
        "open_clip:ViT-B-32/laion2b_s34b_b79k": CuratedEncoder(
            "CLIP ViT-B/32",
            "Photographs, searched by describing them; the quickest of the CLIP models.",
            licence="mit",
            megabytes=605,
            dimensions=512,
            side=224,
        ),
        "open_clip:ViT-L-14/openai": CuratedEncoder(
            "CLIP ViT-L/14",
            "Photographs and text by OpenAI's own weights, which Diff-SySC was published with.",
            licence="mit",
            megabytes=1711,
            dimensions=768,
            side=224,
        ),
    }
)
"""By name, in the order in which a page offers them."""
