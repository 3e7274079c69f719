//! The acceptance rows of the security model, what holds for every snapshot, and what people are told.

mod ages;
mod properties;
mod rows;
mod speed;
mod told;
