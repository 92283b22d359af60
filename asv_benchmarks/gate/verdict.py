"""Whether one side is slower than the other, from seconds that were taken in turns.

Noise of a machine that others use too only ever makes a call slower, and comes in bursts. So a side's
time is a low quantile of many brief samples; what looks slow is measured again in other processes, in
which memory lies elsewhere; and only what is too slow there most of the time is slower.
"""

import math

LIMIT = 1.3  # times as slow as the base, above which a benchmark fails
SUSPECT = 1.15  # from which on it is measured again
RERUNS = 3  # at most; an odd number
QUANTILE = 0.1  # of a side's samples


def typical(samples):
    """What a tenth of the samples do not exceed: not the least, which a clock may have got wrong."""
    return sorted(samples)[int(QUANTILE * (len(samples) - 1))]


def slowdown(ours, base):
    """How many times as much ours takes as the base, from samples or counts of either."""
    above, below = typical(ours), typical(base)
    if below <= 0:
        return math.inf if above > 0 else 1.0
    return above / below


def suspicious(ratio):
    """Is it worth measuring again?"""
    return ratio > SUSPECT


def slower(reruns):
    """Was it above the limit in most of the reruns? None as long as one more of them could turn that."""
    above = sum(ratio > LIMIT for ratio in reruns)
    most = RERUNS // 2 + 1
    if above >= most:
        return True
    return False if len(reruns) - above >= most else None
