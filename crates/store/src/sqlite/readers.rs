//! A few threads that answer questions, each with a connection of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::failure::Place;
use super::packing::Shelf;
use super::schema;
use crate::StoreError;

/// How many questions may wait; further ones wait for a place.
const QUEUE_QUESTIONS_MAX: usize = 256;

/// The way to the reading threads.
pub(super) struct Readers {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Question>>>,
    place: Arc<Place>,
}

type Question = Box<dyn FnOnce(&mut Reader) + Send>;

/// What a thread owns.
struct Reader {
    connection: Connection,
    shelf: Shelf,
}

// === impl Readers ===

impl Readers {
    /// Opens `count` connections and starts a thread for each.
    pub(super) fn start(
        place: &Arc<Place>,
        count: usize,
        running: &watch::Receiver<()>,
    ) -> Result<Self, StoreError> {
        let (sender, queue) = mpsc::channel::<Question>(QUEUE_QUESTIONS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let (connection, shelf) = schema::open_for_reading(place)?;
            let mut reader = Reader { connection, shelf };
            let (queue, running) = (Arc::clone(&queue), running.clone());
            thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || {
                    while let Some(question) = next(&queue) {
                        question(&mut reader);
                    }
                    drop(reader);
                    drop(running);
                })
                .map_err(|error| place.unusable(&error))?;
        }
        Ok(Self { queue: Mutex::new(Some(sender)), place: Arc::clone(place) })
    }

    /// Lets a reader answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Closed)?;
        let question: Question = Box::new(move |reader| {
            // Nobody waits any more: save the work.
            if !done.is_closed() {
                let _gone = done.send(reader.answer(question));
            }
        });
        queue.send(question).await.map_err(|_| StoreError::Closed)?;
        drop(queue);
        let answer = answer.await.map_err(|_| StoreError::Closed)?;
        answer.map_err(|error| self.place.failure(&error))
    }

    pub(super) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

// === impl Reader ===

impl Reader {
    /// Answers from one state of the database. Its dictionaries and words are learnt first: no row
    /// of that state was packed with others.
    fn answer<T>(
        &mut self,
        question: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.execute_batch("BEGIN")?;
        let answer = self.learn().and_then(|()| question(&mut self.connection));
        // Nothing was written: there is nothing that could fail to be kept.
        self.connection.execute_batch("ROLLBACK")?;
        answer
    }

    fn learn(&self) -> rusqlite::Result<()> {
        let mut unpacker = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = self
            .connection
            .prepare_cached("SELECT id, bytes FROM dictionaries WHERE id > ? ORDER BY id")?;
        let mut new = new.query([unpacker.latest()])?;
        while let Some(row) = new.next()? {
            let bytes = row.get_ref(1)?.as_blob()?;
            unpacker
                .learn(row.get(0)?, bytes)
                .map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))?;
        }
        let mut new = self
            .connection
            .prepare_cached("SELECT id, text FROM words WHERE id > ? ORDER BY id")?;
        let mut new = new.query([unpacker.vocabulary.latest()])?;
        while let Some(row) = new.next()? {
            unpacker.vocabulary.learn(row.get(0)?, row.get_ref(1)?.as_str()?);
        }
        Ok(())
    }
}

/// Waits for a question; the threads that are idle queue up at the lock.
fn next(queue: &Mutex<mpsc::Receiver<Question>>) -> Option<Question> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
