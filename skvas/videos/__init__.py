"""The border between lists of arrays and padded batches of tensors."""
