"""fastmix against its own past: fit and predict, their quality, and what a first call costs."""

import os

# Each commit keeps its kernels to itself: a shared folder would hide what compiling them costs.
# Before fastmix is imported, which is why it stands here. asv sets neither in an existing environment.
if "ASV_ENV_DIR" in os.environ and "ASV_COMMIT" in os.environ:
    os.environ["FASTMIX_CACHE_DIR"] = os.path.join(
        os.environ["ASV_ENV_DIR"], "fastmix-cache", os.environ["ASV_COMMIT"]
    )

N_ITER = 10
THREADS = (1, 2, 4)


class Warm:
    """How asv measures what setup has compiled: often and briefly, in two rounds."""

    timeout = 120
    warmup_time = 0.0
    sample_time = 0.05
    rounds = 2
    repeat = (3, 8, 3.0)


class Fresh:
    """How asv measures a new process: a few whole ones."""

    timeout = 300
    number = 1
    rounds = 1
    repeat = (1, 3, 20.0)
    warmup_time = 0.0


def first_call(cached, text):
    """`text` as a program whose kernels come from the cache, or are compiled whatever the cache holds."""
    switch = "" if cached else "import os; os.environ['FASTMIX_CACHE'] = '0'\n"
    return switch + text
