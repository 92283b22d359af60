"""All modules of the package, imported together."""

from importlib import import_module
from pkgutil import iter_modules

from fastmix import kernels

for module in iter_modules(kernels.__path__, f"{kernels.__name__}."):
    import_module(module.name)
