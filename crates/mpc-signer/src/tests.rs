//! The use cases, three nodes in one process, driven as a coordinator would and as one in an attacker's hands would.

mod attacks;
mod creating;
mod exporting;
mod renewing;
mod signing;
mod world;
