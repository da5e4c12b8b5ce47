"""Tables of what accuracy.py measured."""

from __future__ import annotations

import json
import os

import numpy as np

from benchmarks.report import table

TABLES = {
    "segmentation": "Segmentation, one Hungarian match over the set",
    "embedding": "Embeddings",
    "background": "Background found by the aligner",
}


def write(stem, content):
    """Write the figures as JSON and as Markdown, each at once or not at all."""
    _replace(stem.with_suffix(".json"), json.dumps(content, indent=1) + "\n")
    _replace(stem.with_suffix(".md"), "\n".join(markdown(content)) + "\n")


def markdown(content):
    about, runs = content["about"], list(content["runs"].values())
    lines = ["# Accuracy", "", *_describe(about, runs), ""]
    sets = list(dict.fromkeys(run["set"] for run in runs))
    lines += _summary(runs, sets, "mIoU over all sets", _miou)
    lines += _summary(runs, sets, "Label agreement over all sets", _agreement)
    for name in sets:
        of_set = [run for run in runs if run["set"] == name]
        lines += [f"## {name}", "", content["sets"][name], ""]
        for kind, title in TABLES.items():
            lines += _titled(title, _rows(of_set, lambda run, k=kind: run.get(k)))
        lines += _titled("Alignment", _alignment_rows(of_set))
    if content.get("one_against_two"):
        lines += ["## One joint model against two", ""]
        lines += [content["one_against_two"]["what"], ""]
        lines += [*table(content["one_against_two"]["rows"]), ""]
    failed = [run for run in runs if "error" in run]
    if failed:
        lines += ["## Failed runs", ""]
        lines += [f"* {r['set']}, {r['method']}: {r['error']}" for r in failed]
    return lines


def _describe(about, runs):
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    seeds = sorted({run["seed"] for run in runs})
    return [
        f"{about['cpu']}, {about['cores']} cores, load at the start {about['load']}; "
        f"GPU: {about['gpu']}. "
        f"Python {about['python']}, {versions}; "
        f"sources {about['sources']}. Seeds: {', '.join(map(str, seeds))}.",
        "",
        "Means over seeds with their standard deviations; methods that no seed "
        "changes ran once. `joint`, `ASOT` and `VAOT` are the defaults, the same for "
        "all sets; `paper` is the published recipe, started at random. Seconds are "
        "wall time of the fit on a machine that did other work as well.",
    ]


def _summary(runs, sets, title, value):
    """Put methods against sets."""
    rows = []
    for method in dict.fromkeys(run["method"] for run in runs):
        means = {}
        for name in sets:
            of_both = [r for r in runs if r["set"] == name and r["method"] == method]
            scores = [score for r in of_both if (score := value(r)) is not None]
            if scores:
                means[name] = float(np.mean(scores))
        if means:
            every = np.mean(list(means.values())) if len(means) == len(sets) else None
            cells = {name: f"{mean:.3f}" for name, mean in means.items()}
            row = {"method": method, **{name: cells.get(name) for name in sets}}
            rows.append(row | {"mean": None if every is None else f"{every:.3f}"})
    return [f"## {title}", "", *table(rows), ""] if rows else []


def _miou(run):
    return run.get("segmentation", {}).get("mIoU")


def _agreement(run):
    """Return the agreement by the method's own matches, or by a monotone path."""
    ways = run.get("alignment", {})
    chosen = next((ways[w] for w in ("own", "path", "monotone") if w in ways), {})
    return chosen.get("agreement of all")


def _alignment_rows(runs):
    ways = dict.fromkeys(way for run in runs for way in run.get("alignment", {}))
    rows = []
    for way in ways:
        found = _rows(runs, lambda run, w=way: run.get("alignment", {}).get(w))
        rows += [{"method": row["method"], "matches": way} | row for row in found]
    order = list(dict.fromkeys(run["method"] for run in runs))
    return sorted(rows, key=lambda row: order.index(row["method"]))


def _rows(runs, pick):
    """Return one row a method: mean and standard deviation of each score."""
    rows = []
    for method in dict.fromkeys(run["method"] for run in runs):
        of_method = [run for run in runs if run["method"] == method and pick(run)]
        if of_method:
            scores = [pick(run) for run in of_method]
            cells = {k: _spread([s[k] for s in scores]) for k in scores[0]}
            seconds = np.mean([run["seconds"] for run in of_method])
            rows.append({"method": method, **cells, "seconds": f"{seconds:.1f}"})
    return rows


def _spread(values):
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.3f}"


def _titled(title, rows):
    return [f"### {title}", "", *table(rows), ""] if rows else []


def _replace(file, text):
    part = file.with_name(file.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
