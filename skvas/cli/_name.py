"""`skvas name`: names of actions."""

from __future__ import annotations

import argparse
from typing import Any

from skvas.cli._arguments import add_command
from skvas.cli._files import load_segmenter
from skvas.cli._lines import say

__all__ = ["add_name"]


def add_name(commands: Any) -> None:
    """Add the command `name`."""
    parser = add_command(
        commands,
        "name",
        _name,
        "Give actions names, which predict and report then show.",
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "names",
        metavar="K=NAME",
        nargs="+",
        type=_named_action,
        help="number of an action and its name, such as 0='take off'",
    )


def _named_action(text: str) -> tuple[int, str]:
    """Read one pair; a name may have commas."""
    number, mark, name = text.partition("=")
    if not mark or not number.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"expected K=NAME, got {text!r}")
    return int(number), name.strip()


def _name(options: argparse.Namespace) -> None:
    model = load_segmenter(options.model)
    names = dict(options.names)
    if len(names) < len(options.names):
        numbers = [number for number, _ in options.names]
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise ValueError(f"action {twice} has two names; give one.")
    model.name_actions(names)
    model.save(options.model)
    told = ", ".join(f"{k} = {name}" for k, name in enumerate(model.action_names_))
    say(f"actions of {options.model}: {told}")
