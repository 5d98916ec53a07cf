//! A gateway in an attacker's hands: it calls the real nodes as the gateway does, and holds everything that a gateway
//! stores and carries, all receipts in flight among it. And nodes that are away, or are lied about on the way.

mod envelopes;
mod exporting;
mod faults;
mod gateway;
mod harvest;
mod in_flight;
mod keygen;
mod moves;
mod nodes;
mod nodes_down;
mod one_token;
mod restarts;
mod signing;
