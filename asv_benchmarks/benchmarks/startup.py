"""What a new process pays: importing, and the first fits, whose kernels are compiled or come from the cache."""

import os
import subprocess
import sys

from . import Fresh

# Whoever comes to fastmix has these: what counts is what is added.
SKLEARN = "import sklearn.cluster, sklearn.mixture\n"
ROWS = "import numpy as np\nX = np.random.default_rng(0).standard_normal((300, 3))\n"
FITS = {
    "KMeans": "fastmix.KMeans(3, random_state=0).fit(X)\n",
    "GaussianMixture": "fastmix.GaussianMixture(2, random_state=0).fit(X)\n",
}
READY = f"{SKLEARN}{ROWS}import fastmix\n"
CACHES = {
    "cached": "",
    "nothing cached": "import os, tempfile\n"
    "folder = tempfile.TemporaryDirectory()\n"
    "os.environ['FASTMIX_CACHE_DIR'] = folder.name\n",
}
UNCACHED = "import os; os.environ['FASTMIX_CACHE'] = '0'\n"
RECORD = "from numba.core.event import install_recorder\nwith install_recorder('numba:compile') as found:\n"
COUNT = "print(sum(event.is_start for _, event in found.buffer))\n"


def counted(program):
    """A program that prints how many kernels, and functions of Numba's that these call, it compiles."""
    body = "".join(f"    {line}\n" for line in program.splitlines())
    return UNCACHED + RECORD + body + COUNT


def run(program):
    """Run a program in a process of its own, which leaves its bytecode and its kernels behind."""
    settings = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, env=settings)


class Import(Fresh):
    """What importing fastmix adds to importing scikit-learn's clusters and mixtures."""

    def setup(self):
        run(READY)

    def timeraw_import(self):
        return "import fastmix", SKLEARN


class FirstFit(Fresh):
    """The first fit of a process, a few hundred rows: what it takes beyond the imports, Numba's being its own."""

    params = [list(FITS), list(CACHES)]
    param_names = ["model", "cache"]

    def setup(self, model, cache):
        run(READY + FITS[model])

    def timeraw_first_fit(self, model, cache):
        return FITS[model], CACHES[cache] + READY


class Compile:
    """How much a first fit compiles."""

    timeout = 300
    params = list(FITS)
    param_names = ["model"]

    def track_compilations(self, model):
        command = [sys.executable, "-W", "ignore", "-c", counted(READY + FITS[model])]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    track_compilations.unit = "compilations"
