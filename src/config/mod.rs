//! Configuration of the processes: layered, strict, printable.
