"""Benchmarks refuse what they do not know before they measure anything."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from benchmarks import report

WITHOUT_FILES = ("unordered", "speech", "threads")


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("__main__", ["--only", "nix"], "case 'nix' is unknown here; there are "),
        ("scale", ["--quick", "--only", "99"], "case 99 is unknown here; there are 0,"),
        ("protocols", ["--methods", "nix"], "invalid choice: 'nix'"),
        ("accuracy", ["--seeds", "0"], "--seeds: expected 1 or more, got 0"),
        ("accuracy", ["--jobs", "0"], "--jobs: expected 1 or more, or -1, got 0"),
        ("annotator", ["--seed", "-1"], "--seed: expected 0 to 4294967295, got -1"),
        ("__main__", ["--threads", "0"], "--threads: expected 1 or more, got 0"),
        ("gpu", ["--device", "nix"], "argument --device: "),
        ("segmentations", ["/nix", "out"], "checkout: there is no folder /nix"),
        ("accuracy", ["--sets", "nix"], "set 'nix' is unknown here; there are SPAR"),
        ("accuracy", ["--data", "/nix"], "--data: there is no folder /nix"),
        ("unordered", ["--data", "/nix"], "--data: there is no folder /nix"),
        ("speech", ["--sets", "nix"], "kind 'nix' is unknown here; there are once"),
        ("against", ["/nix"], "older: there is no folder /nix"),
        ("against", ["/"], "/ is no checkout: "),
        ("page", [], "error: import of playwright.sync_api halted"),
        ("threads", ["--nix"], "unrecognized arguments: --nix"),
        *(
            (module, ["--sets", "nix"], "set 'nix' is unknown here; there are ")
            for module in ("labels", "live", "protocols", "annotator", "unordered")
        ),
    ],
)
def test_what_is_unknown_is_refused(
    module, arguments, message, monkeypatch, capsys, tmp_path
):
    benchmark = importlib.import_module(f"benchmarks.{module}")
    where = [] if module in WITHOUT_FILES else ["--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, *where])
    monkeypatch.setattr("os.environ", dict(os.environ))
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(SystemExit) as stopped:
        benchmark.main()
    assert message in f"{stopped.value} {capsys.readouterr().err}"


WITH_FILES = (
    *("__main__", "accuracy", "annotator", "gpu", "labels"),
    *("live", "page", "poses", "protocols", "scale"),
)


@pytest.mark.parametrize("module", WITH_FILES)
def test_results_go_to_a_folder(module, monkeypatch, capsys, tmp_path):
    benchmark = importlib.import_module(f"benchmarks.{module}")
    (tmp_path / "file").touch()
    out = ["--out", str(tmp_path / "file" / "new")]
    monkeypatch.setattr(sys, "argv", ["benchmark", *out])
    monkeypatch.setattr("os.environ", dict(os.environ))
    with pytest.raises(SystemExit):
        benchmark.main()
    assert f"--out: {tmp_path / 'file'} is no folder" in capsys.readouterr().err


def test_results_of_another_machine_are_kept_apart(tmp_path):
    (tmp_path / "results.json").write_text('{"machine": {"threads": 1}, "solver": 3}')
    assert report.read(tmp_path, {"threads": 1}) == {"solver": 3}
    with pytest.raises(SystemExit, match="another --out, or move it"):
        report.read(tmp_path, {"threads": 2})
