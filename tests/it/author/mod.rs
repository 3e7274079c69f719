//! The goal author's tools, through the real program.

mod check;
mod compare;
mod editor;
mod references;
mod rule_tests;
mod schema;
mod tags;
