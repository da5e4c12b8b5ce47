"""Objects as files: arrays and plain JSON, by a fixed list of types."""
