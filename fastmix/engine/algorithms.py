"""The k-means algorithms by name.

An algorithm is four verbs over a state of its own:

    start(rows, centers, earlier) -> state          of an earlier run on these rows; it was None at first
    assign(rows, centers, state) -> KMeansTotals    labels every row and adds it up
    move(state, centers, shift) -> None             centers have moved by shift (k,) to centers (k, d)
    inspect(rows, centers, state, each) -> Inspection    distances from the centers of the last assign, or
                                                         with each=False only their sum

`state` offers the name of the algorithm (and the reason, where it was chosen), labels (>= n,),
measured, the numbers of distances that the passes have computed, and order (n,): the numbers of the rows of
X in the order in which `start` has left the tiles, or None where they stay. A later run finds them there:
what a state knows of the rows alone is not asked for twice. All algorithms give Lloyd's labels, centers and
n_iter_, bit for bit.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

from fastmix.engine import auto, filtering, hamerly, lloyd, mixed_precision, quantized
from fastmix.engine.results import AnyRows, Array, Floats, Inspection, KMeansTotals


class Algorithm(NamedTuple):
    """The four verbs."""

    start: Callable[..., Any]
    assign: Callable[[AnyRows, Array, Any], KMeansTotals]
    move: Callable[[Any, Array, Floats], None]
    inspect: Callable[..., Inspection]


ALGORITHMS = {
    "lloyd": Algorithm(lloyd.start, lloyd.assign, lloyd.move, lloyd.inspect),
    "hamerly": Algorithm(hamerly.start, hamerly.assign, hamerly.move, hamerly.inspect),
    "filtering": Algorithm(filtering.start, filtering.assign, filtering.move, filtering.inspect),
    "quantized": Algorithm(quantized.start, quantized.assign, quantized.move, quantized.inspect),
    "mixed_precision": Algorithm(
        mixed_precision.start, mixed_precision.assign, mixed_precision.move, mixed_precision.inspect
    ),
    "auto": Algorithm(auto.start, auto.assign, auto.move, auto.inspect),
}
# Elkan's algorithm gives the result of Lloyd's, by scikit-learn's contract; its (n, k) bounds cost more
# than they save here.
SYNONYMS = {"elkan": "lloyd"}


def named(name: str) -> Algorithm:
    """The algorithm of that name."""
    return ALGORITHMS[SYNONYMS.get(name, name)]


@singledispatch
def algorithm_of(rows: AnyRows, name: str) -> Algorithm:
    """The algorithm of that name, or the only one for such rows."""
    return named(name)
