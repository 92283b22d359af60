"""The k-means algorithms by name, and which one 'auto' takes.

An algorithm is four verbs over a state of its own:

    start(rows, centers) -> state
    assign(rows, centers, state) -> KMeansTotals    labels every row and adds it up
    move(state, centers, shift) -> None             centers have moved by shift (k,) to centers (k, d)
    inspect(rows, centers, state) -> Inspection     distances from the centers of the last assign

`state` offers labels (n_tiles * R,), and order (n,): the numbers of the rows of X in the order in which
`start` has left the tiles, or None where they stay. All algorithms give Lloyd's labels, centers and
n_iter_, bit for bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from fastmix.engine import filtering, hamerly, lloyd
from fastmix.engine.results import AnyRows, Array, Floats, Inspection, KMeansTotals


class Algorithm(NamedTuple):
    """The four verbs."""

    start: Callable[[AnyRows, Array], Any]
    assign: Callable[[AnyRows, Array, Any], KMeansTotals]
    move: Callable[[Any, Array, Floats], None]
    inspect: Callable[[AnyRows, Array, Any], Inspection]


ALGORITHMS = {
    "lloyd": Algorithm(lloyd.start, lloyd.assign, lloyd.move, lloyd.inspect),
    "hamerly": Algorithm(hamerly.start, hamerly.assign, hamerly.move, hamerly.inspect),
    "filtering": Algorithm(filtering.start, filtering.assign, filtering.move, filtering.inspect),
}
# Elkan's algorithm gives the result of Lloyd's, by scikit-learn's contract; its (n, k) bounds cost more
# than they save here.
SYNONYMS = {"elkan": "lloyd"}
AUTO = "auto"  # by the sizes of the problem
# Bounds pay where a row's distances cost much more than looking after its bounds.
PAYING_FEATURES, PAYING_CENTERS = 16, 64
# Boxes pay where they are small for the distances between centers, and centers are not few.
FEW_FEATURES, ENOUGH_CENTERS, ROWS_A_CENTER = 3, 100, 500


def choose(name: str, n: int, k: int, d: int) -> Algorithm:
    """The algorithm of that name, for n rows and k centers of d features."""
    if name == AUTO:
        name = _cheapest(n, k, d)
    return ALGORITHMS[SYNONYMS.get(name, name)]


def _cheapest(n: int, k: int, d: int) -> str:
    if d <= FEW_FEATURES and k >= ENOUGH_CENTERS and n >= ROWS_A_CENTER * k:
        return "filtering"
    return "hamerly" if d >= PAYING_FEATURES and k >= PAYING_CENTERS else "lloyd"
