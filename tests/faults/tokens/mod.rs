//! Faults of Redis, as seen by clients of the token store.
//!
//! Each fault strikes two stores on the same servers: ours, and a control that uses `GETDEL` and no fence. The control
//! has to double, or else the campaign could not have seen a double of ours.

mod fault;
mod proxy;
mod scene;
mod store;
mod strike;
mod traffic;
mod world;

pub(crate) use fault::Fault;
pub(crate) use scene::play;

#[cfg(test)]
mod together;
