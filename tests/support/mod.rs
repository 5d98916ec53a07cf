//! What the tests of the running suite have in common: a suite as a child process, people and their tokens, calls and
//! what may be said about their refusals.

pub(crate) mod admin;
pub(crate) mod again;
pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod child;
pub(crate) mod codes;
pub(crate) mod craft;
pub(crate) mod deployment;
pub(crate) mod dev;
pub(crate) mod document;
pub(crate) mod exports;
pub(crate) mod fresh;
pub(crate) mod front;
pub(crate) mod passkeys;
pub(crate) mod ports;
pub(crate) mod processes;
pub(crate) mod raw;
pub(crate) mod recovery;
pub(crate) mod secrets;
pub(crate) mod servers;
pub(crate) mod tokens;
pub(crate) mod tools;
pub(crate) mod user;
