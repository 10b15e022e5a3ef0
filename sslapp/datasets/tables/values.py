"""Typed cells as the text that a person reads in them."""

import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

_DIGITS = 15
"""Significant digits that spreadsheets show of a number."""


def as_text(value: Any) -> str:
    """What a person reads in a cell.

    Whole numbers have no point, numbers at most 15 digits, dates are ISO and without a time at
    midnight, what is missing is "". Values of a list are joined by "|", others are JSON.
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float() | np.floating() | Decimal():
            text = _number(value)
        case datetime() if value.time() == time() and value.tzinfo is None:
            text = value.date().isoformat()
        case datetime():
            text = value.isoformat(sep=" ")
        case date() | time():
            text = value.isoformat()
        case list() if not any(isinstance(each, list | dict) for each in value):
            text = "|".join(map(as_text, value))
        case list() | dict():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    return text


def _number(value: float | np.floating[Any] | Decimal) -> str:
    if math.isnan(value):
        return ""
    if isinstance(value, np.floating):
        value = float(str(value))  # 0.1 of 32 bits is read as 0.1
    if math.isfinite(value) and value == int(value) and abs(value) < 10**_DIGITS:
        return str(int(value))
    return str(value) if isinstance(value, Decimal) else f"{value:.{_DIGITS}g}"
