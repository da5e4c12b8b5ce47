"""Measure accuracy where less is known: new videos, few videos, labels of others.

``python -m benchmarks.protocols --data FOLDER --seeds 5`` runs SPAR and every labelled
set of the folder, as `benchmarks.accuracy` does. Figures are written after every run,
and a run that is already there is not made again.

all         fit on all videos, score all of them (mIoU)
unseen      fit on one half of the videos and score the other; clusters are matched with
            actions on the first half
few         fit on 2, 4 and 8 videos and score these; the mean of three draws
cut         fit on videos of which a quarter begin late and a quarter stop early, by .2
            to .6 of their time, and score these
wander      fit on videos with as many features more, all random walks, and score these
drift       fit on videos whose features drift, each along a line of its own in each
            video, and score these
shift       fit on videos whose features all shift at one moment, another one in each
            video, and score these
tails       fit on videos whose features span powers of ten, and score these
carried     labels of each video from those of all others (leave one out), over the
            timeline and over a barycentre by DTW
via         agreement of labels of matched frames, pair by pair and over the timeline
cycle       frames between x and where it comes back to by way of y, as a share of x
calibration expected calibration errors: of frames by `predict_proba`, clusters matched
            with actions once; of frames of half of the videos by labels of the others;
            of boundaries, which are right within 5 % of the video
stranger    what one video in permuted blocks does to a timeline without training: its
            alignability, that of the others, and by how much of the timeline these move
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path

import joblib
import numpy as np

from benchmarks.accuracy import _earlier, _pairs, _thin, find_sets
from benchmarks.accuracy_methods import METHODS, _z_scores
from benchmarks.accuracy_report import _replace, _spread
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.jobs import add_options, run_all
from benchmarks.measure import in_words
from benchmarks.report import table
from skvas import JointAlignSegment, Timeline
from skvas.metrics import label_agreement, match_labels, miou

SEGMENTING = (
    "uniform cut",
    "k-means, whitened",
    "k-means, PCA",
    "HMM, whitened",
    "HMM, PCA",
    "joint",
    "joint, paper",
)
FEW, N_DRAWS = (2, 4, 8), 3
# Frames of each video, evenly spread, that barycentres are made of.
BARYCENTRE_FRAMES, N_ROUNDS = 200, 3
N_PAIRS = 30
PROTOCOLS = (
    "all",
    "unseen",
    "few",
    "cut",
    "wander",
    "drift",
    "shift",
    "tails",
    "carried",
    "via",
    "cycle",
    "calibration",
    "stranger",
)
# How far features drift or shift to both sides, in standard deviations (times a normal
# number), and the shares of a video between which they shift.
DRIFT, MIDDLE = 0.8, (0.2, 0.8)
# The power of features, in standard deviations from the median, that has heavy tails.
TAILS = 3
# Bins of probabilities, and the share of a video within which a boundary is right.
N_BINS, NEAR = 15, 0.05
# Blocks of a stranger, and what is said of it.
N_BLOCKS = 12
STRANGER = ("its alignability", "least of the others", "their median", "they move")


def main():
    options = _options()
    sets = pick(find_sets(options.data), options.sets, "set")
    stem = options.out / "protocols"
    content = _earlier(stem.with_suffix(".json"), options.fresh)
    chosen = {name: load() for name, load in sets.items()}
    tasks = []
    for seed, name, protocol in product(
        range(options.seeds), chosen, options.protocols or PROTOCOLS
    ):
        for method in options.methods or _methods(protocol):
            key = f"{name} | {protocol} | {method} | {seed}"
            if key not in content["runs"] and method in _methods(protocol):
                tasks.append((_run_once, key, protocol, chosen[name], method, seed))
    for key, score in run_all(tasks, options):
        content["runs"][key] = score
        _replace(stem.with_suffix(".json"), json.dumps(content, indent=1) + "\n")
        _replace(stem.with_suffix(".md"), "\n".join(markdown(content)) + "\n")


def _run_once(key, protocol, data, method, seed):
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = _RUN[protocol](data, method, seed)
    took = time.perf_counter() - started
    print(f"{key}: {score}, {took:.1f} s", flush=True)
    return key, score


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.protocols",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, metavar="NAME")
    methods = sorted({name for each in PROTOCOLS for name in _methods(each)})
    parser.add_argument("--methods", nargs="+", choices=methods, metavar="METHOD")
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--fresh", action="store_true", help="drop earlier figures")
    add_options(parser)
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def _methods(protocol):
    if protocol in ("all", "unseen", "few", "cut", "wander", "drift", "shift", "tails"):
        return SEGMENTING
    if protocol == "carried":
        return ("timeline", "joint's timeline", "DTW barycentre")
    if protocol == "via":
        return ("joint, pair", "joint, timeline")
    if protocol == "stranger":
        return STRANGER
    if protocol == "calibration":
        return ("found frames", "found boundaries", "carried frames")
    return ("joint, pair", "joint, timeline", "DTW, z-scored")


def _all(data, method, seed):
    return miou(data.labels, _fit(data.videos, data.labels, method, seed).labels)


def _unseen(data, method, seed):
    """Return the score on the second half of the videos."""
    order = np.random.RandomState(1000 + seed).permutation(len(data.videos))
    first, second = order[: -(len(order) // 2)], order[-(len(order) // 2) :]
    videos, labels = _of(data, first)
    found = _fit(videos, data.labels, method, seed)
    names = match_labels(labels, found.labels)
    new, true = _of(data, second)
    predicted = [
        np.array([names.get(label, -1) for label in video.tolist()])
        for video in found.predict(new)
    ]
    return miou(true, predicted, matching=None)


def _few(data, method, seed):
    """Return the mean score of draws of each number of videos."""
    scores = {}
    for n_videos in FEW:
        if n_videos >= len(data.videos):
            continue
        drawn = []
        for draw in range(N_DRAWS):
            rng = np.random.RandomState(100 * seed + draw)
            videos, labels = _of(data, rng.choice(len(data.videos), n_videos, False))
            drawn.append(miou(labels, _fit(videos, labels, method, seed).labels))
        scores[str(n_videos)] = float(np.mean(drawn))
    return scores


def _cut(data, method, seed):
    """Return the score where half of the videos are cut off."""
    rng = np.random.RandomState(seed)
    shown = []
    for video in data.videos:
        kind, share = rng.uniform(), rng.uniform(0.2, 0.6)
        at = round(len(video) * share)
        late, early = slice(at, None), slice(0, len(video) - at)
        shown.append(late if kind < 0.25 else early if kind < 0.5 else slice(None))
    videos = [video[rows] for video, rows in zip(data.videos, shown, strict=True)]
    labels = [label[rows] for label, rows in zip(data.labels, shown, strict=True)]
    return miou(labels, _fit(videos, labels, method, seed).labels)


def _wander(data, method, seed):
    """Return the score where half of the features go their own way."""
    rng = np.random.RandomState(seed)
    usual = np.median(np.concatenate(data.videos).std(axis=0))
    videos = []
    for video in data.videos:
        walk = rng.standard_normal(video.shape).cumsum(axis=0)
        walk = usual * (walk - walk.mean(axis=0)) / walk.std(axis=0)
        videos.append(np.hstack([video, walk.astype(video.dtype)]))
    return miou(data.labels, _fit(videos, data.labels, method, seed).labels)


def _drift(data, method, seed, course=lambda time, rng: time):
    """Return the score where each feature drifts, another way in each video."""
    rng = np.random.RandomState(seed)
    usual = DRIFT * np.concatenate(data.videos).std(axis=0)
    videos = []
    for video in data.videos:
        gone = course(np.linspace(-1, 1, len(video)), rng)
        away = np.outer(gone, rng.standard_normal(len(usual)))
        videos.append(video + (usual * away).astype(video.dtype))
    return miou(data.labels, _fit(videos, data.labels, method, seed).labels)


def _shift(data, method, seed):
    """Return the score where features shift at one moment of each video."""

    def leap(time, rng):
        return np.where(time < 2 * rng.uniform(*MIDDLE) - 1, -1, 1)

    return _drift(data, method, seed, leap)


def _tails(data, method, seed):
    """Return the score where features span powers of ten, to both sides."""
    frames = np.concatenate(data.videos)
    middle, usual = np.median(frames, axis=0), frames.std(axis=0)
    usual = np.where(usual > 0, usual, 1)
    away = [(video - middle) / usual for video in data.videos]
    videos = [
        (np.sign(video) * np.abs(video) ** TAILS).astype(np.float32) for video in away
    ]
    return miou(data.labels, _fit(videos, data.labels, method, seed).labels)


def _carried(data, method, seed):
    """Return the score of labels that each video has from all others."""
    if method == "DTW barycentre":
        place = _barycentre(data.videos)
    elif method == "timeline":
        place = Timeline(random_state=seed).fit(data.videos).labels
    else:
        model = _joint(data, seed)
        if model.timeline_ is None:
            return None
        place = partial(model.timeline_.labels, videos=data.videos)
    left = []
    for i, labels in enumerate(data.labels):
        others = [None if j == i else other for j, other in enumerate(data.labels)]
        left.append(np.asarray(place(others)[i])[: len(labels)])
    return miou(data.labels, left, matching=None)


def _via(data, method, seed):
    """Return the agreement of labels of matched frames, in both directions."""
    align = _aligner(data, method, seed)
    if align is None:
        return None
    found = []
    for (x, labels_x), (y, labels_y) in _pairs(data, N_PAIRS):
        forth, back = align(x, y)
        found.append(label_agreement(forth, labels_x, labels_y).agreement_of_all)
        found.append(label_agreement(back, labels_y, labels_x).agreement_of_all)
    return float(np.mean(found))


def _cycle(data, method, seed):
    """Return how far from itself a frame comes back, as a share of the video."""
    align = _aligner(data, method, seed)
    if align is None:
        return None
    found = []
    for (x, _), (y, _) in _pairs(data, N_PAIRS):
        forth, back = align(x, y)
        start = np.flatnonzero(forth >= 0)
        end = back[forth[start]]
        comes_back = end >= 0
        off = np.abs(end - start)[comes_back]
        found.append(float(off.mean()) / len(x))
    return float(np.mean(found))


def _calibration(data, method, seed):
    """Return the expected calibration error of what a joint model says."""
    model = _joint(data, seed)
    if method == "found frames":
        names = match_labels(data.labels, list(model.labels_))
        codes = [names.get(k, -1) for k in range(model.n_actions_)]
        found = (
            (shares.max(axis=1), np.array(codes)[shares.argmax(axis=1)] == labels)
            for shares, labels in zip(
                model.predict_proba(data.videos), data.labels, strict=True
            )
        )
    elif model.timeline_ is None:
        return None
    elif method == "found boundaries":
        found = map(_near, model.timeline_.boundaries(data.videos), data.labels)
    else:
        found = [
            part
            for draw in range(N_DRAWS)
            for part in _from_half(data, model.timeline_, 100 * seed + draw)
        ]
    certain, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return calibration_error(certain, right, N_BINS)


def calibration_error(certain, right, n_bins):
    """Return the expected calibration error of frames that are right or not."""
    bins = np.minimum((certain * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, certain - right, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(bins))


def _from_half(data, timeline, draw):
    """Yield how certain labels of the other half are, and which are right."""
    given = np.random.RandomState(draw).permutation(len(data.videos))
    given = given[: len(given) // 2].tolist()
    y = [v if i in given else None for i, v in enumerate(data.labels)]
    names, shares = timeline.label_shares(y, data.videos)
    for i, share in enumerate(shares):
        if i not in given:
            yield share.max(axis=1), names[share.argmax(axis=1)] == data.labels[i]


def _near(boundaries, labels):
    """Return how certain boundaries are, and whether there is a true one near each."""
    true = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    off = np.abs(boundaries[:, :1] - true).min(axis=1, initial=np.inf)
    return boundaries[:, 1], off <= max(1, NEAR * len(labels))


def _stranger(data, method, seed):
    """Say what a video does whose blocks were permuted and that others don't follow."""
    if _STRANGER.get("of") != (id(data), seed):
        _STRANGER.update(of=(id(data), seed), found=_with_stranger(data.videos, seed))
    return _STRANGER["found"][method]


_STRANGER = {}


def _with_stranger(videos, seed):
    rng = np.random.RandomState(seed)
    which = rng.randint(len(videos))
    blocks = np.array_split(videos[which], N_BLOCKS)
    stranger = np.concatenate([blocks[k] for k in rng.permutation(N_BLOCKS)])
    others = [video for i, video in enumerate(videos) if i != which]
    alone = Timeline(None, random_state=seed).fit(others)
    joined = Timeline(None, random_state=seed).fit([*others, stranger])
    saved = joined.alignability_[:-1]
    pairs = zip(alone.positions_, joined.positions_[:-1], strict=True)
    moved = np.mean([np.abs(one - other).mean() for one, other in pairs])
    found = joined.alignability_[-1], saved.min(), np.median(saved), moved
    return dict(zip(STRANGER, map(float, found), strict=True))


_RUN = {
    "all": _all,
    "unseen": _unseen,
    "few": _few,
    "cut": _cut,
    "wander": _wander,
    "drift": _drift,
    "shift": _shift,
    "tails": _tails,
    "carried": _carried,
    "via": _via,
    "cycle": _cycle,
    "calibration": _calibration,
    "stranger": _stranger,
}


def _fit(videos, labels, method, seed):
    n_actions = len(np.unique(np.concatenate(labels)))
    return METHODS[method].run(videos, n_actions, seed)


def _of(data, which):
    return [data.videos[i] for i in which], [data.labels[i] for i in which]


_JOINT = {}


def _joint(data, seed):
    """Fit a joint model, or take that of the last call."""
    of = joblib.hash(data.videos), seed
    if _JOINT.get("of") != of:
        model = JointAlignSegment(len(data.action_names), random_state=seed)
        _JOINT.update(of=of, model=model.fit(data.videos))
    return _JOINT["model"]


def _aligner(data, method, seed):
    """Return a function from two videos to the matches of both."""
    if method == "DTW, z-scored":
        return METHODS[method].run(data.videos, 0, seed).match["path"]
    model, via = _joint(data, seed), method.removeprefix("joint, ")
    if via == "timeline" and model.timeline_ is None:
        return None
    return partial(_matches, model, via)


def _matches(model, via, x, y):
    found = model.align(x, y, via=via)
    return found.matches_x, found.matches_y


def _barycentre(videos):
    """Return a function that carries labels over an average by DTW."""
    from dtaidistance import dtw, dtw_ndim

    thin = [
        np.ascontiguousarray(_thin(_z_scores(v), BARYCENTRE_FRAMES)) for v in videos
    ]
    lengths = [len(video) for video in thin]
    mean = thin[int(np.argsort(lengths)[len(lengths) // 2])]

    def path_to(mean, video):
        _, sums = dtw_ndim.warping_paths(mean, video, use_c=True)
        return np.array(dtw.best_path(sums))

    for _ in range(N_ROUNDS):
        total, count = np.zeros_like(mean), np.zeros(len(mean))
        for video in thin:
            path = path_to(mean, video)
            np.add.at(total, path[:, 0], video[path[:, 1]])
            np.add.at(count, path[:, 0], 1)
        mean = np.ascontiguousarray(total / count[:, None])
    paths = [path_to(mean, video) for video in thin]

    def carry(labels):
        names = np.unique(np.concatenate([y for y in labels if y is not None]))
        votes = np.zeros((len(mean), len(names)))
        for path, y in zip(paths, labels, strict=True):
            if y is not None:
                codes = np.searchsorted(names, _thin(y, BARYCENTRE_FRAMES))
                np.add.at(votes, (path[:, 0], codes[path[:, 1]]), 1)
        carried = []
        for path, video, thinned in zip(paths, videos, thin, strict=True):
            shares = np.zeros((len(thinned), len(names)))
            np.add.at(shares, path[:, 1], votes[path[:, 0]])
            nearest = np.linspace(0, len(thinned) - 1, len(video)).round().astype(int)
            carried.append(names[shares.argmax(axis=1)][nearest])
        return carried

    return carry


def markdown(content):
    """Return one table a protocol: methods against sets."""
    about = content["about"]
    lines = [
        "# Accuracy where less is known",
        "",
        f"{in_words(about)}; sources {about['sources']}.",
        "",
        "Means over seeds with their standard deviations. `python -m "
        "benchmarks.protocols --help` says what each protocol does.",
        "",
    ]
    runs = {tuple(key.split(" | ")): score for key, score in content["runs"].items()}
    runs = {key: score for key, score in runs.items() if score is not None}
    sets = list(dict.fromkeys(key[0] for key in runs))
    for protocol in PROTOCOLS:
        found = {key: score for key, score in runs.items() if key[1] == protocol}
        if found:
            lines += [f"## {protocol}", "", *table(_rows(found, sets)), ""]
    return lines


def _rows(runs, sets):
    rows = []
    for method in dict.fromkeys(key[2] for key in runs):
        of = {
            name: [v for key, v in runs.items() if key[0] == name and key[2] == method]
            for name in sets
        }
        numbers = sorted(
            {n for v in of.values() for s in v if isinstance(s, dict) for n in s},
            key=int,
        )
        for number in numbers or [None]:
            row = {"method": method} | ({"videos": number} if number else {})
            for name, scores in of.items():
                if number:
                    scores = [s[number] for s in scores if number in s]
                row[name] = _spread(scores) if scores else None
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
