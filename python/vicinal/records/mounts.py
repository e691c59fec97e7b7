"""Which file system a folder lies on, as far as it matters to a database."""

from __future__ import annotations

import re
from pathlib import Path

#: Their locks, and the memory that processes share through them, can't be relied on
#: (sqlite.org/wal.html, sqlite.org/howtocorrupt.html).
NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs", "vboxsf"),
    )
)


def network(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the network file system that a folder lies on.

    Parameters
    ----------
    folder : Path
        Resolved.
    mounts : Path
        The table of mounts as Linux shows it.

    Returns
    -------
    str or None
        None on a local disk, and where the system has no such table.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    depth, kind = -1, ""
    for line in lines:
        _, point, found, *_ = line.split(" ")
        place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point))
        # Of two on the same point the later one hides the other.
        if len(place.parts) >= depth and folder.is_relative_to(place):
            depth, kind = len(place.parts), found
    plain = kind.removeprefix("fuse.")
    return kind if plain in NETWORK or plain in ("sshfs", "s3fs", "rclone", "gcsfuse") else None
