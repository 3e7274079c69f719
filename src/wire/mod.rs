//! Messages between the daemon and those who talk to it.
