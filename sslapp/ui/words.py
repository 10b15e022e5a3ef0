"""Numbers and times as a reader says them."""

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


def proportion(share: float, judged: int) -> str:
    """ "93.1 % (83.3 to 98.1 %), n = 58": with its exact 95 % interval."""
    low, high = clopper_pearson(round(share * judged), judged)
    return f"{percent(share)} ({100 * low:.1f} to {percent(high)}), n = {judged}"


def count(number: int, thing: str) -> str:
    """ "1 label", "1,797 labels"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
