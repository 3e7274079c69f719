//! Under which names files are kept (acceptance CA-01, CA-02).

/// A classifier or key as it may stand in a path: letters, digits and `. - _ +`, without leading dots.
pub(super) fn sanitised(text: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "-._+".contains(c) {
            c
        } else {
            '_'
        }
    };
    let text: String = text.chars().map(kept).collect();
    text.trim_start_matches('.').to_owned()
}

/// The name under which files are kept on a machine.
pub(super) fn classifier(machine: &str, text: &str) -> String {
    match sanitised(text) {
        text if text.is_empty() => machine.to_owned(),
        text => format!("{machine}/{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_01_classifiers_become_names_of_files() {
        for (text, name) in [
            ("reports-1.2_x+y", "reports-1.2_x+y"),
            ("a/b\\c:d é", "a_b_c_d__"),
            ("..", ""),
            ("...hidden", "hidden"),
            ("../../../foo", "_.._.._foo"),
        ] {
            assert_eq!(sanitised(text), name, "{text}");
        }
    }

    #[test]
    fn ca_02_a_classifier_is_one_of_its_machine() {
        assert_eq!(classifier("sdm", ""), "sdm");
        assert_eq!(classifier("sdm", ".."), "sdm");
        assert_eq!(classifier("sdm", "a/../b"), "sdm/a_.._b");
    }
}
