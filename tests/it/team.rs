//! Team mode: the real program with a whole fake hub beside it.

mod link;
mod reports;
mod scene;
