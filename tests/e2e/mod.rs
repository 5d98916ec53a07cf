//! The binary as people use it: what it prints, its commands, its files, its signals.

mod cli;
mod codes;
mod config;
mod demo;
mod generated_clients;
mod grpcurl;
mod restart;
mod shutdown;
mod telemetry;
