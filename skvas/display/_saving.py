"""Pictures in files."""

from __future__ import annotations

import os
from pathlib import Path

from skvas._atomic import replacing
from skvas._optional import import_optional

__all__ = ["save_figures"]


def save_figures(name: str, folder: str | os.PathLike[str] = ".") -> list[Path]:
    """Write the figures that pyplot has open to PNG files, and close them.

    Parameters
    ----------
    name : str
        Start of the names of the files: a single figure becomes ``name.png``, several
        become ``name_1.png`` and so on, in the order in which they were made.
    folder : str or path-like, default="."
        Folder of the files, made if it is not there.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
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
    numbers = pyplot.get_fignums()
    Path(folder).mkdir(parents=True, exist_ok=True)
    files = []
    for place, number in enumerate(numbers, 1):
        end = f"_{place}" if len(numbers) > 1 else ""
        files.append(Path(folder, f"{name}{end}.png"))
        with replacing(files[-1]) as temporary:
            pyplot.figure(number).savefig(temporary, dpi=120)
        pyplot.close(number)
    return files
