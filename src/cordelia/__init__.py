"""Cordelia: measure how well an auditor finds out what a model really wants."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("cordelia")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
