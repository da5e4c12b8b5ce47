"""From pairs of videos to matches of their frames."""
