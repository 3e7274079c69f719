//! Which links stay inside.

/// Whether a link at `path` (relative, `/` between components) that points at `target` stays below the root, read as text: what else
/// is in the tree may be replaced later, so links on the way are not asked.
pub(super) fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    let parts = |path: &[u8]| {
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .count()
    };
    let mut depth = parts(path).saturating_sub(1);
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn b11_links_may_point_only_inside() {
        for (path, target) in [
            ("a", "b"),
            ("x/a", "../b"),
            ("x/y/a", "./../../b/.."),
            ("a", "b/../c"),
        ] {
            assert!(
                stays_inside(path.as_bytes(), target.as_bytes()),
                "{path} -> {target}"
            );
        }
        let outside = [
            ("a", ".."),
            ("a", "/etc"),
            ("x/a", "../../b"),
            ("a", ""),
            ("a", "b/../../c"),
        ];
        for (path, target) in outside {
            assert!(
                !stays_inside(path.as_bytes(), target.as_bytes()),
                "{path} -> {target}"
            );
        }
    }
}
