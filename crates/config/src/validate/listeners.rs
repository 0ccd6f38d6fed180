//! Rules for what listens and what is connected to: addresses, ports, URLs.

use std::net::IpAddr;

use super::Findings;
use super::providers::{readable, url};
use crate::error::Problem;
use crate::listeners::{self, Listener};
use crate::model::Document;
use crate::redis::{Address, AddressError};

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let found = listeners::of(document);
    addresses(&found, findings);
    let problems = &mut findings.problems;
    if let Some(tls) = &document.server.tls {
        for file in [&tls.cert_file, &tls.key_file].into_iter().flatten() {
            readable(file, problems);
        }
    }
    if let Some(url_of_store) = &document.store.url {
        url(url_of_store, problems);
    }
    if let Some(file) = &document.store.ca_file {
        readable(file, problems);
    }
    redis(document, problems);
}

fn redis(document: &Document, problems: &mut Vec<Problem>) {
    let Some(redis) = &document.redis else { return };
    if let Some(url) = &redis.url
        && let Err(error) = Address::parse(&url.value)
    {
        let problem = Problem::new(&url.place, error.to_string());
        problems.push(match error {
            AddressError::Credentials => problem.hint("they belong into `user` and `password`"),
            _ => problem.hint("for example `redis://localhost:6379/0`"),
        });
    }
    if let Some(file) = &redis.ca_file {
        readable(file, problems);
    }
}

fn addresses(listeners: &[Listener<'_>], findings: &mut Findings) {
    for (index, listener) in listeners.iter().enumerate() {
        let Some(ip) = listener.ip() else {
            if let Some(host) = listener.host {
                let problem = Problem::new(&host.place, "not an IP address to listen on");
                let hint = "`127.0.0.1` for this machine only, `0.0.0.0` for every interface";
                findings.problems.push(problem.hint(hint));
            }
            continue;
        };
        let overlaps = |other: &&Listener<'_>| {
            let either = |ip: IpAddr| ip == other.addr().ip() || ip.is_unspecified();
            other.port == listener.port && (either(ip) || other.addr().ip().is_unspecified())
        };
        if let Some(other) = listeners.iter().take(index).find(overlaps) {
            let message = format!("port {} is also that of {}", listener.port, other.name);
            let place = listener.place();
            findings.problems.push(Problem::new(&place, message).hint("give each its own port"));
        }
        if let Some(host) = listener.host
            && listener.private
            && !ip.is_loopback()
        {
            let message = format!("{} can be reached from other machines", listener.name);
            let hint = "it asks for no password: keep it behind a firewall or on 127.0.0.1";
            findings.warnings.push(Problem::new(&host.place, message).hint(hint));
        }
    }
}
