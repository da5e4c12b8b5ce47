"""The training: its batches, its loss, its one loop, its processes, its file."""
