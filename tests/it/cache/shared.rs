//! Answers that several gateways share through Redis.
