"""`skvas name`: names of actions."""

from __future__ import annotations

import argparse

from skvas.cli._files import load_segmenter
from skvas.cli._lines import say

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=_name)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "names",
        metavar="K=NAME",
        nargs="+",
        type=_named_action,
        help="label of an action, as predict writes it, and its name, such as "
        "0='take off'",
    )


def _named_action(text: str) -> tuple[str, str]:
    """Read one pair; a name may have commas."""
    label, mark, name = text.partition("=")
    if not mark or not label.strip():
        raise argparse.ArgumentTypeError(f"expected K=NAME, got {text!r}")
    return label.strip(), name.strip()


def _name(options: argparse.Namespace) -> None:
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
