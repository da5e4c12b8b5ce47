"""What becomes of work whose output nobody reads any more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import skvas
from tests.tables import K, fit, run, write_recordings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a matter of POSIX")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "raw")


def run_unread(*arguments, unread):
    """Run the command while nobody reads one or both of its outputs."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams.update(dict.fromkeys(unread, writer))
    command = [sys.executable, "-m", "skvas", *map(str, arguments)]
    done = subprocess.run(command, text=True, check=False, **streams)
    os.close(writer)
    return done


def test_work_goes_on_where_nobody_reads_what_is_told(raw, tmp_path):
    out = tmp_path / "model"
    command = ("fit", raw, "-k", K, "--epochs", 0, "-o", out)
    done = run_unread(*command, unread=["stdout", "stderr"])
    assert done.returncode == 0
    assert skvas.load(out).n_actions == K
    command = ("report", out, raw)
    done = run_unread(*command, unread=["stderr"])
    assert done.returncode == 0
    assert "times in seconds" in done.stdout
    done = run_unread("report", out, tmp_path / "gone", unread=["stderr"])
    assert done.returncode == 1


def test_results_that_nobody_reads_end_quietly(raw, tmp_path):
    model = fit(raw, tmp_path / "model")
    done = run_unread("report", model, raw, unread=["stdout"])
    assert (done.returncode, done.stderr.count("Error")) == (0, 0)


def test_what_is_told_is_lost_where_it_cannot_be_written(
    raw, tmp_path, monkeypatch, capsys
):
    class Broken:
        def isatty(self):
            return True

        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            raise OSError

    monkeypatch.setattr(sys, "stderr", Broken())
    assert run("fit", raw, "-k", K, "--epochs", 1, "-o", tmp_path / "model") == 0
    assert (tmp_path / "model").exists()
