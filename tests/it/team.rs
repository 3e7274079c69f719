//! Team mode: the real program with a whole fake hub beside it.

mod away;
mod chaos;
mod commands;
mod completion;
mod foreign;
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
