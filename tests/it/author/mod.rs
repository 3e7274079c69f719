//! The goal author's tools, through the real program.

mod rule_tests;
