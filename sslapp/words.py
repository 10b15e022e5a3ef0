"""Numbers and times as a reader says them."""

from datetime import UTC, datetime

from sslapp.review.bounds import clopper_pearson


def duration(seconds: float | None) -> str:
    """ "48 s", "3 min 20 s", "2 h 5 min"; "–" for none."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def remaining(seconds: float | None) -> str:
    """ "about 40 s left"; "" when it cannot be told yet."""
    if seconds is None:
        return ""
    whole = max(round(seconds), 1)
    return f"about {whole} s left" if whole < 10 else f"about {duration(whole)} left"


def percent(share: float) -> str:
    """ "93.1 %"."""
    return f"{100 * share:.1f} %"


def at_least(share: float) -> str:
    """ "93.1 %", rounded down: what is proven is never said too high."""
    return f"{int(share * 1000 + 1e-9) / 10:.1f} %"


def proportion(share: float, judged: int) -> str:
    """ "93.1 % (83.3 to 98.1 %), n = 58": with its exact 95 % interval."""
    return f"{with_interval(share, judged)}, n = {judged}"


def with_interval(share: float, judged: int) -> str:
    """ "93.1 % (83.3 to 98.1 %)", where n stands beside it."""
    low, high = clopper_pearson(round(share * judged), judged)
    return f"{percent(share)} ({100 * low:.1f} to {percent(high)})"


def count(number: int, thing: str) -> str:
    """ "1 label", "1,797 labels"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def roughly(seconds: float) -> str:
    """ "a few seconds", "about 40 s", "about 2 min", "about 3 h": no finer than it is known."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def size(count: float) -> str:
    """Bytes: "812 bytes", "22 kB", "640 MB", "1.4 GB"."""
    if count < 1e6:
        return f"{count:.0f} bytes" if count < 1e3 else f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """ "just now", "12 min ago", "3 h ago", "5 days ago"; beyond a month the date.

    Args:
        moment: UTC without zone, as the database keeps times.
        now: likewise; default: the clock's.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    return f"{count(days, 'day')} ago" if days < 31 else f"{moment:%Y-%m-%d}"
