//! What holds of any script.

use proptest::prelude::*;

use super::*;

proptest! {
    /// A value that stands in a script is found wherever a command may stand.
    #[test]
    fn d8_code_is_found_among_commands(
        before in prop::collection::vec("[a-z]{1,8}( -[a-z])?( \"[a-z ]*\"| '[a-z ]*')?", 0..4),
        separator in prop::sample::select(vec!["; ", " && ", " | ", "\n", " || ", " & "]),
        around in prop::sample::select(vec![("", ""), ("( ", " )"), ("{ ", "; }"), ("x=$(", ")"), ("if ", "; then y; fi")]),
    ) {
        let mut commands: Vec<String> = before;
        commands.push(format!("{}eval \"${{push.branch}}\"{}", around.0, around.1));
        let script = commands.join(separator);
        let argv = ["sh", "-c", script.as_str()];
        prop_assert!(!foreign_texts(&argv, &program_texts(&argv)).is_empty(), "{script}");
    }

    /// A value that a variable holds is found wherever a command may stand, and through how many variables it may have gone.
    #[test]
    fn d8_values_are_followed_among_commands(
        names in prop::collection::vec("[a-z]{3,8}", 1..5),
        separator in prop::sample::select(vec!["; ", " && ", "\n", " || "]),
        given in prop::sample::select(vec!["\"$1\"", "$1", "\"$@\"", "\"x $1\"", "\"$(echo \"$1\")\"", "\"$${1%/*}\"", "${push.branch}"]),
        reading in prop::sample::select(vec!["eval \"$X\"", "(( $X ))", "\"$X\" y", "sh -c \"$X\"", "unset \"$X\"", ". \"$X\"", "[[ $X -lt 3 ]]"]),
        is_backwards in any::<bool>(),
    ) {
        let mut commands = Vec::new();
        let mut before = given.to_owned();
        for name in &names {
            commands.push(format!("v_{name}={before}"));
            before = format!("\"$v_{name}\"");
        }
        if is_backwards {
            commands.reverse();
        }
        let last = before.trim_matches('"');
        commands.push(reading.replace("$X", last));
        let script = commands.join(separator);
        let argv = ["bash", "-c", script.as_str(), "x", "${push.branch}"];
        prop_assert!(!foreign_texts(&argv, &program_texts(&argv)).is_empty(), "{script}");
    }

    /// No script keeps it from an end.
    #[test]
    fn any_script_is_read_to_its_end(script in "[a-z1=!@é$(){}'\"`\\\\<>|&;#\\[\\]\n -]{0,60}") {
        let argv = ["sh", "-c", script.as_str(), "x", "${push.branch}"];
        foreign_texts(&argv, &program_texts(&argv));
        Script::read(&script, "bash").beginnings();
    }
}
