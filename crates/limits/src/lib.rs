//! How much a key, a user, a model, a target or everybody may use: reserved before a call, settled
//! with the truth after it.
//!
//! [`Ledger::reserve`] admits a request only if all rules that apply have room for what it may use;
//! its [`Reservation`] holds that until the truth is known, and settles by itself when dropped. So no
//! race admits what does not fit. No sockets, and no clock: the ledger is given one.

mod amount;
mod entry;
mod lease;
mod ledger;
mod patterns;
mod period;
mod reservation;
mod rule;
mod sharing;
mod window;

pub use amount::{Need, Priced, Used, nanos_of};
pub use lease::{Ask, Grant, SLOT_NOW, Shape};
pub use ledger::{Clock, Counts, Ledger, Now, SUBJECTS_MAX};
pub use patterns::{PATTERN_BYTES_MAX, Patterns};
pub use reservation::{Claim, Exceeded, Reservation, Status};
pub use rule::{Budget, Caps, Kind, OnExceed, Rule, Scope};
pub use sharing::{Admission, Asking, OwnedClaim, Remote, Sharing, Unadmitted, Unreachable};
