"""The process of one side: imports fastmix from its tree, and runs benchmarks when it is told to.

Requests and answers are lines of JSON. Benchmarks are asv's: classes whose attribute `gated` names
methods that start with `time_` or `track_`, with `params` and `setup`; whoever uses threads says in
`n_threads` how many.
"""

import gc
import importlib
import itertools
import json
import os
import pkgutil
import sys
import time
import warnings
from pathlib import Path

BRIEF_CALLS = 3  # whose fastest tells how often to repeat a call


def main(tree, folder):
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints is no answer
    warnings.simplefilter("ignore")
    sys.path.insert(0, folder)
    fastmix = importlib.import_module("fastmix")
    if not Path(fastmix.__file__).resolve().is_relative_to(Path(tree).resolve()):
        raise SystemExit(f"fastmix was imported from {fastmix.__file__}, not from {tree}")
    cases, broken = discover()
    benches = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = ACTIONS[request.pop("do")](cases, benches, broken, **request)
        except NotImplementedError:
            answer = {"skipped": "does not apply to this machine"}
        except Exception as error:  # a benchmark may raise anything: it is told, not died of
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def discover():
    """The gated benchmarks by name as (class, method, params), and the modules that cannot be imported."""
    package, cases, broken = importlib.import_module("benchmarks"), {}, {}
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        try:
            module = importlib.import_module(f"benchmarks.{name}")
        except Exception as error:  # an older fastmix may lack whatever it needs
            broken[name] = f"{type(error).__name__}: {error}"
            continue
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                for method in getattr(kind, "gated", ()):
                    for params in points(getattr(kind, "params", [])):
                        shown = ", ".join(map(repr, params))
                        cases[f"{name}.{kind.__name__}.{method}({shown})"] = kind, method, params
    return cases, broken


def points(params):
    """Every combination of asv's `params`: lists of values, or the values of one."""
    axes = list(params)
    if axes and not isinstance(axes[0], list | tuple):
        axes = [axes]
    return list(itertools.product(*axes))


def names(cases, benches, broken):
    """All benchmarks, and what could not be imported."""
    return {"names": list(cases), "broken": broken}


def prepare(cases, benches, broken, name):
    """Set a benchmark up; its brief seconds, or the number that it tracks."""
    kind, method, params = cases[name]
    bench = kind()
    if hasattr(bench, "setup"):
        bench.setup(*params)
    call = getattr(bench, method)
    if method.startswith("track_"):
        return {"value": call(*params)}
    call(*params)
    benches[name] = call, params, getattr(bench, "n_threads", 1)
    return {"seconds": min(_seconds(*benches[name], 1) for _ in range(BRIEF_CALLS))}


def sample(cases, benches, broken, name, number):
    """Seconds of a call, the mean of so many in a row."""
    return {"seconds": _seconds(*benches[name], number)}


def _seconds(call, params, n_threads, number):
    gc.disable()
    began = _clocks()
    for _ in range(number):
        call(*params)
    whole, own = (after - before for after, before in zip(_clocks(), began, strict=True))
    gc.enable()
    return busiest(whole, own, n_threads) / number


def busiest(whole, own, n_threads):
    """What the busiest of the threads has worked, if all but this one, which did `own`, share the rest.

    Nobody else on the machine has a part in that, as he has in what the clock on the wall says. Work
    that one thread does for the others is seen; threads that wait for each other are not.
    """
    return whole if n_threads == 1 else max(own, (whole - own) / (n_threads - 1))


def _clocks():
    """Seconds that the process and this thread have worked; Windows counts these in ticks of 16 ms."""
    if os.name == "nt":
        return (time.perf_counter(),) * 2
    return time.process_time(), time.thread_time()


ACTIONS = {"names": names, "prepare": prepare, "sample": sample}

if __name__ == "__main__":
    main(*sys.argv[1:])
