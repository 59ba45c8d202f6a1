//! A customer's data: erasure and its receipt.

mod erasure;
mod interrupted;
mod life;
