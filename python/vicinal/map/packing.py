"""Numbers as a page of HTML can hold them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def packed(values: NDArray[Any], kind: Any) -> str:
    """Numbers as base64 of their little-endian bytes."""
    plain = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(plain.tobytes()).decode()
