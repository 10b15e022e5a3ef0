"""How methods did on labels that their fits were not taught, held against the ensemble of heads.

Choosing the best of several on few labels is a lottery, so another is named only where the same
labels part it from the ensemble: by the exact McNemar test's interval, widened for the number of
methods that were tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sslapp.review.bounds import Interval, clopper_pearson
from sslapp.vocabulary import Gear

ALPHA = 0.05
"""Probability that any method is named which is no better than the ensemble."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One method, asked about n labels that the fit which answers was not taught.

    Attributes:
        encoders: whose features it saw; none in the pixels gear.
        judged, right: n, and how many of them it was right about.
        only_this, only_ensemble: labels that only it, or only the ensemble, was right about; both
            were asked after fits on the same other labels. 0 for the ensemble itself.
        groups_this, groups_ensemble: groups (patients) in which the one or the other was right
            about more labels: a patient's images are no independent witnesses. Where nothing is
            grouped, as the labels.
        seconds: of its fits.
        config: options in which its fits differed from the method's own.
    """

    method: str
    gear: Gear
    encoders: tuple[str, ...]
    judged: int
    right: int
    only_this: int
    only_ensemble: int
    groups_this: int
    groups_ensemble: int
    seconds: float
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Share right; 0 where nothing was judged."""
        return self.right / self.judged if self.judged else 0.0

    @property
    def difference(self) -> float:
        """Its accuracy minus the ensemble's."""
        return (self.only_this - self.only_ensemble) / self.judged if self.judged else 0.0

    def interval(self, alpha: float = ALPHA) -> Interval:
        """Of the difference, two-sided: exact, given on how many labels and groups they differ."""
        if not self.judged:
            return Interval(-1.0, 1.0)
        groups = self.groups_this + self.groups_ensemble
        of_them = clopper_pearson(self.groups_this, groups, alpha)
        share = (self.only_this + self.only_ensemble) / self.judged
        return Interval(*(share * (2 * end - 1) for end in of_them))

    def row(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {**asdict(self), "encoders": list(self.encoders), "config": dict(self.config)}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """What `row` wrote."""
        return cls(**{**row, "gear": Gear(row["gear"]), "encoders": tuple(row["encoders"])})


def widened(trials: Sequence[Trial]) -> float:
    """The alpha of each interval, so that all of them together err with ALPHA (Bonferroni)."""
    return ALPHA / max(len(trials) - 1, 1)


def parted(trials: Sequence[Trial], gear: Gear | None = None) -> Trial | None:
    """The method that is better than the ensemble by more than chance, the best if several are.

    Args:
        trials: the ensemble first; all that were tried, whatever is asked for.
        gear: only one that runs in it.
    """
    alpha = widened(trials)
    better = [
        each for each in trials[1:] if gear in (None, each.gear) and each.interval(alpha).lower > 0
    ]
    return max(better, key=lambda each: each.difference) if better else None
