"""The arguments of each command. Nothing is imported that takes long."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from skvas.cli._arguments import (
    add_decoding,
    add_folder,
    add_fps,
    add_labels,
    add_media,
    add_names,
    add_out_folder,
    add_times,
)

__all__ = ["ARGUMENTS"]

# What is there to choose from. The modules that know take long to import; a test holds
# these against them.
FORMATS = ("csv", "json", "eaf", "textgrid", "srt", "vtt", "txt")
RECIPES = (
    "informed",
    "paper",
    "breakfast/pancake",
    "breakfast/salat",
    "breakfast/friedegg",
    "breakfast/scrambledegg",
    "breakfast/sandwich",
    "breakfast/juice",
    "breakfast/milk",
    "breakfast/tea",
    "breakfast/cereals",
    "breakfast/coffee",
    "youtube/changing_tire",
    "youtube/coffee",
    "youtube/cpr",
    "youtube/jump_car",
    "youtube/repot",
    "salads/eval",
    "salads/mid",
    "desktop_assembly",
    "vaot",
)
AXES = ("x", "-x", "y", "-y", "z", "-z")


def _add_extract(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "videos", metavar="VIDEO", nargs="+", help="video files, or folders of them"
    )
    add_out_folder(parser)
    add_decoding(parser)


def _add_fit(parser: argparse.ArgumentParser) -> None:
    add_folder(parser)
    parser.add_argument("-o", "--out", metavar="MODEL", required=True)
    parser.add_argument(
        "-k",
        "--n-actions",
        metavar="K",
        type=_n_actions,
        default=None,
        help="number of actions (default: that of the recipe or of the labels, else "
        "8); auto estimates it",
    )
    parser.add_argument(
        "--task",
        choices=("joint", "segment", "align"),
        default="joint",
        help="joint: align and segment (default); segment or align alone",
    )
    parser.add_argument(
        "--matching",
        choices=("monotone", "plan", "nearest"),
        help="how frames are matched: forward in time, by the transport plan, or with "
        "the nearest (default: by whether videos share an order)",
    )
    add_labels(parser, ": names the actions; -k may then be left out")
    add_fps(parser)
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        choices=RECIPES,
        default="informed",
        help=f"settings: {', '.join(RECIPES)} (default: informed)",
    )
    parser.add_argument("--epochs", type=int, help="default: what the recipe says")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the training here; where it is there already, go on from it",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="learn what needs no later frame, for 'skvas live'",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    add_out_folder(parser)
    parser.add_argument("--format", choices=FORMATS, default="txt", help="default: txt")
    add_fps(parser)
    add_names(parser)
    add_media(parser)
    parser.add_argument("--overwrite", action="store_true", help="skip nothing")
    parser.add_argument("-j", "--jobs", type=int, help="processes (default: 1)")


def _add_align(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    kinds = "features (.npy, .txt), a table of sensors, a file of poses, or a video"
    parser.add_argument("a", metavar="A", help=kinds)
    parser.add_argument("b", metavar="B", help="the same")
    parser.add_argument("-o", "--out", metavar="OUT", required=True)
    parser.add_argument(
        "--via",
        choices=("pair", "timeline"),
        default="pair",
        help="align the pair itself (default), or through the model's timeline",
    )
    add_times(parser)
    add_decoding(parser, rate="all; of all else that of the recordings of fit")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    parser.add_argument(
        "--matching",
        choices=("names", "global", "per_group", "per_video"),
        help="over which frames found actions are paired with labelled ones: all, "
        "those of an activity, those of a video; or none, as actions have names. "
        "Default: names where the model knows some of the labels, else global",
    )
    use = "; frames in none are left out (default: labels of the folder)"
    add_labels(parser, use)
    add_fps(parser)
    parser.add_argument(
        "--average",
        choices=("groups", "videos"),
        help="score each activity or each video by itself, and show means of these "
        "scores (default: all frames and segments are counted together)",
    )
    parser.add_argument(
        "--background",
        action="append",
        default=[],
        metavar="LABEL",
        help="label of frames to leave out; may be given several times",
    )
    parser.add_argument("--resample", action="store_true", help="fit labels to frames")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    parser.add_argument("-o", "--out", metavar="OUT", help="default: print a table")
    add_fps(parser)
    add_names(parser)
    parser.add_argument(
        "--min-duration",
        metavar="SECONDS",
        type=_duration,
        help="for a table: shortest step, in frames where no rate is known; shorter "
        "segments go to the longer neighbour (default: 0.3 of the usual duration of "
        "the step)",
    )
    parser.add_argument(
        "--excel",
        action="store_true",
        help="make a CSV for spreadsheets: no name is run as a formula",
    )
    parser.add_argument(
        "--media",
        metavar="FOLDER",
        help="for a page: folder of video files with the names of the videos",
    )
    parser.add_argument(
        "--embed", action="store_true", help="put the files of --media into the page"
    )
    parser.add_argument(
        "--curves",
        metavar="N",
        nargs="+",
        type=_index_or_name,
        default=[],
        help="for a page: up to three features to draw, by index or name",
    )
    parser.add_argument(
        "--edges",
        metavar="A,B",
        nargs="+",
        type=_edge,
        default=[],
        help="for a page of poses: pairs of points that lines join, by name or index; "
        "shows a moving figure where there is no video",
    )
    parser.add_argument(
        "--up", metavar="AXIS", choices=AXES, help="axis of the points that points up"
    )
    parser.add_argument(
        "--corrections",
        metavar="FILE",
        help="for a page: corrections that an earlier page saved, to go on from",
    )


def _add_timeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="CSV",
        help="write the position of each frame (default: print a table of the videos)",
    )
    add_fps(parser)


def _add_label(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    add_out_folder(parser)
    parser.add_argument("-n", type=int, default=1, help="recordings (default: 1)")
    parser.add_argument(
        "--format",
        choices=tuple(name for name in FORMATS if name != "txt"),
        default="eaf",
        help="default: eaf, of ELAN",
    )
    add_fps(parser)
    add_media(parser)


def _add_live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="features (.npy, .txt), a table of sensors, a file of poses, a video (all "
        "at their own speed, if files say when frames were), a "
        "camera (camera:/dev/video0), or - for lines of numbers on the standard input; "
        "an empty cell is NaN",
    )
    add_times(parser)
    add_decoding(parser, rate="that of the recordings of fit, else all")
    parser.add_argument(
        "--lag",
        metavar="FRAMES",
        type=_lag,
        default=0,
        help="frames that an answer waits for (default: 0), or inf: steps are told at "
        "the end, as predict finds them; what comes next is told as of the newest "
        "frame, not of the frame that waited",
    )
    parser.add_argument(
        "--reset-after",
        metavar="SECONDS",
        type=_duration,
        help="a recording is over after so long without a frame that can be read, and "
        "the next such frame begins another (default: the end of the source ends it); "
        "frames of videos and cameras can all be read",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, one a line: of a step frame, time, action, probability, "
        "progress, next, next_in_frames and next_in_seconds, as far as they are known; "
        "of a warning frame, time, warning and action",
    )


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "names",
        metavar="K=NAME",
        nargs="+",
        type=_named_action,
        help="label of an action, as predict writes it, and its name, such as "
        "0='take off'",
    )


def _n_actions(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}")
    return text if text == "auto" else int(text)


def _lag(text: str) -> float:
    if text.lower() == "inf":
        return math.inf
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"expected a number of frames or inf, got {text!r}"
        )
    return int(text)


def _duration(text: str) -> float:
    from skvas.validation import check_real  # which takes long

    try:
        return check_real("the duration", float(text), low=0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _index_or_name(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _edge(text: str) -> tuple[int | str, ...]:
    points = tuple(map(_index_or_name, text.split(",")))
    if len(points) != 2:
        raise argparse.ArgumentTypeError(f"expected two points as A,B, got {text!r}")
    return points


def _named_action(text: str) -> tuple[str, str]:
    """Read one pair; a name may have commas."""
    label, mark, name = text.partition("=")
    if not mark or not label.strip():
        raise argparse.ArgumentTypeError(f"expected K=NAME, got {text!r}")
    return label.strip(), name.strip()


ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "extract": _add_extract,
    "fit": _add_fit,
    "predict": _add_predict,
    "align": _add_align,
    "evaluate": _add_evaluate,
    "report": _add_report,
    "timeline": _add_timeline,
    "label": _add_label,
    "live": _add_live,
    "name": _add_name,
}
