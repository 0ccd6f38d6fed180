//! A few threads that answer questions, each with a connection of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::failure::Place;
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

type Question = Box<dyn FnOnce(&mut Connection) + Send>;

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
            let mut connection = schema::open_for_reading(place)?;
            let (queue, running) = (Arc::clone(&queue), running.clone());
            thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || {
                    while let Some(question) = next(&queue) {
                        question(&mut connection);
                    }
                    drop(connection);
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
        let question: Question = Box::new(move |connection| {
            // Nobody waits any more: save the work.
            if !done.is_closed() {
                let _gone = done.send(question(connection));
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

/// Waits for a question; the threads that are idle queue up at the lock.
fn next(queue: &Mutex<mpsc::Receiver<Question>>) -> Option<Question> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
