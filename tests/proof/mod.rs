//! The invariants of one voice under races, faults and crashes.

mod crash;
mod model;
mod schedules;
mod table;
