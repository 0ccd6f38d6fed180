//! What a key is good for.

use std::fmt;
use std::str::FromStr;

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Sending telemetry to the collector.
    OtelWrite,
    /// Reading the span store.
    QueryRead,
    /// Calling models through the gateway.
    GatewayCall,
}

// === impl Scope ===

impl Scope {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::OtelWrite, Self::QueryRead, Self::GatewayCall];

    /// The name in tokens and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OtelWrite => "otel:write",
            Self::QueryRead => "query:read",
            Self::GatewayCall => "gateway:call",
        }
    }

    /// As one text, as OAuth writes it (RFC 6749, section 3.3).
    pub(crate) fn join(scopes: &[Self]) -> String {
        scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| {
            format!("no scope is called so; there are {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}
