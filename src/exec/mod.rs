//! Adapter: processes with a supervisor each; log capture, deadlines, group kill.
