"""What is known of one benchmark on both sides."""

import math
from dataclasses import dataclass, field

from .verdict import LIMIT, slowdown, slower, suspicious


@dataclass
class Finding:
    """A benchmark, ours against the base."""

    name: str
    ours: list = field(
        default_factory=list
    )  # seconds of the first run, or one number that is tracked
    base: list = field(default_factory=list)
    reruns: list = field(default_factory=list)  # ratios
    note: str = ""  # why there is nothing

    @property
    def counted(self):
        """Is it a number of something, in which there is no noise?"""
        return ".track_" in self.name

    @property
    def ratio(self):
        """Ours by the base in the first run; NaN where there is none."""
        return slowdown(self.ours, self.base) if self.ours and self.base else math.nan

    @property
    def doubtful(self):
        """Should it be measured once more?"""
        seen = not self.counted and suspicious(self.ratio)
        return seen and all(ratio > LIMIT for ratio in self.reruns)

    @property
    def slower(self):
        """Does it fail?"""
        return self.ratio > LIMIT if self.counted else slower(self.reruns)

    @property
    def settled(self):
        """The ratio to go by: the least that a second look has found, where there was one."""
        return min(self.reruns, default=self.ratio)
