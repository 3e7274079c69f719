//! Push tests and rule evaluation: (push, project view) → plan plus the reasons. Pure and synchronous.

pub mod view;
