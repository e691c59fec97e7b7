//! Writing: a temporary file beside the target, whole and on the disk before it takes the target's name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::format::{Header, SLOTS_PER_STATE};
use super::io;
use crate::arena::Arena;
use crate::bits::Bits;
use crate::blocks::{BLOCK, SUMS_PER_BLOCK, sum};
use crate::error::{Error, Result};
use crate::hnsw::RowName;
use crate::index::Index;
use crate::run::Run;

/// Blocks that are written at once.
const BUFFER: usize = 256 * BLOCK;

/// Bytes that are brought to the disk at a time. A gigabyte left to the end would hold up whoever else waits for that
/// disk then: the commits of a database beside, for one, two to four times as long at the worst.
const SYNCED: usize = 32 << 20;

/// See [`Index::save_watched`].
pub fn save(index: &Index, path: &Path, run: &Run) -> Result<()> {
    // Rows of a damaged snapshot must not get sums of their own.
    index.check_snapshot(run)?;
    let saved = replace(path, |file| write_snapshot(index, file, run));
    saved.map_err(|error| if run.is_cancelled() { Error::Cancelled } else { error })
}

/// Puts what `write` writes in the place of a file, once it is whole and on the disk.
fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> Result<()> {
    let target = resolve(path)?;
    let temporary = Temporary::beside(&target)
        .map_err(io(path, "creating the file (its folder must be there, and yours to write to)"))?;
    write(&temporary.file).map_err(io(path, "writing the snapshot"))?;
    temporary.file.sync_all().map_err(io(path, "writing the snapshot to the disk"))?;
    // On any way out before this line the temporary file is removed, and the target is as it was.
    temporary.rename(&target).map_err(io(path, "giving the snapshot its name"))?;
    sync_folder(&target).map_err(io(path, "writing the folder to the disk"))
}

/// The file to replace. Behind a symbolic link that is the file it leads to, and one that can't be written to (a
/// folder, a file without the permission) is refused before the work instead of after it.
fn resolve(path: &Path) -> Result<PathBuf> {
    if path.file_name().is_none() && !path.is_dir() {
        return Err(Error::invalid(format!("{:?} names no file to save to", path.display().to_string())));
    }
    let Ok(target) = fs::canonicalize(path) else { return Ok(path.to_owned()) };
    let metadata = fs::metadata(&target).map_err(io(path, "replacing the file"))?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(Error::invalid(format!("{}: not a file but a device or pipe; give a file's name", path.display())));
    }
    OpenOptions::new().write(true).open(&target).map_err(io(path, "replacing the file"))?;
    Ok(target)
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that goes away unless it is renamed.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// A new file in the target's folder, with the permissions that the target has or would get.
    fn beside(target: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = folder(target).join(format!(".vicinal-{}-{number}.tmp", std::process::id()));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            let temporary = Temporary { path, file };
            if let Ok(replaced) = fs::metadata(target) {
                temporary.file.set_permissions(replaced.permissions())?;
            }
            return Ok(temporary);
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.path.clear();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // There is an error on its way already, or a panic: a file that can't be removed has to stay.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A name survives a power cut once its folder is on the disk.
fn sync_folder(target: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder(target))?.sync_all() } else { Ok(()) }
}

/// Writes what an index is at one moment. A run that is cancelled makes it an error, of whatever kind.
fn write_snapshot(index: &Index, file: &File, run: &Run) -> io::Result<()> {
    let _changes_wait = index.writing(run).map_err(io::Error::other)?;
    let slots = index.end();
    let live = index.live.see(|live| live.copy(slots));
    let header = Header {
        params: index.params().clone(),
        slots,
        live: live.count(slots) as u32,
        upper_rows: index.graph.upper_rows(),
        entry: index.graph.entry(),
        spread: index.graph.spread.parts(),
        ids: index.ids.differ(live.iter(slots)),
        next_id: index.ids.next(),
        codes: index.graph.codes(),
    };
    // What was in a slot that is free is nobody's business any more.
    let free = index.spare.lock().bits();
    let used = Bits::default();
    used.insert_range(0..slots);
    free.iter(slots).for_each(|slot| _ = used.remove(slot));
    let used = used.runs(slots);
    let (layer0, upper) = index.graph.arenas();
    let mut out = BlockWriter::new(file, run);
    out.put_header(&header)?;
    for (_, arena) in index.vectors.arenas() {
        if let Some(arena) = arena {
            let zeros = vec![0; arena.row_bytes()];
            let mut next = 0;
            for (start, rows) in used.iter().flat_map(|run| arena.parts(run.clone())) {
                (next..start).try_for_each(|_| out.put(&zeros))?;
                // SAFETY: the rows of slots that are not free were written and never change.
                out.put(unsafe { arena.run(start, rows) })?;
                next = start + rows as u32;
            }
            (next..slots).try_for_each(|_| out.put(&zeros))?;
            out.end_section()?;
        }
    }
    let mut put_rows = |arena: &Arena, rows: &mut dyn Iterator<Item = (RowName, bool)>| {
        let mut row = vec![0u32; arena.row_bytes() / 4];
        for (name, free) in rows {
            index.graph.copy_canonical(name, free, &mut row);
            out.put(bytemuck::cast_slice(&row))?;
        }
        out.end_section()
    };
    put_rows(layer0, &mut (0..slots).map(|slot| (RowName::Layer0(slot), free.get(slot))))?;
    let free_upper: Bits = Bits::default();
    free.iter(slots).for_each(|slot| free_upper.insert_range(index.graph.upper_rows_of(slot)));
    put_rows(upper, &mut (0..header.upper_rows).map(|row| (RowName::Upper(row), free_upper.get(row))))?;
    if header.ids {
        let id = |slot: u32| if free.get(slot) { 0 } else { index.ids.id(slot) };
        (0..slots).try_for_each(|slot| out.put(&id(slot).to_le_bytes()))?;
        out.end_section()?;
        let mut order: Vec<u32> = live.iter(slots).collect();
        order.sort_unstable_by_key(|&slot| id(slot));
        out.put(bytemuck::cast_slice(&order))?;
        out.end_section()?;
    }
    if header.live < slots {
        for i in 0..slots.div_ceil(SLOTS_PER_STATE) as usize {
            [live.word(i), free.word(i)].iter().try_for_each(|word| out.put(&word.to_le_bytes()))?;
        }
        out.end_section()?;
    }
    out.finish()
}

/// Writes whole blocks and keeps the sum of each.
struct BlockWriter<'a> {
    file: &'a File,
    run: &'a Run,
    buffer: Vec<u8>,
    sums: Vec<u32>,
    unsynced: usize,
}

impl<'a> BlockWriter<'a> {
    fn new(file: &'a File, run: &'a Run) -> Self {
        BlockWriter { file, run, buffer: Vec::with_capacity(BUFFER), sums: Vec::new(), unsynced: 0 }
    }

    /// The header is its own witness, and no sum is kept of it.
    fn put_header(&mut self, header: &Header) -> io::Result<()> {
        self.file.write_all(&header.encode())
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BUFFER - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == BUFFER {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Fills the last block with zeros: the next section starts with a block of its own.
    fn end_section(&mut self) -> io::Result<()> {
        self.buffer.resize(self.buffer.len().next_multiple_of(BLOCK), 0);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.run.check().map_err(io::Error::other)?;
        self.sums.extend(self.buffer.chunks(BLOCK).map(sum));
        self.file.write_all(&self.buffer)?;
        self.unsynced += self.buffer.len();
        self.buffer.clear();
        if self.unsynced >= SYNCED {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Writes the sums, each block of them with its own.
    fn finish(self) -> io::Result<()> {
        let mut file = self.file;
        for sums in self.sums.chunks(SUMS_PER_BLOCK) {
            let mut block = [0; SUMS_PER_BLOCK];
            block[..sums.len()].copy_from_slice(sums);
            let block: &[u8] = bytemuck::cast_slice(&block);
            file.write_all(block)?;
            file.write_all(&sum(block).to_le_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vicinal");
        fs::write(&path, "old").unwrap();
        let full = |mut file: &File| {
            file.write_all(b"half of the new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = replace(&path, full).unwrap_err();
        assert!(
            matches!(&error, Error::Io { path: named, source, .. }
            if *named == path && source.kind() == io::ErrorKind::StorageFull),
            "{error:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_panic_while_writing_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vicinal");
        let outcome = std::panic::catch_unwind(|| replace(&path, |_| panic!("on purpose")));
        assert!(outcome.is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_link_its_place() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.vicinal"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        replace(&link, |mut file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
