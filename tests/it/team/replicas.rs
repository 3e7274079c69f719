//! Two replicas of one machine that share a Postgres, beside one hub; one of them is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::real::{RealHub, together};
use super::scene::ONE_GOAL;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;
use crate::support::postgres::Postgres;

/// A daemon with a state directory of its own.
struct Replica {
    name: &'static str,
    process: Child,
}

impl Replica {
    fn start(machine: &LocalMachine, name: &'static str) -> Self {
        let replica = Self::begin(machine, name, &["start"]);
        replica.until(machine, "it is connected", |status, _| {
            (status["hub"]["standing"] == "connected").then_some(())
        });
        replica
    }

    fn begin(machine: &LocalMachine, name: &'static str, arguments: &[&str]) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(machine.path(&format!("{name}.log")))
            .unwrap();
        let process = command(machine, name, arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { name, process }
    }

    /// Which replica the state directory of that name belongs to.
    fn identify(machine: &LocalMachine, name: &str, id: &str) {
        let state = machine.path(&format!("replica-{name}"));
        std::fs::create_dir_all(&state).unwrap();
        std::fs::write(state.join("replica"), id).unwrap();
    }

    /// Ends it as the kernel would.
    fn kill(mut self) -> &'static str {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.name
    }

    fn json(&self, machine: &LocalMachine, arguments: &[&str]) -> Value {
        let output = command(machine, self.name, arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Looks at what it says of itself and at its goal sets.
    fn until<T>(
        &self,
        machine: &LocalMachine,
        what: &str,
        look: impl Fn(&Value, &[Value]) -> Option<T>,
    ) -> T {
        machine.wait_until(&format!("{}: {what}", self.name), |machine| {
            let status = self.json(machine, &["show", "machines", "--json"]);
            let sets = self.json(machine, &["goals", "--all", "--limit", "100", "--json"]);
            let sets = sets["goal_sets"].as_array().cloned().unwrap_or_default();
            look(&status["machines"][0], &sets)
        })
    }

    fn sees_success_of(&self, machine: &LocalMachine, sha: &str) {
        self.until(machine, &format!("{sha} has succeeded"), |_, sets| {
            let set = sets.iter().find(|set| set["sha"] == sha)?;
            (set["state"] == "success").then_some(())
        });
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn command(machine: &LocalMachine, name: &str, arguments: &[&str]) -> Command {
    let run = machine.path(&format!("run-{name}"));
    std::fs::create_dir_all(&run).unwrap();
    let mut command = machine.command(arguments);
    command
        .env("SDM_HOME", machine.path(&format!("replica-{name}")))
        .env("XDG_RUNTIME_DIR", run);
    command
}

/// What goals write down, and what holds them up.
struct Marks(PathBuf);

impl Marks {
    fn goals(place: &Path) -> String {
        let place = place.display();
        format!(
            "rules:\n  - name: build\n    goals:\n      name: mark\n      retry: true\n      execute:\n        run: [sh, -c, \
             'echo \"$$ $PWD\" >> {place}/began; if [ -p {place}/gate ]; then cat {place}/gate; fi; git rev-parse HEAD >> {place}/ended']\n"
        )
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn close_gate(&self) {
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::unistd::mkfifo(&self.0.join("gate"), mode).unwrap();
    }

    /// Whoever stands at it goes on, and so does everybody who comes later.
    fn open_gate(&self) {
        let gate = std::fs::File::options()
            .write(true)
            .open(self.0.join("gate"))
            .unwrap();
        std::fs::remove_file(self.0.join("gate")).unwrap();
        drop(gate);
    }

    /// Process and replica of the goal that began as the `number`-th.
    fn began(&self, machine: &LocalMachine, number: usize) -> (String, &'static str) {
        let line = machine.wait_until(&format!("{number} goals have begun"), |_| {
            let lines = self.lines("began");
            assert!(lines.len() <= number, "began too often: {lines:?}");
            lines.get(number - 1).cloned()
        });
        let (process, place) = line.split_once(' ').unwrap();
        let name = if place.contains("replica-one") {
            "one"
        } else {
            "two"
        };
        (process.to_owned(), name)
    }

    /// Each of these commits was carried out to its end once.
    fn ended_once(&self, shas: &[String]) {
        let mut ended = self.lines("ended");
        ended.sort_unstable();
        let mut wanted = shas.to_vec();
        wanted.sort_unstable();
        assert_eq!(ended, wanted);
    }
}

/// Pushes on: the next commit, told to the hub.
async fn push(machine: &LocalMachine, hub: &RealHub, forge: &str, shas: &mut Vec<String>) {
    let before = machine.git(&["rev-parse", "HEAD"]);
    let number = shas.len();
    let after = machine.commit(&format!("change {number}"), &[("README.md", &number.to_string())]);
    hub.push(forge, &format!("d-{number}"), &before, &after).await;
    shas.push(after);
}

#[tokio::test(flavor = "multi_thread")]
async fn d7_of_two_replicas_one_is_killed_and_the_other_takes_its_goal_over() {
    let Some(postgres) = Postgres::start() else { return };
    let (mut machine, hub) = together("").await;
    let marks = Marks(machine.path("marks"));
    std::fs::create_dir_all(&marks.0).unwrap();
    machine.write_goals(&Marks::goals(&marks.0));
    std::fs::write(machine.path("database"), postgres.url()).unwrap();
    machine.set("SDM_DATABASE_FILE", machine.path("database").to_str().unwrap());
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    let (one, two) = (Replica::start(&machine, "one"), Replica::start(&machine, "two"));

    // Whichever of them hears of a push, each is carried out once, and both see all.
    let mut shas = Vec::new();
    for _ in 0..4 {
        push(&machine, &hub, &forge, &mut shas).await;
    }
    for sha in &shas {
        one.sees_success_of(&machine, sha);
        two.sees_success_of(&machine, sha);
    }
    marks.ended_once(&shas);

    // The one that carries out a goal is killed; its process does not outlive its lease, and the other begins anew.
    marks.close_gate();
    push(&machine, &hub, &forge, &mut shas).await;
    let (process, carrier) = marks.began(&machine, 5);
    let (victim, survivor) = match carrier {
        "one" => (one, two),
        _ => (two, one),
    };
    let killed = victim.kill();
    let (_, heir) = marks.began(&machine, 6);
    assert_eq!(heir, survivor.name);
    assert!(
        !Path::new("/proc").join(&process).exists(),
        "the first process has ended before the second began"
    );
    marks.open_gate();
    survivor.sees_success_of(&machine, &shas[4]);
    hub.shows_success_of(&shas[4]).await;
    marks.ended_once(&shas);

    // It comes back, and is one of two again.
    let back = Replica::start(&machine, killed);
    push(&machine, &hub, &forge, &mut shas).await;
    back.sees_success_of(&machine, &shas[5]);
    survivor.sees_success_of(&machine, &shas[5]);
    marks.ended_once(&shas);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_leader_has_no_way_to_tell_the_hub_another_replica_tells() {
    let Some(postgres) = Postgres::start() else { return };
    let (mut machine, hub) = together(ONE_GOAL).await;
    std::fs::write(machine.path("database"), postgres.url()).unwrap();
    machine.set("SDM_DATABASE_FILE", machine.path("database").to_str().unwrap());
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    // The smaller one leads, and has a key that the hub does not know.
    Replica::identify(&machine, "one", &"a".repeat(32));
    Replica::identify(&machine, "two", &"b".repeat(32));
    let config = machine.path("home/.config/sdm/config.yaml");
    let apart = config.with_file_name("one.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&apart, text.replace("hub.key", "wrong.key")).unwrap();
    std::fs::write(machine.path("wrong.key"), "hub_a_nobody").unwrap();
    let leader = Replica::begin(&machine, "one", &["--config", apart.to_str().unwrap(), "start"]);
    leader.until(&machine, "the hub does not let it in", |status, _| {
        status["hub"]["problem"].as_str().map(drop)
    });
    let _other = Replica::start(&machine, "two");
    let mut shas = Vec::new();
    push(&machine, &hub, &forge, &mut shas).await;
    leader.sees_success_of(&machine, &shas[0]);
    hub.shows_success_of(&shas[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_shared_database_is_said_without_its_password() {
    let mut machine = LocalMachine::new("");
    std::fs::write(
        machine.path("database"),
        "postgres://ada:CANARY@localhost/sdm?host=/nowhere\n",
    )
    .unwrap();
    machine.set("SDM_DATABASE_FILE", machine.path("database").to_str().unwrap());
    let output = machine.sdm(&["start", "--local", "."]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("the database sdm of Postgres at /nowhere as ada"),
        "{said}"
    );
    assert!(
        said.contains("the database cannot be reached") && said.contains("hint:"),
        "{said}"
    );
    let shown = machine.ok(&["doctor", "--config"]);
    assert!(shown.contains("Postgres (URL: file)"), "{shown}");
    std::fs::write(machine.path("database"), "CANARY-but-no-address\n").unwrap();
    let output = machine.sdm(&["start", "--local", "."]);
    let again = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(again.contains("is no `postgres://` URL"), "{again}");
    assert!(!format!("{said}{shown}{again}").contains("CANARY"));
}
