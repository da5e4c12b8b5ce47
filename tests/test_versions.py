"""The oldest versions that are tested are the lower ends of the ranges."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import skvas

ROOT = Path(__file__).resolve().parents[1]


def oldest():
    """Map each of our packages to the version that the constraints name."""
    text = (ROOT / "tests" / "constraints-oldest.txt").read_text(encoding="utf-8")
    ours = text.partition("# Not ours")[0]
    lines = [line for line in ours.splitlines() if line and not line.startswith("#")]
    return dict(line.lower().split("==") for line in lines)


def ranges():
    """Map each package that tests need to its range in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(dependencies|test) = \[(.*?)^\]", text, re.DOTALL | re.M)
    assert len(lists) == 2
    quoted = re.findall(r'"([^"]+)"', "".join(content for _, content in lists))
    return [Requirement(text) for text in quoted]


@pytest.mark.parametrize("requirement", ranges(), ids=lambda r: r.name)
def test_oldest_version_tested_is_the_lower_end_of_the_range(requirement):
    (lower,) = [part for part in requirement.specifier if part.operator == ">="]
    assert Version(oldest()[requirement.name.lower()]) == Version(lower.version)


def test_extras_take_what_tests_take():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in ranges():
        found = set(re.findall(rf'"({re.escape(requirement.name)}[>\[][^"]*)"', text))
        assert len(found) == 1, found


def test_no_version_is_named_for_nothing():
    named = {requirement.name.lower() for requirement in ranges()}
    assert set(oldest()) - named == {"distributed"}  # dask's own other half


def test_citation_has_the_version_of_the_package():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {skvas.__version__}\n" in text
