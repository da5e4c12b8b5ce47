"""
Follow a recording while it goes on
===================================

A fitted model can follow a recording that is still going on: which step is it now,
which comes next, and what was skipped? No answer waits for the end.
"""

# %%
# Fit to finished sessions
# ------------------------
# Each video is a session of seven exercises, recorded by a watch. The model is fitted
# to all sessions but four.

import matplotlib.pyplot as plt
import numpy as np

from skvas import JointAlignSegment
from skvas.datasets import load_spar
from skvas.display import SegmentationDisplay, save_figures

data = load_spar()
model = JointAlignSegment(7, max_epochs=5, random_state=0).fit(data.videos[:16])
print("actions were found on the", model.segment_on_)

# %%
# Push frames as they come
# ------------------------
# A new session, one frame after another. Between two frames, the tracker knows the step
# now and the one that is likely to come next.

session, exercises = data.videos[17], data.labels[17]
tracker = model.stream(fps=2)
progress, spread, labels = [], [], []
for number, frame in enumerate(session):
    found = tracker.push(frame[None])
    progress += found.progress.tolist()
    spread += found.spread.tolist()
    labels += found.labels.tolist()
    if number % 120 == 60:
        now, following = tracker.current_, tracker.next_[0]
        print(
            f"after {number / 2:.0f} s: action {now.action} "
            f"({now.probability:.0%}), next: {following.action} "
            f"in {following.seconds:.0f} s"
        )

# %%
# The position on the timeline rises with the session. Dotted lines are the labelled
# changes of the exercise. The tracker changes its action up to four seconds after them,
# as it waits until another is far more probable.

seconds = np.arange(len(session)) / 2
progress, spread = np.array(progress), np.array(spread)
figure, (upper, lower) = plt.subplots(
    2, figsize=(8, 4), sharex=True, height_ratios=[3, 1], layout="constrained"
)
upper.plot(seconds, progress, color="#0072b2")
upper.fill_between(
    seconds, progress - spread, progress + spread, color="#0072b2", alpha=0.25
)
upper.set(ylabel="position on the timeline", ylim=(0, 1), xlim=(0, seconds[-1]))
SegmentationDisplay.from_predictions(None, [labels], names=["action"], fps=2, ax=lower)
lower.get_legend().remove()  # the numbers stand in the segments
for ax in (upper, lower):
    for change in np.flatnonzero(np.diff(exercises)) + 1:
        ax.axvline(seconds[change], color="black", linestyle=":", linewidth=1)

# %%
# Be warned of what is missing
# ----------------------------
# Now the patient leaves out the third exercise. The tracker says so some way into the
# fourth, once it is sure. Exercises that look alike are harder: where the second or the
# fourth is left out, the tracker names the one after it, or says nothing.

kept = exercises != 2
tracker.reset()
tracker.push(session[kept])
begun = np.flatnonzero(exercises[kept] == 3)[0]
print(f"the fourth exercise begins at frame {begun}")
for warning in tracker.warnings_:
    print(warning)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("live"):
    print(f"picture written to {path}")
