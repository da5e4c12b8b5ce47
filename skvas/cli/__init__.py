"""The command ``skvas``: the public API from a shell."""

from skvas.cli._main import main

__all__ = ["main"]
