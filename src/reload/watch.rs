//! Notices that the file has changed, or that somebody asks for it (SIGHUP).
//!
//! The file is read every second and compared, instead of asking the system for events: those are
//! of an inode or a directory, and are lost where an editor renames, where a link several levels up
//! is swapped (as Kubernetes does), and on network file systems.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::Reloader;
use super::settling::{Next, SETTLE, Settling};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches the reloader's file until `stopping`. From here on SIGHUP reads it. Must be called
/// inside a runtime.
pub(crate) fn spawn(reloader: Arc<Reloader>, stopping: watch::Receiver<bool>) {
    let hangup = signal(SignalKind::hangup());
    if let Err(error) = &hangup {
        warn!(%error, "SIGHUP cannot be listened to: only the file is watched");
    }
    tokio::spawn(run(reloader, hangup.ok(), stopping));
}

async fn run(
    reloader: Arc<Reloader>,
    mut hangup: Option<Signal>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut settling = Settling::default();
    let mut pause = LOOK_EVERY;
    loop {
        let asked = tokio::select! {
            // A closed channel means the same.
            _ = stopping.wait_for(|stop| *stop) => return,
            () = received(&mut hangup) => true,
            () = tokio::time::sleep(pause) => false,
        };
        if asked {
            info!("SIGHUP: the configuration is read again");
        }
        let next = if asked { Next::Read } else { look(&reloader, &mut settling).await };
        pause = if next == Next::Again { SETTLE } else { LOOK_EVERY };
        if next == Next::Read {
            let reloader = Arc::clone(&reloader);
            // A panic in there was logged by its hook, and the configuration in force stays.
            let _panicked = spawn_blocking(move || reloader.reload()).await;
        }
    }
}

async fn received(hangup: &mut Option<Signal>) {
    if let Some(hangup) = hangup
        && hangup.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

async fn look(reloader: &Arc<Reloader>, settling: &mut Settling) -> Next {
    let reloader = Arc::clone(reloader);
    match spawn_blocking(move || reloader.look()).await {
        Ok((now, last)) => settling.see(now, last),
        Err(_) => Next::Rest,
    }
}
