//! One file per command, what people see, exit codes.
