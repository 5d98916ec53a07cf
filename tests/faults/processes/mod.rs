//! Faults of a whole deployment, a process per role on Postgres and Redis, as seen by its users: they prove a factor, pay
//! with the token, have a message signed, and repeat themselves with the same ids until they know.

mod call;
mod fault;
mod journey;
mod notes;
mod play;
mod prover;
mod stage;
mod strike;
mod traveller;

pub(crate) use fault::Fault;
pub(crate) use play::play_all;

#[cfg(test)]
mod together;
