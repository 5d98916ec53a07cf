//! The contract of the services, from outside, over gRPC: what a deployment answers, whichever way it is deployed.

mod administration;
mod audit;
mod batches;
mod bindings;
mod codes;
mod evidence;
mod existence;
mod factors;
mod flips;
mod hard_cases;
mod holds;
mod idempotency;
mod identity;
mod kinds;
mod kinds_of_tokens;
mod malformed;
mod operations;
mod paging;
mod passkeys;
mod policy;
mod receipts;
mod recovery;
mod roles;
mod surface;
mod throttle;
mod tokens;
