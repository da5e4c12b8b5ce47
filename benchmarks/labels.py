"""Measure what a few labels give: named mIoU against the number of labels.

``python -m benchmarks.labels`` takes SPAR in both orders; ``--data FOLDER`` adds every
labelled set that lies in the folder. Labels of some videos are shown, all other videos
are scored by their true names, without any matching; what an action without a name
gets is wrong. Where there are 15 ways at most to choose the labelled videos all are
taken. A network is trained once, without labels, and labels name its actions (three
where frames are asked for by `query`); ``fitted`` trains it with labels as well, as
`fit` does, and is timed against a fit without. Figures go to ``results/labels.md`` and
``.json``, curves to ``results/labels.svg``; a set that is there already is not measured
again, or with ``--again`` by the ``--methods`` alone: rows of the others stay as they
are.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from benchmarks.accuracy import find_sets
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.measure import machine
from skvas import JointAlignSegment, transfer_labels
from skvas.labels._naming import discriminants, one_hot
from skvas.labels._reading import read_labels
from skvas.metrics import dtw_matches, hide_labels, miou
from skvas.preprocessing import VideoStandardizer
from skvas.segmentation._boundaries import settle_boundaries
from skvas.segmentation._named import settle
from skvas.videos._frames import spread_frames

# Numbers of labelled videos, and of timestamps of each class.
VIDEOS, STAMPS = (1, 2, 5), (1, 2, 4)
# Numbers of random frames, a class, that those of `query` are compared with.
MANY_STAMPS = (0.5, 1, 2, 4, 8, 16)
# Ways to choose the labelled videos that are all taken; labelled fits; rivals' draws.
FEW_WAYS, FITTED, RIVALS = 15, 3, 3
# Networks that frames are asked for by.
NETWORKS = 3
# Frames of a set at most; longer videos are thinned alike.
MOST_FRAMES = 20_000
# Frames that LabelSpreading, whose memory is quadratic, looks at.
SPREAD = 2500


class Fit:
    """A model fitted without labels, and all videos of a set as it sees them."""

    def __init__(self, videos, labels, seed):
        self.videos, self.lengths = videos, [len(video) for video in videos]
        names, codes = np.unique(np.concatenate(labels), return_inverse=True)
        self.labels = np.split(codes, np.cumsum(self.lengths)[:-1])
        self.model = JointAlignSegment(len(names), random_state=seed).fit(videos)
        self.n_classes = len(names)
        self.views = self.model._view(videos)
        self.embedding = self.views.embeddings
        self.features = self.views.features
        self.raw = VideoStandardizer().fit_transform(videos)
        self.seed = seed
        self.found, self.spent = None, []

    def name(self, y):
        """Name the actions that were found by labels of some frames."""
        if self.found is None:
            self.base = self.model._found_labeller()
            self.found = self.base.labels(self.views)
        given = None
        if y is not None:
            given = read_labels(y, self.lengths, single=False)
        every = np.arange(len(self.lengths))
        settled = settle(self.base, self.found, self.views, given, None, every)
        settled = settle_boundaries(settled, self.views, given, "auto")
        names = [] if given is None else given.names
        return _named(settled.labels, names), settled.outlook

    def with_labels(self, y):
        """Fit once more, with labels of some frames, and time it against one without.

        CPU seconds are taken, which other work on the machine changes little.
        """
        spent = []
        for given in (None, y):
            model = JointAlignSegment(self.n_classes, random_state=self.seed)
            begun = time.process_time()
            model.fit(self.videos, given)
            spent.append(time.process_time() - begun)
        self.spent.append(spent)
        names = read_labels(y, self.lengths, single=False).names
        place = {label: i for i, label in enumerate(model.classes_.tolist())}
        codes = [np.array([place[k] for k in found]) for found in model.labels_]
        return _named(codes, names)

    def query(self, n_videos):
        """Ask for whole recordings, one after another."""
        kept, outlook = [], self.name(None)[1]
        while len(kept) < n_videos:
            kept.append(outlook.recordings(1)[0].video)
            outlook = self.name(hide_labels(self.labels, keep=kept))[1]
        return kept


def _named(codes, names):
    """Return the names of actions, -1 for those that have none."""
    table = np.append(np.asarray(names, dtype=int), -1)
    return [table[np.minimum(code, len(names))] for code in codes]


def ours(fit, y):
    return fit.name(y)[0]


def fitted(fit, y):
    return fit.with_labels(y)


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
    # Neighbours of equal weight tell nothing apart where each class has one frame.
    return KNeighborsClassifier(min(5, n_frames), weights="distance")


def logistic(n_frames):
    # mIoU counts classes alike, however many frames each shows.
    return LogisticRegression(max_iter=200, class_weight="balanced")


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
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--draws", type=count, default=5)
    parser.add_argument("--again", action="store_true", help="measure anew")
    parser.add_argument("--fresh", action="store_true", help="drop earlier figures")
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    file = options.out / "labels.json"
    content = {"about": machine(), "sets": {}}
    if file.exists() and not options.fresh:
        content = json.loads(file.read_text(encoding="utf-8"))
    sets = pick(find_sets(options.data), options.sets, "set")
    for name in sets:
        earlier = content["sets"].get(name)
        if earlier is None or options.again:
            found = measure(sets[name](), options.draws, options.methods)
            first = options.methods[0]
            print(name, first, json.dumps(found["named"][first]), flush=True)
            content["sets"][name] = _beside(found, earlier)
            file.write_text(json.dumps(content, indent=1), encoding="utf-8")
    write(options.out, content)


def _beside(found, earlier):
    """Keep the rows of methods that were not measured again."""
    if earlier is None:
        return found
    kept = [name for name in earlier["named"] if name not in found["named"]]
    found["named"] = earlier["named"] | found["named"]
    if kept:
        found["note"] = f"Of an earlier run: {', '.join(kept)}."
    return found


def measure(data, n_draws, methods):
    """Return the figures of one set."""
    step = int(np.ceil(sum(map(len, data.videos)) / MOST_FRAMES))
    kept = [i for i, labels in enumerate(data.labels) if labels is not None]
    videos = [np.ascontiguousarray(data.videos[i][::step]) for i in kept]
    labels = [np.asarray(data.labels[i])[::step] for i in kept]
    figures = _figures(Fit(videos, labels, seed=0), n_draws, methods)
    unseen = _unseen(videos, labels)
    return {"n_videos": len(videos), "every": step, **figures, "unseen": unseen}


def _figures(fit, n_draws, methods):
    """Return what labels give on a set that is fitted."""
    rows = ["skvas, by query", "skvas, fitted", *methods]
    if "skvas" in methods:
        rows.insert(0, "skvas")  # the first of a table
    found = {method: {} for method in rows}
    for n_videos in (n for n in VIDEOS if n < len(fit.videos)):
        draws = _draws(fit, n_videos, n_draws)
        key = f"{n_videos} videos"
        for method in methods:
            run = METHODS[method]
            some = draws if method == "skvas" or len(fit.videos) < 7 else draws[:RIVALS]
            found[method][key] = [_score(fit, run(fit, y), y) for y in some]
        y = hide_labels(fit.labels, keep=fit.query(n_videos))
        found["skvas, by query"][key] = [_score(fit, ours(fit, y), y)]
    few = _draws(fit, 1, n_draws)[:FITTED]
    found["skvas, fitted"]["1 videos"] = [_score(fit, fitted(fit, y), y) for y in few]
    found["skvas, fitted"]["1 videos, without"] = [
        _score(fit, ours(fit, y), y) for y in few
    ]
    _timestamps(fit, found, n_draws, methods)
    networks = [fit]
    if "skvas" in methods:
        networks += [Fit(fit.videos, fit.labels, seed) for seed in range(1, NETWORKS)]
    numbers = [n * fit.n_classes for n in STAMPS]
    asked = zip(*(_asked_frames(one, numbers) for one in networks), strict=True)
    for n_stamps, answers in zip(STAMPS, asked, strict=True):
        key = f"{n_stamps} frames a class"
        draws = [
            _random_frames(fit, n_stamps * fit.n_classes, draw)
            for draw in range(n_draws)
        ]
        for method in methods:
            if method not in WHOLE:
                some = draws if method == "skvas" else draws[:RIVALS]
                scores = [_score(fit, METHODS[method](fit, y)) for y in some]
                found[method][key] = scores
        found["skvas, by query"][key] = [
            _score(one, ours(one, y)) for one, y in zip(networks, answers, strict=True)
        ]
    return {
        "segment_on": fit.model.segment_on_,
        "cpu": np.median(fit.spent, axis=0).tolist(),
        "ratio": float(np.median([b / a for a, b in fit.spent])),
        "named": found,
        "saved": _saved(fit, found["skvas, by query"], n_draws),
    }


def _draws(fit, n_videos, n_draws):
    """Show the labels of some videos: all ways where they are few, else random ones."""
    n = len(fit.videos)
    if comb(n, n_videos) <= FEW_WAYS:
        return [
            hide_labels(fit.labels, keep=list(kept))
            for kept in combinations(range(n), n_videos)
        ]
    return [
        hide_labels(fit.labels, keep=n_videos, random_state=100 * draw + n_videos)
        for draw in range(n_draws)
    ]


def _saved(fit, by_query, n_draws):
    """Return which share of the random frames needed for the same mIoU `query` saves.

    Random frames between two measured numbers are interpolated on their logarithm;
    below the fewest they are taken in proportion, beyond the most they are as many.
    """
    numbers = [max(1, round(n * fit.n_classes)) for n in MANY_STAMPS]
    curve = []
    for n_frames in numbers:
        draws = [_random_frames(fit, n_frames, draw) for draw in range(n_draws)]
        curve.append(np.mean([_score(fit, ours(fit, y)) for y in draws]))
    curve = np.maximum.accumulate(curve) + 1e-9 * np.arange(len(curve))
    shares = []
    for n_stamps in STAMPS:
        reached = np.mean(by_query[f"{n_stamps} frames a class"])
        needed = np.exp(np.interp(reached, curve, np.log(numbers)))
        if reached < curve[0]:
            needed = numbers[0] * reached / curve[0]
        shares.append(1 - n_stamps * fit.n_classes / max(needed, 1.0))
    return shares


def _timestamps(fit, found, n_draws, methods):
    """Score one timestamp a segment of one video."""
    kept = [
        [i for i, given in enumerate(y) if given is not None]
        for y in _draws(fit, 1, n_draws)
    ]
    draws = [
        hide_labels(fit.labels, keep=some, timestamps=True, random_state=draw)
        for draw, some in enumerate(kept)
    ]
    for method in methods:
        if method not in WHOLE:
            some = draws if method == "skvas" else draws[:RIVALS]
            scores = [_score(fit, METHODS[method](fit, y), y) for y in some]
            found[method]["1 video, timestamps"] = scores


def _random_frames(fit, n_frames, seed):
    """Show some random frames, whatever their class."""
    joined, y = np.concatenate(fit.labels), np.full(sum(fit.lengths), -1)
    drawn = np.random.RandomState(seed).choice(len(y), n_frames, replace=False)
    y[drawn] = joined[drawn]
    return np.split(y, np.cumsum(fit.lengths)[:-1])


def _asked_frames(fit, numbers):
    """Ask for frames, half a class at a time, and answer truly; return some states."""
    y, states = [np.full(n, -1) for n in fit.lengths], []
    outlook, done = fit.name(None)[1], 0
    for n_frames in numbers:
        while done < n_frames:
            n_asked = min(max(1, fit.n_classes // 2), n_frames - done)
            for query in outlook.frames(n_asked, range(fit.n_classes)):
                label = fit.labels[query.video][query.frame]
                y[query.video][query.frame] = label
            done += n_asked
            outlook = fit.name(y)[1]
        states.append([given.copy() for given in y])
    return states


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
    # All by the network that learned the labels: another one has another embedding.
    views = full._view([*seen.videos, *videos[1::2]])
    seen.features, seen.embedding = views.features, views.embeddings
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
        "Named mIoU of videos without labels, mean over draws of those with labels: "
        "true names, actions without a name count as wrong. 'frames a class': so many "
        "random frames of all videos, times the number of classes, scored on all "
        "frames. A network trained once without labels, whose actions labels name. "
        "'Random frames that query saves': against the number of random frames for the "
        "same mIoU, at 1, 2 and 4 frames a class, means of three networks, as what is "
        "asked for hangs on the network. Five draws, three for the rivals; "
        "all ways to choose the videos where there are 15 at most. Ratios of CPU time "
        "are medians over draws of one labelled video. "
        "`python -m benchmarks.labels`.",
        "",
    ]
    for name, row in content["sets"].items():
        trained = row["named"].pop("skvas, fitted", None)
        keys = list(dict.fromkeys(key for row in row["named"].values() for key in row))
        spent = ""
        if "ratio" in row:
            spent = (
                f"; a fit with labels takes {row['ratio']:.2f} x the CPU time of one "
                "without"
            )
        lines += [
            f"## {name}",
            "",
            f"{row['n_videos']} videos, every {row['every']} frame(s), segmented on "
            f"the {row['segment_on']}{spent}.",
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
        if "note" in row:
            lines += [row["note"], ""]
        if trained:
            means = [np.mean(scores) for scores in trained.values()]
            lines += [
                f"Trained with labels as well (one video, {len(trained['1 videos'])} "
                f"draw(s)): {means[0]:.3f} for {means[1]:.3f}.",
                "",
            ]
        if "saved" in row:
            shares = ", ".join(f"{100 * share:.0f} %" for share in row["saved"])
            lines += [f"Random frames that `query` saves: {shares}.", ""]
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
        for number, (method, style) in enumerate(shown.items()):
            if method not in row["named"]:
                continue
            keys = [f"{n} videos" for n in VIDEOS]
            found = {k: row["named"][method].get(k) for k in keys}
            points = [
                (n, np.mean(found[f"{n} videos"]))
                for n in VIDEOS
                if found[f"{n} videos"]
            ]
            axis.plot(
                *zip(*points, strict=True),
                style,
                color=f"C{number}",
                label=method,
                markersize=4,
            )
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
