"""Models as files of numbers: no pickle is written, and reading one runs no code."""

from fastmix.saving.models import LoadError, VersionWarning, load

__all__ = ["LoadError", "VersionWarning", "load"]
