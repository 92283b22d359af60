"""The best of several runs of a mixture from different starts."""

import time
from collections.abc import Callable

import numpy as np

from fastmix.engine.results import MixtureInit, MixtureResult
from fastmix.engine.watch import Interrupted
from fastmix.engine.whitening import RunError


def best_of(
    n_runs: int, run: Callable[[], MixtureResult], verbose: int = 0
) -> tuple[MixtureResult, list[MixtureInit]]:
    """The run of the greatest bound, the first among equals, and a record of each.

    Raises
    ------
    RunError
        If every run failed: the error of the first.
    Interrupted
        If Ctrl-C has ended the passes of a run: with what there is, this one included.
    """
    best: MixtureResult | None = None
    records: list[MixtureInit] = []
    failure: RunError | None = None
    ended: Interrupted | None = None
    for number in range(n_runs):
        clock = time.perf_counter()
        if verbose:
            print(f"Initialization {number}")
        try:
            found = run()
        except Interrupted as error:
            if not isinstance(error.found, MixtureResult):  # in a start
                raise KeyboardInterrupt(*error.args) from None
            found, ended = error.found, error
        except RunError as error:
            failure = failure or error
            records.append(MixtureInit(0, False, -np.inf, [], False, str(error)))
            continue
        if verbose:
            _report(found, time.perf_counter() - clock, verbose)
        history = list(found.history)
        records.append(
            MixtureInit(
                found.n_iter, found.converged, found.bound, history, False, None, found.events
            )
        )
        if best is None or found.bound > best.bound:
            best, place = found, number
        if ended:
            break
    if best is None:
        assert failure is not None  # n_runs >= 1
        raise failure
    records[place] = records[place]._replace(best=True)
    if ended:
        raise Interrupted((best, records), *ended.args)
    return best, records


def _report(found: MixtureResult, seconds: float, verbose: int) -> None:
    how = "converged" if found.converged else "did not converge"
    more = f" time lapse {seconds:.5f}s\t lower bound {found.bound:.5f}."
    print(f"Initialization {how}.{more if verbose > 1 else ''}")
