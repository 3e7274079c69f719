//! Goal files: YAML with positions and a catalogue of descriptors in; definitions, or precise diagnostics, out.
