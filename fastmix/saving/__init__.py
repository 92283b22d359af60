"""Models as files of numbers: no pickle is written, and reading one runs no code."""

from fastmix.saving.headers import LoadError
from fastmix.saving.models import load, save
from fastmix.saving.pickles import VersionWarning

__all__ = ["LoadError", "VersionWarning", "load", "save"]
