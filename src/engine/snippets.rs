//! Goals as authors write them, hostile ones and honest ones, against all that the machine checks of their programs (threats D8, D9).

use serde_json::json;

use super::machine::Machine;
use crate::spec::SourceFile;

/// What runs, and the variables beside it.
type Snippet = (&'static [&'static str], &'static [(&'static str, &'static str)]);

const BRANCH: &[(&str, &str)] = &[("BRANCH", "${push.branch}")];
const MESSAGE: &[(&str, &str)] = &[("MESSAGE", "${push.after.message}"), ("N", "5")];

/// What somebody else says would be carried out.
static HOSTILE: &[Snippet] = &[
    (&["sh", "-c", "eval \"deploy $BRANCH\""], BRANCH),
    (&["sh", "-c", "deploy=\"$BRANCH x\"; $deploy"], BRANCH),
    (&["bash", "-c", "n=$${#N}; (( MESSAGE > n ))"], MESSAGE),
    (
        &[
            "bash",
            "-c",
            "if [[ $1 -gt 3 ]]; then ./x; fi",
            "x",
            "${push.after.message}",
        ],
        &[],
    ),
    (&["bash", "-c", "echo \"$${!1}\"", "x", "${push.branch}"], &[]),
    (&["bash", "-c", "echo \"$${BRANCH@P}\""], BRANCH),
    (
        &[
            "bash",
            "-c",
            "declare \"$1=x\"; ./run",
            "x",
            "${push.after.author.name}",
        ],
        &[],
    ),
    (&["bash", "-c", "printf -v \"$BRANCH\" x"], BRANCH),
    (&["bash", "-c", "unset \"$1\"", "x", "${push.branch}"], &[]),
    (&["sh", "-c", ". \"./env/$BRANCH\""], BRANCH),
    (&["sh", "-c", "trap \"rm $BRANCH\" EXIT"], BRANCH),
    (&["sh", "-c", "sh -c \"echo $BRANCH\""], BRANCH),
    (&["sh", "-c", "sh -c 'eval \"$1\"' x \"$BRANCH\""], BRANCH),
    (&["sh", "-c", "\"./tools/$BRANCH\" x"], BRANCH),
    (&["sh", "-c", "echo \"$BRANCH\" | sh"], BRANCH),
    (&["bash", "-c", "exec 3<<<\"$BRANCH\"; source /dev/fd/3"], BRANCH),
    (&["sh", "-c", "python3 -c \"print('$BRANCH')\""], BRANCH),
    (&["sh", "-c", "sed -i \"s/VERSION/$BRANCH/\" version.txt"], BRANCH),
    (&["sh", "-c", "ssh host \"deploy $BRANCH\""], BRANCH),
    (&["ssh", "host", "deploy ${repo.name}"], &[]),
    (&["sed", "-i", "s/V/${push.after.version}/", "f"], &[]),
    (&["sh", "-c", "make VERSION=\"$BRANCH\""], BRANCH),
    (
        &[
            "bash",
            "-c",
            "while read -r line; do (( n += line )); done <<<\"$MESSAGE\"",
        ],
        MESSAGE,
    ),
    (
        &[
            "bash",
            "-c",
            "f() { local x=$1; echo $(( x * 2 )); }; f \"$MESSAGE\"",
        ],
        MESSAGE,
    ),
    (&["sudo", "bash", "-c", "eval \"$1\"", "x", "${push.branch}"], &[]),
    (&["sh", "-c", "eval \"$ATOMIST_BRANCH\""], &[]),
    (&["java", "-javaagent:${push.branch}", "-jar", "x.jar"], &[]),
    (&["curl", "-K", "${push.branch}"], &[]),
    (&["npx", "${push.branch}"], &[]),
    (&["docker", "run", "-e", "BASH_ENV=${push.branch}", "image"], &[]),
    (&["go", "test", "-exec", "${push.branch}", "./..."], &[]),
    (&["perl", "-ne", "print", "${push.branch}"], &[]),
    (&["split", "--filter=${push.branch}", "f"], &[]),
    (
        &["helm", "upgrade", "--post-renderer", "${push.branch}", "a", "b"],
        &[],
    ),
    (&["cargo", "--config", "${push.branch}", "build"], &[]),
    (&["systemd-run", "--wait", "${push.branch}"], &[]),
    (&["bazel", "run", "--run_under=${push.branch}", "//:x"], &[]),
    (&["make", "test"], &[("GIT_SSH_COMMAND", "${push.branch}")]),
    (&["git", "fetch"], &[("GIT_CONFIG_PARAMETERS", "${push.branch}")]),
    (&["git", "status"], &[("GIT_DIR", "${push.branch}")]),
    (&["./deploy.sh", "--exec", "${push.branch}"], &[]),
    (&["some-runner", "-c", "${push.branch}"], &[]),
];

/// What somebody else says is data.
static HONEST: &[Snippet] = &[
    (&["sh", "-c", "deploy=\"./deploy $BRANCH\"; $deploy"], BRANCH),
    (
        &["./deploy.sh"],
        &[("GIT_BRANCH", "${push.branch}"), ("GIT_COMMIT", "${sha}")],
    ),
    (
        &["git", "commit", "--allow-empty", "-m", "x"],
        &[("GIT_AUTHOR_NAME", "${push.after.author.name}")],
    ),
    (&["./deploy.sh", "-e", "${push.branch}"], &[]),
    (&["scripts/release.py", "-c", "${push.branch}"], &[]),
    (&["go", "run", "./cmd/deploy", "-e", "${push.branch}"], &[]),
    (
        &[
            "go",
            "build",
            "-ldflags",
            "-X main.version=${push.after.version}",
            "./...",
        ],
        &[],
    ),
    (&["cdk", "deploy", "-c", "branch=${push.branch}"], &[]),
    (&["pulumi", "up", "-c", "branch=${push.branch}"], &[]),
    (
        &["dotnet", "build", "-c", "Release", "-p:Branch=${push.branch}"],
        &[],
    ),
    (&["npm", "run", "deploy", "--", "-e", "${push.branch}"], &[]),
    (&["npx", "cypress", "run", "-e", "branch=${push.branch}"], &[]),
    (&["bash", "-c", "source ./env.sh \"$BRANCH\"; ./deploy"], BRANCH),
    (&["sh", "-c", ". ./env.sh; ./deploy -- \"$BRANCH\""], BRANCH),
    (
        &[
            "sh",
            "-c",
            "printf '%s\\n' \"$1\" | ssh host 'read -r v; deploy \"$v\"'",
            "sh",
            "${repo.name}",
        ],
        &[],
    ),
    (
        &[
            "bash",
            "-c",
            "ssh host \"deploy $(printf %q \"$1\")\"",
            "sh",
            "${repo.name}",
        ],
        &[],
    ),
    (
        &["perl", "-pi", "-e", "s/V/$ENV{V}/", "f"],
        &[("V", "${push.after.version}")],
    ),
    (
        &[
            "awk",
            "-v",
            "v=${push.after.version}",
            "{sub(/V/, v); print}",
            "f",
        ],
        &[],
    ),
    (
        &["awk", "{sub(/V/, ENVIRON[\"V\"]); print}", "f"],
        &[("V", "${push.after.version}")],
    ),
    (
        &[
            "sh",
            "-c",
            "case $BRANCH in main|release/*) ./publish;; *) echo \"not $BRANCH\";; esac",
        ],
        BRANCH,
    ),
    (
        &["sh", "-c", "if [ \"$BRANCH\" = main ]; then ./publish; fi"],
        BRANCH,
    ),
    (&["bash", "-c", "[[ $BRANCH =~ ^v[0-9]+ ]] && ./publish"], BRANCH),
    (
        &[
            "sh",
            "-c",
            "tag=$(echo \"$BRANCH\" | tr / -); docker build -t \"app:$tag\" .",
        ],
        BRANCH,
    ),
    (
        &["sh", "-c", "docker build --build-arg BRANCH=\"$BRANCH\" -t app ."],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "slug=\"$${BRANCH//\\//-}\"; helm upgrade --set branch=\"$slug\" app ./chart",
        ],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "echo \"$BRANCH\" > branch.txt; git add branch.txt; git commit -m \"$BRANCH\"",
        ],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "curl -fsS -d \"branch=$BRANCH\" https://example.com/hook",
        ],
        BRANCH,
    ),
    (
        &["sh", "-c", "jq -n --arg b \"$BRANCH\" '{branch: $b}' > x.json"],
        BRANCH,
    ),
    (&["sh", "-c", "psql -v branch=\"$BRANCH\" -f log.sql"], BRANCH),
    (
        &[
            "bash",
            "-c",
            "count=$(git rev-list --count \"$BRANCH\" --); if (( count > 5 )); then ./squash; fi",
        ],
        BRANCH,
    ),
    (
        &[
            "bash",
            "-c",
            "for i in 1 2 3; do ./try \"$BRANCH\" && exit; sleep $(( i * 2 )); done",
        ],
        BRANCH,
    ),
    (
        &[
            "bash",
            "-c",
            "args=(--branch=\"$BRANCH\" --dry-run); ./deploy \"$${args[@]}\"",
        ],
        BRANCH,
    ),
    (
        &[
            "bash",
            "-c",
            "declare -A to=([main]=prod); ./deploy --to=\"$${to[$BRANCH]}\"",
        ],
        BRANCH,
    ),
    (
        &[
            "bash",
            "-euo",
            "pipefail",
            "-c",
            "trap 'echo \"$BRANCH failed\"' ERR; ./deploy",
        ],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "cat <<EOF > message\nbranch $BRANCH\nEOF\n./send message",
        ],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "n=$(printf %s \"$MESSAGE\" | tr -cd 0-9); echo $(( n + 1 ))",
        ],
        MESSAGE,
    ),
    (
        &[
            "bash",
            "-c",
            "[[ $1 =~ ^[0-9]+$ ]] || exit 1; (( $1 > 3 ))",
            "x",
            "${push.after.message}",
        ],
        &[],
    ),
    (
        &[
            "bash",
            "-c",
            "deploy() { ./deploy --to=\"$1\"; }; deploy \"$BRANCH\"",
        ],
        BRANCH,
    ),
    (
        &[
            "sh",
            "-c",
            "echo \"$MESSAGE\" | grep -q 'skip' && exit 0; ./test -n $(( N + 1 ))",
        ],
        MESSAGE,
    ),
    (
        &[
            "sh",
            "-c",
            "python3 - \"$BRANCH\" <<'EOF'\nimport sys\nprint(sys.argv[1])\nEOF\n",
        ],
        BRANCH,
    ),
    (
        &["sh", "-c", "eval \"$(ssh-agent -s)\"; ./deploy -- \"$BRANCH\""],
        BRANCH,
    ),
    (
        &[
            "timeout",
            "5m",
            "sh",
            "-c",
            "./wait-for \"$1\"",
            "sh",
            "${push.branch}",
        ],
        &[],
    ),
    (&["java", "-jar", "tool.jar", "-e", "${push.branch}"], &[]),
    (&["mvn", "-B", "-Dbranch=${push.branch}", "verify"], &[]),
    (&["./gradlew", "test", "-Pbranch=${push.branch}"], &[]),
];

/// What is said of it, with what an author may do.
fn said(snippet: &Snippet) -> Vec<String> {
    let (run, env) = snippet;
    let env: serde_json::Map<_, _> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let goal = json!({"name": "g", "execute": {"run": run, "env": env}});
    let file = json!({"rules": [{"name": "r", "goals": goal}]});
    let checked = Machine::check(&[SourceFile::new("own.yaml", file.to_string())]);
    let told = checked.diagnostics.iter().map(|problem| {
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!("{}: {}\n    {hint}", problem.code, problem.message)
    });
    told.collect()
}

#[test]
fn d8_goals_that_would_carry_out_what_others_say_are_refused_with_a_way_out() {
    let mut told = String::new();
    for snippet in HOSTILE {
        let said = said(snippet);
        assert!(
            said.iter().any(|problem| problem.starts_with("chosen_outside")),
            "{snippet:?}: {said:?}"
        );
        told.push_str(&format!("{}\n  {}\n", snippet.0.join(" "), said.join("\n  ")));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn d8_goals_that_use_what_others_say_as_data_are_accepted() {
    for snippet in HONEST {
        assert_eq!(said(snippet), Vec::<String>::new(), "{snippet:?}");
    }
}

#[test]
fn d8_variables_of_every_place_are_known_to_the_scripts_beside_them() {
    let script = json!(["sh", "-c", "eval \"$B\""]);
    let env = json!({"B": "${push.branch}"});
    let goal = |goal: serde_json::Value| json!({"rules": [{"name": "r", "goals": goal}]});
    let of_event = json!({"B": "${event.push.branch}"});
    for file in [
        goal(json!({"name": "g", "execute": {"run": script, "env": env}})),
        goal(json!({"name": "g", "execute": {"run": script, "environment_variables": env}})),
        goal(json!({"name": "g", "execute": {"command": "sh", "args": ["-c", "eval \"$B\""], "env": env}})),
        goal(json!({"name": "g", "execute": {"steps": [{"name": "s", "run": script}], "env": env}})),
        goal(json!({"name": "g", "execute": {"steps": [{"name": "s", "run": script, "env": env}]}})),
        goal(
            json!({"name": "g", "execute": {"steps": [{"name": "s", "run": ["x"], "only_if": script, "env": env}]}}),
        ),
        goal(
            json!({"name": "g", "containers": [{"name": "c", "image": "x", "command": script, "env": env}]}),
        ),
        goal(json!({"name": "g", "containers": [{"name": "c", "image": "x", "args": script, "env": env}]})),
        goal(json!({"name": "g", "autofix": {"fixes": [{"name": "f", "run": script}], "env": env}})),
        goal(json!({"name": "g", "inspect": {"run": script, "report": "cargo", "env": env}})),
        goal(json!({"name": "g", "side_effect": {"run": script, "env": env}})),
        json!({"on": [{"name": "l", "event": "Push", "run": script, "env": of_event}]}),
        json!({"commands": [{"name": "c", "parameters": {"b": {}}, "run": ["sh", "-c", "eval \"$SDM_PARAMETER_B\""]}]}),
    ] {
        let checked = Machine::check(&[SourceFile::new("own.yaml", file.to_string())]);
        let mut codes = checked.diagnostics.iter().map(|problem| problem.code.clone());
        assert!(
            codes.any(|code| code == "chosen_outside"),
            "{file}: {:?}",
            checked.diagnostics
        );
    }
}
