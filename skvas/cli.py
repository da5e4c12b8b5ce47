"""The command ``skvas``: the public API from a shell."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.base import is_clusterer
from sklearn.pipeline import make_pipeline

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    VideoAligner,
    predict_files,
    step_report,
)
from skvas._atomic import check_replaceable, replacing, write_atomically
from skvas._printing import format_table
from skvas.applications._action_table import round_times
from skvas.datasets import Recordings, load_folder
from skvas.datasets._arrays import read_array
from skvas.datasets._folder import (
    find_videos,
    orient_features,
    read_features,
)
from skvas.exceptions import FailedFilesWarning
from skvas.features import FrameFeatures, VideoFeatures, write_synchronised
from skvas.features._decoding import read_frames, resampled
from skvas.features._sources import (
    compute_as_they_come,
    in_real_time,
    read_camera,
)
from skvas.io import (
    SegmentTable,
    read_corrections,
    read_recordings,
    read_segments,
    write_segments,
)
from skvas.io._any import find_kind
from skvas.io._corrections import is_corrections
from skvas.io._files import FORMATS
from skvas.io._text import as_text_cell
from skvas.live import LiveTracker
from skvas.metrics import (
    label_agreement,
    linear_warp,
    segmentation_report,
    uniform_segmentation,
)
from skvas.preprocessing import Interpolate, PoseFeatures, WhitenedViews
from skvas.recipes import RECIPES
from skvas.validation import check_real

__all__ = ["main"]

VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
ESTIMATORS = {
    "joint": JointAlignSegment,
    "segment": ActionSegmenter,
    "align": VideoAligner,
}
# Suffixes of formats that have another name.
SUFFIXES = {"textgrid": "TextGrid"}
# Where -o writes instead of replacing what is there.
DEVICES = (os.devnull, "/dev/null", "/dev/stdout")
# Beside features: of which files they are, and how they were made.
EXTRACTED = "extracted.json"
# Seconds between two lines of progress where there is no terminal.
EVERY = 10.0
# Suffixes for which `report` writes a page.
PAGES = (".html", ".htm")
# Pairs of videos on which `evaluate` scores alignments.
N_PAIRS = 30
# A constant beside the whitened components, as the recipe has it.
OFFSET = 0.5
# Characters of a progress bar.
BAR = 24

Item = TypeVar("Item")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Results go to files and to the standard output, progress, warnings and errors to the
    standard error.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the name of the program. None: those of the process.

    Returns
    -------
    int
        Exit code: 0 where all went well, 1 where it did not, 130 where the user
        interrupted. Arguments that make no sense end the process with 2.

    Examples
    --------
    >>> from skvas.cli import main
    >>> main(["fit", "no-folder", "-k", "3", "-o", "model"])
    1
    """
    options = _parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            options.run(options)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _say("interrupted; files that were finished are whole")
            return 130
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
            if options.traceback:
                raise
            _say(f"skvas {options.command}: {_explain(error)}")
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skvas",
        description="Align videos of one activity, and find its steps, without labels.",
        epilog="FOLDER holds tables of sensors (.csv, .tsv, .parquet), or poses "
        "(DeepLabCut, SLEAP, MediaPipe, OpenPose, C3D), or features/<video>.npy and, "
        "if there are labels, groundTruth/<video>.txt and mapping/mapping.txt. 'skvas "
        "extract' makes one of video files.",
    )
    parser.add_argument("--version", action="version", version=skvas.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_extract, _add_fit, _add_predict, _add_align, _add_evaluate):
        add(commands)
    for add in (_add_report, _add_timeline, _add_label, _add_live, _add_name):
        add(commands)
    return parser


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error came from"
    )
    return parser


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="folder of recordings")
    parser.add_argument("--activity", help="only this activity of the folder")
    parser.add_argument(
        "--time", metavar="COLUMN", default="auto", help="column of times of tables"
    )
    parser.add_argument(
        "--columns",
        metavar="NAMES",
        type=_names,
        help="columns of tables or points of poses, with commas (default: all)",
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _add_fps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fps",
        type=float,
        help="frames per second (default: what the files say, or what fit has seen)",
    )


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names",
        type=_named_actions,
        help="names of actions, as in '0=take off,2=land' (default: the model's)",
    )


def _named_actions(text: str) -> dict[int, str]:
    """Read names of actions; each stands behind the number of its action."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(mark and number.strip().isdecimal() for number, mark, _ in pairs):
        raise argparse.ArgumentTypeError(f"expected '0=name,1=name', got {text!r}")
    return {int(number): name.strip() for number, _, name in pairs}


def _add_decoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fps", type=float, help="frames per second (default: all)")
    parser.add_argument(
        "--backbone",
        default="efficientnet_lite0",
        help="efficientnet_lite0, which needs no file (default), or a network of timm",
    )
    parser.add_argument("--weights", help="file of weights, for a network of timm")
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")


def _add_extract(commands: Any) -> None:
    parser = _add(
        commands,
        "extract",
        _extract,
        "Turn video files into a folder of features. Videos whose features are there "
        "are skipped.",
    )
    parser.add_argument(
        "videos", metavar="VIDEO", nargs="+", help="video files, or folders of them"
    )
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True)
    _add_decoding(parser)


def _add_fit(commands: Any) -> None:
    parser = _add(commands, "fit", _fit, "Fit a model to the videos of a folder.")
    _add_folder(parser)
    parser.add_argument("-o", "--out", metavar="MODEL", required=True)
    parser.add_argument(
        "-k",
        "--n-actions",
        metavar="K",
        type=_n_actions,
        default=None,
        help="number of actions (default: 8); auto estimates it",
    )
    parser.add_argument(
        "--task",
        choices=tuple(ESTIMATORS),
        default="joint",
        help="joint: align and segment (default); segment or align alone",
    )
    parser.add_argument(
        "--matching",
        choices=("monotone", "plan", "nearest"),
        help="how frames are matched: forward in time, by the transport plan, or with "
        "the nearest (default: by whether videos share an order)",
    )
    parser.add_argument(
        "--labels",
        metavar="PATH",
        help="file or folder of labelled segments, such as 'skvas label' writes: names "
        "the actions; -k may then be left out",
    )
    _add_fps(parser)
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="informed")
    parser.add_argument("--epochs", type=int, help="default: what the recipe says")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the training here; where it is there already, go on from it",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")


def _n_actions(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}")
    return text if text == "auto" else int(text)


def _add_predict(commands: Any) -> None:
    parser = _add(
        commands,
        "predict",
        _predict,
        "Write the actions of each video to a file of its own. Files that are there "
        "are skipped, so that a run which was stopped can go on.",
    )
    parser.add_argument("model", metavar="MODEL")
    _add_folder(parser)
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True)
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="txt", help="default: txt"
    )
    _add_fps(parser)
    _add_names(parser)
    parser.add_argument("--overwrite", action="store_true", help="skip nothing")
    parser.add_argument("-j", "--jobs", type=int, help="processes (default: 1)")


def _add_align(commands: Any) -> None:
    parser = _add(
        commands,
        "align",
        _align,
        "Match the frames of two videos. OUT ending in .csv is a table; in .mp4, .mov "
        "or .mkv, for video files A and B, it is a video that plays both in step.",
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("a", metavar="A", help="features (.npy, .txt) or a video")
    parser.add_argument("b", metavar="B", help="features (.npy, .txt) or a video")
    parser.add_argument("-o", "--out", metavar="OUT", required=True)
    parser.add_argument(
        "--via",
        choices=("pair", "timeline"),
        default="pair",
        help="align the pair itself (default), or through the model's timeline",
    )
    _add_decoding(parser)


def _add_evaluate(commands: Any) -> None:
    parser = _add(
        commands,
        "evaluate",
        _evaluate,
        "Score a model on labelled videos, beside the simplest baselines.",
    )
    parser.add_argument("model", metavar="MODEL")
    _add_folder(parser)
    parser.add_argument(
        "--matching",
        choices=("global", "per_group", "per_video"),
        default="global",
        help="over which frames found actions are paired with labelled ones: all "
        "(default), those of an activity, those of a video",
    )
    parser.add_argument("--background", help="label to leave out")
    parser.add_argument("--resample", action="store_true", help="fit labels to frames")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_report(commands: Any) -> None:
    parser = _add(
        commands,
        "report",
        _report,
        "List the steps of each video, and what is unusual about them. OUT ending in "
        ".html is a page that shows the videos at the same moment, and takes "
        "corrections; other names make a CSV.",
    )
    parser.add_argument("model", metavar="MODEL")
    _add_folder(parser)
    parser.add_argument("-o", "--out", metavar="OUT", help="default: print a table")
    _add_fps(parser)
    _add_names(parser)
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
        type=int,
        default=[],
        help="for a page: up to three features to draw, by index",
    )


def _add_timeline(commands: Any) -> None:
    parser = _add(
        commands,
        "timeline",
        _timeline,
        "Place videos on the timeline of a model. Prints where on it, from 0 to 1, a "
        "video starts and ends, how well it follows it, and the share that it lacks.",
    )
    parser.add_argument("model", metavar="MODEL")
    _add_folder(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="CSV",
        help="write the position of each frame (default: print a table of the videos)",
    )
    parser.add_argument("--fps", type=float, help="frames per second, for a column")


def _add_live(commands: Any) -> None:
    parser = _add(
        commands,
        "live",
        _live,
        "Follow a recording while it goes on: a line for each step that begins and for "
        "all that is unusual.",
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="features (.npy, .txt), a video, a camera (camera:/dev/video0), or - "
        "for lines of numbers on the standard input",
    )
    _add_decoding(parser)
    parser.add_argument(
        "--lag",
        type=int,
        default=0,
        help="frames that an answer waits for (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one a line")


def _add_label(commands: Any) -> None:
    parser = _add(
        commands,
        "label",
        _label,
        "Write files of segments to correct by hand, for the recordings whose labels "
        "tell most; 'skvas fit --labels' reads them back.",
    )
    parser.add_argument("model", metavar="MODEL")
    _add_folder(parser)
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True)
    parser.add_argument("-n", type=int, default=1, help="recordings (default: 1)")
    parser.add_argument(
        "--format",
        choices=tuple(name for name in FORMATS if name != "txt"),
        default="eaf",
        help="default: eaf, of ELAN",
    )
    parser.add_argument(
        "--fps",
        type=float,
        help="frames per second (default: what 'skvas extract' noted)",
    )


def _add_name(commands: Any) -> None:
    parser = _add(
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
        type=_named_actions,
        help="number of an action and its name, such as 0='take off'",
    )


def _name(options: argparse.Namespace) -> None:
    model = _load_segmenter(options.model)
    for names in options.names:
        model.name_actions(names)
    model.save(options.model)
    told = ", ".join(f"{k} = {name}" for k, name in enumerate(model.action_names_))
    _say(f"actions of {options.model}: {told}")


def _extract(options: argparse.Namespace) -> None:
    files = _video_files(options.videos)
    extractor = FrameFeatures(
        options.backbone,
        weights=options.weights,
        fps=options.fps,
        device=options.device,
    ).fit(list(files.values()))
    folder = Path(options.out)
    for name in ("features", "times"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    todo = {
        name: file
        for name, file in files.items()
        # The features come last: where they are, all is.
        if not (folder / "features" / f"{name}.npy").exists()
    }
    _say_skipped(len(files) - len(todo), "have features", None)
    for name in _progress(list(todo), str):
        found: VideoFeatures = extractor.extract(todo[name])
        _write_array(folder / "times" / f"{name}.npy", found.times)
        _write_array(folder / "features" / f"{name}.npy", found.features)
    _note_extracted(folder, files, options)
    _say(
        f"{len(todo)} of {len(files)} videos extracted; features are in "
        f"{folder / 'features'}"
    )


def _extraction(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("backbone", "weights", "fps")}


def _note_extracted(
    folder: Path, files: Mapping[str, Path], options: argparse.Namespace
) -> None:
    """Note of which files features are, so that `align` finds them again."""
    note, known = folder / EXTRACTED, {}
    if note.exists():
        known = json.loads(note.read_text(encoding="utf-8")).get("videos", {})
    here = {name: os.path.relpath(file, folder) for name, file in files.items()}
    content = {**_extraction(options), "videos": {**known, **here}}
    write_atomically(note, json.dumps(content, indent=1).encode())


def _find_extracted(path: str, options: argparse.Namespace) -> VideoFeatures | None:
    """Return features of a video file that `extract` has made in the same way."""
    roots = dict.fromkeys([Path(options.model).resolve().parent, Path.cwd()])
    notes = [
        note
        for root in roots
        for note in [root / EXTRACTED, *sorted(root.glob(f"*/{EXTRACTED}"))]
        if note.is_file()
    ]
    for note in notes:
        content = json.loads(note.read_text(encoding="utf-8"))
        if any(content.get(n) != value for n, value in _extraction(options).items()):
            continue
        for name, file in content["videos"].items():
            features = note.parent / "features" / f"{name}.npy"
            if _is_same(path, str(note.parent / file)) and features.is_file():
                _say(f"features of {path} are those of {features}")
                return _read_timed(str(note.parent), features)
    return None


def _fit(options: argparse.Namespace) -> None:
    if options.task == "align" and options.labels is not None:
        raise ValueError("--labels has no use in --task align, which finds no actions.")
    if options.task == "align" and options.n_actions is not None:
        raise ValueError("-k has no use in --task align, which finds no actions.")
    if options.task == "segment" and options.matching is not None:
        raise ValueError("--matching has no use in --task segment, which matches none.")
    _check_out(options.out, options.checkpoint)
    data = _load(options)
    arguments = {
        "recipe": options.recipe,
        "random_state": options.seed,
        "device": options.device,
        "training": skvas.Training(
            callback=_EpochLines(options.epochs, options.recipe),
            checkpoint=options.checkpoint,
        ),
    }
    if options.task != "align" and options.n_actions is not None:
        arguments["n_actions"] = options.n_actions
    if options.matching is not None:
        arguments["matching"] = options.matching
    if options.epochs is not None:
        arguments["max_epochs"] = options.epochs
    arguments |= _preprocessing(data)
    y = None if options.labels is None else _read_labels(options, data)
    started = time.perf_counter()
    model: Any = ESTIMATORS[options.task](**arguments)
    model._check_parameters()
    _say(f"{data}")
    _say("looking for a start, then training")
    model.fit(data, y)
    model.set_params(training__callback=None)
    with _writing(options.out) as file:
        model.save(file)
    estimated = options.n_actions == "auto"
    _say(str(model.summary()))
    _say(
        f"fitted to {len(data)} recordings in {time.perf_counter() - started:.1f} s"
        f"{f', {model.n_actions_} actions' if estimated else ''}, "
        f"saved as {options.out}"
    )


def _preprocessing(data: Recordings) -> dict[str, Any]:
    """Return the parameter that poses and recordings with gaps need."""
    whitened = WhitenedViews(offset=OFFSET)
    if np.ndim(data[0]) == 3:
        layout = {2: "xy", 3: "xyz"}[np.shape(data[0])[2]]
        return {"features": make_pipeline(PoseFeatures(layout), whitened)}
    if any(np.isnan(video).any() for video in data):
        return {"features": make_pipeline(Interpolate(), whitened)}
    return {}


def _predict(options: argparse.Namespace) -> None:
    model = _load_segmenter(options.model)
    _name_actions(model, options)
    folder = _checked_folder(options)
    kind, found = find_kind(folder)
    fps, read = options.fps, None  # type: float | None, Any
    if kind == "features":
        files = find_videos(folder, options.activity)
        paths, names = [f.features for f in files], [f.label for f in files]
        if options.format != "txt" and fps is None:
            if Path(folder, "times").is_dir():
                read = partial(_read_timed, str(folder))
            else:
                fps = model._common_fps()
    else:
        data = _load(options, fps=fps or model._common_fps())
        paths, names = found, data.names
        fps = None if data.fps is None else fps
        places = zip(map(str, found), range(len(data)), strict=True)
        read = _ReadHere(dict(places), data)
    if options.format != "txt" and fps is None and read is None:
        raise ValueError(
            f"--fps is missing: {options.format} files have times in seconds, and "
            f"nothing says how many frames make one."
        )
    progress = _Lines(len(paths))

    def draw(record: Mapping[str, Any]) -> None:
        progress.step(Path(record["path"]).stem)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FailedFilesWarning)  # told below
        report = predict_files(
            model,
            paths,
            options.out,
            format=options.format,
            fps=fps if read is None else None,
            names=names,
            read=read,
            overwrite=options.overwrite,
            n_jobs=options.jobs,
            callback=draw,
        )
    _show("")
    statuses = [record["status"] for record in report.records]
    _say_skipped(statuses.count("skipped"), "are labelled", "--overwrite")
    if report.failed:
        raise ValueError("\n".join(_join_faults(report.failed)))
    _say(f"{statuses.count('written')} files of labels written to {options.out}")


class _ReadHere:
    """Give the recordings that were read already to `predict_files`, by their paths."""

    def __init__(self, place: dict[str, int], data: Recordings) -> None:
        self.place, self.data = place, data

    def __call__(self, path: Path) -> Any:
        index = self.place[str(path)]
        video = np.asarray(self.data[index])
        clock = self.data.clock(index)
        times = clock.get("times")
        if "fps" in clock:
            times = np.arange(len(video)) / clock["fps"]
        flat = video.reshape(len(video), -1)
        return flat if times is None else VideoFeatures(flat, times)


def _join_faults(failed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tell a fault that many files have once."""
    by_error: dict[str, list[str]] = {}
    for record in failed:
        by_error.setdefault(record["error"], []).append(record["path"])
    return [
        f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {error}"
        for error, paths in by_error.items()
    ]


def _name_actions(model: Any, options: argparse.Namespace) -> None:
    if options.names is not None:
        model.name_actions(options.names)


def _align(options: argparse.Namespace) -> None:
    model = skvas.load(options.model)
    if not hasattr(model, "align"):
        raise ValueError(
            f"{options.model!r} only segments; align with a model of --task joint or "
            "align."
        )
    as_table = options.out in DEVICES or Path(options.out).suffix.lower() == ".csv"
    are_videos = all(_is_video(path) for path in (options.a, options.b))
    if not as_table and not are_videos:
        raise ValueError(
            f"{options.out!r} must end in .csv, unless A and B are video files to be "
            "played in step."
        )
    _check_out(options.out, options.model, options.a, options.b)
    a, b = (_features(path, model, options) for path in (options.a, options.b))
    alignment = model.align(a.features, b.features, via=options.via)
    if not as_table:
        write_synchronised(
            options.a,
            options.b,
            alignment,
            options.out,
            times_x=a.times if options.fps is not None else None,
            times_y=b.times if options.fps is not None else None,
        )
        _say(f"{options.a} and {options.b} in step, written to {options.out}")
        return
    rows = zip(alignment.matches_x.tolist(), alignment.background_x, strict=True)
    records = [
        {
            "frame_a": frame,
            "frame_b": "" if match < 0 else match,
            "background": round(float(background), 4),
        }
        for frame, (match, background) in enumerate(rows)
    ]
    with _writing(options.out) as file:
        write_atomically(file, _as_csv(records).encode())


def _evaluate(options: argparse.Namespace) -> None:
    model = skvas.load(options.model)
    data = _load(options, on_mismatch="resample" if options.resample else "raise")
    if data.labels is None:
        raise ValueError(f"{options.folder!r} has no labels to evaluate by.")
    if options.background not in (None, *data.action_names):
        raise ValueError(
            f"--background {options.background} is no label; there are "
            f"{', '.join(data.action_names)}."
        )
    kept = [i for i, labels in enumerate(data.labels) if labels is not None]
    videos = [data.videos[i] for i in kept]
    labels = [np.array(data.action_names, object)[data.labels[i]] for i in kept]
    scores: dict[str, dict[str, dict[str, float]]] = {}
    if is_clusterer(model):
        groups = None
        if options.matching == "per_group":
            groups = [data.activities[i] if data.activities else None for i in kept]
        scores["segmentation"] = _score_segmentation(
            model, videos, labels, options, groups
        )
    if hasattr(model, "align") and len(videos) > 1:
        scores["alignment"] = _score_alignment(model, videos, labels)
    if options.json:
        print(json.dumps({"matching": options.matching, **scores}, indent=2))
        return
    for task, methods in scores.items():
        rows = [{task: name, **row} for name, row in methods.items()]
        print(format_table(rows, decimals=3), end="\n\n")


def _report(options: argparse.Namespace) -> None:
    if Path(options.out or "").suffix.lower() in PAGES:
        _report_page(options)
        return
    for name in ("media", "embed", "curves"):
        if getattr(options, name):
            raise ValueError(f"--{name} has no use without -o PAGE.html.")
    model = _load_segmenter(options.model)
    if options.out is not None:
        _check_out(options.out, options.model)
    elif options.excel:
        raise ValueError("--excel has no use without -o.")
    _name_actions(model, options)
    data = _load(options, fps=options.fps or _rate_of(model, options))
    # The model knows what a folder of one video cannot: which of its axes is time.
    if np.ndim(data[0]) == 2:
        data = data.replace([orient_features(v, model.n_features_in_) for v in data])
    report = step_report(model, data, fps=options.fps)
    if options.out is None:
        print(report)
        return
    records, mark = [round_times(record) for record in report.records], b""
    if options.excel:
        records, mark = [_as_text_cells(record) for record in records], BOM_UTF8
    with _writing(options.out) as file:
        write_atomically(file, mark + _as_csv(records).encode())
    _say(f"{len(records)} steps written to {options.out}, times in {report.unit}")


def _rate_of(model: Any, options: argparse.Namespace) -> float | None:
    """Return the rate that tables are resampled to, as those of fit were."""
    kind, _ = find_kind(_checked_folder(options))
    rate: float | None = None if kind == "features" else model._common_fps()
    return rate


def _report_page(options: argparse.Namespace) -> None:
    if options.excel:
        raise ValueError("--excel has no use with a page.")
    if options.embed and options.media is None:
        raise ValueError("--embed has no use without --media.")
    model = skvas.load(options.model)
    _check_out(options.out, options.model)
    if is_clusterer(model):
        _name_actions(model, options)
    elif options.names is not None:
        raise ValueError("--names has no use for a model that only aligns.")
    data = _load(options, fps=options.fps or _rate_of(model, options))
    if np.ndim(data[0]) == 2:
        data = data.replace([orient_features(v, model.n_features_in_) for v in data])
    media = None
    if options.media is not None:
        media = _media_files(options.media, data.names)
    model.report(
        data,
        options.out,
        media=media,
        embed=options.embed,
        features=options.curves,
        fps=options.fps,
        title=Path(options.folder).resolve().name or "Recordings",
    )
    _say(f"{len(data)} recordings are shown in {options.out}")


def _media_files(folder: str, names: Sequence[str]) -> list[Path | None]:
    """Return the video file of each name; None where there is none."""
    if not Path(folder).is_dir():
        raise ValueError(f"--media {folder!r} is no folder.")
    files = {file.stem: file for file in Path(folder).iterdir() if _is_video(file)}
    media = [files.get(name) for name in names]
    n_missing = media.count(None)
    if n_missing == len(media):
        raise ValueError(
            f"--media {folder!r} has no video file called {names[0]!r} or like any "
            "other of the videos."
        )
    if n_missing:
        _say(f"{n_missing} of {len(media)} videos have no file in {folder}")
    return media


def _timeline(options: argparse.Namespace) -> None:
    timeline = _load_timeline(options.model)
    if options.out is not None:
        _check_out(options.out, options.model)
    if options.fps is not None:
        if options.out is None:
            raise ValueError("--fps has no use without -o.")
        check_real("--fps", options.fps, low=0, low_open=True)
    data = _load(options)
    videos = list(data)
    if np.ndim(videos[0]) == 2:
        videos = [orient_features(v, timeline.n_features_in_) for v in videos]
    named = list(zip(data.names, videos, strict=True))
    progress = _progress(named, lambda item: item[0])
    if options.out is None:
        rows = [_placed(timeline, *item) for item in progress]
        print(format_table(rows, decimals=3))
        return
    records = [
        record
        for name, video in progress
        for record in _positions(timeline, name, video, options.fps)
    ]
    with _writing(options.out) as file:
        write_atomically(file, _as_csv(records).encode())


def _placed(timeline: skvas.Timeline, name: str, video: np.ndarray) -> dict[str, Any]:
    """Say where a video lies on a timeline, and how well."""
    positions = timeline.to_timeline(video)
    return {
        "video": name,
        "frames": len(video),
        "start": float(positions[0]),
        "end": float(positions[-1]),
        "alignability": float(timeline.alignability(video)[0]),
        "lacking": float(timeline.lacking(video).mean()),
    }


def _positions(
    timeline: skvas.Timeline, name: str, video: np.ndarray, fps: float | None
) -> Iterator[dict[str, Any]]:
    """Yield a record of each frame: its position, and its action if there are any."""
    acts = timeline.n_actions_ is not None
    actions = timeline.predict(video).tolist() if acts else None
    for frame, position in enumerate(timeline.to_timeline(video).tolist()):
        record = {"video": name, "frame": frame}
        if fps is not None:
            record["seconds"] = round(frame / fps, 6)
        record["position"] = round(position, 6)
        if actions is not None:
            record["action"] = actions[frame]
        yield record


def _live(options: argparse.Namespace) -> None:
    model = _load_segmenter(options.model)
    tracker: LiveTracker = model.stream(fps=options.fps, lag=options.lag)
    latencies: list[float] = []
    told = _LiveLines(tracker, as_json=options.json)
    try:
        for moment, frame in _frames_of(options, model.n_features_in_):
            started = time.perf_counter()
            found = tracker.push(frame[None])
            latencies.append(time.perf_counter() - started)
            told.tell(found, moment)
        told.tell(tracker.finish().rest, None)
    finally:
        if latencies:
            mean, most = 1e3 * np.mean(latencies), 1e3 * np.max(latencies)
            _say(f"{len(latencies)} frames, {mean:.2f} ms each, {most:.2f} ms at most")


def _frames_of(
    options: argparse.Namespace, n_features: int
) -> Iterator[tuple[float | None, np.ndarray]]:
    """Yield times, where there are any, and features of frames as they come."""
    source, kind, camera = options.source, "camera:", None
    if source.startswith(kind):
        camera = read_camera(source[len(kind) :])
    if camera is None and not _is_video(source):
        rows = _lines_of_numbers() if source == "-" else _rows(source, n_features)
        if options.fps is None or source == "-":
            yield from ((None, row) for row in rows)
        else:
            yield from in_real_time(
                (n / options.fps, row) for n, row in enumerate(rows)
            )
        return
    extractor = FrameFeatures(
        options.backbone, weights=options.weights, device=options.device
    )
    frames = read_frames(source) if camera is None else camera
    if options.fps is not None:
        frames = resampled(frames, options.fps)
    if camera is None:
        frames = in_real_time(frames)
    yield from compute_as_they_come(extractor, frames)


def _rows(path: str, n_features: int) -> np.ndarray:
    return np.asarray(orient_features(read_features(path), n_features))


def _lines_of_numbers() -> Iterator[np.ndarray]:
    """Yield the numbers of each line of the standard input."""
    for number, line in enumerate(sys.stdin, 1):
        parts = line.replace(",", " ").split()
        if not parts:
            continue
        try:
            yield np.array(parts, dtype=float)
        except ValueError:
            raise ValueError(
                f"line {number} of the standard input is no numbers: {line.strip()!r}."
            ) from None


class _LiveLines:
    """Print what changes in a recording; on a terminal, draw where it is."""

    def __init__(self, tracker: LiveTracker, *, as_json: bool) -> None:
        self.tracker = tracker
        self.as_json = as_json
        self.action: int | str | None = None
        self.n_warnings = 0

    def tell(self, found: Any, moment: float | None) -> None:
        """Tell of frames that are final, and of what is unusual."""
        for frame, action in enumerate(found.labels.tolist(), found.start):
            if action != self.action:
                self.action = action
                self._tell_step(found, frame, moment)
        for warning in self.tracker.warnings_[self.n_warnings :]:
            self.n_warnings += 1
            record = {"frame": warning.frame, "warning": warning.kind}
            self._print(record | {"action": warning.action}, f"warning: {warning}")
        self._draw()

    def _tell_step(self, found: Any, frame: int, moment: float | None) -> None:
        n = frame - found.start
        probability = float(found.probabilities[n].max())
        record: dict[str, Any] = {"frame": frame, "time": moment, "action": self.action}
        record["probability"] = round(probability, 4)
        text = f"frame {frame}: action {self.action} ({probability:.0%})"
        if found.progress is not None:
            record["progress"] = round(float(found.progress[n]), 4)
            text += f", {found.progress[n]:.0%} done"
        following = self.tracker.next_[:1]
        record["next"] = None
        for step in following:
            record["next"] = step.action
            record["next_in_frames"] = round(step.n_frames, 1)
            text += f", next: {_name_of(step)} in {_wait_for(step)}"
        self._print(record, text)

    def _print(self, record: Mapping[str, Any], text: str) -> None:
        _show("")
        print(json.dumps(record) if self.as_json else text, flush=True)

    def _draw(self) -> None:
        now = self.tracker.current_
        if now is None:
            return
        done = 0 if now.progress is None else round(BAR * now.progress)
        bar = "" if now.progress is None else f"[{'#' * done}{'.' * (BAR - done)}] "
        following = "".join(
            f", next: {_name_of(step)} in {_wait_for(step)}"
            for step in self.tracker.next_[:1]
        )
        _show(f"{bar}action {now.action} ({now.probability:.0%}){following}")


def _name_of(step: Any) -> str:
    return "the end" if step.action is None else f"action {step.action}"


def _wait_for(step: Any) -> str:
    if step.seconds is None:
        return f"{step.n_frames:.0f} frames"
    return f"{step.seconds:.0f} s"


def _label(options: argparse.Namespace) -> None:
    model = _load_segmenter(options.model)
    data = _load(options)
    if model.outlook_ is None or len(model.outlook_.distance) != len(data.videos):
        raise ValueError(
            f"{options.model!r} was not fitted to the {len(data.videos)} videos of "
            f"{options.folder!r}; fit it to them."
        )
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    names = [str(name) for name in model.classes_]
    for query in model.query(options.n, kind="recordings"):
        name = data.names[query.video]
        file = out / f"{name}.{SUFFIXES.get(options.format, options.format)}"
        if file.exists():
            raise ValueError(
                f"{str(file)!r} is there already; it may hold your labels."
            )
        video = orient_features(data.videos[query.video], model.n_features_in_)
        order = np.argsort(model.classes_, kind="stable")
        labels = order[np.searchsorted(model.classes_[order], model.predict(video))]
        table = SegmentTable.from_labels(
            labels, name, action_names=names, **_clock(data, query.video)
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        write_segments(table, file)
        print(f"{file}: {query.why}")


def _read_labels(options: argparse.Namespace, data: Recordings) -> list[Any]:
    """Read segments of some videos as labels of their frames."""
    path = Path(options.labels)
    if path.is_file() and is_corrections(path):
        return list(read_corrections(path, data.names))
    suffixes = FORMATS.keys() - {"txt"}
    files = [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        files = [file for file in found if file.suffix[1:].lower() in suffixes]
        if not files:
            raise ValueError(f"{options.labels!r} has no files of segments.")
    y: list[Any] = [None] * len(data.videos)
    for file in files:
        table = read_segments(file)
        for video in table.videos:
            if video not in data.names:
                raise ValueError(
                    f"{str(file)!r} has labels of {video!r}, which is no video of "
                    f"{options.folder!r}."
                )
            index = data.names.index(video)
            n_frames = len(data.videos[index])
            clock = _clock(data, index)
            if "fps" in clock:
                clock["n_frames"] = n_frames
            y[index] = table.to_labels(video, fill="", **clock)
    return y


def _clock(data: Recordings, index: int) -> dict[str, Any]:
    """Return the frame rate of a recording, or the times at which its frames start."""
    known = data.clock(index)
    if not known:
        raise ValueError(
            "--fps is missing: labels have times in seconds, and nothing says how many "
            "frames make one."
        )
    return known


def _score_segmentation(
    model: Any,
    videos: list[np.ndarray],
    labels: list[np.ndarray],
    options: argparse.Namespace,
    groups: list[Any] | None,
) -> dict[str, dict[str, float]]:
    uniform = uniform_segmentation([len(video) for video in videos], model.n_actions_)
    found = [model.predict(video) for video in _progress(videos, lambda _: "segment")]
    scores = {}
    for name, predicted in (("uniform cut", uniform), (type(model).__name__, found)):
        report = segmentation_report(
            labels,
            predicted,
            matching=options.matching,
            groups=groups,
            background=options.background,
            random_state=0,
        )
        scores[name] = {
            "MoF": report.mof,
            "F1": report.f1,
            "mIoU": report.miou,
            "edit": report.edit,
            "F1@50": report.f1_50,
        }
    return scores


def _score_alignment(
    model: Any, videos: list[np.ndarray], labels: list[np.ndarray]
) -> dict[str, dict[str, float]]:
    """Score the matches of pairs of videos, all of them or a random choice."""
    pairs = [(i, j) for i in range(len(videos)) for j in range(len(videos)) if i != j]
    rng = np.random.RandomState(0)
    if len(pairs) > N_PAIRS:
        pairs = [pairs[p] for p in rng.choice(len(pairs), N_PAIRS, replace=False)]
    results: dict[str, list[Any]] = {"linear warping": [], type(model).__name__: []}
    for i, j in _progress(pairs, lambda _: "align"):
        linear = linear_warp(len(videos[i]), len(videos[j]))
        found = model.align(videos[i], videos[j]).matches_x
        for name, matches in zip(results, (linear, found), strict=True):
            results[name].append(label_agreement(matches, labels[i], labels[j]))
    return {
        name: {
            "agreement": float(np.mean([r.agreement_of_all for r in rows])),
            "matched": float(np.mean([r.matched for r in rows])),
        }
        for name, rows in results.items()
    }


def _load(options: argparse.Namespace, **arguments: Any) -> Recordings:
    """Read the recordings of the folder, or say how to make some."""
    folder = _checked_folder(options)
    arguments.setdefault("fps", getattr(options, "fps", None))
    kind, _ = find_kind(folder)
    if kind == "features":
        return load_folder(folder, activity=options.activity, **arguments)
    arguments.pop("on_mismatch", None)
    return read_recordings(
        folder, time=options.time, columns=options.columns, **arguments
    )


def _checked_folder(options: argparse.Namespace) -> Path:
    """Return the folder of recordings; if it has videos instead, say what to do."""
    folder = Path(options.folder)
    prepared = not folder.is_dir() or (folder / "features").exists()
    if not prepared and any(_is_video(file) for file in folder.iterdir()):
        raise ValueError(
            f"{options.folder!r} holds video files, not features; first run: skvas "
            f"extract {options.folder} -o FEATURES"
        )
    return folder


def _load_segmenter(path: str) -> Any:
    model = skvas.load(path)
    if not is_clusterer(model):
        raise ValueError(
            f"{path!r} only aligns; label actions with a model of --task joint or "
            "segment."
        )
    return model


def _load_timeline(path: str) -> skvas.Timeline:
    timeline: skvas.Timeline | None = getattr(skvas.load(path), "timeline_", None)
    if timeline is None:
        raise ValueError(
            f"{path!r} has no timeline; fit a model of --task joint or align to three "
            "or more videos that share an order."
        )
    return timeline


def _read_timed(folder: str, path: Path) -> VideoFeatures:
    """Read the features of a video, and when `skvas extract` saw its frames."""
    features, file = read_features(path), Path(folder, "times", f"{path.stem}.npy")
    times = read_array(file, 1)
    if len(times) not in features.shape:
        raise ValueError(
            f"{str(file)!r} has {len(times)} times for {len(features)} frames; run "
            "skvas extract again, or give --fps."
        )
    return VideoFeatures(features, times)


def _features(path: str, model: Any, options: argparse.Namespace) -> VideoFeatures:
    """Read the features of one video, or compute them."""
    if _is_video(path):
        known = _find_extracted(path, options)
        if known is not None:
            return known
        _say(f"extracting features of {path}")
        extractor = FrameFeatures(
            options.backbone,
            weights=options.weights,
            fps=options.fps,
            device=options.device,
        )
        found: VideoFeatures = extractor.extract(path)
        return found
    features = orient_features(read_features(path), model.n_features_in_)
    if features.shape[1] != model.n_features_in_ or not np.isfinite(features).all():
        raise ValueError(
            f"{path!r} has shape {features.shape}; expected {model.n_features_in_} "
            "finite features a frame, as the model was fitted to."
        )
    return VideoFeatures(features, np.arange(len(features)))


def _is_video(path: str | Path) -> bool:
    return Path(path).suffix.lower() in VIDEOS


def _video_files(paths: Iterable[str]) -> dict[str, Path]:
    """Map names to video files, those of folders included."""
    files: dict[str, Path] = {}
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if _is_video(file))
            if not found:
                raise ValueError(f"{str(path)!r} has no video files.")
        for file in found:
            if file.stem in files:
                raise ValueError(
                    f"{str(files[file.stem])!r} and {str(file)!r} would share the name "
                    f"{file.stem!r}; rename one of them."
                )
            files[file.stem] = file
    return files


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array)


def _check_out(out: str, *inputs: str | None) -> None:
    """Refuse an output that cannot be written, or is an input, before long work."""
    if out in DEVICES:
        return
    for path in inputs:
        if path is not None and _is_same(out, path):
            raise ValueError(f"-o {out} would overwrite {path}; give another name.")
    check_replaceable(out)


def _is_same(a: str, b: str) -> bool:
    if os.path.realpath(a) == os.path.realpath(b):
        return True
    return os.path.exists(a) and os.path.exists(b) and os.path.samefile(a, b)


@contextmanager
def _writing(out: str) -> Iterator[str | Path]:
    """Yield the file to write; where -o is a device, that gets its content."""
    if out not in DEVICES:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out")
        yield file
        if out == "/dev/stdout":  # not opened anew, which could cut a file short
            sys.stdout.flush()
            sys.stdout.buffer.write(file.read_bytes())
            sys.stdout.buffer.flush()


def _as_text_cells(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: as_text_cell(value) if isinstance(value, str) else value
        for name, value in record.items()
    }


def _as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _progress(items: Sequence[Item], name: Callable[[Item], str]) -> Iterator[Item]:
    """Yield items, and tell how many are done and which is being done."""
    lines = _Lines(len(items))
    for item in items:
        lines.tell(name(item))
        yield item
        lines.done += 1
    _show("")


class _Lines:
    """Progress: a bar on a terminal, else a line every ten seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = self.told = time.perf_counter()

    def step(self, name: str) -> None:
        """Count one more as done, and tell it."""
        self.done += 1
        self.tell(name)

    def tell(self, name: str) -> None:
        """Tell how many are done, and the time that the rest takes at this speed."""
        now = time.perf_counter()
        rest = (now - self.started) * (self.total - self.done) / max(self.done, 1)
        minutes, seconds = divmod(round(rest), 60)
        clock = f"{minutes}:{seconds:02} left" if self.done else ""
        if sys.stderr.isatty():
            filled = BAR * self.done // max(self.total, 1)
            bar = "#" * filled + "." * (BAR - filled)
            _show(f"[{bar}] {self.done}/{self.total}  {name}  {clock}")
        elif now - self.told > EVERY and self.done:
            self.told = now
            _say(f"{self.done} of {self.total}, about {clock}")


class _EpochLines:
    """Progress of a training."""

    def __init__(self, epochs: int | None, recipe: str) -> None:
        self.total = RECIPES[recipe].max_epochs if epochs is None else epochs
        self.started = self.told = time.perf_counter()
        self.first: int | None = None

    def __call__(self, record: Mapping[str, float]) -> None:
        epoch, now = int(record["epoch"]), time.perf_counter()
        if self.first is None:
            self.first, self.started = epoch, now - record.get("seconds", 0.0)
        done = epoch - self.first + 1
        rest = round((now - self.started) / done * (self.total - epoch))
        line = f"epoch {epoch} of {self.total}, about {rest} s left"
        if sys.stderr.isatty():
            _show(f"{line}, loss {record['loss']:.4f}")
        elif now - self.told > EVERY:
            self.told = now
            _say(line)


def _show(text: str) -> None:
    """Put a text in the place of the last one, on a terminal only."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1  # one that is wrapped stays
        print(f"\r\033[K{text[:width]}", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    _show("")
    print(text, file=sys.stderr)


def _say_skipped(number: int, why: str, option: str | None) -> None:
    if number:
        hint = f" ({option} does them again)" if option else ""
        _say(f"skipped {number} videos that {why} already{hint}")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")


def _explain(error: BaseException) -> str:
    """Say what went wrong in one line, without Python's words for it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
