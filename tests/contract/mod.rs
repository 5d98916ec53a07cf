//! The contract of the services, from outside, over gRPC: what a deployment answers, whichever way it is deployed.

mod audit;
mod codes;
mod existence;
mod factors;
mod idempotency;
mod identity;
mod kinds;
mod malformed;
mod operations;
mod paging;
mod policy;
mod receipts;
mod roles;
mod surface;
mod throttle;
mod tokens;
