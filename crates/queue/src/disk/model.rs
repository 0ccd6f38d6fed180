//! A disk in memory that knows what is durable, and at a crash forgets, tears and reorders the rest
//! as real ones may. It can fail, and it can lie about syncs.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

/// A write is torn between these, never within.
const SECTOR_BYTES: usize = 512;

/// A handle on the disk; it survives crashes, as files that were opened before do not.
#[derive(Clone)]
pub(crate) struct Model(Arc<Mutex<Platter>>);

pub(crate) struct ModelFile {
    platter: Arc<Mutex<Platter>>,
    node: usize,
    /// Of the life in which it was opened.
    life: u64,
}

/// What goes wrong, each with one in so many operations; 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) writes: u64,
    pub(crate) syncs: u64,
    pub(crate) names: u64,
}

struct Platter {
    random: fastrand::Rng,
    life: u64,
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    faults: Faults,
    /// Syncs of files and of the folder do what they say.
    file_syncs: bool,
    name_syncs: bool,
}

#[derive(Default)]
struct Node {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync.
    pending: Vec<Change>,
}

enum Change {
    Write { at: usize, data: Vec<u8> },
    Length(usize),
}

// === impl Model ===

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            random: fastrand::Rng::with_seed(seed),
            life: 0,
            nodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            faults: Faults::default(),
            file_syncs: true,
            name_syncs: true,
        })))
    }

    pub(crate) fn fail(&self, faults: Faults) {
        lock(&self.0).faults = faults;
    }

    /// From now on syncs of files, or of the folder, say yes and do nothing.
    pub(crate) fn lie(&self, about_files: bool, about_names: bool) {
        let mut platter = lock(&self.0);
        platter.file_syncs = !about_files;
        platter.name_syncs = !about_names;
    }

    /// The power is gone: any part of what was not synced is lost. Open files are dead.
    pub(crate) fn crash(&self) {
        let mut platter = lock(&self.0);
        let Platter { random, nodes, names, durable_names, life, .. } = &mut *platter;
        *life += 1;
        for node in nodes.iter_mut() {
            node.crash(random);
        }
        // Each name is as it was at the last sync, or as it is now.
        let all: Vec<_> = names.keys().chain(durable_names.keys()).cloned().collect();
        for name in all {
            if random.bool() {
                match names.get(&name) {
                    Some(node) => durable_names.insert(name, *node),
                    None => durable_names.remove(&name),
                };
            }
        }
        names.clone_from(durable_names);
    }

    /// The process is gone, the disk stays as it is.
    pub(crate) fn kill(&self) {
        lock(&self.0).life += 1;
    }

    /// Changes bytes of a file, durably.
    pub(crate) fn damage(&self, name: &str, at: usize, bytes: &[u8]) {
        let mut platter = lock(&self.0);
        let node = platter.names[name];
        for content in [true, false] {
            let node = &mut platter.nodes[node];
            let content = if content { &mut node.now } else { &mut node.durable };
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// The file is another one, durably.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) {
        let mut platter = lock(&self.0);
        let node = platter.names[name];
        let node = &mut platter.nodes[node];
        (node.now, node.durable, node.pending) = (content.to_vec(), content.to_vec(), Vec::new());
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        let platter = lock(&self.0);
        platter.nodes[platter.names[name]].now.clone()
    }
}

fn lock(platter: &Mutex<Platter>) -> MutexGuard<'_, Platter> {
    platter.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Platter {
    /// Whether this operation goes wrong.
    fn fails(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.random.u64(..one_in) == 0
    }
}

impl Node {
    fn apply(content: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Write { at, data } => {
                if content.len() < at + data.len() {
                    content.resize(at + data.len(), 0);
                }
                content[*at..at + data.len()].copy_from_slice(data);
            }
            Change::Length(bytes) => content.resize(*bytes, 0),
        }
    }

    /// Of what was not synced, some sectors arrived, and some did not.
    fn crash(&mut self, random: &mut fastrand::Rng) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { at, data } => {
                    let mut from = 0;
                    while from < data.len() {
                        let to = ((at + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - at;
                        let to = to.min(data.len());
                        if random.bool() {
                            let data = data[from..to].to_vec();
                            Self::apply(&mut self.durable, &Change::Write { at: at + from, data });
                        }
                        from = to;
                    }
                    // The length may be there without the content.
                    if random.bool() && self.durable.len() < at + data.len() {
                        self.durable.resize(at + data.len(), 0);
                    }
                }
                Change::Length(bytes) if random.bool() => self.durable.resize(bytes, 0),
                Change::Length(_) => {}
            }
        }
        self.now.clone_from(&self.durable);
    }
}

impl Disk for Model {
    type File = ModelFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<ModelFile> {
        let mut platter = lock(&self.0);
        let one_in = platter.faults.names;
        if platter.fails(one_in) {
            return Err(ErrorKind::StorageFull.into());
        }
        if platter.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (node, life) = (platter.nodes.len(), platter.life);
        platter.nodes.push(Node::default());
        platter.names.insert(name.to_owned(), node);
        Ok(ModelFile { platter: Arc::clone(&self.0), node, life })
    }

    fn open(&self, name: &str) -> io::Result<ModelFile> {
        let platter = lock(&self.0);
        let node = *platter.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(ModelFile { platter: Arc::clone(&self.0), node, life: platter.life })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = lock(&self.0);
        let one_in = platter.faults.names;
        if platter.fails(one_in) {
            return Err(ErrorKind::Other.into());
        }
        platter.names.remove(name).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = lock(&self.0);
        let one_in = platter.faults.syncs;
        if platter.fails(one_in) {
            return Err(ErrorKind::Other.into());
        }
        if platter.name_syncs {
            platter.durable_names = platter.names.clone();
        }
        Ok(())
    }
}

impl ModelFile {
    fn platter(&self) -> io::Result<MutexGuard<'_, Platter>> {
        let platter = lock(&self.platter);
        assert_eq!(platter.life, self.life, "a file of an earlier life is used");
        Ok(platter)
    }
}

impl DiskFile for ModelFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.platter()?.nodes[self.node].now.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let platter = self.platter()?;
        let from = offset as usize;
        let content = platter.nodes[self.node].now.get(from..from + buffer.len());
        buffer.copy_from_slice(content.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.platter()?;
        let one_in = platter.faults.writes;
        let fails = platter.fails(one_in);
        // A part of it may be there before the disk says no.
        let bytes = if fails { platter.random.usize(..=data.len()) } else { data.len() };
        let change = Change::Write { at: offset as usize, data: data[..bytes].to_vec() };
        let node = &mut platter.nodes[self.node];
        Node::apply(&mut node.now, &change);
        node.pending.push(change);
        if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut platter = self.platter()?;
        let one_in = platter.faults.writes;
        if platter.fails(one_in) {
            return Err(ErrorKind::Other.into());
        }
        let node = &mut platter.nodes[self.node];
        let change = Change::Length(bytes as usize);
        Node::apply(&mut node.now, &change);
        node.pending.push(change);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.platter()?;
        let one_in = platter.faults.syncs;
        let fails = platter.fails(one_in);
        let Platter { random, nodes, file_syncs, .. } = &mut *platter;
        let node = &mut nodes[self.node];
        if fails {
            // Linux: what could not be written is clean afterwards, readable, and never written.
            let now = node.now.clone();
            node.crash(random);
            node.now = now;
            return Err(ErrorKind::Other.into());
        }
        // A failed sync before leaves its holes: only what was written since is made durable.
        if *file_syncs {
            for change in std::mem::take(&mut node.pending) {
                Node::apply(&mut node.durable, &change);
            }
        }
        Ok(())
    }
}
