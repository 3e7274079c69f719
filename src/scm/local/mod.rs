//! Local mode: git hooks and watched refs.
