"""How much memory a fit takes beyond the rows it is given."""

import sys
import warnings
from pathlib import Path

from .rivals import load
from .task import task_of

SMALL = 25_000  # rows of the fit that loads libraries, all kernels and threads beforehand


def peak_of_fit(case, name, threads):
    """Bytes at the peak of a fit, less what the process had when the fit began. For a fresh process."""
    warnings.simplefilter("ignore")
    task = task_of(case, threads)
    prepare = load(name).prepare
    prepare(task._replace(X=task.X[:SMALL].copy())).run()
    job = prepare(task)
    before = _reset_peak()
    job.run()
    return max(0, _peak() - before)


def _reset_peak():
    """Let the peak be what is in memory now, where the system can; the peak in bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass
    return _peak()


def _peak():
    """Most bytes this process had in memory.

    Linux's getrusage counts the parent's peak too, from before the program was started: the figure
    of /proc is the process's own.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
