"""What texts tell of benchmarks is what their results say."""

import json
import re
import statistics
from pathlib import Path

import pytest

from skvas.preprocessing import PoseFeatures

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def runs_of(method, name):
    content = json.loads((RESULTS / "accuracy.json").read_text(encoding="utf-8"))
    runs = content["runs"].values()
    return [run for run in runs if (run["method"], run["set"]) == (method, name)]


def test_spread_over_seeds():
    (told,) = re.findall(r"by a standard deviation of (\.\d+) at most", README)
    spreads = [
        statistics.stdev(run["segmentation"]["mIoU"] for run in runs_of("joint", name))
        for name in ("SPAR", "ski_jump", "utkinect", "tug_sensors")
    ]
    assert round(max(spreads), 3) == float(told)


def test_agreement_where_frames_stay_unmatched():
    (told,) = re.findall(
        r"\*Agreement of all\* falls from (\.\d+) to (\.\d+), because (\d+) % of the "
        r"frames stay unmatched; of the\s+matched ones (\.\d+) agree",
        README,
    )
    default, less = (
        {
            score: statistics.mean(run["alignment"]["own"][score] for run in runs)
            for score in ("agreement of all", "agreement", "matched")
        }
        for runs in (
            runs_of("VAOT", "utkinect"),
            runs_of("VAOT, unmatched", "utkinect"),
        )
    )
    found = default["agreement of all"], less["agreement of all"]
    found = *found, 100 * (1 - less["matched"]), less["agreement"]
    assert [round(share, 3) for share in found[:2]] == [float(t) for t in told[:2]]
    assert round(found[2]) == int(told[2])
    assert round(found[3], 3) == float(told[3])


def test_delay_of_live_answers():
    (told,) = re.findall(r"median \| (\.\d) to (\d\.\d) %; breakfast_coffee5", README)
    text = (RESULTS / "live.md").read_text(encoding="utf-8")
    _, rest = text.split("## Delay at the whole-video boundaries")
    table, *_ = rest.split("\n## ")
    rows = re.findall(r"\| (\S.*?) \| \w+[/\w]* \| (-?[\d.]+) \|", table)
    delays = [float(delay) for name, delay in rows if name != "breakfast_coffee5"]
    assert (min(delays), max(delays)) == (float(told[0]), float(told[1]))


def test_sets_on_which_rivals_with_all_labels_are_better():
    page = (ROOT / "docs" / "guide" / "labels.md").read_text(encoding="utf-8")
    assert re.search(
        r"above all rivals\s+on seven of the ten sets, below one .* on .*, below two "
        r"on .* and below all four",
        page,
        re.DOTALL,
    )
    text = (RESULTS / "labels.md").read_text(encoding="utf-8")
    better = []
    for line in re.findall(r"scored on the unseen half: (.*)\.\n", text):
        ours, *others = map(float, re.findall(r"\d\.\d+", line))
        better.append(sum(other > ours for other in others))
    assert sorted(better) == [*7 * [0], 1, 2, 4]


@pytest.mark.parametrize(
    ("page", "results"), [("own_poses", "poses"), ("many_recordings", "scale")]
)
def test_rows_of_the_guide_are_those_of_the_results(page, results):
    text = (ROOT / "docs" / "guide" / f"{page}.md").read_text(encoding="utf-8")
    rows = re.findall(r"\n(\|.*\d\.\d.*\|)(?=\n)", text)
    assert len(rows) > 4
    assert not {*rows} - {*(RESULTS / f"{results}.md").read_text("utf-8").split("\n")}


def test_poses_as_their_docstring_tells():
    text = (RESULTS / "poses.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"\| (\w[^|]*) \| (0\.\d+) \| (0\.\d+) \| \S+ \| (0\.\d+) \|", text
    )
    scores = {name: found for name, *found in reversed(rows)}  # utkinect comes first
    told = re.findall(r"0\.\d{3}", PoseFeatures.__doc__)
    default = "with velocities over 9 frames (default)"
    kinds = "raw coordinates", default, "centred and scaled"
    assert told == [score for kind in kinds for score in scores[kind]]
