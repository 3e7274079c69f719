//! The goal files that ship with the program.

/// Name and text, in the order in which they apply.
pub(super) static SHIPPED: &[(&str, &str)] = &[
    ("00-docs-only.yaml", include_str!("../../goals/00-docs-only.yaml")),
    ("10-cancel.yaml", include_str!("../../goals/10-cancel.yaml")),
    ("20-rust.yaml", include_str!("../../goals/20-rust.yaml")),
    ("30-node.yaml", include_str!("../../goals/30-node.yaml")),
    ("40-python.yaml", include_str!("../../goals/40-python.yaml")),
    ("50-go.yaml", include_str!("../../goals/50-go.yaml")),
    ("60-jvm.yaml", include_str!("../../goals/60-jvm.yaml")),
    ("70-docker.yaml", include_str!("../../goals/70-docker.yaml")),
    (
        "80-goal-files.yaml",
        include_str!("../../goals/80-goal-files.yaml"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::goal_files::GoalFiles;
    use crate::engine::Machine;

    #[test]
    fn every_goal_file_of_the_repository_ships() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("goals");
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name.ends_with(".yaml"));
        names.sort();
        let shipped: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, shipped);
    }

    #[test]
    fn what_ships_has_no_problem() {
        let files = GoalFiles::Shipped.read().unwrap();
        let checked = Machine::check(&files);
        assert_eq!(checked.diagnostics, Vec::new());
        assert!(checked.machine.is_some());
    }
}
