//! Words that mean something in the files of other systems, GitHub Actions, GitLab CI, Woodpecker and Compose among them, and what is
//! meant by each here. The README has the same for readers, below "Coming from another system".

/// Where a word stands, as problems call it.
pub(crate) type Owner = &'static str;

/// A goal.
pub(crate) const GOAL: Owner = "a goal";
const RULE: Owner = "a rule";
const FILE: Owner = "a goal file";
const CONTAINER: Owner = "`containers`";
const EXECUTE: Owner = "`execute`";
const STEP: Owner = "`steps`";
const COMMAND: Owner = "a command";
const LISTENER: Owner = "a listener";
const RETRY: Owner = "`retry`";
/// A push test.
pub(crate) const TEST: Owner = "a test";

/// Words, where they stand, and what to write.
type Row = (&'static [&'static str], &'static [Owner], &'static str);

#[rustfmt::skip]
static ROWS: &[Row] = &[
    // What runs.
    (&["script", "commands", "command", "cmd", "run", "shell"], &[GOAL],
        "write `execute: {run: [sh, -ceu, \"…\"]}`, or `steps` there for several; in an image, `containers: [{name: main, image: …, args: [sh, -ceu, \"…\"]}]`"),
    (&["script", "commands", "run"], &[CONTAINER], "write `command: [sh, -ceu]` and the script as the one item of `args`"),
    (&["script", "commands", "cmd"], &[STEP, EXECUTE], "write `run: [sh, -ceu, \"…\"]`"),
    (&["before_script", "pre_script"], &[GOAL, EXECUTE], "write it as the first of `steps` in `execute`, or as one of `listeners` with `events: [before]`"),
    (&["after_script", "post", "post_script"], &[GOAL, EXECUTE],
        "write it as one of `steps` with `finally: true`, or as one of `listeners` with `events: [after]`"),
    (&["steps"], &[GOAL], "write them below `execute`: `execute: {steps: [{name: …, run: […]}]}`; each may be a goal of its own instead"),
    (&["steps", "jobs", "stages", "pipeline", "workflow", "workflows"], &[FILE, RULE],
        "write a list of rules, each with `name` and `goals`: items run one after the other, those of a list in the list side by side"),
    (&["stage", "stages"], &[GOAL], "what runs one after the other are items of a rule's `goals`; what runs side by side stands in a list of its own there"),
    (&["uses", "plugin", "action"], &[GOAL, STEP],
        "actions of other systems are not read: write the program that does it as `execute`, its image as `containers`, or a goal of another repository as `ref: owner/repo/goal`"),
    (&["with", "settings", "inputs"], &[GOAL, STEP, CONTAINER], "write values for a program as `env` or arguments, and those of a goal of another repository as `parameters`"),
    (&["image", "container"], &[GOAL], "write `containers: [{name: main, image: …, args: […]}]`"),
    (&["image", "container"], &[RULE, FILE], "write it at each goal: `containers: [{name: main, image: …}]`; an anchor or a goal by name saves repeating it"),
    (&["shell"], &[EXECUTE, STEP], "the shell is the program: `run: [bash, -ceu, \"…\"]`"),
    (&["working_directory", "workdir", "cwd", "dir"], &[GOAL, EXECUTE, STEP], "write `directory` in `execute` or in one of `steps`, or `working_dir` in one of `containers`"),
    (&["workdir", "cwd", "directory"], &[CONTAINER], "write `working_dir`"),
    // Variables and secrets.
    (&["env", "variables", "environment_variables", "vars"], &[GOAL],
        "write `env` below `execute`, or in each of `containers`; `environment` of a goal is the label of where it deploys to"),
    (&["env", "variables", "vars", "defaults", "default"], &[FILE, RULE],
        "write `env` at each goal, below `execute` or in `containers`; what all share is `values` of the configuration, `${values.…}`, or an anchor"),
    (&["variables", "vars", "environment_variables"], &[CONTAINER, EXECUTE, STEP], "write `env`"),
    (&["env_file", "envfile"], &[CONTAINER, EXECUTE], "write the variables as `env`; secrets have `secrets`"),
    (&["token", "permissions", "id_token", "id_tokens", "credentials"], &[], "write the `secrets` that the goal is given, by name; the configuration says which repositories and branches get them"),
    // What is asked before.
    (&["if", "only", "except", "when", "rules", "conditions", "filter", "test", "tests"], &[GOAL],
        "a goal runs where its rule applies: write `test` at the rule, such as `test: {is_branch: main}`; one of `steps` has `when` and `only_if`"),
    (&["if", "only", "except", "when", "branches", "branch", "conditions", "filter", "trigger"], &[RULE],
        "write `test`: `is_branch`, `is_default_branch`, `changed`, `has_file`, or `when` with CEL"),
    (&["branches", "branch", "paths", "trigger", "triggers", "event"], &[FILE], "write `test` at a rule: `is_branch`, `changed`; what is no push is a listener below `on`"),
    (&["branch", "branches", "ref", "refs", "only"], &[TEST], "write `is_branch: main`, or `is_default_branch`; a pattern is a regular expression, such as `^release/`"),
    (&["paths", "path", "changes", "files", "changed_files", "paths_ignore"], &[TEST], "write `changed: [\"src/**\"]`, or `only_changed` with `not`"),
    (&["exists"], &[TEST], "write `has_file: path`, or `has_file_containing`"),
    (&["event", "events", "pull_request", "merge_request", "push", "on"], &[TEST],
        "rules are asked at pushes: `has_pull_request` holds where one is open, and other events have listeners below `on`"),
    (&["tag", "tags"], &[TEST], "write a listener of `Tag` below `on`; rules are asked at pushes to branches"),
    (&["if", "evaluate", "expression", "condition", "cel"], &[TEST], "write `when` with CEL: `when: 'push.branch == \"main\"'`"),
    (&["repo", "repository", "project"], &[TEST], "write `is_repo: ^acme/`"),
    (&["on"], &[RULE], "write `test`: `is_branch`, `is_default_branch`, `changed`; rules are asked at every push"),
    (&["schedule", "schedules"], &[LISTENER], "write `cron` with `time_zone`, or `interval`"),
    (&["on", "events", "type", "types"], &[LISTENER], "write `event` with the name of one, such as `Tag` or `PullRequest`"),
    (&["goals", "commands"], &[LISTENER], "a listener runs a program: `run: [sdm, do, COMMAND]` asks for a command, which may work on repositories"),
    (&["if", "when", "only", "branches"], &[LISTENER], "write `test`, or a key of the event, such as `tag: ^v`"),
    (&["inputs", "arguments", "options", "variables"], &[COMMAND], "write `parameters`, and `${parameters.NAME}` where one is used"),
    (&["max", "limit", "times", "count"], &[RETRY], "write `attempts`: how many further tries the machine makes"),
    (&["when", "exit_codes"], &[RETRY], "write `codes`: after which codes it tries again"),
    (&["if", "condition"], &[STEP], "write `when` with CEL, or `only_if` with a command"),
    (&["if", "when"], &[CONTAINER], "write `test`: without it this container is left out"),
    (&["needs", "depends_on", "after", "requires", "dependencies"], &[GOAL],
        "goals of a rule come after those of the item before; rules come after others by `depends_on`; files of earlier goals are `input`"),
    (&["needs", "after", "requires"], &[RULE], "write `depends_on` with the names of earlier rules"),
    (&["depends_on", "links"], &[CONTAINER],
        "containers of a goal find each other by name, and services, those behind the first, are started before it: give a service `ready`"),
    // Services and their containers.
    (&["services"], &[GOAL, RULE, FILE], "write services as further items of `containers`, behind the first, with `ready`"),
    (&["healthcheck", "health_check", "health_cmd", "options"], &[CONTAINER], "write `ready: {run: […], retries: …, pause: …}` at a service; other options are keys of the container"),
    (&["cap_drop"], &[CONTAINER], "write `drop_capabilities`"),
    (&["cap_add"], &[CONTAINER], "write `capabilities`, where the operator allows them"),
    (&["volumes", "mounts"], &[CONTAINER], "declare `volumes` beside `containers`, and write `volume_mounts: [{name: …, mount_path: …}]` here"),
    (&["shm_size"], &[CONTAINER], "write `limits: {shm: …}`"),
    (&["mem_limit", "memory", "resources", "cpus", "cpu", "ulimits"], &[CONTAINER], "write `limits: {memory: …, cpu: …}`"),
    (&["resources", "cpu", "memory"], &[GOAL], "write `limits`: of a goal, or of each of `containers`"),
    (&["pull_policy", "image_pull_policy"], &[CONTAINER], "write `pull: always`, `missing` or `never`"),
    (&["network_mode", "networks"], &[CONTAINER], "write `network` beside `containers`: `open` or `closed`"),
    (&["security_opt", "restart", "detach", "logging", "build"], &[CONTAINER], "remove it: the machine starts and ends the containers of a goal, from images that are there"),
    // Files.
    (&["artifacts", "artifact"], &[GOAL], "write `output: [{classifier: …, paths: […]}]` here, and `input: [{classifier: …}]` at the goal that wants them"),
    (&["cache"], &[FILE, RULE], "write `cache: [{key: …, paths: […]}]` at the goal"),
    (&["outputs"], &[GOAL], "let the program write `data` to its result file; later goals find it as `${goals.NAME.data.…}`"),
    (&["reports", "coverage", "report"], &[GOAL], "write an `inspect` goal with `report`"),
    (&["clone", "checkout", "submodules"], &[FILE, RULE, GOAL], "remove it: every goal finds the commit checked out in its working copy"),
    // Several of a kind.
    (&["matrix", "strategy", "parallel"], &[GOAL], "write `plan: {matrix: {NAME: [value, …]}}`, and `${parameters.NAME}` where it is used"),
    (&["matrix", "strategy"], &[FILE, RULE], "write `plan: {matrix: …}` at a goal"),
    (&["include", "extends", "template", "templates", "import", "imports"], &[],
        "write goals of other repositories as `ref: owner/repo/goal`, those of these files by name with `use`, and what they share as an anchor; several goal files are read together"),
    // How it runs and ends.
    (&["runs_on", "tags", "labels", "runner", "agent", "pool", "platform", "node_selector"], &[GOAL, FILE, STEP],
        "remove it: goals run where the machine runs that has these files; a machine for each place has goal files of its own"),
    (&["runs_on", "labels", "runner", "agent", "platform"], &[RULE], "remove it: goals run where the machine runs that has these files"),
    (&["timeout_minutes", "time_limit"], &[], "write `timeout: 20m` below `execute`, or beside `containers`"),
    (&["timeout"], &[GOAL], "write it below what the goal does: `execute: {timeout: 20m}`"),
    (&["retries", "max_attempts"], &[GOAL], "write `retry: {attempts: …}`"),
    (&["interruptible"], &[GOAL], "write `uncancelable: true` for what a newer push leaves alone; other goals may be canceled"),
    (&["manual", "start_in", "protected", "reviewers", "confirm"], &[GOAL], "write `pre_approval: true`, or `{by: […], count: …}`"),
    (&["concurrency", "resource_group", "cancel_in_progress"], &[GOAL, FILE], "write `concurrency: {group: …, cancel_in_progress: true}` at the rule"),
    (&["resource_group", "cancel_in_progress"], &[RULE], "write `concurrency: {group: …, cancel_in_progress: true}`"),
    (&["fail_fast", "id", "pages", "release", "url"], &[GOAL, STEP], "remove it; a result file may tell `externalUrls`"),
    (&["schedule", "schedules", "cron", "workflow_dispatch", "pull_request", "push"], &[FILE, RULE, GOAL],
        "write a listener below `on`: with `cron`, or for an event; what people start is one of `commands`; rules are asked at every push"),
];

/// What an author means who writes a word of another system where it stands for nothing.
pub(crate) fn meant(owner: &str, canonical: &str) -> Option<&'static str> {
    let mut rows = ROWS.iter();
    let is_meant = |row: &&Row| row.0.contains(&canonical) && (row.1.is_empty() || row.1.contains(&owner));
    rows.find(is_meant).map(|(_, _, hint)| *hint)
}

/// Values that are written otherwise elsewhere: what they are called, and how they are written here.
#[rustfmt::skip]
static VALUES: &[(&str, &str)] = &[
    ("`environment`", "write the label alone, `environment: 1-staging`; variables are `env` below `execute` or in each of `containers`"),
    ("`env`", "write `NAME: value` for each, indented below it"),
    ("`retry`", "write `retry: {attempts: 2}`"),
    ("`when`", "write a CEL expression: `when: 'push.branch == \"main\"'`"),
    ("`is_branch`", "write one pattern, `^(main|release/.*)$`, or `or` with a list of tests"),
    ("`timeout`", "write a duration: `timeout: 20m`"),
    ("`options`", "write the words that may be chosen, `options: [small, large]`, and what each means in `description`"),
];

/// How a value is written here that has another form elsewhere.
pub(crate) fn written_here(what: &str) -> Option<&'static str> {
    if what.ends_with(" of `env`") {
        return Some("write a text; a secret is given by name, `secrets: [{name: …, env: [{name: …}]}]`");
    }
    let mut values = VALUES.iter();
    values.find(|(name, _)| *name == what).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_explained_twice_at_one_place() {
        let mut seen = std::collections::BTreeSet::new();
        for (words, owners, _) in ROWS {
            for (word, owner) in words
                .iter()
                .flat_map(|word| owners.iter().map(move |owner| (word, owner)))
            {
                assert!(seen.insert((word, owner)), "`{word}` at {owner}");
            }
        }
    }

    #[test]
    fn ym_20_words_of_other_systems_are_answered_with_what_is_meant_here() {
        for (owner, word, part) in [
            (GOAL, "env", "below `execute`"),
            (GOAL, "needs", "`depends_on`"),
            (GOAL, "script", "`execute: {run:"),
            (CONTAINER, "healthcheck", "`ready:"),
            (CONTAINER, "cap_drop", "`drop_capabilities`"),
            (FILE, "stages", "a list of rules"),
            (RULE, "include", "`ref: owner/repo/goal`"),
        ] {
            let hint = meant(owner, word).unwrap_or_default();
            assert!(hint.contains(part), "{word}: {hint}");
        }
        assert_eq!(meant(RULE, "goals"), None);
        assert_eq!(meant("`matrix`", "script"), None);
    }
}
