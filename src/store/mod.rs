//! Adapter: the machine's memory in SQLite.
