"""From frames to actions: where training starts, what is chosen, how to label."""
