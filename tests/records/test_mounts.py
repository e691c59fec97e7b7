"""A database on a network file system is opened with a warning, on any other without."""

from __future__ import annotations

from pathlib import Path

import pytest

import vicinal
from vicinal.records import mounts

TABLE = r"""
/dev/vda / ext4 rw 0 0
server:/export /mnt nfs4 rw,vers=4.2 0 0
/dev/vdb /mnt/disk xfs rw 0 0
me@host: /home/me/far\040away fuse.sshfs rw 0 0
//server/share /srv cifs rw 0 0
/dev/vdc /srv ext4 rw 0 0
overlay /home/lower fuse.fuse-overlayfs rw 0 0
""".lstrip()

WHERE = {
    "/var/shop.db": None,
    "/mnt/shop.db": "nfs4",
    "/mnt/disk/shop.db": None,
    "/mntx/shop.db": None,
    "/home/me/far away/shop.db": "fuse.sshfs",
    "/srv/shop.db": None,  # what was mounted there last
    "/home/lower/shop.db": None,
}


@pytest.mark.skipif(Path("/").drive != "", reason="paths of the table are POSIX")
@pytest.mark.parametrize(("folder", "kind"), WHERE.items())
def test_the_nearest_mount_says_what_a_folder_lies_on(tmp_path, folder, kind) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert mounts.network(Path(folder), table) == kind


def test_without_a_table_nothing_is_said(tmp_path) -> None:
    assert mounts.network(tmp_path, tmp_path / "none") is None


def test_opening_warns_and_goes_on(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(mounts, "network", lambda _: "nfs4")
    with pytest.warns(UserWarning, match=r"network file system \(nfs4\)") as caught:
        db = vicinal.open(tmp_path / "shop.db")
    assert caught[0].filename == __file__
    assert "nfs4" in caplog.text
    with db:
        assert db.collections() == []
