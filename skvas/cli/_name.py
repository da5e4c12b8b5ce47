"""`skvas name`: names of actions."""

from __future__ import annotations

import argparse

from skvas.cli._files import load_segmenter
from skvas.cli._lines import say

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model = load_segmenter(options.model)
    names = dict(options.names)
    if len(names) < len(options.names):
        labels = [label for label, _ in options.names]
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"action {twice} has two names; give one.")
    model.name_actions(names)
    model.save(options.model)
    pairs = zip(model.classes_, model.action_names_, strict=True)
    told = ", ".join(f"{label} = {name}" for label, name in pairs)
    say(f"actions of {options.model}: {told}")
