"""Measure what a few labels give: named mIoU against the number of labels.

``python -m benchmarks.labels`` takes SPAR in both orders; ``--data FOLDER`` adds every
labelled set that lies in the folder. Labels of some videos are shown, all other videos
are scored by their true names, without any matching. Figures go to
``results/labels.md`` and ``.json``, curves to ``results/labels.svg``; a set that is
there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from benchmarks.accuracy import find_sets
from benchmarks.measure import machine
from skvas import JointAlignSegment, transfer_labels
from skvas.labels._naming import discriminants, one_hot
from skvas.metrics import dtw_matches, hide_labels, miou
from skvas.preprocessing import VideoStandardizer
from skvas.videos._frames import spread_frames

# Numbers of labelled videos, and of timestamps of each class.
VIDEOS, STAMPS = (1, 2, 5), (1, 2, 4)
# Frames of a set at most; longer videos are thinned alike.
MOST_FRAMES = 40_000
# Frames that LabelSpreading, whose memory is quadratic, looks at.
SPREAD = 2500


class Fit:
    """A model fitted without labels, and all videos of a set as it sees them."""

    def __init__(self, videos, labels, seed):
        self.videos, self.lengths = videos, [len(video) for video in videos]
        names, codes = np.unique(np.concatenate(labels), return_inverse=True)
        self.labels = np.split(codes, np.cumsum(self.lengths)[:-1])
        started = time.perf_counter()
        self.model = JointAlignSegment(len(names), random_state=seed).fit(videos)
        self.seconds = time.perf_counter() - started
        self.n_classes = len(names)
        self.views = self.model._view(videos)
        self.embedding = self.views.embeddings
        self.features = self.views.features
        self.raw = VideoStandardizer().fit_transform(videos)
        self.seed = seed

    def with_labels(self, y):
        """Fit once more, with labels of some frames."""
        model = JointAlignSegment(self.n_classes, random_state=self.seed)
        return model.fit(self.videos, y)

    def query(self, n_videos):
        """Ask for whole recordings, one after another."""
        kept = [query.video for query in self.model.query(1, kind="recordings")]
        while len(kept) < n_videos:
            model = self.with_labels(hide_labels(self.labels, keep=kept))
            kept.append(model.query(1, kind="recordings")[0].video)
        return kept


def ours(fit, y):
    return list(fit.with_labels(y).labels_)


def _known(frames, y):
    """Return the labelled frames and their labels."""
    x, labels = [], []
    for video, given in zip(frames, y, strict=True):
        if isinstance(given, dict):
            x.append(video[list(given)])
            labels.append(list(given.values()))
        elif given is not None:
            x.append(video[given >= 0])
            labels.append(given[given >= 0])
    return np.concatenate(x), np.concatenate(labels)


def classifier(fit, y, *, space, make):
    frames = getattr(fit, space)
    x, labels = _known(frames, y)
    if len(np.unique(labels)) == 1:
        return [np.full(n, labels[0]) for n in fit.lengths]
    model = make(len(x)).fit(x, labels)
    return [model.predict(video) for video in frames]


def spreading(fit, y):
    frames, known = np.concatenate(fit.embedding), np.full(sum(fit.lengths), -1)
    starts = np.cumsum([0, *fit.lengths])
    for start, given in zip(starts, y, strict=False):
        if isinstance(given, dict):
            known[start + np.array(list(given))] = list(given.values())
        elif given is not None:
            known[start : start + len(given)] = given
    labelled = np.flatnonzero(known >= 0)
    labelled = labelled[spread_frames(len(labelled), SPREAD // 2)]
    few = np.union1d(spread_frames(len(frames), SPREAD // 2), labelled)
    model = LabelSpreading("knn", n_neighbors=10, max_iter=100)
    model.fit(frames[few], known[few])
    return [model.predict(video) for video in fit.embedding]


def markov(fit, y):
    """Decode a hidden Markov model whose parameters are counted in labelled videos."""
    frames = fit.features
    x, labels = _known(frames, y)
    weights, bias = discriminants(x, one_hot(labels, fit.n_classes))
    counts = np.full((fit.n_classes, fit.n_classes), 1e-3)
    first = np.full(fit.n_classes, 1e-3)
    for given in y:
        if given is not None and not isinstance(given, dict):
            np.add.at(counts, (given[:-1], given[1:]), 1)
            first[given[0]] += 1
    steps = np.log(counts / counts.sum(axis=1, keepdims=True))
    found = []
    for video in frames:
        emitted = log_softmax(video @ weights + bias, axis=1)
        best, back = np.log(first / first.sum()) + emitted[0], []
        for row in emitted[1:]:
            total = best[:, None] + steps
            back.append(total.argmax(axis=0))
            best = total.max(axis=0) + row
        path = [int(best.argmax())]
        for row in back[::-1]:
            path.append(int(row[path[-1]]))
        found.append(np.array(path[::-1]))
    return found


def transfer(fit, y):
    kept = [i for i, given in enumerate(y) if given is not None]
    videos = [fit.videos[i] for i in kept]
    return list(
        transfer_labels(fit.model, videos, [y[i] for i in kept], fit.videos).labels
    )


def warping(fit, y):
    """Align each video with the labelled ones by DTW; they vote."""
    kept = [i for i, given in enumerate(y) if given is not None]
    found = []
    for video in fit.raw:
        votes = np.zeros((len(video), fit.n_classes))
        for i in kept:
            matched = y[i][dtw_matches(video, fit.raw[i])]
            votes[np.arange(len(video)), matched] += 1
        found.append(votes.argmax(axis=1))
    return found


def knn(n_frames):
    return KNeighborsClassifier(min(5, n_frames))


def logistic(n_frames):
    return LogisticRegression(max_iter=200)


METHODS = {
    "skvas": ours,
    "k-NN, whitened": partial(classifier, space="features", make=knn),
    "k-NN, embedding": partial(classifier, space="embedding", make=knn),
    "logistic, embedding": partial(classifier, space="embedding", make=logistic),
    "LabelSpreading": spreading,
    "HMM, labelled": markov,
    "transfer": transfer,
    "DTW transfer": warping,
}
# They need labels of whole videos.
WHOLE = ("HMM, labelled", "transfer", "DTW transfer")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.labels", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--fresh", action="store_true", help="drop earlier figures")
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=here)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    file = options.out / "labels.json"
    content = {"about": machine(), "sets": {}}
    if file.exists() and not options.fresh:
        content = json.loads(file.read_text(encoding="utf-8"))
    sets = find_sets(options.data)
    for name in options.sets or sets:
        if name not in content["sets"]:
            content["sets"][name] = measure(
                sets[name](), options.draws, options.methods
            )
            file.write_text(json.dumps(content, indent=1), encoding="utf-8")
            print(name, json.dumps(content["sets"][name]["named"]["skvas"]), flush=True)
    write(options.out, content)


def measure(data, n_draws, methods):
    """Return the figures of one set."""
    step = int(np.ceil(sum(map(len, data.videos)) / MOST_FRAMES))
    kept = [i for i, labels in enumerate(data.labels) if labels is not None]
    videos = [np.ascontiguousarray(data.videos[i][::step]) for i in kept]
    labels = [np.asarray(data.labels[i])[::step] for i in kept]
    fit = Fit(videos, labels, seed=0)
    found = {method: {} for method in ("skvas", "skvas, by query", *methods)}
    started = time.perf_counter()
    fit.with_labels(hide_labels(fit.labels, keep=[0]))
    seconds = time.perf_counter() - started - fit.seconds
    for n_videos in (n for n in VIDEOS if n < len(videos)):
        draws = [
            hide_labels(fit.labels, keep=n_videos, random_state=100 * draw + n_videos)
            for draw in range(n_draws)
        ]
        key = f"{n_videos} videos"
        for method in methods:
            run = METHODS[method]
            found[method][key] = [_score(fit, run(fit, y), y) for y in draws]
        y = hide_labels(fit.labels, keep=fit.query(n_videos))
        found["skvas, by query"][key] = [_score(fit, ours(fit, y), y)]
    _timestamps(fit, found, n_draws, methods)
    for n_stamps in STAMPS:
        key = f"{n_stamps} frames a class"
        draws = [
            _random_frames(fit, n_stamps * fit.n_classes, draw)
            for draw in range(n_draws)
        ]
        for method in methods:
            if method not in WHOLE:
                scores = [_score(fit, METHODS[method](fit, y)) for y in draws]
                found[method][key] = scores
        asked = _asked_frames(fit, n_stamps * fit.n_classes)
        found["skvas, by query"][key] = [_score(fit, ours(fit, asked), asked)]
    return {
        "n_videos": len(videos),
        "every": step,
        "segment_on": fit.model.segment_on_,
        "seconds": [fit.seconds, seconds],
        "named": found,
        "unseen": _unseen(videos, labels) if len(methods) > 1 else {},
    }


def _timestamps(fit, found, n_draws, methods):
    """Score one timestamp a segment of one video."""
    draws = [
        hide_labels(fit.labels, timestamps=True, random_state=100 * draw + 1)
        for draw in range(n_draws)
    ]
    for method in methods:
        if method not in WHOLE:
            scores = [_score(fit, METHODS[method](fit, y), y) for y in draws]
            found[method]["1 video, timestamps"] = scores


def _random_frames(fit, n_frames, seed):
    """Show some random frames, whatever their class."""
    joined, y = np.concatenate(fit.labels), np.full(sum(fit.lengths), -1)
    drawn = np.random.RandomState(seed).choice(len(y), n_frames, replace=False)
    y[drawn] = joined[drawn]
    return np.split(y, np.cumsum(fit.lengths)[:-1])


def _asked_frames(fit, n_frames):
    """Ask for frames in five rounds, and answer truly."""
    y = [np.full(n, -1) for n in fit.lengths]
    model = fit.model
    rounds = np.array_split(np.arange(n_frames), min(5, n_frames))
    for part in rounds:
        for query in model.query(len(part), kind="frames"):
            label = fit.labels[query.video][query.frame]
            y[query.video][query.frame] = label
        model = fit.with_labels(y)
    return y


def _score(fit, found, y=None):
    """Return the named mIoU of the videos that have no label, or of all frames."""
    rest = range(len(found))
    if y is not None and any(given is None for given in y):
        rest = [i for i, given in enumerate(y) if given is None]
    true = np.concatenate([fit.labels[i] for i in rest])
    return miou(true, np.concatenate([found[i] for i in rest]), matching=None)


def _unseen(videos, labels):
    """Fit to every other video, all labelled; score the rest, which no fit has seen."""
    seen = Fit(videos[::2], labels[::2], seed=0)
    full = JointAlignSegment(random_state=0).fit(seen.videos, list(seen.labels))
    names = np.unique(np.concatenate(labels[::2]))
    true = np.concatenate(labels[1::2])
    scores = {"skvas": names[np.concatenate(list(full.predict(videos[1::2])))]}
    views = full._view(videos[1::2])
    seen.features = [*seen.features, *views.features]
    seen.embedding = [*seen.embedding, *views.embeddings]
    seen.lengths = [len(video) for video in seen.features]
    y = [*seen.labels, *[None] * len(videos[1::2])]
    for method in (
        "k-NN, whitened",
        "k-NN, embedding",
        "logistic, embedding",
        "HMM, labelled",
    ):
        found = METHODS[method](seen, y)[len(videos[::2]) :]
        scores[method] = names[np.concatenate(found)]
    return {
        method: miou(true, found, matching=None) for method, found in scores.items()
    }


def write(out, content):
    """Write the tables and draw the curves."""
    lines = [
        "# A few labels",
        "",
        "Named mIoU of videos without labels, mean over draws of those with labels. "
        "'frames a class': so many random frames of all videos, times the number of "
        "classes, scored on all frames. `python -m benchmarks.labels`.",
        "",
    ]
    for name, row in content["sets"].items():
        keys = list(row["named"]["skvas"])
        fit, settled = row["seconds"]
        lines += [
            f"## {name}",
            "",
            f"{row['n_videos']} videos, every {row['every']} frame(s), segmented on "
            f"the {row['segment_on']}; a fit {fit:.1f} s, labels {settled:.1f} s more.",
            "",
            "| | " + " | ".join(keys) + " |",
            "| --- |" + " --- |" * len(keys),
        ]
        for method, scores in row["named"].items():
            cells = [
                f"{np.mean(scores[key]):.3f}" if key in scores else "" for key in keys
            ]
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        lines.append("")
        if not row["unseen"]:
            continue
        unseen = ", ".join(f"{m} {v:.3f}" for m, v in row["unseen"].items())
        lines += [f"All labelled, scored on the unseen half: {unseen}.", ""]
    (out / "labels.md").write_text("\n".join(lines), encoding="utf-8")
    _draw(out / "labels.svg", content["sets"])


def _draw(path, sets):
    import matplotlib.pyplot as plt

    n_columns = min(4, len(sets))
    n_rows = -(-len(sets) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3 * n_columns, 2.6 * n_rows), squeeze=False
    )
    shown = {
        "skvas": "o-",
        "skvas, by query": "^-",
        "transfer": "s--",
        "k-NN, embedding": "x:",
        "HMM, labelled": "+:",
    }
    for axis, (name, row) in zip(axes.flat, sets.items(), strict=False):
        for method in shown.keys() & row["named"].keys():
            style = shown[method]
            keys = [f"{n} videos" for n in VIDEOS]
            found = {k: row["named"][method].get(k) for k in keys}
            points = [
                (n, np.mean(found[f"{n} videos"]))
                for n in VIDEOS
                if found[f"{n} videos"]
            ]
            axis.plot(*zip(*points, strict=True), style, label=method, markersize=4)
        axis.set(title=name, ylim=(0, 1), xticks=VIDEOS)
        axis.title.set_fontsize(9)
    for axis in list(axes.flat)[len(sets) :]:
        axis.axis("off")
    axes[-1, 0].set(xlabel="labelled videos", ylabel="named mIoU")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower center", ncol=5)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
