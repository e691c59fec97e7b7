"""Snapshots whose links no more lead to one vector, with sums that are right (docs/format.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK = 4096
#: Sums of a block of sums.
GROUP = BLOCK // 4 - 1
#: Of a link on layer 0 the bits that are the slot.
SLOT = 0x7FFFFFFF


def sever(path: Path, slot: int) -> None:
    """Take away all links on layer 0 that lead to a slot, in a snapshot of the compact layout."""
    file = np.fromfile(path, np.uint8)
    links = _section(file, "links").view("<u4")
    for row in links:
        degree = row[1] & 0xFFFF
        kept = [link for link in row[4 : 4 + degree] if link & SLOT != slot]
        row[1] -= degree - len(kept)
        row[4:] = 0
        row[4 : 4 + len(kept)] = kept
    _seal(file)
    file.tofile(path)


def _section(file: NDArray[np.uint8], wanted: str) -> NDArray[Any]:
    for at in range(160, 160 + 32 * int(file[96:100].view("<u4")[0]), 32):
        if bytes(file[at : at + 8]).rstrip(b"\0").decode() == wanted:
            start, rows = map(int, file[at + 8 : at + 24].view("<u8"))
            width = int(file[at + 24 : at + 28].view("<u4")[0])
            return file[start : start + rows * width].reshape(rows, width)
    raise KeyError(wanted)


def _seal(file: NDArray[np.uint8]) -> None:
    groups = _section(file, "sums")
    count = len(file) // BLOCK - 1 - len(groups)
    sums = _crc32c(file[BLOCK : BLOCK * (count + 1)].reshape(count, BLOCK))
    for i, group in enumerate(groups):
        mine = sums[GROUP * i : GROUP * (i + 1)].view(np.uint8)
        group[: len(mine)] = mine
        group[-4:] = _crc32c(group[None, :-4]).view(np.uint8)


def _crc32c(blocks: NDArray[np.uint8]) -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(0x82F63B78), np.uint32(0))
    sums = np.full(len(blocks), 0xFFFFFFFF, np.uint32)
    for column in blocks.T:
        sums = table[(sums ^ column) & 0xFF] ^ (sums >> 8)
    return ~sums
