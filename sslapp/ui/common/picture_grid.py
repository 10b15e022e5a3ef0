"""Many small pictures of images in one payload; a click opens one at full size in a new tab."""

import base64
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.common import addresses, browser_component
from sslapp.usecases.access import Access
from sslapp.usecases.images.pictures import image_hashes, thumbnails

SHOWN = 60
"""Pictures shown at most; the caption says how many there are."""

HEIGHT, ROOM = 400, 16
"""Pixels, and how many pictures surely fit into them; more scroll."""

_grid = browser_component.declare(
    "sslapp_picture_grid",
    "common/picture_grid.js",
    html="common/picture_grid.html",
    styles=("common/picture_grid.css",),
)


def show(
    access: Access,
    project_id: int,
    positions: NDArray[np.int64],
    lines: Sequence[str],
    *,
    key: str,
) -> None:
    """Draw the first SHOWN pictures in the order given.

    Args:
        positions: (n,) images.
        lines: n, one under each picture; the text is shown as it is.
    """
    chosen = positions[:SHOWN]
    pictures = [
        {
            "source": f"data:image/png;base64,{base64.b64encode(each).decode('ascii')}",
            "address": addresses.of_image(access, project_id, position, image),
            "name": f"image {position}",
            "line": line,
        }
        for each, position, image, line in zip(
            thumbnails(access, project_id, chosen),
            chosen.tolist(),
            image_hashes(access, project_id, chosen),
            lines,
            strict=False,
        )
    ]
    with st.container(height=HEIGHT if len(pictures) > ROOM else "content", border=False):
        _grid(data={"pictures": pictures}, key=key)
    if len(positions) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(positions):,}.")
