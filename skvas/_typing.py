"""Names for the types that appear in many signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Self as Self
else:
    Self = Any

# Arrays, lists, data frames, tensors and objects with __array__ share no type that a
# checker knows: the names are for the reader, `skvas.validation` does the checking.
Videos: TypeAlias = Any
Labels: TypeAlias = Any

# A string or a torch.device, which this layer does not import.
Device: TypeAlias = Any
