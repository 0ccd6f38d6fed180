//! Keys of our own, and the short-lived tokens that they are exchanged for.
//!
//! [`KeyStore`] is the file, for the command line; [`KeyRing`] is what a running gateway knows of
//! it, a second old at most; [`Exchange`] turns a key into a token, [`token`] tells whether one is
//! good. No sockets, and no clock: whoever asks says what time it is.

mod api_key;
mod clock;
mod exchange;
mod jwks;
mod keyring;
mod scope;
mod signing;
mod store;
pub mod token;

pub use api_key::{ApiKey, BadKey, Environment};
pub use clock::{iso_8601, now_s};
pub use exchange::{Exchange, Issued, Refused, TOKEN_AUDIENCE};
pub use jwks::{BadKeySet, KeySet};
pub use keyring::{Denied, KeyRing};
pub use scope::Scope;
pub use store::{Grants, KeyRecord, KeyStore, KeyStoreError, NewKey};

/// There is no randomness to be had from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;
