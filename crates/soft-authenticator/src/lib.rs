//! A second factor in software, for tests and the demo. Never for people: a seed that lies next to what it protects
//! is no second factor.

mod totp;

pub use totp::{CodesAround, InvalidSecret, SoftTotp};
