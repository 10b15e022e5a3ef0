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
        terms: where the terms of the licence are, if somebody must accept them first.
        needs: packages without which it cannot be opened.
    """

    title: str
    good_for: str
    licence: str
    megabytes: int
    dimensions: int
    side: int
    terms: str = ""
    needs: tuple[str, ...] = ()

    @property
    def ask(self) -> bool:
        """Whether somebody must accept the licence first."""
        return bool(self.terms)


_DINOV3_TERMS = "https://ai.meta.com/resources/models-and-libraries/dinov3-license/"

CURATED: Mapping[str, CuratedEncoder] = MappingProxyType(
    {
        "open_clip:ViT-B-32/laion2b_s34b_b79k": CuratedEncoder(
            "CLIP ViT-B/32",
            "Photographs, and searching them by text; the quickest of the CLIP models.",
            licence="mit",
            megabytes=605,
            dimensions=512,
            side=224,
        ),
        "open_clip:ViT-L-14/openai": CuratedEncoder(
            "CLIP ViT-L/14",
            "Photographs, and searching them by text; the features that Diff-SySC was shown with.",
            licence="mit",
            megabytes=1710,
            dimensions=768,
            side=224,
        ),
        "open_clip:ViT-B-16-SigLIP2/webli": CuratedEncoder(
            "SigLIP 2 ViT-B/16",
            "Photographs; searched by text in many languages where transformers is installed.",
            licence="apache-2.0",
            megabytes=1535,
            dimensions=768,
            side=224,
        ),
        "timm:vit_small_patch14_dinov2.lvd142m": CuratedEncoder(
            "DINOv2 ViT-S/14",
            "Shapes and textures of any kind, learned without text; slow without a GPU.",
            licence="apache-2.0",
            megabytes=88,
            dimensions=384,
            side=518,
        ),
        "timm:vit_base_patch14_dinov2.lvd142m": CuratedEncoder(
            "DINOv2 ViT-B/14",
            "As the small one and finer; made for a GPU.",
            licence="apache-2.0",
            megabytes=346,
            dimensions=768,
            side=518,
        ),
        "timm:vit_small_patch16_dinov3.lvd1689m": CuratedEncoder(
            "DINOv3 ViT-S/16",
            "Shapes and textures of any kind, learned without text; reads small images.",
            licence="dinov3-license",
            megabytes=86,
            dimensions=384,
            side=256,
            terms=_DINOV3_TERMS,
        ),
        "timm:vit_base_patch16_dinov3.lvd1689m": CuratedEncoder(
            "DINOv3 ViT-B/16",
            "As the small one and finer; better with a GPU.",
            licence="dinov3-license",
            megabytes=343,
            dimensions=768,
            side=256,
            terms=_DINOV3_TERMS,
        ),
        "open_clip:hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224": CuratedEncoder(
            "BiomedCLIP",
            "Figures of medical articles, radiographs and microscopy among them; searched by text.",
            licence="mit",
            megabytes=784,
            dimensions=512,
            side=224,
            needs=("transformers",),
        ),
    }
)
"""By name, in the order in which a page offers them."""
