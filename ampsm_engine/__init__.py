"""The engine of ampsm: everything but the screens. ARCHITECTURE.md is the map of its rooms."""

__version__ = "0.1.0"
"""The one place of the version: the package's metadata is made of it, and reading that costs six times a bare start."""
