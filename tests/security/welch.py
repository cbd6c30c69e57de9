"""Whether two lists of times tell their kinds apart: Welch's test on what is left without outliers."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, variance
from typing import Final

TRIMMED: Final = 0.1
"""The slowest part of each list is left out: a busy machine stretches single samples at will."""


def trimmed(times: Sequence[float]) -> list[float]:
    """A list of times without its slowest part."""
    return sorted(times)[: len(times) - int(len(times) * TRIMMED)]


def likelihood(first: Sequence[float], second: Sequence[float]) -> float:
    """How likely it is (p, two-sided) that two lists of times so different have one mean.

    Student's distribution at the degrees of freedom of some hundred samples is the normal one to
    the second digit, which is what a threshold of 0.01 needs.
    """
    one, other = trimmed(first), trimmed(second)
    error = sqrt(variance(one) / len(one) + variance(other) / len(other))
    return 2 * NormalDist().cdf(-abs(fmean(one) - fmean(other)) / error)
