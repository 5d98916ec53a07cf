//! Tests of the suite as a whole. `tests/run` sets up what they need and runs them all.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod e2e;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod support;
