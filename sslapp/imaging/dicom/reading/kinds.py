"""DICOM objects in which no picture is, by SOP class (PS3.4, table B.5-1) or by modality."""

_STORED = "1.2.840.10008.5.1.4.1.1."
_CLASSES = {
    "1.2.840.10008.1.3.10": "a DICOMDIR, a list of files",
    "1.2.840.10008.5.1.4.38": "a hanging protocol",
    "1.2.840.10008.5.1.4.39": "a colour palette",
    "1.2.840.10008.5.1.4.43": "an implant template",
    "1.2.840.10008.5.1.4.44": "an implant template",
    "1.2.840.10008.5.1.4.45": "an implant template",
    "1.2.840.10008.5.1.4.34": "a worklist entry",
    f"{_STORED}9": "a waveform",
    f"{_STORED}11": "a presentation state",
    f"{_STORED}30": "a parametric map",
    f"{_STORED}66": "raw data",
    f"{_STORED}66.1": "a spatial registration",
    f"{_STORED}66.2": "a list of fiducials",
    f"{_STORED}66.3": "a spatial registration",
    f"{_STORED}66.4": "a segmentation",
    f"{_STORED}66.5": "a segmentation",
    f"{_STORED}66.6": "a result of tractography",
    f"{_STORED}66.7": "a segmentation",
    f"{_STORED}67": "a mapping to real world values",
    f"{_STORED}77.1.6": "a whole slide microscopy image in tiles, which are not put together",
    f"{_STORED}88": "a structured report",
    f"{_STORED}88.59": "a key object selection",
    f"{_STORED}104": "an encapsulated document",
    f"{_STORED}481": "an RT object",
    f"{_STORED}481.2": "an RT dose",
    f"{_STORED}481.3": "an RT structure set",
    f"{_STORED}481.4": "an RT treatment record",
    f"{_STORED}481.5": "an RT plan",
    f"{_STORED}481.6": "an RT treatment record",
    f"{_STORED}481.7": "an RT treatment record",
    f"{_STORED}481.8": "an RT plan",
    f"{_STORED}481.9": "an RT treatment record",
}
_IMAGES = (f"{_STORED}481.1", f"{_STORED}481.23")
"""Of which the classes above say otherwise: RT images."""

_MODALITIES = {
    "SR": "a structured report",
    "PR": "a presentation state",
    "KO": "a key object selection",
    "DOC": "an encapsulated document",
    "REG": "a spatial registration",
    "SEG": "a segmentation",
    "RTDOSE": "an RT dose",
    "RTPLAN": "an RT plan",
    "RTSTRUCT": "an RT structure set",
    "RTRECORD": "an RT treatment record",
    "ECG": "a waveform",
    "HD": "a waveform",
}


def without_picture(sop_class: str, modality: str) -> str | None:
    """What an object is in which no picture is, in words; None where one may be.

    Args:
        sop_class: its UID; "" where the file says none.
        modality: as in (0008,0060); asked where the class is not known.
    """
    if sop_class in _IMAGES:
        return None
    parts = sop_class.split(".")
    for length in range(len(parts), 5, -1):
        found = _CLASSES.get(".".join(parts[:length]))
        if found is not None:
            return found
    return None if sop_class.startswith(_STORED) else _MODALITIES.get(modality)
