//! A process per role, as operators run it: what stops a start and what it says, certificates, clocks, several processes
//! of one role, ends in the middle of calls, databases that were put back.

mod callers;
mod clocks;
mod ends;
mod factors;
mod issuers;
mod people;
mod redeeming;
mod restored;
mod starts;
mod stores;
