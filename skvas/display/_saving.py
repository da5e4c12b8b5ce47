"""Pictures in files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skvas._atomic import replacing
from skvas._optional import import_optional
from skvas.validation import check_choice

__all__ = ["save_figures"]

# What keeps the date out of each type of file.
UNDATED: dict[str, dict[str, None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


def save_figures(
    name: str,
    folder: str | os.PathLike[str] = ".",
    *,
    formats: str | Sequence[str] = "png",
) -> list[Path]:
    """Write the figures that pyplot has open to files, and close them.

    The same figures become the same bytes: files hold no date. PDF files hold fonts as
    journals ask for them, of type 42.

    Parameters
    ----------
    name : str
        Start of the names of the files: a single figure becomes ``name.png``, several
        become ``name_1.png`` and so on, in the order in which they were made.
    folder : str or path-like, default="."
        Folder of the files, made if it is not there.
    formats : {"png", "pdf", "svg"}, or a sequence of them, default="png"
        Types of the files, one file of each for a figure.

    Returns
    -------
    list of Path
        The files, figure by figure.

    Raises
    ------
    ValueError
        If a format is none of these; nothing is written.
    OSError
        If a file cannot be written; names it, and leaves an old one unchanged.

    Examples
    --------
    >>> import tempfile
    >>> import matplotlib.pyplot as plt
    >>> from skvas.display import save_figures
    >>> plt.close("all")
    >>> for number in range(2):
    ...     _ = plt.subplots()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [file.name for file in save_figures("segments", folder)]
    ['segments_1.png', 'segments_2.png']
    """
    pyplot = import_optional("matplotlib.pyplot", "plot")
    kinds = [formats] if isinstance(formats, str) else list(formats)
    for kind in kinds:
        check_choice("formats", kind, tuple(UNDATED))
    numbers = pyplot.get_fignums()
    Path(folder).mkdir(parents=True, exist_ok=True)
    files = []
    for place, number in enumerate(numbers, 1):
        end = f"_{place}" if len(numbers) > 1 else ""
        for kind in kinds:
            files.append(Path(folder, f"{name}{end}.{kind}"))
            with replacing(files[-1]) as temporary:
                _save(pyplot.figure(number), temporary, kind, files[-1].name)
        pyplot.close(number)
    return files


def _save(figure: Any, file: Path, kind: str, salt: str) -> None:
    """Write a figure so that the bytes depend on it alone."""
    matplotlib = import_optional("matplotlib", "plot")
    options = {"pdf.fonttype": 42, "svg.hashsalt": salt}
    with matplotlib.rc_context(options):
        figure.savefig(file, format=kind, dpi=120, metadata=UNDATED[kind])
