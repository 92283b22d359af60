"""How often is the number of components found, and how soon? `python -m choosing` in asv_benchmarks/.

select_gmm against scikit-learn's loop over BIC, on generated mixtures: the same grid, seeds and starts, on as many
threads as there are. It takes a minute or two; give it an idle machine.
"""

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np
import sklearn.mixture

from fastmix import select_gmm

from .mixtures import TYPES, generated

SIZES = range(1, 11)


class Outcome(NamedTuple):
    """What somebody has chosen, and how long it took."""

    k: int
    covariance_type: str
    bic: float
    seconds: float


def ours(X, n_init, rounds):
    """select_gmm, several times."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = select_gmm(X, SIZES, TYPES, n_init=n_init, random_state=0)
        seconds.append(time.perf_counter() - began)
    best = found.table_[found.best_index_]
    chosen = best["n_components"], best["covariance_type"], best["bic"]
    return Outcome(*chosen, float(np.median(seconds)))


def theirs(X, n_init):
    """The loop that scikit-learn's users write, once."""
    began, lowest = time.perf_counter(), None
    for k in SIZES:
        for kind in TYPES:
            model = sklearn.mixture.GaussianMixture(
                k, covariance_type=kind, n_init=n_init, random_state=0
            )
            bic = model.fit(X).bic(X)
            if lowest is None or bic < lowest[2]:
                lowest = k, kind, bic
    return Outcome(*lowest, time.perf_counter() - began)


def options(words):
    """What the command was told."""
    parser = argparse.ArgumentParser("python -m choosing", description=__doc__)
    parser.add_argument("--mixtures", type=int, default=10, help="so many of them (10)")
    parser.add_argument("--rows", type=int, default=20_000, help="of each (20000)")
    parser.add_argument("--n-init", type=int, default=1, help="starts of every fit (1)")
    parser.add_argument("--rounds", type=int, default=5, help="of select_gmm, for the median (5)")
    return parser.parse_args(words)


def main(words=None):
    """Choose, and print who found what."""
    told = options(words)
    warnings.simplefilter("ignore")  # not every fit of a grid converges
    ours(generated(0, told.rows).X, told.n_init, rounds=1)  # compiles
    print("   d  truth         fastmix       scikit-learn  seconds of both     ratio")
    found = {"fastmix": 0, "scikit-learn": 0}
    ratios, seconds = [], np.zeros(2)
    for seed in range(told.mixtures):
        X, k, kind = generated(seed, told.rows)
        both = ours(X, told.n_init, told.rounds), theirs(X, told.n_init)
        for name, outcome in zip(found, both, strict=True):
            found[name] += outcome.k == k
        ratios.append(both[1].seconds / both[0].seconds)
        seconds += [outcome.seconds for outcome in both]
        cells = "".join(f"{c:2} {name:<11}" for c, name in [(k, kind), *(o[:2] for o in both)])
        times = "  ".join(f"{outcome.seconds:8.3f}" for outcome in both)
        print(f"{X.shape[1]:4}  {cells}{times}  {ratios[-1]:8.1f}", flush=True)
    counts = ", ".join(f"{name} {count}" for name, count in found.items())
    print(f"\nfound, of {told.mixtures}: {counts}")
    print(
        f"scikit-learn's seconds over fastmix's: {seconds[1] / seconds[0]:.1f} of all, "
        f"{np.median(ratios):.1f} in the middle, {min(ratios):.1f} at least"
    )


if __name__ == "__main__":
    main()
