"""Pages that examples write, shown where they are written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FRAME = """
.. raw:: html

    <iframe class="page" src="../_static/pages/{name}" title="The page of the example"
            loading="lazy"></iframe>

"""


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
