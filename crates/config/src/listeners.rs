//! The addresses that the file makes us listen on, defaults filled in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::auth::AuthMode;
use crate::error::Place;
use crate::fields::Located;
use crate::model::Document;

const GATEWAY_PORT: u16 = 4000;
const CONTROL_PORT: u16 = 4500;
const OTLP_GRPC_PORT: u16 = 4317;
const OTLP_HTTP_PORT: u16 = 4318;

/// One thing that listens.
#[derive(Debug)]
pub(crate) struct Listener<'d> {
    /// For messages.
    pub(crate) name: &'static str,
    /// As written.
    pub(crate) host: Option<&'d Located<String>>,
    /// As written, else the default.
    pub(crate) port: u16,
    /// Whether strangers have no business there.
    pub(crate) private: bool,
    port_place: Option<&'d Place>,
}

/// Gateway, control plane, and the receivers if there are any, in this order.
pub(crate) fn of(document: &Document) -> Vec<Listener<'_>> {
    let (server, control) = (&document.server, &document.control);
    let mut all = vec![
        Listener::new("`server`", server.host.as_ref(), server.port.as_ref(), GATEWAY_PORT, false),
        Listener::new(
            "`control`",
            control.host.as_ref(),
            control.port.as_ref(),
            CONTROL_PORT,
            true,
        ),
    ];
    if let Some(collector) = document.collector.as_ref().filter(|collector| collector.enabled) {
        let host = collector.host.as_ref();
        let (grpc, http) = (collector.grpc_port.as_ref(), collector.http_port.as_ref());
        // Unless it is told otherwise, it wants tokens wherever strangers can reach it.
        let mode = collector.auth.mode.as_ref().map(|mode| mode.value);
        let open = matches!(mode, Some(AuthMode::Off | AuthMode::Optional));
        all.push(Listener::new("the gRPC `collector`", host, grpc, OTLP_GRPC_PORT, open));
        all.push(Listener::new("the HTTP `collector`", host, http, OTLP_HTTP_PORT, open));
    }
    all
}

/// Where the control plane listens.
pub(crate) fn control_port(document: &Document) -> u16 {
    document.control.port.as_ref().map_or(CONTROL_PORT, |port| port.value)
}

// === impl Listener ===

impl<'d> Listener<'d> {
    fn new(
        name: &'static str,
        host: Option<&'d Located<String>>,
        port: Option<&'d Located<u16>>,
        default: u16,
        private: bool,
    ) -> Self {
        let port_place = port.map(|port| &port.place);
        Self { name, host, port: port.map_or(default, |port| port.value), private, port_place }
    }

    /// The interface; `None` where what is written is no address.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        match self.host.map(|host| host.value.as_str()) {
            None | Some("localhost") => Some(Ipv4Addr::LOCALHOST.into()),
            Some(written) => written.trim_matches(['[', ']']).parse().ok(),
        }
    }

    /// Where it listens; loopback where what is written is no address.
    pub(crate) fn addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip().unwrap_or(Ipv4Addr::LOCALHOST.into()), self.port)
    }

    /// Where the port or the host is written.
    pub(crate) fn place(&self) -> Place {
        let written = self.port_place.or(self.host.map(|host| &host.place));
        written.cloned().unwrap_or(Place { path: String::new(), position: None })
    }
}
