"""What a new process pays: importing, and the first fit, whose kernels are compiled or come from the cache."""

import subprocess
import sys

from . import Fresh

FITS = {
    "KMeans": (
        "import numpy as np\n"
        "from fastmix import KMeans\n"
        "KMeans(3, n_init=1, n_threads=1).fit(np.arange(300.0).reshape(100, 3))\n"
    ),
    "GaussianMixture": (
        "import numpy as np\n"
        "from fastmix import GaussianMixture\n"
        "X = np.random.default_rng(0).standard_normal((300, 3))\n"
        "GaussianMixture(2, tol=1, n_threads=1).fit(X)\n"
    ),
}
UNCACHED = "import os; os.environ['FASTMIX_CACHE'] = '0'\n"
RECORD = "from numba.core.event import install_recorder\nwith install_recorder('numba:compile') as found:\n"
COUNT = "print(sum(event.is_start for _, event in found.buffer))\n"


def counted(program):
    """A program that prints how many kernels, and functions of Numba's that these call, it compiles."""
    body = "".join(f"    {line}\n" for line in program.splitlines())
    return UNCACHED + RECORD + body + COUNT


class Import(Fresh):
    """Importing fastmix, which compiles nothing."""

    def timeraw_import(self):
        return "import fastmix"


class FirstFit(Fresh):
    """The first fit of a process, with a full cache and without any."""

    params = [list(FITS), [True, False]]
    param_names = ["model", "cached"]

    def setup(self, model, cached):
        exec(FITS[model], {})  # fills the cache

    def timeraw_first_fit(self, model, cached):
        return ("" if cached else UNCACHED) + FITS[model]


class Compile:
    """How much a first fit compiles."""

    timeout = 300
    params = list(FITS)
    param_names = ["model"]

    def track_compilations(self, model):
        command = [sys.executable, "-W", "ignore", "-c", counted(FITS[model])]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    track_compilations.unit = "compilations"
