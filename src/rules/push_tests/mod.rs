//! Push tests, one file each, and the table that registers them.
