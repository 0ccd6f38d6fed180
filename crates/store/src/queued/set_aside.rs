//! Rows that a newer tollgate has left in a queue: out of the way of others, until one that knows
//! them runs here again.
//!
//! A file each, in a folder beside the queue's own files, named by what is in it: the same rows are
//! the same file however often they come.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tollgate_queue::Record;

use super::rows::Rows;
use crate::clickhouse::token;

const FOLDER: &str = "set-aside";
const SUFFIX: &str = ".rows";
/// While it is written.
const SUFFIX_UNFINISHED: &str = ".unfinished";
/// An eighth of the queue's bound, on top of it.
const PART_OF_BOUND: u64 = 8;
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder.
#[derive(Debug)]
pub(super) struct SetAside {
    path: PathBuf,
    bytes: u64,
    bytes_max: u64,
}

/// One of its files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rows: Rows,
    pub(super) items: u32,
    path: PathBuf,
    bytes: u64,
}

// === impl SetAside ===

impl SetAside {
    /// Looks at what is there, beside the files of the queue in `queue`. Makes nothing, and nothing
    /// that is there keeps the queue from starting.
    pub(super) fn open(queue: &Path, queue_bytes_max: u64) -> Self {
        let path = queue.join(FOLDER);
        let mut aside = Self { path, bytes: 0, bytes_max: queue_bytes_max / PART_OF_BOUND };
        match aside.found() {
            Ok(found) => aside.bytes = found.iter().map(|found| found.bytes).sum(),
            Err(error) => {
                let path = aside.path.display();
                tracing::error!(%error, %path, "cannot look at what was set aside");
            }
        }
        aside
    }

    /// Keeps a record; `false` without room for it. Once this returns it would survive a power
    /// failure.
    pub(super) fn keep(&mut self, record: &Record) -> io::Result<bool> {
        let Record { kind, version, items, payload } = record;
        let name = format!("{kind}-{version}-{items}-{}{SUFFIX}", token(payload));
        let path = self.path.join(name);
        if path.exists() {
            return Ok(true);
        }
        let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        if self.bytes.saturating_add(bytes) > self.bytes_max {
            return Ok(false);
        }
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.path)?;
        let unfinished = path.with_extension(SUFFIX_UNFINISHED.trim_start_matches('.'));
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&unfinished)?;
        file.write_all(payload)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        self.sync()?;
        self.bytes += bytes;
        Ok(true)
    }

    /// What is there, in no order.
    pub(super) fn found(&self) -> io::Result<Vec<Found>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let (path, bytes) = (entry.path(), entry.metadata()?.len());
            let name = entry.file_name();
            let Some((rows, items)) = name.to_str().and_then(parsed) else { continue };
            found.push(Found { rows, items, path, bytes });
        }
        Ok(found)
    }

    /// The rows of a file.
    pub(super) fn read(&self, found: &Found) -> io::Result<Record> {
        let Rows { kind, version } = found.rows;
        let payload = Bytes::from(fs::read(&found.path)?);
        Ok(Record { kind, version, items: found.items, payload })
    }

    /// Deletes a file whose rows are where they belong.
    pub(super) fn remove(&mut self, found: &Found) -> io::Result<()> {
        fs::remove_file(&found.path)?;
        self.bytes = self.bytes.saturating_sub(found.bytes);
        Ok(())
    }

    /// The files' names, and the folder's own.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        self.path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }
}

/// What a file's name says of it.
fn parsed(name: &str) -> Option<(Rows, u32)> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('-');
    let (kind, version) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((Rows { kind, version }, parts.next()?.parse().ok()?))
}
