//! Commands of goals in a sandbox: what they cannot see, change and reach (threats I2, I3, B10).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sdm::ports::sandbox::SandboxOrder;

use crate::support::git_servers::skipped;
use crate::support::local::{LocalMachine, state_of};

/// Which part of the computer's offer is used.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Bubblewrap,
    /// `bwrap` is not on the path.
    Landlock,
}

/// A home, a machine's state and a goal's directories, each with something to steal.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::Builder::new().prefix("sdm-sandbox-").tempdir().unwrap());
        for name in [
            "home/.ssh",
            "home/.cargo/bin",
            "state/workspaces/1",
            "state/workspaces/2",
            "state/exchange/output",
            "state/exchange/input",
            "state/exchange/temporary",
            "tools",
        ] {
            std::fs::create_dir_all(house.path(name)).unwrap();
        }
        for name in [
            "home/.ssh/id",
            "home/.cargo/credentials.toml",
            "state/sdm.db",
            "state/workspaces/2/theirs",
        ] {
            std::fs::write(house.path(name), "canary").unwrap();
        }
        for name in [
            "home/.cargo/bin/tool",
            "tools/data",
            "state/exchange/input/goal.json",
        ] {
            std::fs::write(house.path(name), "useful").unwrap();
        }
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn order(&self, network: bool) -> SandboxOrder {
        SandboxOrder {
            is_required: false,
            network,
            writable: vec![
                self.path("state/workspaces/1"),
                self.path("state/exchange/output"),
            ],
            readable: vec![self.path("state/exchange/input"), self.path("tools")],
            hidden: vec![self.path("state")],
            temporary: self.path("state/exchange/temporary"),
        }
    }

    fn run(&self, with: With, order: &SandboxOrder, script: &str) -> Output {
        let file = self.path("order.json");
        std::fs::write(&file, serde_json::to_vec(order).unwrap()).unwrap();
        let path = match with {
            With::Bubblewrap => "/usr/local/bin:/usr/bin:/bin".to_owned(),
            With::Landlock => self.without_bubblewrap(),
        };
        Command::new(env!("CARGO_BIN_EXE_sdm"))
            .args(["own", "sandbox"])
            .arg(file)
            .args(["/bin/sh", "-c", script])
            .current_dir(self.path("state/workspaces/1"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A path on which everything is but `bwrap`.
    fn without_bubblewrap(&self) -> String {
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        for name in ["cat", "ls", "sh", "touch", "echo", "true"] {
            let from = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(name));
            let from = from.into_iter().find(|path| path.exists()).unwrap();
            std::os::unix::fs::symlink(from, bin.join(name)).ok();
        }
        bin.to_str().unwrap().to_owned()
    }

    /// What is tried, under the name of each part of the house: `yes` or `no`.
    fn tries(&self, with: With, network: bool) -> String {
        let house = self.path("");
        let house = house.to_str().unwrap().trim_end_matches('/');
        let script = format!(
            "try() {{ name=$1; shift; if \"$@\" >/dev/null 2>&1; then echo \"$name yes\"; else echo \"$name no\"; fi; }}
             H={house}
             try key cat $H/home/.ssh/id
             try token cat $H/home/.cargo/credentials.toml
             try database cat $H/state/sdm.db
             try neighbour cat $H/state/workspaces/2/theirs
             try shadow cat /etc/shadow
             try tool cat $H/home/.cargo/bin/tool
             try data cat $H/tools/data
             try input cat $H/state/exchange/input/goal.json
             try write-input touch $H/state/exchange/input/x
             try write-system touch /usr/canary
             try write-tools touch $H/tools/canary
             try write-neighbour touch $H/state/workspaces/2/canary
             try write-output touch $H/state/exchange/output/x
             try write-own touch own
             try write-temporary touch ${{TMPDIR:-/tmp}}/x"
        );
        let output = self.run(with, &self.order(network), &script);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Whether this part is offered here; said aloud when not.
fn is_offered(with: With) -> bool {
    let offer = sdm::exec::sandbox::offer();
    match with {
        With::Bubblewrap => offer.bubblewrap || !skipped("bwrap", "bubblewrap"),
        With::Landlock => offer.landlock || !skipped("landlock", "a kernel with Landlock"),
    }
}

const HOLDS: &str = "key no
token no
database no
neighbour no
shadow no
tool yes
data yes
input yes
write-input no
write-system no
write-tools no
write-neighbour no
write-output yes
write-own yes
write-temporary yes
";

#[test]
fn i2_a_command_sees_its_own_goal_and_tools_and_nothing_else() {
    for with in [With::Bubblewrap, With::Landlock] {
        if !is_offered(with) {
            continue;
        }
        let house = House::new();
        let said = house.tries(with, true);
        let (head, tried) = said.split_once('\n').unwrap();
        assert_eq!(tried, HOLDS, "{head}");
        assert!(head.starts_with("sandbox: "), "{head}");
        assert_eq!(
            head.contains("what does not hold"),
            with == With::Landlock,
            "{head}"
        );
        assert!(house.path("state/workspaces/1/own").exists());
        assert!(house.path("state/exchange/output/x").exists());
        assert!(!Path::new("/usr/canary").exists());
    }
}

#[test]
fn b10_the_network_can_be_taken_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let knock = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached || echo closed");
    let knock = format!("bash -c '{knock}' 2>/dev/null || echo closed");
    for with in [With::Bubblewrap, With::Landlock] {
        if !is_offered(with) {
            continue;
        }
        let house = House::new();
        house.without_bubblewrap();
        std::os::unix::fs::symlink("/bin/bash", house.path("bin/bash")).ok();
        for (network, expected) in [(true, "reached"), (false, "closed")] {
            let output = house.run(with, &house.order(network), &knock);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                said.contains(expected),
                "{said}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn i2_processes_of_the_computer_are_out_of_sight() {
    if !is_offered(With::Bubblewrap) {
        return;
    }
    let house = House::new();
    let output = house.run(
        With::Bubblewrap,
        &house.order(true),
        "ls /proc; echo $$; grep -c . /proc/1/cmdline",
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let own = std::process::id().to_string();
    assert!(!said.lines().any(|line| line == own), "{said}");
}

#[test]
fn a_sandbox_that_is_required_and_cannot_hold_is_a_refusal() {
    if !is_offered(With::Landlock) {
        return;
    }
    let house = House::new();
    let order = SandboxOrder {
        is_required: true,
        ..house.order(false)
    };
    let output = house.run(With::Landlock, &order, "touch own");
    assert_eq!(output.status.code(), Some(126));
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        why.contains("does not hold here: processes of the computer are visible, its sockets can be reached"),
        "{why}"
    );
    assert!(!house.path("state/workspaces/1/own").exists());
}

#[test]
fn i2_goals_of_a_machine_with_a_sandbox_work_and_cannot_see_it() {
    if !is_offered(With::Bubblewrap) {
        return;
    }
    let goals = r#"
rules:
  - name: test
    goals:
      - - name: works
          execute: {run: [sh, -ec, "git log --oneline | grep second; test -e README.md; echo x > new; echo '{}' > $ATOMIST_RESULT; cat $ATOMIST_GOAL"]}
        - name: steals
          execute: {run: [sh, -c, "ls -la $ATOMIST_PROJECT_DIR/../.. ; cat $ATOMIST_PROJECT_DIR/../../*/sdm.db STATE/sdm.db HOME/.ssh/id && printf 'st%s' olen"]}
"#;
    let mut machine = LocalMachine::new("rules: []\n");
    let text = |name: &str| machine.path(name).display().to_string();
    machine.write_goals(
        &goals
            .replace("STATE", &text("state"))
            .replace("HOME", &text("home")),
    );
    std::fs::create_dir_all(machine.path("home/.ssh")).unwrap();
    std::fs::write(machine.path("home/.ssh/id"), "canary").unwrap();
    machine.set("SDM_SANDBOX", "required");
    machine.start();
    let sha = machine.commit("second", &[("x", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        state_of(&set, "works"),
        "success",
        "{}",
        machine.ok(&["logs", "works"])
    );
    assert_eq!(state_of(&set, "steals"), "failure", "{set}");
    let log = machine.ok(&["logs", "steals"]);
    assert!(
        log.contains("sandbox: bwrap") && !log.contains("canary") && !log.contains("stolen"),
        "{log}"
    );
}

#[test]
fn i1_a_command_in_a_sandbox_still_has_its_grace() {
    if !is_offered(With::Bubblewrap) {
        return;
    }
    let goals = r#"
rules:
  - name: test
    goals:
      name: polite
      execute: {run: [sh, -c, "trap 'echo goodbye; exit 0' TERM; while :; do sleep 0.05; done"], timeout: 1s, grace: 10s}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.set("SDM_SANDBOX", "auto");
    machine.start();
    let sha = machine.commit("second", &[("x", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "polite"), "failure", "{set}");
    let log = machine.ok(&["logs", "polite"]);
    assert!(log.contains("goodbye"), "{log}");
}
