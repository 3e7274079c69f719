//! The real program among people, repositories and goals that mean it no good.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::local::{LocalMachine, state_of};

const ONE_GOAL: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [echo, compiled]}}
"#;

/// What a failed command said.
fn refusal(machine: &LocalMachine, arguments: &[&str]) -> String {
    let output = machine.sdm(arguments);
    assert!(!output.status.success(), "sdm {arguments:?} should be refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_goal_starts_as_soon_as_another_makes_room() {
    let goals = r#"
rules:
  - name: build
    goals:
      - [
          {name: a, execute: {run: ["true"]}},
          {name: b, execute: {run: ["true"]}},
          {name: c, execute: {run: ["true"]}},
          {name: d, execute: {run: ["true"]}},
        ]
"#;
    let mut machine = LocalMachine::new(goals);
    machine.set("SDM_PARALLEL", "1");
    machine.start();
    let sha = machine.commit("four goals and room for one", &[("a", "1")]);
    machine.set_of(&sha);
    let begun = Instant::now();
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "no goal waits for the clock: {:?}",
        begun.elapsed()
    );
    machine.stop();
}

#[test]
fn a_file_at_the_place_of_the_socket_is_left_alone() {
    let machine = LocalMachine::new(ONE_GOAL);
    let precious = machine.path("thesis.txt");
    std::fs::write(&precious, "years of work").unwrap();
    std::fs::set_permissions(machine.path(""), std::fs::Permissions::from_mode(0o700)).unwrap();
    let said = refusal(
        &machine,
        &["start", "--local", ".", "--socket", precious.to_str().unwrap()],
    );
    assert!(said.contains("is not a socket"), "{said}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "years of work");
}

#[test]
fn a_state_directory_removed_under_the_daemon_ends_it_with_the_reason() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let sha = machine.commit("before", &[("a", "1")]);
    machine.ended_set_of(&sha);
    std::fs::remove_dir_all(machine.path("state")).unwrap();
    assert!(!machine.ends_by_itself());
    let log = machine.daemon_log();
    assert!(log.contains("was removed or replaced"), "{log}");
    machine.start();
    let sha = machine.commit("after", &[("a", "2")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn a_repository_that_cannot_be_read_is_said_in_the_feed_and_so_is_its_return() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let (repo, away) = (machine.repo(), machine.path("away"));
    std::fs::rename(&repo, &away).unwrap();
    machine.wait_until("the feed says so", |machine| {
        machine
            .daemon_log()
            .contains("acme/app cannot be read, its commits wait")
            .then_some(())
    });
    std::fs::rename(&away, &repo).unwrap();
    machine.wait_until("the feed says that it is back", |machine| {
        machine
            .daemon_log()
            .contains("acme/app can be read again")
            .then_some(())
    });
    let sha = machine.commit("still watched", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn many_phases_hold_no_goal_up_and_push_nothing_out_of_the_feed() {
    let mut machine = LocalMachine::new(
        "rules:\n  - name: all\n    goals: {name: chatty, execute: {run: [seq, -f, 'atm:phase=%g', '1', '30000']}}\n",
    );
    machine.start();
    let sha = machine.commit("many phases", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let all = machine.ok(&["--json", "feed", "--no-follow", "-n", "1000"]);
    let phases = all.lines().filter(|line| line.contains("progressed")).count();
    assert!((1..200).contains(&phases), "{phases} phases");
    let feed = machine.ok(&["feed", "--no-follow", "-n", "3"]);
    assert!(feed.lines().count() > 1, "{feed}");
    machine.stop();
}

#[test]
fn hints_of_hooks_do_not_pile_up() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.ok(&["hooks", "add"]);
    machine.start();
    let spool = machine.repo().join(".git/sdm/pushes");
    std::fs::write(&spool, "post-commit -\n".repeat(20_000)).unwrap();
    let sha = machine.commit("one more", &[("a", "1")]);
    machine.ended_set_of(&sha);
    machine.wait_until("the hints are forgotten", |_| {
        (std::fs::metadata(&spool).unwrap().len() < 1_000).then_some(())
    });
    machine.stop();
}

#[test]
fn questions_about_commits_that_are_not_there_get_an_answer_and_not_a_fault() {
    let machine = LocalMachine::new(ONE_GOAL);
    for name in ["nosuch", "HEAD~99", "a b:c", "a", "a..b"] {
        let output = machine.sdm(&["explain", "--", name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{name:?}: {said}");
        assert!(
            said.contains("there is no commit") && !said.contains('\x1b'),
            "{said}"
        );
    }
    machine.git(&["checkout", "--quiet", "--orphan", "empty"]);
    for command in ["explain", "run"] {
        let output = machine.sdm(&[command]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("nothing is committed yet"), "{said}");
    }
}

#[test]
fn a_list_of_no_machines_says_with_its_exit_code_that_none_answers() {
    let machine = LocalMachine::new(ONE_GOAL);
    let output = machine.sdm(&["show", "machines", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "{\"machines\":[]}"
    );
}

#[test]
fn a_reftable_repository_is_refused_with_the_way_out() {
    let machine = LocalMachine::new(ONE_GOAL);
    let directory = machine.path("acme/tables");
    let made = std::process::Command::new("git")
        .args(["init", "--quiet", "--ref-format=reftable"])
        .arg(&directory)
        .output()
        .unwrap();
    if !made.status.success() {
        println!("skipped: git 2.45 or newer knows reftables");
        return;
    }
    let said = refusal(&machine, &["start", "--local", directory.to_str().unwrap()]);
    assert!(said.contains("git refs migrate --ref-format=files"), "{said}");
}

#[test]
fn a4_messages_branches_and_output_cannot_steer_a_terminal() {
    let goals = r#"
rules:
  - name: shout
    goals: {name: shout, execute: {run: [printf, "\\033[2J\\033]0;owned\\007 \\342\\200\\256 ::add-mask::x\\n"]}}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let message = "\x1b[2J\u{202e}evil ${{ secrets.X }} {{{x}}} \"}],\"admin\":true";
    let sha = machine.commit(message, &[("a", "1")]);
    machine.ended_set_of(&sha);
    for arguments in [
        &["goals"][..],
        &["show", "pushes"],
        &["logs", "shout"],
        &["explain"],
        &["goals", "--json"],
        &["show", "pushes", "--json"],
    ] {
        let shown = machine.ok(arguments);
        let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        let json = arguments.contains(&"--json");
        assert!(
            !shown.chars().any(|c| steers(c) && (!json || c.is_control())),
            "{arguments:?}: {shown:?}"
        );
    }
    assert!(!machine.daemon_log().contains(['\x1b', '\u{202e}']));
    let pushes = machine.json(&["show", "pushes"]);
    assert!(pushes.get("admin").is_none() && pushes["pushes"][0].get("admin").is_none());
    machine.stop();
}

/// Commits a tree that git itself would not let anybody add.
fn commit_raw_tree(machine: &LocalMachine, entries: &[(&str, &str, &str)]) -> String {
    use std::io::Write as _;
    let mut listing = Vec::new();
    for (mode, name, id) in entries {
        let bytes: Vec<u8> = (0..20)
            .map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        listing.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        listing.extend_from_slice(&bytes);
    }
    let mut child = std::process::Command::new("git")
        .args(["hash-object", "-w", "-t", "tree", "--literally", "--stdin"])
        .current_dir(machine.repo())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&listing).unwrap();
    let output = child.wait_with_output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let commit = machine.git(&["commit-tree", "-p", "HEAD", "-m", "hostile", &tree]);
    machine.git(&["update-ref", "refs/heads/main", &commit]);
    commit
}

#[test]
fn b1_a_tree_with_a_git_directory_is_never_written_and_the_goal_says_why() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let hook = machine.path("hook");
    std::fs::write(
        &hook,
        format!("#!/bin/sh\ntouch {}\n", machine.path("CANARY").display()),
    )
    .unwrap();
    let blob = machine.git(&["hash-object", "-w", hook.to_str().unwrap()]);
    for name in [".git", ".GIT", "git~1", ".g\u{200c}it"] {
        let sha = commit_raw_tree(&machine, &[("100755", name, &blob)]);
        let set = machine.ended_set_of(&sha);
        assert_eq!(state_of(&set, "compile"), "failure", "{name}: {set:#}");
        let said = set["goals"][0].to_string();
        assert!(said.contains("may not be checked out"), "{name}: {said}");
    }
    assert!(!machine.path("CANARY").exists());
    machine.git(&["reset", "--quiet", "--hard", "HEAD~4"]);
    let sha = machine.commit("harmless again", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn b3_b4_no_filter_runs_and_no_submodule_is_fetched() {
    let goals = r#"
rules:
  - name: look
    goals: {name: look, execute: {run: [sh, -c, "cat big.bin; ls -A sub"]}}
"#;
    let mut machine = LocalMachine::new(goals);
    let canary = machine.path("CANARY");
    let filter = format!("touch {}; cat", canary.display());
    machine.git(&["config", "filter.evil.smudge", &filter]);
    machine.start();
    std::fs::write(machine.repo().join(".gitattributes"), "*.bin filter=evil\n").unwrap();
    std::fs::write(
        machine.repo().join(".gitmodules"),
        "[submodule \"../../x\"]\n\tpath = sub\n\turl = file:///etc\n\tupdate = !touch CANARY\n",
    )
    .unwrap();
    std::fs::write(machine.repo().join("big.bin"), "pointer").unwrap();
    machine.git(&["add", "--all"]);
    let head = machine.git(&["rev-parse", "HEAD"]);
    machine.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{head},sub"),
    ]);
    machine.git(&["commit", "--quiet", "-m", "filters and submodules"]);
    let sha = machine.git(&["rev-parse", "HEAD"]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    assert!(machine.ok(&["logs", "look"]).contains("pointer"));
    assert!(!canary.exists());
    machine.stop();
}

#[test]
fn b6_odd_files_in_the_work_tree_hang_nothing_and_setuid_is_dropped() {
    let goals = r#"
rules:
  - name: look
    goals: {name: mode, execute: {run: [sh, -c, "find . -perm /6000 -not -path './.git/*'; ls | wc -l"]}}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    nix::unistd::mkfifo(&machine.repo().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let long = "x".repeat(255);
    let tool = machine.repo().join("tool");
    std::fs::write(&tool, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o6755)).unwrap();
    std::fs::write(machine.repo().join(&long), "long").unwrap();
    std::fs::write(machine.repo().join("two\nlines"), "odd").unwrap();
    machine.git(&["add", "--", "tool", &long, "two\nlines"]);
    machine.git(&["commit", "--quiet", "-m", "odd files"]);
    let sha = machine.git(&["rev-parse", "HEAD"]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    assert!(!machine.ok(&["logs", "mode"]).contains("./tool"));
    machine.ok(&["run", "--worktree"]);
    machine.stop();
}

#[test]
fn i1_a_goal_that_will_not_end_is_ended_as_a_whole_when_it_is_canceled() {
    let goals = r#"
rules:
  - name: stubborn
    goals:
      name: stubborn
      execute:
        run: [sh, -c, "trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM; echo $$ >> $PIDS; sleep 1000' & echo $$ >> $PIDS; sleep 1000"]
        grace: 1s
        env: {PIDS: "PIDFILE"}
"#;
    let mut machine = LocalMachine::new("rules: []");
    let pids = machine.path("pids");
    machine.write_goals(&goals.replace("PIDFILE", pids.to_str().unwrap()));
    machine.start();
    let sha = machine.commit("stubborn", &[("a", "1")]);
    let read = |_: &LocalMachine| {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        let found: Vec<String> = text.lines().map(str::to_owned).collect();
        (found.len() == 2).then_some(found)
    };
    let found = machine.wait_until("both processes run", read);
    machine.ok(&["cancel", "stubborn"]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "canceled");
    for pid in found {
        machine.wait_until("the process is gone", |_| {
            (!Path::new("/proc").join(&pid).join("exe").exists()).then_some(())
        });
    }
    machine.stop();
}

#[test]
fn i3_what_a_goal_leaves_behind_does_not_reach_the_next() {
    let goals = r#"
rules:
  - name: leave
    goals:
      - name: vandal
        execute:
          run: [sh, -c, "git config user.name evil; mkdir -p .git/hooks locked/deep; echo 'exit 1' > .git/hooks/pre-commit; touch locked/deep/file; chmod 000 locked/deep locked; echo changed > README.md; rm -f .git/HEAD; (sleep 1000) & true"]
      - name: visitor
        execute:
          run: [sh, -c, "cat README.md; ls -A; git config user.name || echo nobody; test ! -e .git/hooks/pre-commit; git rev-parse HEAD"]
"#;
    let mut machine = LocalMachine::new(goals);
    machine.set("SDM_PARALLEL", "1");
    machine.start();
    let config = std::fs::read(machine.repo().join(".git/config")).unwrap();
    for round in ["one", "two"] {
        let sha = machine.commit(round, &[("README.md", round)]);
        let set = machine.ended_set_of(&sha);
        assert_eq!(set["state"], "success", "{set:#}");
        let log = machine.ok(&["logs", "visitor"]);
        assert!(
            log.contains(round) && log.contains("nobody") && log.contains(&sha),
            "{log}"
        );
        assert!(!log.contains("locked") && !log.contains("changed"), "{log}");
        assert!(
            machine
                .ok(&["logs", "vandal"])
                .contains("left running and ended by us")
        );
    }
    assert_eq!(std::fs::read(machine.repo().join(".git/config")).unwrap(), config);
    machine.stop();
}

#[test]
fn j1_only_the_owner_reaches_the_socket() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let socket = machine.path("run/sdm/sdm.sock");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&machine.path("state")), 0o700);
    machine.stop();
}

#[test]
fn j2_repositories_found_below_a_directory_run_nothing_until_they_are_trusted() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    let parent = machine.path("acme");
    machine.start_on(&[parent.to_str().unwrap()]);
    let sha = machine.commit("not trusted", &[("a", "1")]);
    machine.wait_until("the feed says that it waits for trust", |machine| {
        machine.daemon_log().contains("not trusted").then_some(())
    });
    assert_eq!(machine.goal_sets(), Vec::<serde_json::Value>::new());
    machine.ok(&["trust"]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn j5_a_run_on_uncommitted_work_leaves_index_and_files_byte_for_byte() {
    let machine = LocalMachine::new(ONE_GOAL);
    machine.commit("base", &[("a", "1\n2\n3\n"), ("b", "1\n")]);
    std::fs::write(machine.repo().join("a"), "staged\n").unwrap();
    machine.git(&["add", "a"]);
    std::fs::write(machine.repo().join("a"), "staged\nand more\n").unwrap();
    std::fs::write(machine.repo().join("untracked"), "new").unwrap();
    std::fs::remove_file(machine.repo().join("b")).unwrap();
    let look = || {
        let repo = machine.repo();
        let times = ["a", "untracked", "README.md", ".git/index"].map(|name| {
            let found = std::fs::metadata(repo.join(name)).unwrap();
            (
                found.mtime(),
                found.mtime_nsec(),
                found.ino(),
                std::fs::read(repo.join(name)).unwrap(),
            )
        });
        let refs = machine.git(&["for-each-ref"]);
        let stash = machine.git(&["stash", "list"]);
        (times, refs, stash, machine.git(&["rev-parse", "HEAD"]))
    };
    let before = look();
    machine.ok(&["run", "--worktree"]);
    assert_eq!(look(), before);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_behind_once_the_next_has_begun() {
    let goals = r#"
rules:
  - name: slow
    goals:
      - {name: slow, execute: {run: [sh, -c, "echo $$ > $PIDS; test -e go || sleep 1000"], env: {PIDS: "PIDFILE"}}}
      - {name: after, execute: {run: [sh, -c, "echo ran >> $RAN"], env: {RAN: "RANFILE"}}}
"#;
    let machine = LocalMachine::new("rules: []");
    let (pids, ran) = (machine.path("pids"), machine.path("ran"));
    machine.write_goals(
        &goals
            .replace("PIDFILE", pids.to_str().unwrap())
            .replace("RANFILE", ran.to_str().unwrap()),
    );
    let quiet = std::process::Stdio::null;
    let mut run = machine
        .command(&["run"])
        .stdout(quiet())
        .stderr(quiet())
        .spawn()
        .unwrap();
    let pid = machine.wait_until("the goal runs", |_| {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.ends_with('\n').then(|| text.trim().to_owned())
    });
    run.kill().unwrap();
    run.wait().unwrap();
    machine.commit("let it pass", &[("go", "1")]);
    machine.ok(&["run"]);
    assert!(!Path::new("/proc").join(&pid).join("exe").exists());
    assert_eq!(
        std::fs::read_to_string(&ran).unwrap(),
        "ran\n",
        "only the goals of the second run go on"
    );
}

/// Commits one after the other on `main`, all at once, by somebody else: the first has `message` and 260 more follow. The head.
fn long_push(machine: &LocalMachine, message: &str) -> String {
    let mut stream = String::new();
    for number in 0..=260 {
        let text = if number == 0 { message } else { "more" };
        let from = if number == 0 {
            "from refs/heads/main^0\n"
        } else {
            ""
        };
        let length = text.len();
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter Eve <eve@example.org> {} +0000\ndata {length}\n{text}\n{from}\n",
            1_900_000_000 + number
        ));
    }
    let mut import = std::process::Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(machine.repo())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    machine.git(&["rev-parse", "main"])
}

#[test]
fn d1_a_co_author_of_an_old_commit_of_a_long_push_confirms_nothing() {
    let goals = ONE_GOAL.replace("name: compile", "name: compile, pre_approval: {not_author: true}");
    let mut machine = LocalMachine::new(&goals);
    let me = nix::unistd::User::from_uid(nix::unistd::getuid())
        .unwrap()
        .unwrap();
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    let people = format!("people:\n  {}: {{emails: [me@example.org]}}\n", me.name);
    std::fs::write(directory.join("config.yaml"), people).unwrap();
    machine.start();
    let sha = long_push(&machine, "Ours\n\nCo-authored-by: Me <me@example.org>\n");
    let id = machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    let said = refusal(&machine, &["approve", &id]);
    assert!(said.contains("as `Co-authored-by` in its commits says"), "{said}");
    // The way out that is said: a push that does not name them.
    let sha = machine.commit("theirs", &[("a", "1")]);
    let id = machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    machine.ok(&["approve", &id, "--reason", "looks\nfine \u{1b}[2J"]);
    let set = machine.ended_set_of(&sha);
    let confirmation = &set["goals"][0]["confirmations"][0];
    assert_eq!(confirmation["reason"], "looks\nfine \u{1b}[2J", "{set:#}");
    let feed = machine.ok(&["feed", "--no-follow"]);
    let line = format!(
        "Start confirmed: compile · by @{}: looks fine \\u{{1b}}[2J",
        me.name
    );
    assert!(feed.contains(&line), "{feed}");
    machine.stop();
}
