//! Second factors in software, for tests and the demo. Never for people: a seed or key that lies next to what it protects
//! is no second factor.

mod passkey;
mod totp;

pub use passkey::{PasskeyError, SoftPasskey};
pub use totp::{CodesAround, InvalidSecret, SoftTotp};
