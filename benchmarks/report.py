"""Tables, ratios and the plot."""

from __future__ import annotations

import json

import numpy as np

# What tells the rows of a case apart.
GIVEN = ("N", "M", "radius", "B", "threads")


def read(folder, about):
    """Return the results that are there, if they were measured as those to come."""
    file = folder / "results.json"
    if not file.exists():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    if found.pop("machine") != about:
        raise SystemExit(
            f"{file} is of another machine, of other versions or of another number of "
            "threads; give another --out, or move it."
        )
    return found


def write(folder, about, results, case_docs):
    """Write what was measured: results.json, results.md and solver.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {name: results[name] for name in case_docs if name in results}
    text = json.dumps({"machine": about, **results}, indent=1)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    lines = [
        "# Results",
        "",
        f"{about['cpu']}, {about['cores']} cores, {about['threads']} thread(s) unless "
        f"said; GPU: {about['gpu']}. Python {about['python']}, {versions}. Best of "
        "three; seconds are those of the CPU on one thread, of the wall on two. *Load* "
        "is how many processes wanted a core when a case began: where it is above 1, "
        "times are longer than they need be, and those of two threads mean little.",
        "",
    ]
    for name, result in results.items():
        rows, title = result["rows"], case_docs[name].__doc__.splitlines()[0]
        lines += [f"## {name}", "", f"{title} Load {result['load']}.", ""]
        lines += table(rows) + [""]
        if name == "solver":
            lines += ["Times as long as the fastest path of skvas:", ""]
            lines += table(ratios(rows)) + ["", *exponents(rows, "N"), ""]
        if name == "scaling":
            lines += [*exponents([row for row in rows if "radius" not in row], "N"), ""]
    (folder / "results.md").write_text("\n".join(lines), encoding="utf-8")
    if "solver" in results:
        plot(folder / "solver.svg", results["solver"]["rows"])


def table(rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    body = [[_cell(row.get(name)) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *body]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(value):
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def timed(rows):
    """Return the columns that are times."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [
        name
        for name in names
        if name not in GIVEN and not name.endswith((" objective", " error"))
    ]


def ratios(rows):
    found = []
    for row in rows:
        ours = min(v for k, v in row.items() if k in ("skvas torch", "skvas numba"))
        times = {name: row[name] / ours for name in timed(rows) if name in row}
        found.append({"N": row["N"], **times})
    return found


def exponents(rows, size):
    """Say how time grows with size."""
    found = {name: exponent(rows, size, name) for name in timed(rows)}
    return [
        f"* {name}: time grows as {size}^{power:.2f}"
        for name, power in found.items()
        if power is not None
    ]


def exponent(rows, size, name):
    """Fit a straight line through the logarithms of sizes from 512 on, and times."""
    pairs = [(row[size], row[name]) for row in rows if name in row and row[size] >= 512]
    if len(pairs) < 2:
        return None
    x, y = np.log(np.array(pairs, dtype=float)).T
    return np.polyfit(x, y, 1)[0]


def plot(file, rows):
    """Draw time against N on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "skvas"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for name in timed(rows):
        pairs = [(row["N"], row[name]) for row in rows if name in row]
        style = "--" if name == "floor" else "-"
        power = exponent(rows, "N", name)
        label = name if power is None else f"{name}: $N^{{{power:.1f}}}$"
        axes.plot(*zip(*pairs, strict=True), style, marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="frames N = M", ylabel="seconds")
    sizes = [row["N"] for row in rows]
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_title("One balanced alignment, 25 iterations")
    axes.legend()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
