//! Adapter: mirrors, transports, worktrees, diff, project view, ref watching.
