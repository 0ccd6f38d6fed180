//! Pingora with the hooks that it cannot do without, to see what the hooks of ours cost.

use std::process::ExitCode;

use async_trait::async_trait;
use pingora::proxy::{ProxyHttp, ProxyServiceBuilder, Session};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

/// Where it listens; set by the bench for the process that it starts.
pub(crate) const LISTEN: &str = "TOLLGATE_BENCH_PINGORA_LISTEN";
/// Where it forwards to.
pub(crate) const UPSTREAM: &str = "TOLLGATE_BENCH_PINGORA_UPSTREAM";
/// Idle upstream connections, as many as tollgate keeps.
const POOL_SIZE: usize = 1_024;

struct Bare {
    upstream: std::net::SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves until killed, if the environment says so.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let listen = std::env::var(LISTEN).ok()?;
    let Some(upstream) = std::env::var(UPSTREAM).ok().and_then(|it| it.parse().ok()) else {
        return Some(ExitCode::FAILURE);
    };
    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: POOL_SIZE,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service =
        ProxyServiceBuilder::new(&server.configuration, Bare { upstream }).name("bare").build();
    service.add_tcp(&listen);
    server.add_service(service);
    server.run_forever()
}
