"""What users see when something is wrong, what it means, and what they can do.

Symptoms quote the message. Each row has the numbers of those rows of the table of
faults whose tests hold it; the page does not show them. A row of that table needs none
here if users can do nothing about it.
"""

from __future__ import annotations

# Title of a group, and its rows: symptom, meaning, remedy, numbers in the table.
Row = tuple[str, str, str, tuple[int, ...]]
HELP: dict[str, list[Row]] = {
    "Data that fit does not take": [
        (
            "`video 1: Input X contains NaN in 5 of 211 frames`",
            "A sensor or tracker lost something. The message says where the first gap "
            "is.",
            'Signals: `features=make_pipeline(Interpolate(), "auto")`. Poses: '
            "`PoseFeatures()`. Long gaps: cut the recording there.",
            (1, 31),
        ),
        (
            "`the preprocessing in features= leaves NaN`",
            "A gap is longer than `max_gap`.",
            "Raise `max_gap`, or cut the recording there.",
            (1,),
        ),
        (
            "`in all frames of feature 3`",
            "A sensor or tracker gave nothing in a whole recording.",
            "Leave the recording out, or the feature: no line can be drawn through it.",
            (1,),
        ),
        (
            "`Expected 2D array, got 1D array`",
            "A recording is an array `(n_frames, n_features)`, also of one channel.",
            '`channel[:, None]`, or `frame[["name"]]` of a data frame.',
            (10,),
        ),
        (
            "`A list of 3 one-dimensional arrays has two meanings`",
            "They are channels of one recording, or recordings of one channel.",
            "`[numpy.column_stack(channels)]`, or `[channel[:, None] for channel in "
            "channels]`.",
            (10, 74),
        ),
        (
            "`One array of shape (279, 17, 2) has two meanings`",
            "It is one recording of poses, or many recordings of few features.",
            "`[array]` for one recording, `list(array)` for many.",
            (10, 74),
        ),
        (
            "`X has 15 features, but ... is expecting 16`",
            "A recording has other columns than those of `fit`, or than the others.",
            "Read all in one way: `columns=` of the readers picks the same ones.",
            (9,),
        ),
        (
            "warning: `Each of the 4 videos has 5 frames and 60 features`",
            "Rows and columns may be exchanged.",
            "`[video.T for video in videos]`.",
            (9,),
        ),
        (
            "`hold dates or text`, `Expected real numbers`",
            "A column holds times, names or labels.",
            "Leave it out, or read the file with `skvas.io.read_sensors`, which turns "
            "times into a frame rate.",
            (11, 12, 74),
        ),
        (
            "`got a str`, `got a Bunch`, `got None`",
            "A path, a data set or nothing came in place of arrays.",
            "The message names the reader, or the part to pass: `fit(data.videos)`.",
            (22, 74),
        ),
        (
            "`Masked arrays are not supported`, `Sparse data was passed`",
            "The mask would be ignored; the solver needs all numbers.",
            "`.filled(numpy.nan)` and `Interpolate`; `.toarray()`.",
            (18, 21),
        ),
        (
            "`features overflow in float32`",
            "Numbers are too large or too small for the network.",
            "Rescale them, or leave `features` at its default.",
            (15,),
        ),
        (
            "`SpikesWarning`: `single values lie 10 times as far off as all others`",
            "A sensor or tracker failed for a moment. Lines between the frames around "
            "stand in the place of these values.",
            "Nothing, or set them to NaN yourself and use `Interpolate`. If they are "
            "right, scale the feature first, for example by its logarithm.",
            (87,),
        ),
        (
            "`at least one video`, `found array with 0 sample(s)`",
            "The list, or one of its recordings, is empty.",
            "Look at what was read: `print(recordings)`.",
            (2, 3),
        ),
    ],
    "Files that cannot be read": [
        (
            "`no tables`, `neither a folder 'features' nor files`",
            "The folder has no file of a kind that skvas reads.",
            "[Several ways to pass data](formats.md). For video files, run `skvas "
            "extract` first.",
            (56, 73),
        ),
        (
            "`the unit of times in column 't' is unclear`",
            "Neither the name of the column nor its numbers tell seconds from "
            "milliseconds.",
            '`time_unit="ms"` (Python), `--time-unit ms`.',
            (73,),
        ),
        (
            "`times in column 't' do not rise`",
            "The column is no time, or rows are not in order.",
            "Name the right column (`time=`, `--time`), or `time=None`, `--time none`.",
            (73,),
        ),
        (
            "`the time in column 't' goes back by 4.5 s`",
            "A second recording starts in the file, or the clock was set.",
            "Cut the file at the line that the message names.",
            (73,),
        ),
        (
            "`times in column 't' do not advance`",
            "Many rows have the same time, such as whole seconds.",
            "A finer column (`time=`), or `time=None` and the rate as `fps=`.",
            (73,),
        ),
        (
            "`line 10 of 'a.csv', column 'x': 'ERR' is no number`",
            "A cell of a column of numbers holds something else.",
            "Empty the cell, which makes a gap, or pick other columns by `columns=`.",
            (73,),
        ),
        (
            "`cannot be read as eaf`, `as csv`, ...",
            "A label file breaks its format: overlaps, falling times, a file cut off.",
            "The message names the line or the segment. Open it in the tool that made "
            "it, mend it, and save.",
            (51,),
        ),
        (
            "`cannot be loaded as a model`",
            "The file is no model of skvas, or is damaged. Nothing in it was run.",
            "Copy it again, or fit and save again.",
            (45,),
        ),
        (
            "`ModelVersionWarning`",
            "Another version of skvas wrote the model. Answers may differ a little.",
            "Fit again and save, if results must be those of this version.",
            (46,),
        ),
        (
            "a video file cannot be read",
            "It is cut off, empty, or no video.",
            "Play it, and convert it with ffmpeg if that works.",
            (52,),
        ),
    ],
    "Parameters and labels": [
        (
            "`InvalidParameterError: ... must be`",
            "A parameter is out of its range. Nothing was computed.",
            "The message has the range; [the tables of parameters](parameters.md) say "
            "what it does.",
            (24, 25, 26, 27),
        ),
        (
            "warning: `n_actions=50 is more than the 30 frames`",
            "The recordings are too short to show so many actions.",
            "Fewer actions, or more frames a second.",
            (5, 26, 67),
        ),
        (
            "`expected one label for each of the 189 frames`",
            "Labels and features differ in length.",
            "Labels of another frame rate: `skvas.labels.frame_labels` takes seconds.",
            (68,),
        ),
        (
            "warning: `None of the videos has labels, but there is`",
            "Files of `groundTruth` have other names than the files of `features`.",
            "Rename them: `tea01` or `tea01.txt` for `tea01.npy`.",
            (51,),
        ),
        (
            "`there is no action 7`, `two actions would be called`",
            "Names belong to other labels than those of the model, or two are the "
            "same.",
            "The message lists the actions: `name_actions({0: 'take', 1: 'pour'})`.",
            (85,),
        ),
        (
            "`NotFittedError`",
            "The model has learned nothing yet.",
            "Call `fit`, or `skvas.load`.",
            (48,),
        ),
        (
            "`ConvergenceWarning`",
            "The solver stopped before `tol` was met. Plans are valid, less precise.",
            "Raise `max_iter`, or ignore it in training.",
            (28, 29),
        ),
        (
            "warning: `DegenerateFramesWarning`",
            "Frames are zero, or do not change: they match anything equally well.",
            "Leave out constant channels and still stretches.",
            (6, 7),
        ),
        (
            "`timeline_ is None`, `has no timeline`",
            "Recordings are fewer than two, share no order or, in `JointAlignSegment`, "
            "do not keep it: its summary may say that they share one.",
            '`via="pair"`; more recordings; `VideoAligner`, or `Timeline`; '
            '`matching="monotone"` if you know the order.',
            (62, 65),
        ),
        (
            "anchors, corrections or pages are refused",
            "They name frames or recordings that are not there, or contradict each "
            "other.",
            "The message names them. Corrections belong to the recordings of the page.",
            (72, 75, 76, 77),
        ),
    ],
    "Training and long runs": [
        (
            "`CheckpointError`",
            "The checkpoint belongs to other data or parameters, or is damaged.",
            "Name another file, or remove the old one to start again.",
            (40, 42),
        ),
        (
            "`MemoryError`",
            "Aligning two long recordings in full needs more than there is.",
            '`aligning__memory_limit="1GB"`, or fewer frames a second.',
            (43,),
        ),
        (
            "`torch finds no CUDA device`",
            "There is no GPU here, or no driver for it.",
            '`device="auto"`, which takes the CPU then.',
            (44,),
        ),
        (
            "the run was killed, or the computer went off",
            "Files are whole or not there. Checkpoints and labels written are kept.",
            "Repeat the command: it goes on where it was, see [long "
            "runs](long_runs.md).",
            (39, 40, 55, 60),
        ),
        (
            "`could not be written`",
            "The disk is full, or the place write-protected. The old file is intact.",
            "Make room, or name another place with `-o`.",
            (41, 57, 61),
        ),
        (
            "results differ from run to run",
            "`random_state` is None.",
            "`random_state=0`. Processes, threads and batches change nothing.",
            (32, 33, 34, 35, 37),
        ),
        (
            "everything is slow on a busy machine",
            "Too many threads compete.",
            "`OMP_NUM_THREADS=1` for several processes; skvas shares threads out "
            "itself.",
            (36, 38, 54),
        ),
    ],
    "Live streams": [
        (
            "`ValueError` of a frame that was pushed",
            "It has another width, infinity, or a time before the last one. The "
            "tracker is as it was.",
            "Push the right frame. Frames with NaN are taken: numbers are guessed from "
            "those before, and without any the tracker holds its state.",
            (69, 70),
        ),
        (
            "the tracker takes no more frames",
            "`finish()` was called.",
            "`reset()` starts a new recording; with `model.stream(reset_after=5)` this "
            "happens by itself after five seconds without a frame that can be read.",
            (71,),
        ),
        (
            "a saved tracker asks for the model",
            "Its lag is infinite, and the model labels the recording at the end.",
            "`load_tracker(path, model=model)`.",
            (71,),
        ),
        (
            "`may look at later frames`, `depends on later frames`",
            "Features or the encoder need the whole recording.",
            "`Training(live=True)` with `features` and `encoder` left as they are.",
            (82,),
        ),
    ],
}


def render_help() -> str:
    """Return a table for each group."""
    lines = []
    for title, rows in HELP.items():
        lines += [f"## {title}", "", ":::{container} stacked"]
        lines += ["| what you see | what it means | what to do |"]
        lines += ["| --- | --- | --- |"]
        lines += [f"| {seen} | {means} | {do} |" for seen, means, do, _ in rows]
        lines += [":::", ""]
    return "\n".join(lines)
