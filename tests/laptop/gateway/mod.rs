//! The laptop's API Gateway and embedded database, as their callers see them.

mod doors;
mod dynamo;
mod entrance;
mod gate;
mod invocations;
mod laptop;
mod management;
mod nginx;
mod pages;
mod payloads;
mod rest;
mod socket;
