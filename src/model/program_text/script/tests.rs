//! Values at the beginning of arguments, as programs of a script find them.

use super::*;

/// What a script's programs would take for flags, where `$1`, `$B` and every placeholder hold a value.
fn taken(script: &str, value: &str) -> Vec<String> {
    let read = Script::read(script, "bash");
    let is_given = |source: &Source| match source {
        Source::Position(at) => *at == 1,
        Source::Variable(name) => name == "B",
        Source::Positions | Source::Placeholder(_) => true,
    };
    let found = read.beginnings().into_iter();
    let found = found.filter(|one| is_given(&one.source) && one.looks.find_flag(value).is_some());
    found.map(|one| format!("{}:{}", one.command, one.line)).collect()
}

const TAKEN: &str = "
    tar cf o \"$1\"
    tar cf o $1
    tar cf o a ${push.branch}
    tar cf o \"${push.branch}\"/x
    tar cf \"$B\" x
    rm -rf \"$1\"
    ls -l $B
    git checkout \"$1\"
    git push --force origin \"$1\"
    ./deploy.sh \"$B\"
    tool --force \"$1\"
    tool \"$@\"
    tool \"$*\"
    timeout 5 tool \"$1\"
    x=$1; tool \"$x\"
    x=\"$1/y\"; tool \"$x\"
    x=$(basename \"$1\"); tool \"$x\"
    x=$${1#a}; tool \"$x\"
    tool \"$(dirname \"$B\")\"
    for x in \"$@\"; do tool \"$x\"; done
    for x; do tool \"$x\"; done
    f() { tool \"$1\"; }; f \"$B\"
    a=(\"$1\"); tool \"$${a[@]}\"
    set -- \"$B\"; tool \"$1\"
    shift; tool \"$2\"
    sh -c 'tool \"$1\"' x \"$1\"
    sh -c 'tool \"$B\"'
    sh -c \"tool \\\"\\$1\\\"\" x \"$1\"
    printf \"$1\"
    python3 x.py \"$1\"
    python3 -m x \"$1\"
    cat <<E
$(tool \"$B\")
E
    x=$(tool \"$B\")
    echo \"$1\" | while read -r x; do tool \"$x\"; done
    cd \"$1\"
    sudo rm \"$1\"
    grep \"$1\" f
    xargs rm \"$1\"
    if [ -n \"$B\" ]; then tool \"$B\"; fi
    tool a && other \"$B\" || x
";

const LEFT: &str = "
    tar cf o -- \"$1\"
    tar cf o ./\"$1\"
    tar cf o \"./$B\"
    rm -rf -- \"$1\"
    git log --end-of-options \"$1\"
    git commit -m \"$1\"
    git commit --message \"$1\"
    gh pr create --title \"$1\" --body \"$B\"
    curl -d \"$1\" https://x
    tool --message=\"$1\"
    jq --arg m \"$1\" '.m = $m' f
    svn commit -m \"$1\"
    mail -s \"$1\" a@b
    tool --message \"$1\"
    args=(--title \"$1\"); gh pr create \"$${args[@]}\"
    tool x\"$1\"
    tool \"x $1\"
    echo \"$1\" $B
    printf '%s\\n' \"$1\"
    [ \"$1\" = x ] && test -n \"$B\"
    [[ $1 == x ]]
    case \"$1\" in a) x;; esac
    x=$1; export Y=\"$1\"; local z=\"$B\"
    B=\"$1\" tool
    cat <<<\"$1\"
    tool < \"$1\" > \"$B\"
    sh -c 'echo \"$1\"' x \"$1\"
    sh -c 'tool -- \"$1\"' x \"$1\"
    f() { tool -- \"$1\"; }; f \"$1\"
    bash -c 'x' y \"$1\"
    python3 -c 'x' \"$1\"
    x=\"a$1\"; tool \"$x\"
    x=$(wc -l < \"$1\"); tool \"$x\"
    for x in *.txt; do rm \"$x\"; done
    docker build -t \"$1\" .
    grep -e \"$1\" f
    tool $#
    exit $1
";

/// Lines that are indented; others go on with the one before.
fn lines(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("    "), all.last_mut()) {
            (None, Some(last)) => *last = format!("{last}\n{line}"),
            (line, _) => all.push(line.unwrap_or_default().to_owned()),
        }
    }
    all
}

#[test]
fn a2_a_value_at_the_beginning_of_an_argument_is_found_on_every_way_there() {
    let missed = lines(TAKEN)
        .into_iter()
        .filter(|line| taken(line, "-x").is_empty());
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a2_a_value_that_no_program_takes_for_a_flag_is_left() {
    let found = lines(LEFT)
        .into_iter()
        .filter(|line| !taken(line, "-x").is_empty());
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
    for value in ["main", "-", "-5", "fix-x", "a/b-c"] {
        let found = lines(TAKEN)
            .into_iter()
            .filter(|line| !taken(line, value).is_empty());
        assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new(), "{value}");
    }
}

#[test]
fn a2_what_counts_of_a_value_is_what_becomes_the_beginning_of_a_word() {
    for (script, value, is_taken) in [
        ("tool \"$1\"", "a -x", false),
        ("tool $1", "a -x", true),
        ("tool \"a $1\"", "-x", false),
        ("tool a$1", "-x", false),
        ("tool a$1", "b -x", true),
        ("tool \"$(basename \"$1\")\"", "a/-x", true),
        ("tool \"$${1##*/}\"", "a/-x", true),
        ("tool \"$${1##*/}\"", "a/b-x", false),
        ("x=\"a $1\"; tool $x", "-x", true),
        ("x=\"a$1\"; tool $x", "-x", false),
        ("x=(--force \"$1\"); gh \"$${x[@]}\"", "-x", true),
        ("x=(--title \"$1\"); gh \"$${x[@]}\"", "-x", false),
        ("x=(-- \"$1\"); tool \"$${x[@]}\"", "-x", false),
        ("x=\"a $1\"; tool $x", "b -x", true),
        ("git log --grep $1", "a -x", true),
        ("git log --grep $1", "-x", false),
        ("git log --grep \"$1\"", "a -x", false),
        ("git log --grep ${push.after.message}", "a -x", true),
        ("git log --grep a -- $1", "a -x", false),
        ("f() { git log \"$@\"; }; f $B", "a -x", true),
        ("set -- $B; git log \"$@\"", "a -x", true),
    ] {
        assert_eq!(!taken(script, value).is_empty(), is_taken, "{script} {value}");
    }
}

#[test]
fn a2_the_program_and_the_line_of_a_script_are_told() {
    assert_eq!(taken("a\nsudo  tar cf o $1\nls $B", "-x"), ["tar:2", "ls:3"]);
    assert_eq!(taken("x\nsh -c '\n  rm \"$1\"' x \"$B\"", "-x"), ["rm:3"]);
}
