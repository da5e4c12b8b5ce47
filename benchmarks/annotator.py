"""Measure how many corrections it takes until all segments are found.

``python -m benchmarks.annotator`` takes SPAR in shuffled order; ``--data FOLDER
--sets SET ...`` takes labelled sets of the folder. A scripted annotator does what the
page of a report offers: it goes to the least certain boundary that it has not seen,
corrects it by the true labels if it is wrong, and fits again after every ten
boundaries, until F1@50 is 1. Figures go to ``results/annotator.md`` and
``.json``; a set that is there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.accuracy import find_sets
from benchmarks.arguments import folder, out_folder, pick, random_seed
from benchmarks.labels import Fit
from benchmarks.measure import machine, threads
from benchmarks.report import table
from skvas import JointAlignSegment
from skvas.decoding import labels_to_segments
from skvas.metrics import f1_overlap, match_labels

# F1@50 at which edits are counted.
GOALS = (0.98, 0.99, 1)
# Boundaries between two fits.
ROUND = 10
# Share of a recording by which a boundary may be off before somebody moves it.
TOLERANCE = 0.02


class Session:
    """Labels of a set as somebody sees and corrects them.

    Parameters
    ----------
    fit : Fit
        A model fitted without labels.
    names : dict
        The true action that each found one is called.
    measure : callable
        How certain a boundary is, of the labels of a video, their shares and the
        window around the boundary.
    """

    def __init__(self, fit, names, measure):
        self.fit = fit
        self.measure = measure
        self.true = fit.labels
        labels = [np.array([names[k] for k in row.tolist()]) for row in found(fit)]
        order = np.argsort([names[code] for code in range(fit.n_classes)])
        shares = fit.model._labeller().shares(fit.views)
        self.known = [np.zeros(len(row), bool) for row in self.true]
        self._show(labels, [share[:, order] for share in shares])

    def _show(self, labels, shares):
        self.labels, self.shares = labels, shares
        self.rows = [self._boundaries(video) for video in range(len(labels))]

    def boundaries(self):
        """Return (certainty, video, window) of the boundaries that nobody saw.

        A window goes from the middle of a segment to that of the next. Where no
        boundary is left, windows are the stretches of frames that nobody saw.
        """
        rows = [row for rows in self.rows for row in rows]
        if rows:
            return rows
        return [
            (0.0, video, (s.start, s.end))
            for video, known in enumerate(self.known)
            for s in labels_to_segments(known.astype(int))
            if not s.label
        ]

    def _boundaries(self, video):
        labels, known, shares = (
            self.labels[video],
            self.known[video],
            self.shares[video],
        )
        segments = labels_to_segments(labels)
        rows = []
        for one, other in zip(segments[:-1], segments[1:], strict=True):
            if known[other.start - 1 : other.start + 1].all():
                continue
            start = 0 if one is segments[0] else (one.start + one.end) // 2
            end = max((other.start + other.end) // 2, other.start + 1)
            if other is segments[-1]:
                end = len(labels)
            sure = self.measure(one, other, shares)
            rows.append((float(sure), video, (start, end)))
        return rows

    def look(self, video, window):
        """See what lies around a boundary, correct it, and return the edits."""
        here = slice(*window)
        now, true = self.labels[video][here], self.true[video][here]
        if actions_of(now) != actions_of(true):  # whole segments are wrong
            here = self._whole_segments(video, window)
            now, true = self.labels[video][here], self.true[video][here]
        n_edits = edits(now, true, self._tolerance(video, window))
        if n_edits:
            self.labels[video][here] = true
        self.known[video][here] = True
        self.rows[video] = self._boundaries(video)
        return n_edits

    def _whole_segments(self, video, window):
        """Return the frames of the true segments that reach into a window."""
        touched = [
            s
            for s in labels_to_segments(self.true[video])
            if s.start < window[1] and s.end > window[0]
        ]
        return slice(touched[0].start, touched[-1].end)

    def _tolerance(self, video, window):
        """Return by how many frames a boundary may be off in a window."""
        lengths = [
            s.end - s.start
            for s in labels_to_segments(self.true[video])
            if s.start < window[1] and s.end > window[0]
        ]
        return min(TOLERANCE * len(self.true[video]), min(lengths) / 4)

    def refit(self):
        """Fit with the labels of frames that somebody saw."""
        fit = self.fit
        model = JointAlignSegment(fit.n_classes, random_state=fit.seed)
        model.fit(fit.videos, self.y())
        shares = [np.asarray(share) for share in model.predict_proba(fit.videos)]
        codes = [np.searchsorted(model.classes_, row) for row in model.labels_]
        called = self._call(codes, model.classes_)
        order = np.argsort(called)
        labels = [
            np.where(known, before, called[row])
            for known, before, row in zip(self.known, self.labels, codes, strict=True)
        ]
        self._show(labels, [share[:, order] for share in shares])

    def _call(self, codes, names):
        """Name actions; those without a label as somebody would who sees them."""
        given = {value for row in self.y() for value in row.tolist()} - {-1}
        left = [k for k in range(self.fit.n_classes) if k not in given]
        new = [code for code, name in enumerate(names.tolist()) if name not in given]
        counts = [
            [
                sum(
                    ((c == code) & (t == k)).sum()
                    for c, t in zip(codes, self.true, strict=True)
                )
                for k in left
            ]
            for code in new
        ]
        called = names.copy()
        if new:
            for row, column in zip(
                *linear_sum_assignment(counts, maximize=True), strict=True
            ):
                called[new[row]] = left[column]
        return called

    def y(self):
        """Return what `fit` would be given: -1 where nobody looked.

        A label of one frame in all would be refused as a slip, and is left out.
        """
        rows = [
            np.where(known, labels, -1)
            for known, labels in zip(self.known, self.labels, strict=True)
        ]
        values, counts = np.unique(np.concatenate(rows), return_counts=True)
        return [np.where(np.isin(row, values[counts == 1]), -1, row) for row in rows]

    def score(self):
        return f1_overlap(self.true, self.labels, threshold=0.5, matching=None)


def found(fit):
    """Return the codes of the actions that were found without labels."""
    return [np.asarray(row) for row in fit.model.labels_]


def call(fit):
    """Name the actions that were found, as somebody would who sees them all."""
    names = match_labels(fit.labels, found(fit))
    left = [k for k in range(fit.n_classes) if k not in names.values()]
    for code in range(fit.n_classes):
        if code not in names:
            names[code] = left.pop()
    return names


def actions_of(labels):
    """Return the actions of the segments, one after another."""
    return [s.label for s in labels_to_segments(labels)]


def edits(now, true, tolerance):
    """Count the moves, splits, merges and changes of label that mend some frames.

    Nothing is wrong if the segments are the same and no boundary is off by more than
    the tolerance.
    """
    mine, wanted = labels_to_segments(now), labels_to_segments(true)
    if actions_of(now) == actions_of(true):
        pairs = zip(mine[1:], wanted[1:], strict=True)
        return sum(abs(a.start - b.start) > tolerance for a, b in pairs)
    have, want = {s.start for s in mine}, {s.start for s in wanted}
    placed = max(len(want - have), len(have - want))
    labels = [np.bincount(now[s.start : s.end]).argmax() for s in wanted]
    typed = sum(label != s.label for label, s in zip(labels, wanted, strict=True))
    return placed + int(typed)


def mean_share(one, other, shares):
    """Return the mean share of the labels of frames between two middles."""
    start, end = (one.start + one.end) // 2, (other.start + other.end) // 2
    end = max(end, other.start + 1)
    own = [
        shares[start : other.start, one.label],
        shares[other.start : end, other.label],
    ]
    return np.concatenate(own).mean()


def steadiness(one, other, shares):
    """Return minus how far the boundary may move, in parts of the shorter segment."""
    start, end = (one.start + one.end) // 2, (other.start + other.end) // 2
    pair = shares[start : max(end, other.start + 1), [one.label, other.label]]
    q = pair[:, 0] / np.maximum(pair.sum(axis=1), 1e-9)
    shorter = min(one.end - one.start, other.end - other.start)
    return -4 * (q * (1 - q)).sum() / shorter


@dataclass(frozen=True)
class Way:
    """How an annotator goes about it.

    Attributes
    ----------
    measure : callable
        How certain a boundary is.
    order : {"least certain", "random"}
        Which boundary is next.
    first : bool
        Whether to correct a whole recording first, the one that the model asks for, and
        to fit with it.
    again : bool
        Whether to fit again after every ten boundaries.
    """

    measure: Callable = mean_share
    order: str = "least certain"
    first: bool = False
    again: bool = True


WAYS = {
    "least certain": Way(),
    "least certain, never fitted again": Way(again=False),
    "a recording first": Way(first=True),
    "a recording first, then never fitted again": Way(first=True, again=False),
    "least steady, never fitted again": Way(steadiness, again=False),
    "random, never fitted again": Way(order="random", again=False),
}


def by_hand(session, *, until_found):
    """Count what it takes to mend every boundary that is wrong, in a row."""
    total = 0
    for _, video, window in session.boundaries():
        here = slice(*window)
        if until_found and not _is_missed(session, video, here):
            continue
        total += session.look(video, window)
    return total


def _is_missed(session, video, here):
    """Tell whether F1@50 counts an error among the segments of some frames."""
    now, true = session.labels[video], session.true[video]
    mine, wanted = labels_to_segments(now), labels_to_segments(true)
    return any(
        max((_iou(s, t) for t in others if t.label == s.label), default=0) < 0.5
        for those, others in ((mine, wanted), (wanted, mine))
        for s in those
        if s.start < here.stop and s.end > here.start
    )


def _iou(a, b):
    shared = min(a.end, b.end) - max(a.start, b.start)
    return shared / (a.end - a.start + b.end - b.start - shared)


def annotate(fit, names, way, rng):
    """Correct until all segments are found.

    Parameters
    ----------
    fit : Fit
        A model fitted without labels.
    names : dict
        What its actions are called.
    way : Way
        How to go about it.
    rng : RandomState
        For a random order.

    Returns
    -------
    dict
        Boundaries looked at, edits and fits, and F1@50 against edits.
    """
    session = Session(fit, names, way.measure)
    looks = n_edits = n_fits = 0
    score = session.score()
    curve = [(0, score)]
    if way.first:
        (query,) = fit.model.query(1, kind="recordings")
        for _, video, window in session.boundaries():
            if video == query.video:
                n_edits += session.look(video, window)
                looks += 1
        session.refit()
        n_fits += 1
    while (score := session.score()) < 1:
        curve.append((n_edits, score))
        rows = session.boundaries()
        if way.order == "least certain":
            rows.sort()
        elif way.order == "random":
            rows = [rows[i] for i in rng.permutation(len(rows))]
        _, video, window = rows[0]
        n_edits += session.look(video, window)
        looks += 1
        if way.again and looks % ROUND == 0:
            session.refit()
            n_fits += 1
    curve.append((n_edits, score))
    return {"looks": looks, "edits": n_edits, "fits": n_fits, "curve": curve}


def measure(data, ways, seed):
    """Return the figures of one set."""
    kept = [i for i, labels in enumerate(data.labels) if labels is not None]
    videos = [np.ascontiguousarray(data.videos[i]) for i in kept]
    fit = Fit(videos, [np.asarray(data.labels[i]) for i in kept], seed=seed)
    names = call(fit)
    start = Session(fit, names, mean_share)
    row = {
        "videos": len(videos),
        "boundaries": len(start.boundaries()),
        "F1@50": start.score(),
        "by hand": by_hand(Session(fit, names, mean_share), until_found=False),
        "by hand, of missed": by_hand(
            Session(fit, names, mean_share), until_found=True
        ),
        "ways": {},
    }
    for name in ways:
        started = time.perf_counter()
        found = annotate(fit, names, WAYS[name], np.random.RandomState(0))
        curve = found.pop("curve")
        for goal in GOALS:
            found[f"edits to {goal}"] = next(n for n, f1 in curve if f1 >= goal)
        found["seconds"] = round(time.perf_counter() - started, 1)
        row["ways"][name] = found
        print(name, found, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.annotator", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--seed", type=random_seed, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS])
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    file = options.out / "annotator.json"
    content = {"about": machine(), "sets": {}}
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
    names = options.sets or ["SPAR, shuffled"]
    sets = pick(find_sets(options.data), names, "set")
    with threads(1):
        for name in sets:
            key = f"{name}, seed {options.seed}"
            if key not in content["sets"]:
                found = measure(sets[name](), options.ways, options.seed)
                content["sets"][key] = found
                file.write_text(json.dumps(content, indent=1), encoding="utf-8")
                write(options.out / "annotator.md", content["sets"])


def write(path, sets):
    """Write a table for each set."""
    lines = [
        "# A scripted annotator",
        "",
        "Edits until F1@50 is 1, beside those that it takes to correct every wrong "
        "boundary by hand. A boundary is wrong if it is off by more than 2 % of its "
        "recording, or a quarter of the shortest segment around it; *missed* are those "
        "beside segments that F1@50 counts as errors before any edit. An edit is a "
        "moved boundary, a split, a merge or another label. `python -m "
        "benchmarks.annotator`.",
        "",
    ]
    for name, row in sets.items():
        lines += [
            f"## {name}",
            "",
            f"{row['videos']} videos, {row['boundaries']} boundaries found, F1@50 "
            f"{row['F1@50']:.3f}. By hand {row['by hand']} edits, "
            f"{row['by hand, of missed']} where only missed ones are corrected.",
            "",
            *table(
                [
                    {
                        "way": way,
                        "boundaries seen": found["looks"],
                        **{
                            f"edits to F1@50 {g}": found[f"edits to {g}"] for g in GOALS
                        },
                        "of those by hand": f"{found['edits'] / row['by hand']:.2f}",
                        "fits": found["fits"],
                    }
                    for way, found in row["ways"].items()
                ]
            ),
            "",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
