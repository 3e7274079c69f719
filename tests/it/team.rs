//! Team mode: the real program with a whole fake hub beside it.

mod away;
mod chaos;
mod commands;
mod completion;
mod drain;
mod foreign;
mod found;
mod link;
mod logs;
mod pushes;
mod real;
mod replicas;
mod reports;
mod restore;
mod resume;
mod scene;
mod settings;
mod storm;
mod traces;
mod twins;
