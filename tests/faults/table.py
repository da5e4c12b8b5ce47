"""Bad inputs and faults, what becomes of each, and the tests that hold it.

The tests of a row are those whose names begin with ``test_row_`` and its number, in any
file of `tests/`. The documentation has a page of them, behind the help for users in
`tests/faults/help.py`; `docs/conf.py` writes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.faults.help import render_help

TESTS = Path(__file__).parents[1]
NAME = re.compile(r"^ *def test_row_(\d+)_(\w+)\(", re.MULTILINE)

# Input or fault, and what becomes of it.
ROWS = {
    1: (
        "NaN or infinity in a frame",
        "`ValueError` that names the video, the frames and a remedy, unless "
        "`features` closes gaps; the estimator stays as it was",
    ),
    2: ("no video at all: an empty list, tuple or array", "`ValueError`"),
    3: ("a video without frames or without features", "`ValueError` that names it"),
    4: (
        "a video of one frame",
        "one label, one embedding; in `fit` alone a `ValueError`, among others used",
    ),
    5: (
        "fewer frames in a video than actions",
        "valid labels; fewer frames in all than actions: `ValueError`",
    ),
    6: (
        "still frames, frames of zeros",
        "finite answers, one `DegenerateFramesWarning`; a zero frame stays zero",
    ),
    7: (
        "all frames equal in all videos",
        "finite answers, one warning; one action by default",
    ),
    8: (
        "a video twice; a frame twice",
        "the same labels; the same embedding where features are taken as they are",
    ),
    9: (
        "another number of features in one video, or than in `fit`",
        "`ValueError` with both numbers",
    ),
    10: (
        "one axis, a list of channels, one array of poses, ragged rows, scalars",
        "an error that says how to pass what was meant; poses in a list are taken",
    ),
    11: ("object arrays", "numbers are taken; strings are an error"),
    12: (
        "complex numbers, dates, numbers in strings; truth values",
        "an error that names the video; truth values are numbers",
    ),
    13: (
        "integers, float16, longdouble",
        "the labels of float32; infinity from overflow as in row 1",
    ),
    14: ("float64 against float32", "99.9 % of labels agree"),
    15: (
        "features of any scale, or of mixed scales",
        "the same answers by default; where float32 would lose them, `ValueError`",
    ),
    16: (
        "subnormal numbers",
        "count as zeros, and take no more than three times as long",
    ),
    17: (
        "Fortran order, strides, other byte order, read-only memory, mapped files",
        "the same bit for bit; the input stays as it was",
    ),
    18: ("masked arrays", "`ValueError`: the mask would be ignored"),
    19: (
        "data frames",
        "taken; other names or another order of columns later is an error",
    ),
    20: (
        "torch tensors, on a GPU, with gradients, bfloat16",
        "taken; the graph of gradients is neither used nor kept",
    ),
    21: ("sparse matrices", "`TypeError` that asks for dense ones"),
    22: ("a generator, dict, path or set", "`TypeError` with a hint"),
    23: (
        "one video as an array, and a list of it",
        "the same labels, in the container that they were asked in",
    ),
    24: (
        "`eps` of 0, negative, NaN; extreme",
        "`InvalidParameterError`; finite answers",
    ),
    25: (
        "`alpha` of 0 and 1; beyond",
        "features alone, structure alone; `InvalidParameterError`",
    ),
    26: (
        "`n_actions` of 1, as many as frames, more; 0, 2.5, text",
        "works, works, `ValueError`; `InvalidParameterError`",
    ),
    27: (
        "weights and masses of zero, huge or negative",
        "finite answers; `InvalidParameterError` where they make no sense",
    ),
    28: (
        "too few iterations for `tol`, or none at all",
        "plans meet their marginals; `converged` is False, `ConvergenceWarning`",
    ),
    29: (
        "an entropy so small that float32 underflows",
        "no NaN, no frame without mass",
    ),
    30: ("a video of one frame beside one of thousands", "the same as alone"),
    31: ("a poisoned video among others", "it alone is named; later answers the same"),
    32: (
        "other batch sizes, other neighbours, another order of videos",
        "the same up to 1e-5",
    ),
    33: ("other numbers of processes (`n_jobs`)", "the same bit for bit"),
    34: (
        "the same `random_state`, in a new process, with other global seeds",
        "the same bit for bit; global generators and settings stay as they were",
    ),
    35: ("another number of torch's threads", "the same labels"),
    36: (
        "a grid search in several processes; busy cores",
        "processes share out the threads; a fit does not collapse",
    ),
    37: (
        "many threads that predict with one estimator",
        "the same bit for bit; nothing is stored",
    ),
    38: ("`fit` beside `predict` of another estimator", "both as if alone"),
    39: (
        "an interrupt in `fit`",
        "answered within a second; the estimator stays as it was, "
        "the last checkpoint is kept",
    ),
    40: (
        "a training killed at random moments, and resumed",
        "the same weights bit for bit as without",
    ),
    41: (
        "a full disk, a read-only folder",
        "`OSError` that names the file; the older file is intact",
    ),
    42: (
        "a checkpoint of other parameters, data, estimator or version, or damaged",
        "`CheckpointError`; never a silent start from scratch",
    ),
    43: (
        "too little memory",
        "`MemoryError` with an estimate; the process goes on, coarse to fine if asked",
    ),
    44: (
        "CUDA asked for where there is none, or lost",
        'an error that says so; `device="auto"` takes the CPU, with a line in the log',
    ),
    45: (
        "hostile and damaged model files",
        "`ModelFileError`; nothing in them is run, memory is bounded",
    ),
    46: (
        "model files and pickles of older releases",
        "load and predict what they did, with a `ModelVersionWarning`",
    ),
    47: (
        "copies and pickles, fitted or not, from a GPU",
        "say the same bit for bit, and load where there is no GPU",
    ),
    48: ("use before `fit`", "`NotFittedError`"),
    49: ("a second `fit` on other dimensions", "nothing is left of the first"),
    50: (
        "scikit-learn's settings for output, routing and finiteness",
        "obeyed",
    ),
    51: (
        "label files: odd labels, gaps, overlaps, entities, junk, other line ends, "
        "cut off; in a folder, called like no video",
        "read and written exactly, or refused by an error that names the file; a "
        "warning that names what is called like no video",
    ),
    52: (
        "video files: cut off, junk, empty, missing, variable frame rate",
        "an error that names the file; time stamps are kept",
    ),
    53: ("a network whose weights are not here", "an error at once"),
    54: (
        "processes forked after torch has started threads",
        "no waiting for ever: they use one thread",
    ),
    55: (
        "a worker of a cluster killed in `predict`",
        "the run ends, with the same labels",
    ),
    56: (
        "files of features: damaged, cut off, of another size than they say, pipes",
        "one `ValueError` (a pipe: `OSError`) that names the file",
    ),
    57: (
        "an output that is a device, a pipe, a socket, write-protected, an input, or "
        "of another kind than its name says",
        "an error that names it, and it stays; the command writes to /dev/null and "
        "/dev/stdout. Permissions and owner of a file that is replaced are kept",
    ),
    58: (
        "a callback that changes the record it is given",
        "it has a copy; the training and `history_` are the same",
    ),
    59: (
        "training in several processes inside a daemon process",
        "`ValueError` that says so",
    ),
    60: (
        "the process killed or asked to end while its workers are busy, or imports run",
        "the workers end within a second or two; the command exits with 128 and the "
        "number of the signal",
    ),
    61: (
        "the command's standard output or error closed or full",
        "exit code 1 where results are lost, and no traceback",
    ),
    62: (
        "a timeline of one video",
        "the video itself: positions rise evenly from 0 to 1, `order_` is None",
    ),
    63: (
        "a timeline of videos of one frame, some or all",
        "such a frame stands in the middle, or at 0 where all are; the others are "
        "placed as without them, up to 2 % on average",
    ),
    64: (
        "a timeline of videos whose lengths differ a thousandfold",
        "all are placed, from the beginning to the end",
    ),
    65: (
        "an unrelated video among those of a timeline",
        "`is_related_` and a low `alignability_` name it; the positions of the others "
        "change by 1 % at most, on average",
    ),
    66: ("a video twice in a timeline", "the same positions bit for bit"),
    67: (
        "more actions than positions on the timeline",
        "`InvalidParameterError` with both numbers; of a range, what fits is tried",
    ),
    68: (
        "labels of other lengths, other types, two at one frame, a class of one frame "
        "among stretches, more labels than actions",
        "one `ValueError` that names the video; the estimator stays as it was",
    ),
    69: (
        "frames of a stream of another width or kind, with infinity, or with NaN",
        "one `ValueError` or `TypeError`, and the tracker is as it was; numbers that "
        "are NaN are guessed from those before, and a frame of NaN alone holds the "
        "state, each with a warning in `warnings_`",
    ),
    70: (
        "a gap in the times of a stream's frames, or times that fall",
        "one `ValueError` that says where, and the tracker is as it was; with "
        "`reset_after`, a gap that is long enough ends the recording",
    ),
    71: (
        "frames pushed after the end of a recording; a stream of a model that is not "
        "fitted, or was saved before there were streams; a saved tracker that labels "
        "at the end, without its model; `reset_after` without a rate of frames, or "
        "shorter than two of them",
        "one error that says what to do; the end stays as it was",
    ),
    72: (
        "anchors of `align` or `fit` outside the videos, or that contradict each "
        "other, also by way of other videos",
        "one `ValueError` that names them",
    ),
    73: (
        "tables and poses: cut off, not of their kind, recordings that differ, times "
        "that fall or have no unit",
        "one error that names the recording and the column, line or points",
    ),
    74: (
        "one array of poses, channels in a list, None, dates, paths, data sets",
        "an error that says what to pass instead",
    ),
    75: (
        "a report with names that occur twice, labels, positions, media, curves, poses "
        "or corrections that do not fit its recordings, video files that are missing",
        "one error that names them, and no file is written",
    ),
    76: (
        "video files that the browser cannot play; names and labels with markup in "
        "them",
        "the page says so under the player; texts are shown as they are",
    ),
    77: (
        "corrections or anchors that no page saved, or of recordings that are not "
        "there or have other frames",
        "one `ValueError` that names the file and the recording",
    ),
    78: (
        "a chain of actions asked for where there is little to learn from: equal "
        "frames, a lone recording or one of a single frame, more actions than frames",
        "valid labels, and probabilities that sum to 1",
    ),
    79: (
        "recordings on disk of which a file changes, vanishes or is damaged while "
        "`fit` reads them",
        "one error that names it; the estimator and the checkpoint stay as they were",
    ),
    80: (
        "a sequence that gives another array at another look, or something else than "
        "arrays",
        "one error that names the video",
    ),
    81: (
        "`memory_limit` below one video, a batch of pairs, or what a transformer needs "
        "at once; a full disk",
        "one error that says how much is needed, or names the folder",
    ),
    82: (
        "features or an encoder that look at later frames in `Training(live=True)`; "
        "embedding frames as they come with a model that needs later ones",
        "one error that names the part and says what to use",
    ),
    83: (
        "names of features, actions, points and tiers whose accents one system writes "
        "as characters of their own, and another does not",
        "one name, shown as it came first",
    ),
    84: (
        "functions of metrics and readers: arguments that are exchanged, one for a "
        "list, paths as bytes, generators, data frames, masks, fractions or "
        "probabilities as labels, texts for truth values",
        "taken, or one error that says what came and what to pass",
    ),
    85: (
        "names for actions that are not there, one name for two actions, two for one, "
        "more names than actions",
        "the same `ValueError` of `name_actions`, `report` and `step_report`, which "
        "lists the actions; no file is written",
    ),
    86: (
        "`recurring` where actions are not found on the timeline, `decoder` where they "
        "are",
        '`InvalidParameterError` that names both parameters; "auto" is taken',
    ),
    87: (
        "single frames with absurd values, as of a sensor that fails or a marker that "
        "jumps",
        "a line between the frames around them takes their place, and a "
        "`SpikesWarning` names the recording, the frame and the feature; answers of "
        "`Training(live=True)` take them as they come",
    ),
}


HEADER = """# When something goes wrong

Look for what you see: words of a message, or what happened. Messages name the recording
and the remedy where they can. If there is no message but the result looks wrong, see
[my result looks wrong](looks_wrong.md). An estimator whose `fit` fails, whatever the
reason, is as it was before.

"""

PROMISES = """## What is tested

Bad inputs and faults, what becomes of each, and the tests that hold it. The name of a
test is `test_row_`, the number of the row, and the fact that it states.

:::{container} stacked
| row | input or fault | outcome | tests |
| --- | --- | --- | --- |
"""


def find_tests() -> dict[int, dict[str, list[str]]]:
    """Map each row to its tests: to files, and to the facts that they state."""
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(TESTS.rglob("test_*.py")):
        for row, name in NAME.findall(file.read_text(encoding="utf-8")):
            found[int(row)][file.relative_to(TESTS).as_posix()].append(name)
    return found


def render() -> str:
    """Return the page."""
    tests = find_tests()
    lines = []
    for number, (fault, outcome) in ROWS.items():
        cells = "<br>".join(
            f"`{file}`: " + "; ".join(name.replace("_", " ") for name in names)
            for file, names in tests[number].items()
        )
        lines.append(f"| {number} | {fault} | {outcome} | {cells} |")
    return HEADER + render_help() + "\n" + PROMISES + "\n".join(lines) + "\n:::\n"
