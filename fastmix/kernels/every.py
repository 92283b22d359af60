"""All modules of the package, by name."""

from importlib import import_module
from pkgutil import iter_modules

from fastmix import kernels

for module in iter_modules(kernels.__path__):
    globals()[module.name] = import_module(f"{kernels.__name__}.{module.name}")
