//! `sdm lsp`, as an editor speaks to it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::local::LocalMachine;

const PATIENCE: Duration = Duration::from_secs(30);

const GOALS: &str = "rules:
  - name: rust
    test: {has_file: Cargo.toml}
    goals:
      - name: unit test
        execute: {run: [cargo, test]}
  - name: ship
    depends_on: rust
    goals: publish
goals:
  - name: publish
    execute: {run: [make, publish]}
tests:
  - name: it ships
    expect: {includes: [publish]}
";

/// An editor with the language server behind it.
struct Editor {
    machine: LocalMachine,
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last: u64,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "messages are written out in the call that sends them"
)]
impl Editor {
    /// A conversation that has begun.
    fn new() -> Self {
        let mut editor = Self::silent();
        let answer = editor.ask("initialize", json!({"capabilities": {}}));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], "utf-16");
        editor.tell("initialized", json!({}));
        editor
    }

    /// A server to whom nothing was said.
    fn silent() -> Self {
        let machine = LocalMachine::new(GOALS);
        let mut command = machine.command(&["lsp", "--stdio"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut server = command.spawn().unwrap();
        let input = server.stdin.take().unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = receive(&mut output) {
                sender.send(message).ok();
            }
        });
        Self {
            machine,
            server,
            input,
            messages,
            last: 0,
        }
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn next(&self) -> Value {
        self.messages
            .recv_timeout(PATIENCE)
            .expect("the server says something")
    }

    /// The answer to a request; what else is said meanwhile is passed over.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.machine.path("goals").join(name)
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    fn replace(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let change = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]});
        self.tell("textDocument/didChange", change);
    }

    /// The next problems told of a file, as `line:column-column code`.
    fn problems(&self, name: &str) -> Vec<String> {
        let uri = self.uri(name);
        loop {
            let message = self.next();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                let found = message["params"]["diagnostics"].as_array().unwrap().iter();
                return found.map(shown).collect();
            }
        }
    }

    /// Asks about the place of `|` in a text, which is put into the file without it.
    fn at(&mut self, method: &str, marked: &str) -> Value {
        let (before, after) = marked.split_once('|').unwrap();
        self.replace("goals.yaml", &format!("{before}{after}"));
        let line = before.matches('\n').count();
        let column: usize = before
            .rsplit('\n')
            .next()
            .unwrap()
            .chars()
            .map(char::len_utf16)
            .sum();
        let uri = self.uri("goals.yaml");
        let position = json!({"line": line, "character": column});
        self.ask(
            method,
            json!({"textDocument": {"uri": uri}, "position": position}),
        )["result"]
            .clone()
    }

    /// Labels that complete a text at `|`.
    fn completes(&mut self, marked: &str) -> Vec<String> {
        let items = self.at("textDocument/completion", marked);
        let items = items.as_array().unwrap().iter();
        items
            .map(|item| item["label"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn shown(problem: &Value) -> String {
    let range = &problem["range"];
    format!(
        "{}:{}-{} {}",
        range["start"]["line"],
        range["start"]["character"],
        range["end"]["character"],
        problem["code"].as_str().unwrap()
    )
}

fn receive(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((_, value)) => length = value.parse().ok()?,
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    output.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn has(labels: &[String], wanted: &[&str]) {
    for word in wanted {
        assert!(
            labels.iter().any(|label| label == word),
            "{word} is not in {labels:?}"
        );
    }
}

#[test]
fn problems_of_the_whole_directory_are_told_while_typing() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    assert_eq!(editor.problems("goals.yaml"), [""; 0]);
    editor.replace(
        "goals.yaml",
        &GOALS.replace("depends_on: rust", "depends_on: rast"),
    );
    assert_eq!(editor.problems("goals.yaml"), ["7:16-20 unknown_rule"]);
    editor.open("later.yaml", "rules: [{name: '🦀', depends_on: shp, goals: []}]");
    assert_eq!(
        editor.problems("later.yaml"),
        ["0:33-36 unknown_rule"],
        "a crab is two units"
    );
    let uri = editor.uri("goals.yaml");
    let range = json!({"start": {"line": 7, "character": 17}, "end": {"line": 7, "character": 18}});
    let change = json!({"textDocument": {"uri": uri}, "contentChanges": [{"range": range, "text": "u"}]});
    editor.tell("textDocument/didChange", change);
    assert_eq!(editor.problems("goals.yaml"), [""; 0]);
    let own = editor.uri("later.yaml");
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": own}}));
    assert_eq!(
        editor.problems("goals.yaml"),
        [""; 0],
        "the closed file is not on the disk"
    );
}

#[test]
fn unfinished_yaml_is_completed() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    has(&editor.completes("ru|"), &["rules", "goals", "tests"]);
    let keys = editor.completes("rules:\n  - name: a\n    |");
    has(&keys, &["test", "depends_on", "goals"]);
    assert!(!keys.contains(&"name".to_owned()), "it is written already");
    has(
        &editor.completes("rules:\n  - name: a\n    test: is_|"),
        &["is_default_branch", "is_first_push"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    test: {|"),
        &["has_file", "not", "when"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    test:\n      - |"),
        &["has_file", "is_default_branch"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    test: {has_file_containing: {con|"),
        &["content", "patterns"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    goals:\n      - name: b\n        exe|"),
        &["execute", "approval"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    goals:\n      - name: b\n        execute:\n          |"),
        &["run", "timeout"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    goals:\n      - use: |"),
        &["cancel", "queue", "lock"],
    );
    has(
        &editor.completes("rules:\n  - name: a\n    goals:\n      - use: queue\n        |"),
        &["concurrent", "group"],
    );
    has(&editor.completes(&format!("{GOALS}    |")), &["push"]);
    let ship = GOALS.replace("depends_on: rust", "depends_on: [|");
    assert_eq!(
        editor.completes(&ship),
        ["rust"],
        "neither the rule itself nor one behind it"
    );
    let first = GOALS.replace("    test: {has", "    depends_on: |\n    test: {has");
    assert_eq!(
        editor.completes(&first),
        [""; 0],
        "nothing stands before the first"
    );
    let asked = GOALS.replace("{has_file: Cargo.toml}", "{is_goal: |}");
    assert_eq!(editor.completes(&asked), ["publish", "unit test"]);
    let asked = GOALS.replace("{has_file: Cargo.toml}", "{is_goal: {name: |}}");
    assert_eq!(editor.completes(&asked), ["publish", "unit test"]);
    let ship = GOALS.replace("goals: publish", "goals:\n      - use: p|");
    has(&editor.completes(&ship), &["publish"]);
    let test = GOALS.replace("includes: [publish]", "includes: [|");
    has(&editor.completes(&test), &["publish", "unit test"]);
    assert_eq!(editor.completes("rules: # |"), [""; 0]);
}

#[test]
fn ym_13_placeholders_are_completed_and_explained() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    let in_goal = |text: &str| GOALS.replace("[cargo, test]", &format!("[cargo, \"{text}\"]"));
    let found = editor.completes(&in_goal("${|}"));
    has(
        &found,
        &[
            "sha",
            "push.branch",
            "parameters.",
            "goals.unit-test.data",
            "home",
        ],
    );
    assert!(
        !found
            .iter()
            .any(|path| path.starts_with("event") || path.starts_with("matches")),
        "goals know nothing of them: {found:?}"
    );
    let command = "commands:\n  - name: a\n    run: [make, '${parameters.|}']\n    parameters: {jobs: {}, target: {}}\n  - {name: b, parameters: {other: {}}, run: [x]}\n";
    let found = editor.completes(command);
    has(
        &found,
        &["parameters.jobs", "parameters.target", "matches.", "machine.name"],
    );
    assert!(!found.contains(&"parameters.other".to_owned()), "{found:?}");
    let items = editor.at("textDocument/completion", &in_goal("${push.br|}"));
    let branch = items
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["label"] == "push.branch");
    let edit = &branch.unwrap()["textEdit"];
    assert_eq!(edit["newText"], "push.branch");
    let columns = |range: &Value| {
        let column = |end: &str| range[end]["character"].as_u64().unwrap();
        column("end") - column("start")
    };
    assert_eq!(columns(&edit["range"]), 7, "what is written is replaced: {edit}");
    has(
        &editor.completes("on:\n  - {name: a, event: Push, run: [x, '${|'"),
        &["event.", "item."],
    );
    let in_shell = in_goal("$${|}");
    assert!(!editor.completes(&in_shell).contains(&"sha".to_owned()));
    let hover = editor.at("textDocument/hover", &in_goal("${push.be|fore}"));
    let text = hover["contents"]["value"].as_str().unwrap_or_default();
    assert!(
        text.starts_with("**push.before**: the commit that the branch pointed to before"),
        "{hover}"
    );
}

#[test]
fn ym_11_tests_with_a_name_are_completed_explained_and_found() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    let named = format!(
        "push_tests:\n  'on main': is_default_branch\n  touches: {{changed: '${{parameters.directory}}/**'}}\n{GOALS}"
    );
    let used = |test: &str| named.replace("test: {has_file: Cargo.toml}", test);
    has(&editor.completes(&used("test: {|")), &["use", "parameters"]);
    assert_eq!(editor.completes(&used("test: {use: |")), ["on main", "touches"]);
    let hover = editor.at("textDocument/hover", &used("test: {use: tou|ches}"));
    assert_eq!(hover["contents"]["value"], "push test **touches**, goals.yaml:3");
    let found = editor.at("textDocument/definition", &used("test: {use: on ma|in}"));
    assert_eq!(
        found[0]["range"]["start"],
        json!({"line": 1, "character": 3}),
        "{found}"
    );
}

#[test]
fn commands_and_listeners_are_completed_and_explained() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    let has = |found: &[String], wanted: &[&str]| {
        for word in wanted {
            assert!(found.iter().any(|label| label == word), "{word} in {found:?}");
        }
    };
    has(
        &editor.completes("commands:\n  - name: a\n    |"),
        &["intent", "parameters", "targets", "run", "transform", "inspect"],
    );
    has(
        &editor.completes("commands:\n  - name: a\n    parameters:\n      x:\n        |"),
        &["pattern", "secret", "default"],
    );
    has(
        &editor.completes("commands:\n  - name: a\n    transform: {|}"),
        &["presentation", "message"],
    );
    has(
        &editor.completes("commands:\n  - name: a\n    transform:\n      presentation: |"),
        &["branch", "commit", "pull_request"],
    );
    has(
        &editor.completes("commands:\n  - name: a\n    targets:\n      test:\n        |"),
        &["has_file", "is_branch"],
    );
    has(
        &editor.completes("on:\n  - name: a\n    event: |"),
        &["Push", "GoalCompletion"],
    );
    has(
        &editor.completes("on:\n  - name: a\n    state: [|]"),
        &["failure", "success"],
    );
    let text = |hover: &Value| hover["contents"]["value"].as_str().unwrap_or_default().to_owned();
    let hover = editor.at(
        "textDocument/hover",
        "commands: [{name: a, trans|form: {run: [x]}}]\n",
    );
    assert!(text(&hover).contains("one commit to each"), "{hover}");
    let hover = editor.at("textDocument/hover", "on: [{name: a, event: Pu|sh, run: [x]}]\n");
    assert!(text(&hover).contains("A push was accepted"), "{hover}");
    let outline = editor.at(
        "textDocument/documentSymbol",
        "commands: [{name: logo, run: [x]}]\non: [{name: heard, event: Push, run: [x]}]\n|",
    );
    let names: Vec<&str> = outline
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|symbol| symbol["name"].as_str())
        .collect();
    assert_eq!(names, ["logo", "heard"]);
}

#[test]
fn words_are_explained_and_lead_to_where_they_are_defined() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    let text = |hover: &Value| hover["contents"]["value"].as_str().unwrap_or_default().to_owned();
    let hover = editor.at("textDocument/hover", &GOALS.replace("has_file", "has|_file"));
    assert!(
        text(&hover).contains("```yaml\nhas_file: Cargo.toml\n```"),
        "{hover}"
    );
    let hover = editor.at("textDocument/hover", &GOALS.replace("depends_on", "depends|_on"));
    assert!(
        text(&hover).contains("earlier rules whose goals come first"),
        "{hover}"
    );
    let hover = editor.at("textDocument/hover", &GOALS.replace("on: rust", "on: ru|st"));
    assert!(text(&hover).contains("rule **rust**, goals.yaml:2"), "{hover}");
    let place = |found: &Value| {
        let start = &found[0]["range"]["start"];
        (
            found.as_array().unwrap().len(),
            start["line"].as_u64(),
            start["character"].as_u64(),
        )
    };
    let found = editor.at("textDocument/definition", &GOALS.replace("on: rust", "on: ru|st"));
    assert_eq!(place(&found), (1, Some(1), Some(10)), "{found}");
    let found = editor.at(
        "textDocument/definition",
        &GOALS.replace("goals: publish", "goals: pub|lish"),
    );
    assert_eq!(place(&found), (1, Some(10), Some(10)), "{found}");
    let marked = GOALS.replace("includes: [publish]", "includes: [unit-t|est]");
    let found = editor.at("textDocument/definition", &marked);
    assert_eq!(
        place(&found),
        (1, Some(4), Some(14)),
        "a goal by its unique name: {found}"
    );
    assert_eq!(editor.at("textDocument/hover", "|"), Value::Null);
}

#[test]
fn a_file_has_an_outline() {
    let mut editor = Editor::new();
    editor.open("goals.yaml", GOALS);
    let uri = editor.uri("goals.yaml");
    let outline = editor.ask(
        "textDocument/documentSymbol",
        json!({"textDocument": {"uri": uri}}),
    );
    let names = |symbols: &Value| -> Vec<String> {
        let symbols = symbols.as_array().unwrap().iter();
        symbols
            .map(|symbol| symbol["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&outline["result"]), ["rust", "ship", "publish", "it ships"]);
    assert_eq!(names(&outline["result"][0]["children"]), ["unit test"]);
}

#[test]
fn nonsense_is_survived_and_an_orderly_end_is_told_from_another() {
    let mut editor = Editor::silent();
    let refused = editor.ask("textDocument/hover", json!({}));
    assert_eq!(refused["error"]["code"], -32002);
    assert!(editor.ask("initialize", json!({}))["error"].is_null());
    editor.send_bytes(b"hello\r\n\r\nContent-Length: 5\r\n\r\n{\"a\":");
    assert_eq!(editor.next()["error"]["code"], -32700);
    editor.send(&json!([1, 2]));
    assert_eq!(editor.next()["error"]["code"], -32600);
    for params in [
        json!(null),
        json!(7),
        json!({"textDocument": 3}),
        json!({"textDocument": {"uri": "nowhere"}, "position": {}}),
    ] {
        editor.tell("textDocument/didOpen", params.clone());
        editor.tell("textDocument/didChange", params.clone());
        for method in ["completion", "hover", "definition", "documentSymbol"] {
            let answer = editor.ask(&format!("textDocument/{method}"), params.clone());
            assert!(answer["error"].is_null(), "{method} {params}: {answer}");
        }
    }
    assert_eq!(
        editor.ask("textDocument/rename", json!({}))["error"]["code"],
        -32601
    );
    editor.tell("$/cancelRequest", json!({"id": editor.last + 1}));
    assert_eq!(
        editor.ask("shutdown", json!({}))["error"]["code"],
        -32800,
        "cancelled before it came"
    );
    assert!(editor.ask("shutdown", json!({}))["result"].is_null());
    editor.tell("exit", json!({}));
    assert!(editor.server.wait().unwrap().success());
    let mut editor = Editor::new();
    editor.tell("exit", json!({}));
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
}
