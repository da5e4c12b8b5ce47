"""Measure recordings followed while they go on, against the whole-video answer.

``python -m benchmarks.live --data FOLDER`` fits on one half of the videos of each set
and streams the other half, one frame after another. SPAR needs no folder. Figures are
written after every run, and a run that is already there is not made again.

``python -m benchmarks.live --parts orders`` counts warnings of skipped and repeated
steps that are right, wrong and missing; ``--parts costs`` times a frame, and streams a
million. Four more do not run unless they are asked for: ``--parts training`` compares
models that were trained for live use with the default, on the same halves, ``--parts
gaps`` streams the others with numbers taken out in blocks, ``--parts waits`` with a
frame that lasts, and ``--parts certainty`` holds probabilities against what is right.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from benchmarks.accuracy import find_sets
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.measure import machine, peak_memory, threads
from benchmarks.protocols import calibration_error
from benchmarks.report import table
from skvas import JointAlignSegment, Training
from skvas.datasets import load_spar, make_videos
from skvas.decoding import labels_to_segments
from skvas.metrics import match_labels, segmentation_report

# Prefixes that `predict` is given, one after another, and videos that it is given.
N_PREFIXES, PREFIX_VIDEOS = 25, 5
# A boundary that is found later than this share of the video is missed.
LATE = 0.1
# Lags beside 0, as shares of the median video.
LAGS = (0.02,)
FRAMES_IN_A_ROW = 1_000_000
# Times that each session is changed.
N_CHANGES = 4
# For `--parts gaps`: share of the numbers that are taken out at least, and lengths of
# the blocks, in frames.
TAKEN, BLOCKS = 0.15, (5, 60)
# For `--parts waits`: frames of a wait, in median videos, and of some videos at most.
WAIT, WAITING = 3, 8
PARTS = ("sets", "orders", "costs")
MORE = ("training", "gaps", "waits", "certainty")
# Bins of probabilities, for `--parts certainty`.
N_BINS = 10
# How models are trained, for `--parts training`.
LIVE = Training(live=True)
TRAININGS = {
    "default": {},
    "live": {"training": LIVE},
    "live, causal encoder": {"training": LIVE, "encoder": "causal"},
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--parts", nargs="+", choices=(*PARTS, *MORE), default=PARTS)
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    stem = options.out / "live"
    file = stem.with_suffix(".json")
    content = {"about": machine(), "runs": {}, "orders": {}, "costs": {}}
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
    content |= {part: content.get(part, {}) for part in MORE}
    sets = pick(find_sets(options.data), options.sets, "set")
    with threads(1):
        ways = (trained, with_gaps, with_waits, how_sure)
        more = dict(zip(MORE, ways, strict=True))
        for part, measure in more.items():
            asked = sets if part in options.parts else ()
            for seed, name in product(range(options.seeds), asked):
                key = f"{name} | {seed}"
                if key not in content[part]:
                    content[part][key] = measure(sets[name](), seed)
                    print(key, content[part][key], flush=True)
                    write(stem, content)
        chosen = sets if "sets" in options.parts else ()
        for seed, name in product(range(options.seeds), chosen):
            key = f"{name} | {seed}"
            if key not in content["runs"]:
                content["runs"][key] = run(sets[name](), seed)
                print(key, content["runs"][key]["MoF"], flush=True)
                write(stem, content)
        for name, measure in ORDERS.items():
            if "orders" in options.parts and name not in content["orders"]:
                content["orders"][name] = measure(options.seeds)
                print(name, content["orders"][name], flush=True)
                write(stem, content)
        if "costs" in options.parts and not content["costs"]:
            content["costs"] = costs()
            write(stem, content)


def halves(n_videos, seed):
    """Split videos at random into those to learn from and those to stream."""
    drawn = np.random.RandomState(seed).permutation(n_videos)
    return np.sort(drawn[: n_videos // 2]), np.sort(drawn[n_videos // 2 :])


def run(data, seed):
    """Fit on one half, and answer for the other with every method."""
    learn, rest = halves(len(data.videos), seed)
    n_actions = len(data.action_names)
    videos = [data.videos[i] for i in learn]
    started = time.perf_counter()
    model = JointAlignSegment(n_actions, random_state=seed).fit(videos)
    fitted = time.perf_counter() - started
    new, true = [data.videos[i] for i in rest], [data.labels[i] for i in rest]
    median = float(np.median([len(video) for video in new]))
    offline = [np.asarray(labels) for labels in model.predict(new)]
    found = {"whole video": offline, "live": streamed(model, new, 0)}
    for share in LAGS:
        lag = round(share * median)
        found[f"live, {share:.0%} late"] = streamed(model, new, lag)
    found["live, at the end"] = streamed(model, new, np.inf)
    found["open-ended DTW"] = open_ended(model, new)
    found["HMM filter"] = hmm_filter(videos, new, n_actions, seed)
    scores = {name: score(true, labels) for name, labels in found.items()}
    some = range(min(PREFIX_VIDEOS, len(new)))
    scores["predict on prefixes"] = score(
        [true[i] for i in some], [prefixes(model, new[i]) for i in some]
    )
    row = {"segment_on": model.segment_on_, "fit": fitted, "scores": scores}
    row["MoF"] = {name: found["MoF"] for name, found in scores.items()}
    row["delays"] = {
        name: delays(offline, labels)
        for name, labels in found.items()
        if name.startswith("live")
    }
    return row


def trained(data, seed):
    """Score whole-video and live answers of models that were trained differently."""
    learn, rest = halves(len(data.videos), seed)
    videos = [data.videos[i] for i in learn]
    new, true = [data.videos[i] for i in rest], [data.labels[i] for i in rest]
    row = {}
    for name, options in TRAININGS.items():
        model = JointAlignSegment(len(data.action_names), random_state=seed, **options)
        model.fit(videos)
        found = {"whole": [*map(np.asarray, model.predict(new))]}
        found |= {"live": streamed(model, new, 0)}
        row[name] = {answer: score(true, labels) for answer, labels in found.items()}
    return row


def with_gaps(data, seed):
    """Score live answers for frames as they are, and for frames that lack numbers.

    Beside the tracker's answers are those for frames that are passed over where they
    lack any number.
    """
    learn, rest = halves(len(data.videos), seed)
    model = JointAlignSegment(len(data.action_names), random_state=seed)
    model.fit([data.videos[i] for i in learn])
    whole, true = [data.videos[i] for i in rest], [data.labels[i] for i in rest]
    rng = np.random.RandomState(seed)
    broken = [take_out(video, rng) for video in whole]
    lacking = [np.isnan(video).any(axis=1) for video in broken]
    over = [
        np.where(lacks[:, None], np.nan, video)
        for video, lacks in zip(whole, lacking, strict=True)
    ]
    shown = {"whole": whole, "with gaps": broken, "gaps passed over": over}
    row = {
        name: score(true, streamed(model, videos, 0))["MoF"]
        for name, videos in shown.items()
    }
    return {"frames with gaps": float(np.concatenate(lacking).mean()), **row}


def with_waits(data, seed):
    """Score live answers where recordings stand still before they begin, or midway.

    Frames of the wait, which is the frame there with half of the noise between
    neighbouring frames, are not scored.
    """
    learn, rest = halves(len(data.videos), seed)
    model = JointAlignSegment(len(data.action_names), random_state=seed)
    model.fit([data.videos[i] for i in learn])
    rest = rest[:WAITING]
    true = [data.labels[i] for i in rest]
    n = WAIT * int(np.median([len(data.videos[i]) for i in learn]))
    row, warned = {}, {}
    for name, share, n_frames in (
        ("whole", 0, 0),
        ("wait before", 0, n),
        ("wait midway", 0.5, n),
    ):
        rng, found, told = np.random.RandomState(seed), [], 0
        for i in rest:
            video = np.asarray(data.videos[i], dtype=float)
            at = int(share * len(video))
            noise = np.diff(video, axis=0).std(axis=0) / np.sqrt(8)
            wait = video[at] + noise * rng.standard_normal((n_frames, video.shape[1]))
            tracker = model.stream()
            labels = tracker.push(np.concatenate([video[:at], wait, video[at:]])).labels
            found.append(np.concatenate([labels[:at], labels[at + n_frames :]]))
            kinds = [w.kind for w in tracker.warnings_ if w.frame >= at]
            told += sum(kind in ("skipped", "repeated") for kind in kinds)
        row[name] = score(true, found)["MoF"]
        warned[f"{name}: steps warned of"] = told
    return row | warned


def how_sure(data, seed):
    """Measure how far probabilities are from the share of frames that are right.

    Models learn without labels, and with those of one video; found actions are matched
    with labels once, on the half that they were learned from.
    """
    learn, rest = halves(len(data.videos), seed)
    videos, new = ([data.videos[i] for i in half] for half in (learn, rest))
    known, true = ([data.labels[i] for i in half] for half in (learn, rest))
    joined = np.concatenate(true)
    one = [known[0], *[None] * (len(known) - 1)]
    row = {}
    for name, y in (("no labels", None), ("one video", one)):
        n_actions = len(data.action_names) if y is None else None
        model = JointAlignSegment(n_actions, random_state=seed).fit(videos, y)
        names = np.asarray(model.classes_)
        if y is None:
            called = match_labels(known, [np.asarray(x) for x in model.labels_])
            names = np.array([called.get(action, -1) for action in names])
        whole = np.concatenate(model.predict_proba(new))
        answers = {"whole": whole, "live": probabilities(model, new)}
        model.live_ = {**model.live_, "doubt": 0.0}
        answers["live, without doubt"] = probabilities(model, new)
        for way, shares in answers.items():
            right = names[shares.argmax(axis=1)] == joined
            error = calibration_error(shares.max(axis=1), right, N_BINS)
            row[f"{name}: {way}"] = error
    return row


def probabilities(model, videos):
    tracker, found = model.stream(), []
    for video in videos:
        found.append(tracker.push(video).probabilities)
        tracker.reset()
    return np.concatenate(found)


def take_out(video, rng):
    """Return a video that lacks numbers in blocks, of each feature by itself."""
    broken = np.array(video, dtype=float)
    for feature in broken.T:
        while np.isnan(feature).mean() < TAKEN:
            length = rng.randint(BLOCKS[0], BLOCKS[1] + 1)
            start = rng.randint(1 - length, len(feature))
            feature[max(start, 0) : start + length] = np.nan
    return broken


def score(true, labels):
    report = segmentation_report(true, labels, random_state=0)
    return {
        "MoF": report.mof,
        "mIoU": report.miou,
        "edit": report.edit,
        "F1@10": report.f1_10,
        "F1@25": report.f1_25,
        "F1@50": report.f1_50,
    }


def streamed(model, videos, lag):
    tracker, labels = model.stream(lag=lag), []
    for video in videos:
        tracker.push(video)
        labels.append(tracker.finish().labels)
        tracker.reset()
    return labels


def prefixes(model, video):
    """Label each piece of a video from the prefix that ends with it."""
    ends = np.linspace(0, len(video), N_PREFIXES + 1).round().astype(int)[1:]
    labels, done = [], 0
    for end in ends:
        labels.append(np.asarray(model.predict(video[:end]))[done:])
        done = end
    return np.concatenate(labels)


def open_ended(model, videos):
    """Match frames with the reference by open-ended dynamic time warping.

    A frame has the label of the reference's frame at which the cheapest path that
    ends with it ends.
    """
    reference = np.asarray(model.reference_, dtype=float)
    scaler = StandardScaler().fit(reference)
    labels, z = np.asarray(model.predict(reference)), scaler.transform(reference)
    answers = []
    for video in videos:
        last, found = None, []
        for frame in scaler.transform(np.asarray(video, dtype=float)):
            cost = ((z - frame) ** 2).sum(axis=1)
            if last is None:
                last = np.cumsum(cost)
            else:
                best = np.minimum(last, np.r_[np.inf, last[:-1]])
                # Also along the reference alone: min over k <= j of best_k + C_j - C_k.
                total = np.cumsum(cost)
                last = np.minimum.accumulate(best + cost - total) + total
            found.append(int(last.argmin()))
        answers.append(labels[found])
    return answers


def hmm_filter(learn, videos, n_actions, seed):
    """Filter with a Gaussian HMM of as many states as actions."""
    from hmmlearn.hmm import GaussianHMM

    joined = np.concatenate(learn)
    scaler = StandardScaler().fit(joined)
    pca = PCA(min(16, joined.shape[1]), random_state=0).fit(scaler.transform(joined))
    model = GaussianHMM(n_actions, "diag", n_iter=50, random_state=seed)
    model.fit(pca.transform(scaler.transform(joined)), [len(v) for v in learn])
    answers = []
    for video in videos:
        frames = pca.transform(scaler.transform(video))
        rest = frames[:, None] - model.means_
        variances = model.covars_.diagonal(axis1=1, axis2=2)
        logs = -0.5 * (rest**2 / variances + np.log(variances)).sum(axis=2)
        p, found = model.startprob_, []
        for number, row in enumerate(logs):
            p = (p @ model.transmat_ if number else p) * np.exp(row - row.max())
            p = (p + 1e-300) / (p + 1e-300).sum()
            found.append(int(p.argmax()))
        answers.append(np.array(found))
    return answers


def delays(offline, live):
    """Compare where steps start: the whole-video answer, and live.

    Returns the median delay in shares of the video, and the share of the starts that
    are missed: no start of that action within 10 % of the video.
    """
    late = []
    for expected, found in zip(offline, live, strict=True):
        n = len(expected)
        starts = {}
        for segment in labels_to_segments(found):
            starts.setdefault(segment.label, []).append(segment.start)
        for segment in labels_to_segments(expected)[1:]:
            apart = np.array(starts.get(segment.label, [np.inf])) - segment.start
            late.append(float(apart[np.abs(apart).argmin()]) / n)
    late = np.array(late) if late else np.zeros(1)
    missed = np.abs(late) > LATE
    return {
        "median": float(np.median(late[~missed])) if (~missed).any() else None,
        "median size": float(np.median(np.abs(late))) if not missed.all() else None,
        "missed": float(missed.mean()),
    }


def spar_orders(n_seeds):
    """Drop or repeat one exercise of each session that is streamed, four times."""
    return _joint([_changed(load_spar(), seed) for seed in range(n_seeds)])


def other_orders(n_seeds):
    """Do so with the exercises in another order for each seed: sets to choose by."""
    rows = []
    for seed in range(n_seeds):
        data = load_spar("shuffled")
        order = np.random.RandomState(100 + seed).permutation(len(data.action_names))
        for i, labels in enumerate(data.labels):
            parts = [np.flatnonzero(labels == action) for action in order]
            data.videos[i] = data.videos[i][np.concatenate(parts)]
            data.labels[i] = np.repeat(np.arange(len(order)), [len(p) for p in parts])
        rows.append(_changed(data, seed))
    return _joint(rows)


def _changed(data, seed):
    """Learn one half of the sessions, and stream the other, changed and as it is."""
    learn, rest = halves(len(data.videos), seed)
    rng = np.random.RandomState(seed)
    changed = []
    for i in np.tile(rest, N_CHANGES):
        order = list(range(len(data.action_names)))
        if rng.rand() < 0.5:
            order.pop(rng.randint(len(order)))
        else:
            again = int(rng.randint(len(order) - 2))
            order.insert(again + 2, again)
        labels = data.labels[i]
        parts = [data.videos[i][labels == action] for action in order]
        changed.append((np.concatenate(parts), order))
    plain = [(data.videos[i], list(range(len(data.action_names)))) for i in rest]
    learned = [data.videos[i] for i in learn]
    true = [data.labels[i] for i in learn]
    return _told(learned, true, [*changed, *plain], seed)


def synthetic_orders(n_seeds):
    """Stream synthetic videos with steps that are skipped or done again."""
    rows = []
    for seed in range(n_seeds):
        data = make_videos(
            60, n_actions=7, noise=0.5, drop=0.1, repeat=0.08, random_state=seed
        )
        orders = [[s.label for s in labels_to_segments(x)] for x in data.labels]
        usual = [i for i, order in enumerate(orders) if order == list(range(7))]
        learn = usual[: max(8, len(usual) // 2)]
        rest = [i for i in range(len(orders)) if i not in learn]
        learned = [data.videos[i] for i in learn]
        true = [data.labels[i] for i in learn]
        new = [(data.videos[i], orders[i]) for i in rest]
        rows.append(_told(learned, true, new, seed))
    return _joint(rows)


ORDERS = {
    "synthetic": synthetic_orders,
    "SPAR, other orders": other_orders,
    "SPAR": spar_orders,
}


def _told(learned, true, new, seed):
    """Count warnings that are right, wrong and missing, of each kind."""
    n_actions = max(map(max, true)) + 1
    model = JointAlignSegment(n_actions, random_state=seed).fit(learned)
    table = np.zeros((n_actions, n_actions))
    np.add.at(table, (np.concatenate(model.labels_), np.concatenate(true)), 1)
    name = table.argmax(axis=1)
    tracker = model.stream()
    counts = {"skipped": np.zeros(3), "repeated": np.zeros(3)}
    for video, order in new:
        tracker.push(video)
        told = tracker.finish().warnings
        tracker.reset()
        skipped = {
            k for i, step in enumerate(order) for k in range(step) if k not in order[:i]
        }
        expected = {
            "skipped": skipped,
            "repeated": {k for k in order if order.count(k) > 1},
        }
        for kind, steps in expected.items():
            found = {int(name[w.action]) for w in told if w.kind == kind}
            counts[kind] += [len(found & steps), len(found - steps), len(steps - found)]
    return counts


def _joint(rows):
    found = {}
    for kind in ("skipped", "repeated"):
        right, wrong, missing = np.sum([row[kind] for row in rows], axis=0)
        found[kind] = {
            "steps": int(right + missing),
            "precision": float(right / max(right + wrong, 1)),
            "recall": float(right / max(right + missing, 1)),
        }
    return found


def costs():
    """Time one frame of 64 features and 20 actions, and watch the memory."""
    data = make_videos(
        12, n_actions=20, n_features=64, n_frames=(400, 600), random_state=0
    )
    model = JointAlignSegment(20, random_state=0, max_epochs=2).fit(data.videos)
    frames = np.concatenate(data.videos)
    rows = {"segment_on": model.segment_on_}
    for name, lag in (("no lag", 0), ("10 frames late", 10)):
        tracker = model.stream(lag=lag)
        tracker.push(frames[:500])
        started = time.process_time()
        for frame in frames[500:4500]:  # as from a camera
            tracker.push(frame[None])
        rows[f"ms a frame, {name}"] = round((time.process_time() - started) / 4, 3)
    tracker, size = model.stream(), []
    one = frames[:1000]
    tracker.push(one)

    def many():
        for _ in range(FRAMES_IN_A_ROW // len(one)):
            tracker.push(one)

    size.append(len(pickle.dumps(tracker)))
    rows["MB more at the peak, a million frames"] = round(peak_memory(many) / 1e6, 1)
    size.append(len(pickle.dumps(tracker)))
    rows["kB of a tracker, at first and at the end"] = [round(n / 1000) for n in size]
    return rows


def write(stem, content):
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    stem.with_suffix(".md").write_text("\n".join(markdown(content)) + "\n")


def markdown(content):
    lines = ["# Live", "", "One half of the videos to learn, the others streamed.", ""]
    by_set = _by_set(content["runs"])
    methods = list(next(iter(by_set.values()))[0]["scores"]) if by_set else []
    for metric in ("MoF", "edit", "F1@10", "F1@25", "F1@50"):
        lines += [f"## {metric}", ""]
        rows = []
        for name, runs in by_set.items():
            row = {"set": f"{name} ({len(runs)})"}
            for method in methods:
                row[method] = _mean([r["scores"][method][metric] for r in runs])
            if metric == "MoF":
                shares = [r["MoF"]["live"] / r["MoF"]["whole video"] for r in runs]
                row["live / whole"] = _mean(shares)
            rows.append(row)
        lines += [*table(rows), ""]
    lines += ["## Delay at the whole-video boundaries, in % of the video", ""]
    rows = []
    for name, runs in by_set.items():
        row = {"set": name, "on": "/".join(sorted({r["segment_on"] for r in runs}))}
        for method in runs[0]["delays"]:
            for part in ("median", "missed"):
                values = [r["delays"][method][part] for r in runs]
                known = [100 * v for v in values if v is not None]
                row[f"{method}: {part}"] = f"{np.mean(known):.1f}" if known else "-"
        rows.append(row)
    lines += [*table(rows), ""]
    if content.get("training"):
        lines += ["## MoF of models trained for live use", ""]
        lines += [*table(_training_rows(content["training"])), ""]
    if content.get("gaps"):
        lines += ["## MoF live, of frames that lack numbers", ""]
        lines += [*table(_part_rows(content["gaps"])), ""]
    if content.get("waits"):
        lines += ["## MoF live, of recordings that stand still for long", ""]
        lines += [*table(_part_rows(content["waits"])), ""]
    if content.get("certainty"):
        lines += ["## Expected calibration error of probabilities", ""]
        lines += [*table(_part_rows(content["certainty"])), ""]
    if content["orders"]:
        lines += ["## Warnings", ""]
        rows = [
            {"set": name, "kind": kind, **counts}
            for name, found in content["orders"].items()
            for kind, counts in found.items()
        ]
        lines += [*table(rows), ""]
    if content["costs"]:
        lines += ["## Costs", "", "64 features, 20 actions, one thread.", ""]
        lines += [f"* {name}: {value}" for name, value in content["costs"].items()]
    return lines


def _by_set(found):
    by_set = {}
    for key, row in found.items():
        by_set.setdefault(key.partition(" | ")[0], []).append(row)
    return by_set


def _part_rows(found):
    return [
        {
            "set": f"{name} ({len(runs)})",
            **{part: _mean([run[part] for run in runs]) for part in runs[0]},
        }
        for name, runs in _by_set(found).items()
    ]


def _training_rows(found):
    rows = []
    for name, runs in _by_set(found).items():
        row = {"set": f"{name} ({len(runs)})"}
        for training in TRAININGS:
            for answer in ("whole", "live"):
                values = [run[training][answer]["MoF"] for run in runs]
                row[f"{training}: {answer}"] = _mean(values)
        rows.append(row)
    return rows


def _mean(values):
    spread = f" +- {np.std(values):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
