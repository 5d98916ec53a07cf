//! The fault campaign: servers and services are killed, stalled, cut off, promoted and put back in the middle of traffic,
//! and whatever happens, one token pays for one operation, and what was acknowledged stays so. See docs/faults.md.
//!
//! The same seed and kind give the same fault with the same parameters. What the operating system makes of them differs,
//! so a failure may need several repetitions to come again.

pub(crate) mod campaign;
mod dice;
pub(crate) mod kind;
pub(crate) mod outcome;
mod processes;
mod stopwatch;
pub(crate) mod table;
mod tokens;
mod variety;

#[cfg(test)]
mod sample;
