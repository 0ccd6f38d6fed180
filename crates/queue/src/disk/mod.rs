//! What the queue needs of a disk, so that tests can put one under it that forgets, tears and fails
//! as real ones do.

mod folder;

#[cfg(test)]
pub(crate) mod model;

use std::io;

pub use folder::Folder;

/// One flat folder of files.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// The names of all files.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a new, empty file. Its name is durable after [`Disk::sync`] only.
    ///
    /// # Errors
    /// What the system says; there must be no file of that name.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Removes a file. It may be there again after a crash before [`Disk::sync`].
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    /// What the system says; then nothing is known of files that were made since the last time.
    fn sync(&self) -> io::Result<()>;
}

/// A file of a [`Disk`]. Every access names its place.
pub trait DiskFile: Send + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `data` at `offset`.
    ///
    /// # Errors
    /// What the system says; a part of it may be written.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Makes durable what was written.
    ///
    /// # Errors
    /// What the system says; then nothing is known of what was written since the last time.
    fn sync(&self) -> io::Result<()>;
}
