//! A customer's data: erasure and its receipt.

mod audit;
mod erasure;
mod export;
mod interrupted;
mod life;
