//! The processes: wirings of the engine.
