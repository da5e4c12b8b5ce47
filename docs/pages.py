"""The gallery: the order of its lessons, and the pages that examples write."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

LESSONS = (
    # The basics, then more to do with a result.
    *("segmentation", "alignment", "timeline", "quickstart", "report", "looks_wrong"),
    *("choosing_k", "few_labels", "transfer_and_steps", "live"),
    # Other data, then other methods.
    *("raw_video", "background", "order", "long_videos"),
    *("training_free", "pipeline", "encoder", "rivals", "joint", "paper_recipe"),
)

FRAME = """
.. raw:: html

    <iframe class="page" src="../_static/pages/{name}" title="The page of the example"
            loading="lazy"></iframe>

"""


class LessonOrder:
    """Sort examples in the order in which to read them."""

    def __init__(self, src_dir: str) -> None:
        pass

    def __call__(self, file: str) -> int:
        """Return the place of a lesson; one that has none is an error."""
        return LESSONS.index(file.removeprefix("plot_").removesuffix(".py"))


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Move the HTML files of an example to the documentation, and frame them."""
    source = Path(block_vars["src_file"])
    folder = Path(gallery_conf["src_dir"], "_static", "pages")
    frames = []
    for page in sorted(source.parent.glob("*.html")):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{source.stem}_{page.name}"
        shutil.move(page, folder / name)
        frames.append(FRAME.format(name=name))
    return "".join(frames)
