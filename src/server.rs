//! Assembles the Pingora server around the gateway.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::HttpServerOptions;
use pingora::connectors::ConnectorOptions;
use pingora::listeners::ListenerConfig;
use pingora::listeners::tls::TlsSettings;
use pingora::protocols::http::v2::server::default_h2_options;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::proxy::ProxyServiceBuilder;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use tokio::sync::watch;
use tollgate_config::Server as ServerSettings;

use crate::proxy::Gateway;
use crate::shared::Shared;

/// Idle upstream connections kept per worker thread.
const POOL_SIZE: usize = 1_024;
/// More than any plan has attempts: the plan decides how many there are, not this.
const PINGORA_ATTEMPTS_MAX: usize = 1_024;
/// Requests on one client connection.
const KEEPALIVE_REQUESTS_MAX: u32 = 1_000;
const H2_IDLE: Duration = Duration::from_secs(60);
const H2_STREAMS_MAX: u32 = 100;
const H2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
const H2_CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// What is written at once of a head and what comes behind it: most plain answers fit, so that they leave in one
/// write, where Pingora's 1,460 bytes take two.
const WRITE_BYTES: usize = 4 * 1024;
/// Of connections without TLS. Heads and bodies are read into buffers of their own, so that one before them is 64 KiB
/// a connection for nothing: zeroed, and so taken, whenever its memory was used before.
const PLAIN_BUFFERS: L4BufferSettings =
    L4BufferSettings { read: Some(0), write: Some(WRITE_BYTES) };

/// A configured Pingora server that has not started.
pub(crate) struct ProxyServer {
    server: Server,
}

/// Ends the server when its sender says so or is gone.
struct OnSignal(watch::Receiver<bool>);

// === impl ProxyServer ===

impl ProxyServer {
    /// Prepares the listener at `settings.addr`.
    ///
    /// # Errors
    /// The address is taken, or the certificate cannot be used.
    pub(crate) fn new(shared: Arc<Shared>, settings: &ServerSettings) -> Result<Self, String> {
        check_free(settings.addr)?;
        let conf = ServerConf {
            threads: settings.threads.unwrap_or_else(cores),
            work_stealing: settings.work_stealing,
            upstream_keepalive_pool_size: POOL_SIZE,
            max_retries: PINGORA_ATTEMPTS_MAX,
            // Draining is ours: Pingora would sleep this long whatever is in flight.
            grace_period_seconds: Some(0),
            graceful_shutdown_timeout_seconds: Some(1),
            ..ServerConf::default()
        };
        let mut server = Server::new_with_opt_and_conf(None, conf);
        server.bootstrap();
        let mut options = HttpServerOptions::default();
        options.h2c = settings.h2c;
        options.keepalive_request_limit = Some(KEEPALIVE_REQUESTS_MAX);
        options.h2_idle_timeout = Some(H2_IDLE);
        let connections = ConnectorOptions::from_server_conf(&server.configuration);
        let mut service =
            ProxyServiceBuilder::new(&server.configuration, Gateway::new(shared, connections))
                .name("gateway")
                .server_options(options)
                .build();
        if let Some(proxy) = service.app_logic_mut() {
            let mut h2 = default_h2_options();
            h2.max_concurrent_streams(H2_STREAMS_MAX)
                .initial_window_size(H2_STREAM_WINDOW_BYTES)
                .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES);
            proxy.h2_options = Some(h2);
        }
        let addr = settings.addr.to_string();
        match &settings.tls {
            None => service.add_listener(ListenerConfig::tcp(&addr).l4_buffer(PLAIN_BUFFERS)),
            Some(tls) => {
                let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
                let mut tls_settings =
                    TlsSettings::intermediate(&path(&tls.cert_file), &path(&tls.key_file))
                        .map_err(|error| format!("server.tls: {error}"))?;
                tls_settings.enable_h2();
                service.add_tls_with_settings(&addr, None, tls_settings);
            }
        }
        server.add_service(service);
        Ok(Self { server })
    }

    /// Serves until `stop` turns true. Blocks; wants a thread of its own.
    pub(crate) fn run(self, stop: watch::Receiver<bool>) {
        self.server.run(RunArgs { shutdown_signal: Box::new(OnSignal(stop)) });
    }
}

// === impl OnSignal ===

#[async_trait]
impl ShutdownSignalWatch for OnSignal {
    async fn recv(&self) -> ShutdownSignal {
        let mut stop = self.0.clone();
        // A closed channel means that whoever started us is gone.
        let _closed = stop.wait_for(|stop| *stop).await;
        ShutdownSignal::GracefulTerminate
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Pingora would only panic, in another thread.
fn check_free(addr: SocketAddr) -> Result<(), String> {
    TcpListener::bind(addr).map(drop).map_err(|error| format!("cannot listen on {addr}: {error}"))
}
