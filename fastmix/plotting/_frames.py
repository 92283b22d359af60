"""Which frames the animation of a fit has, and what is written over them."""

from typing import NamedTuple

from fastmix.plotting._passes import State

WORDS = {  # what the two halves of a pass do, of a mixture and of k-means
    True: ("E: rows choose, by probability", "M: components follow their rows"),
    False: ("rows choose the nearest center", "centers follow their rows"),
}
OBJECTIVES = {True: "log-likelihood", False: "inertia"}


class Frame(NamedTuple):
    """One picture of an animation."""

    shapes: int  # number of the state whose components are drawn
    colors: int  # and of that whose responsibilities colour the rows; -1 before the first pass
    title: str
    value: str  # of the objective


def frames_of(states: list[State]) -> list[Frame]:
    """The start, two frames for every pass, and the end."""
    mixture = states[0].matrices is not None
    first, second = WORDS[mixture]
    values = [f"{OBJECTIVES[mixture]} {state.objective:.5g}" for state in states]
    frames = [Frame(0, -1, "start", "")]
    for t in range(len(states) - 1):
        frames.append(Frame(t, t, f"pass {t + 1}, {first}", values[t]))
        frames.append(Frame(t + 1, t, f"pass {t + 1}, {second}", values[t]))
    last = len(states) - 1
    return [*frames, Frame(last, last, f"after {last} passes", values[last])]
