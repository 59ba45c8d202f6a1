//! The pages, and the description of the sockets and streams that they listen to.

mod asyncapi;
mod engines;
mod openapi;
mod overview;
mod pages;
