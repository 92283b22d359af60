"""What is known of one benchmark on both sides."""

import math
import statistics
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
        return not self.counted and suspicious(self.ratio) and slower(self.reruns) is None

    @property
    def slower(self):
        """Does it fail?"""
        return self.ratio > LIMIT if self.counted else bool(slower(self.reruns))

    @property
    def settled(self):
        """The ratio to go by: that in the middle of what a second look has found, where there was one."""
        return statistics.median(self.reruns or [self.ratio])
