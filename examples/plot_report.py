"""
Look at all recordings, and correct them
========================================

A report is one HTML file that shows all recordings at the same moment. It needs no
server and no network, and takes corrections back for the next fit.
"""

# %%
# Write a page
# ------------
# The recordings are the signals of a watch during seven exercises of the left arm, from
# the package `seglearn <https://github.com/dmbee/seglearn>`_ (D. Burns, BSD-3-Clause).
# They have no videos, so the page draws up to three of their features. Without labels,
# exercises have numbers; you can name them on the page.

# sphinx_gallery_thumbnail_path = '_static/report.png'

from skvas import JointAlignSegment
from skvas.datasets import load_spar

data = load_spar()
videos = data.videos[::2]
model = JointAlignSegment(n_actions=7, max_epochs=5, random_state=0).fit(videos)
path = model.report(
    videos, "report.html", features=[0, 6, 12], fps=2, title="Shoulder exercises"
)
print(f"{path.stat().st_size / 1000:.0f} kB written to {path}")

# %%
# This is the page. Click into a row, or press k: all recordings go to the same moment.
# The key u leads to the least certain boundary, and dragging moves it. What you change
# stays in your browser until you download it.

# %%
# Fit again
# ---------
# The page saves what was corrected as one JSON file, and
# :func:`skvas.io.read_corrections` turns it into labels. Here a script writes the file
# that the page would save if somebody named one boundary of the first recording.

import json
from pathlib import Path

from skvas.io import read_corrections

first, second = data.action_names[:2]
cut = int((model.labels_[0] != model.labels_[0][0]).argmax())
saved = {
    "format": "skvas corrections",
    "version": 1,
    "videos": [
        {
            "name": "recording 0",
            "n_frames": len(videos[0]),
            "segments": [
                {"start": 0, "end": cut, "label": first, "checked": True},
                {"start": cut, "end": cut + 20, "label": second, "checked": True},
            ],
        }
    ],
}
Path("corrections.json").write_text(json.dumps(saved))
names = [f"recording {i}" for i in range(len(videos))]
y = read_corrections("corrections.json", names)
Path("corrections.json").unlink()
print(y[:2])

# %%
# The next fit takes these labels, and finds the other exercises as before. Its page
# shows what was corrected, so you need not do anything twice.

model = JointAlignSegment(n_actions=7, max_epochs=0, random_state=0).fit(videos, y)
print(model.classes_.tolist())
path = model.report(videos, "again.html", fps=2, corrections=y)
path.unlink()
