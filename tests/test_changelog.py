"""The change log has all that changed, and a page for the version of the package."""

from __future__ import annotations

import runpy
from pathlib import Path

import skvas

DOCS = Path(__file__).resolve().parents[1] / "docs"
MODULE = runpy.run_path(str(DOCS / "changelog.py"))
render = MODULE["render"]


def written(folder, **files):
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_no_file_of_changes_is_left_out():
    for file in (DOCS / "changes").iterdir():
        parts = file.name.split(".")
        is_change = len(parts) == 3 and parts[1] in MODULE["KINDS"]
        assert (
            is_change
            or MODULE["RELEASE"].fullmatch(file.name)
            or file.name == "README.md"
        ), f"{file.name} is of no kind, so that the change log would not have it"


def test_version_of_the_package_has_a_page():
    page = DOCS / "changes" / f"{skvas.__version__}.md"
    assert page.read_text(encoding="utf-8").startswith(f"## {skvas.__version__}\n")


def test_changes_stand_by_their_kinds_above_the_releases_the_newest_first(tmp_path):
    files = {
        "some-fault.fix.md": "Mended,\nsee [the guide](../guide/live.md).\n",
        "some-idea.feature.md": "Made.\n",
        "0.9.0.md": "## 0.9.0\n\nOld.\n",
        "0.10.0.md": "## 0.10.0\n\nSee [formats](../guide/formats.md).\n",
        "README.md": "# Not part of it\n",
    }
    assert render(written(tmp_path, **files)).split("\n\n") == [
        "# Change log",
        "## Since the last release",
        "### New",
        "- **some idea.** Made.",
        "### Fixed",
        "- **some fault.** Mended,\n  see [the guide](guide/live.md).",
        "## 0.10.0",
        "See [formats](guide/formats.md).",
        "## 0.9.0",
        "Old.\n",
    ]


def test_section_of_changes_is_absent_after_a_release(tmp_path):
    folder = written(tmp_path, **{"1.0.0.md": "## 1.0.0\n"})
    assert render(folder) == "# Change log\n\n## 1.0.0\n"
