//! Tests of the suite as a whole. `tests/run` sets up what they need and runs them all.

#[cfg(test)]
mod laws;
