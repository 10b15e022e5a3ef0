"""What a look keeps of DICOM files, worked out of their index."""

import math
from collections import Counter
from collections.abc import Iterator

from sslapp.datasets.dicom.index import DicomIndex
from sslapp.datasets.dicom.things import things, without_text
from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.vocabulary import ImageOf, Slices, Thing


def outlined(
    found: DicomIndex, kept: ImageOf | None = None, seconds: float | None = None
) -> DicomOutline:
    """What a look keeps of an index.

    Args:
        kept: what the project's images are, where it has some.
        seconds: that a picture takes.

    Raises:
        ValueError: when there is no picture.
    """
    instances = found.instances
    if not instances:
        first = [f" The first: {each.name}: {each.reason}" for each in found.refused[:1]]
        raise ValueError(f"No picture is in these DICOM files.{''.join(first)}")
    sizes = sorted({(each.width, each.height) for each in instances}, key=math.prod)
    # of a series all slices are asked about, however many are kept
    wanted = {thing: ImageOf(thing, slices=Slices.ALL) for thing in Thing}
    clean = {thing: without_text(found.series, each) for thing, each in wanted.items()}
    return DicomOutline(
        patients=len({each.patient for each in instances}),
        studies=len({(each.patient, each.study) for each in instances}),
        series=len(found.series),
        instances=len(instances),
        images={thing: len(kept) for thing, (kept, _) in clean.items()},
        with_text={thing: len(left_out) for thing, (_, left_out) in clean.items()},
        taken={thing: len(list(things(found.series, each))) for thing, each in wanted.items()},
        modalities=dict(Counter(each.modality for each in instances).most_common()),
        sizes=dict(Counter(f"{each.width} x {each.height}" for each in instances).most_common()),
        kinds=dict(Counter(each.kind for each in instances).most_common()),
        smallest=sizes[0],
        largest=sizes[-1],
        several=sum(len(each.slices) > 1 for each in instances),
        bytes=sum(each.bytes for each in instances),
        notes=tuple(_notes(found)),
        called=() if kept is None else tuple(each.name for each in things(found.series, kept)),
        seconds=seconds,
    )


def _notes(found: DicomIndex) -> Iterator[str]:
    """What a person should know of how slices lie and of what was mended."""
    gaps = sum(bool(each.order.gaps) for each in found.series)
    if gaps:
        yield f"{gaps:,} series with slices missing between two."
    scouts = sum(len(each.order.scouts) for each in found.series)
    if scouts:
        yield f"Scouts and slices of another plane, which are no middle slice: {scouts:,}."
    numbered = Counter(each.order.note for each in found.series if each.order.note)
    for note, number in numbered.most_common():
        yield f"{number:,} series {note}."
    mended = Counter(note for each in found.instances for note in each.notes)
    for note, number in mended.most_common():
        yield f"Of {number:,} {'file' if number == 1 else 'files'} {note}."
