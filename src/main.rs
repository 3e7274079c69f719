//! The `sdm` program.

fn main() {}
