//! The protocol against the vectors of the specification, against itself, and against strangers.

mod descriptors;
mod round_trip;
mod vectors;
