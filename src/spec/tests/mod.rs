//! What people write and what they are told: the acceptance tests of the YAML format (semantics 9.8).

mod commands;
mod contradictions;
mod first_of;
mod goals;
mod hostile;
mod listeners;
mod mistakes;
mod named_tests;
mod parameters;
mod plans;
mod references;
mod rules;
mod supplied;
mod tests_of_pushes;
mod tests_of_rules;
