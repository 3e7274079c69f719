//! A checker over runs in which everything fails that can: hubs and machines are killed or sleep while webhooks, commands and approvals
//! are on their way, and the wires between them repeat, hold up, reorder, break and fall silent. Afterwards everything must add up.
//!
//! Each kind of fault has its turn in each run, in an order that the seed makes. `SDM_STORM_SEED` repeats a run, `SDM_STORM_ROUNDS` makes it
//! longer.

mod hub;
mod old_machine;

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::hub::{PATIENCE, StormHub, Talk, Webhook, until};
use self::old_machine::OldMachine;
use crate::support::bad_wire::{BadWire, Deeds, Dice};
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;
use crate::support::postgres::Postgres;

/// Each kind of fault twice.
const ROUNDS: u64 = 2 * Fault::ALL.len() as u64;

/// Pushes of one round.
const AT_ONCE: u64 = 2;

/// What whoever runs the test says by the environment.
fn told(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

fn number(name: &str) -> Option<u64> {
    told(name)?.parse().ok()
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    HubIsKilled,
    MachineIsKilled,
    OtherMachineIsKilled,
    WireIsCut,
    WireFallsSilent,
    /// A laptop that sleeps until the hub has given it up.
    MachineSleeps,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::HubIsKilled,
        Self::MachineIsKilled,
        Self::OtherMachineIsKilled,
        Self::WireIsCut,
        Self::WireFallsSilent,
        Self::MachineSleeps,
    ];

    /// All of them, in an order that the dice make.
    fn shuffled(dice: &Dice) -> Vec<Self> {
        let mut rest = Self::ALL.to_vec();
        let mut order = Vec::new();
        while !rest.is_empty() {
            let which = usize::try_from(dice.roll(rest.len() as u64)).unwrap();
            order.push(rest.remove(which));
        }
        order
    }
}

/// A machine of ours behind its wire.
struct Stormy {
    name: &'static str,
    machine: LocalMachine,
    wire: BadWire,
}

impl Stormy {
    async fn new(name: &'static str, talk: &Talk, replica: usize, key: &str, dice: &Dice) -> Self {
        let machine = LocalMachine::new("");
        let wire = BadWire::thorough(talk.addresses[replica], dice.clone()).await;
        std::fs::write(machine.path("hub.key"), key).unwrap();
        let directory = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        let key = machine.path("hub.key");
        let text = format!(
            "name: {name}\nhub: {{address: 'http://{}', key: {{file: '{}'}}, workspaces: [A1]}}\n",
            wire.address,
            key.display()
        );
        std::fs::write(directory.join("config.yaml"), text).unwrap();
        Self { name, machine, wire }
    }

    fn begin(&mut self) {
        self.machine.start_with_hub();
        // What is pushed before a machine has registered for the first time is not for it.
        self.machine.wait_until("the machine has registered", |machine| {
            (machine.status()?["hub"]["standing"] == "connected").then_some(())
        });
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.machine.pid().try_into().unwrap()), signal).unwrap();
    }

    fn kill(&mut self) {
        // Also between its registration and its websocket, in which its run keeps the next one waiting for a while
        // (`hub::machines::runs`).
        self.machine.kill();
        self.machine.start_with_hub();
    }

    /// The lines of a file that its goals and commands write to, in order.
    fn written(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.machine.path(file)).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// Its goal sets whose start somebody has to approve.
    fn to_approve(&self) -> Vec<String> {
        let waits = |set: &Value| {
            let mut goals = set["goals"].as_array().into_iter().flatten();
            goals.any(|goal| goal["state"] == "waiting_for_pre_approval")
        };
        let sets = self.machine.goal_sets().into_iter().filter(waits);
        sets.filter_map(|set| set["id"].as_str().map(str::to_owned))
            .collect()
    }

    fn has_ended(&self, shas: &[String]) -> bool {
        let sets = self.machine.goal_sets();
        let is_over = |sha: &&String| {
            sets.iter()
                .any(|set| set["sha"] == sha.as_str() && set["active"] == false)
        };
        shas.iter().filter(is_over).count() == shas.len()
    }
}

/// What is done at the hub while something goes wrong.
#[derive(Default)]
struct Doings {
    /// Webhooks, and whether each was acknowledged.
    webhooks: Vec<(Webhook, bool)>,
    /// Commands by their numbers, and where their ends are seen, where they were accepted.
    commands: Vec<(u64, Option<String>)>,
}

/// Everything that the storm shakes.
struct Storm {
    machines: [Stormy; 2],
    old: OldMachine,
    hub: StormHub,
    dice: Dice,
    _server: HttpServer,
    forge: String,
    /// The first one was there before the storm.
    shas: Vec<String>,
    /// Webhooks that the hub has not acknowledged.
    waiting: Vec<Webhook>,
    acknowledged: Vec<Webhook>,
    /// Commands that were accepted, and where their ends are seen.
    accepted: BTreeMap<u64, String>,
    faults: BTreeMap<Fault, u64>,
    /// Webhooks in the middle of which a hub was killed.
    cut_short: u64,
}

impl Storm {
    async fn new(place: &str, replicas: usize, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let names = ["sdm", "other", "old"];
        let (hub, keys) = StormHub::start(place.to_owned(), replicas, &names).await;
        let mut one = Stormy::new("sdm", &hub.talk, 0, &keys[0], &dice).await;
        let mut other = Stormy::new("other", &hub.talk, replicas - 1, &keys[1], &dice).await;
        let path = |machine: &LocalMachine, name: &str| machine.path(name).display().to_string();
        let mark = |file: String| format!("execute: {{run: [sh, -c, 'git rev-parse HEAD >> {file}']}}");
        one.machine.write_goals(&format!(
            "rules:\n  - name: build\n    goals:\n      - {{name: mark, {}}}\n      - {{name: publish, pre_approval: {{by: [ada]}}, {}}}\n\
             commands:\n  - name: greet\n    intent: say hello\n    parameters: {{number: {{pattern: \"^[0-9]+$\"}}}}\n    \
             run: [sh, -c, 'echo $1 >> {}', greet, \"${{parameters.number}}\"]\n",
            mark(path(&one.machine, "marks")),
            mark(path(&one.machine, "published")),
            path(&one.machine, "greeted"),
        ));
        other.machine.write_goals(&format!(
            "rules:\n  - name: build\n    goals: {{name: mark, {}}}\n",
            mark(path(&other.machine, "marks"))
        ));
        std::os::unix::fs::symlink("app", one.machine.path("acme/app.git")).unwrap();
        let server = HttpServer::start(&one.machine.path(""), None).await;
        let forge = server.url("").trim_end_matches('/').to_owned();
        one.begin();
        other.begin();
        let old = OldMachine::start(&hub.talk, &keys[2]);
        let comes = async || {
            hub.talk
                .is_connected("old")
                .await
                .filter(|is_connected| *is_connected)
        };
        until("the old machine is there", comes).await;
        let shas = vec![one.machine.git(&["rev-parse", "HEAD"])];
        Self {
            machines: [one, other],
            old,
            hub,
            dice,
            _server: server,
            forge,
            shas,
            waiting: Vec::new(),
            acknowledged: Vec::new(),
            accepted: BTreeMap::new(),
            faults: BTreeMap::new(),
            cut_short: 0,
        }
    }

    /// Somebody commits, and the forge has something to tell.
    fn commit(&mut self) {
        let number = self.shas.len() as u64;
        let before = self.shas.last().unwrap().clone();
        let change = [("README.md", &*number.to_string())];
        let after = self.machines[0]
            .machine
            .commit(&format!("change {number}"), &change);
        self.waiting.push(webhook(&self.forge, number, &before, &after));
        self.shas.push(after);
    }

    fn some_replica(&self) -> usize {
        usize::try_from(self.dice.roll(self.hub.talk.addresses.len() as u64)).unwrap()
    }

    /// Everything that somebody wants of the hub goes on its way at once: what a forge has to tell, one thing once more, a command, and
    /// the approvals that somebody is waited for.
    fn set_off(&mut self, round: u64) -> JoinSet<Doings> {
        let (mut doings, talk) = (JoinSet::new(), self.hub.talk.clone());
        let mut webhooks = std::mem::take(&mut self.waiting);
        if !self.acknowledged.is_empty() {
            let which = usize::try_from(self.dice.roll(self.acknowledged.len() as u64)).unwrap();
            webhooks.push(self.acknowledged[which].clone());
        }
        for webhook in webhooks {
            let (talk, replica) = (talk.clone(), self.some_replica());
            doings.spawn(async move {
                let is_acknowledged = talk.send(replica, &webhook).await;
                Doings {
                    webhooks: vec![(webhook, is_acknowledged)],
                    ..Doings::default()
                }
            });
        }
        let (greeter, replica) = (talk.clone(), self.some_replica());
        doings.spawn(async move {
            let parameters = json!([{"name": "number", "value": round.to_string()}]);
            let accepted = greeter.invoke(replica, "sdm", "greet", parameters).await;
            Doings {
                commands: vec![(round, accepted)],
                ..Doings::default()
            }
        });
        for set in self.machines[0].to_approve() {
            let (talk, replica) = (talk.clone(), self.some_replica());
            doings.spawn(async move {
                approve(&talk, replica, &set).await;
                Doings::default()
            });
        }
        doings
    }

    async fn come_back(&mut self, mut doings: JoinSet<Doings>) {
        while let Some(done) = doings.join_next().await {
            let Doings { webhooks, commands } = done.unwrap();
            for (webhook, is_acknowledged) in webhooks {
                match is_acknowledged {
                    true => self.acknowledged.push(webhook),
                    false => self.waiting.push(webhook),
                }
            }
            let accepted = commands
                .into_iter()
                .filter_map(|(number, url)| Some((number, url?)));
            self.accepted.extend(accepted);
        }
    }

    async fn round(&mut self, round: u64, fault: Fault) {
        for _ in 0..AT_ONCE {
            self.commit();
        }
        let doings = self.set_off(round);
        self.strike(fault).await;
        *self.faults.entry(fault).or_default() += 1;
        self.come_back(doings).await;
    }

    /// One thing goes wrong.
    async fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::HubIsKilled => self.kill_hub().await,
            Fault::MachineIsKilled => self.machines[0].kill(),
            Fault::OtherMachineIsKilled => self.machines[1].kill(),
            Fault::WireIsCut => self.machines.iter().for_each(|machine| machine.wire.cut()),
            Fault::WireFallsSilent => {
                let wire = &self.machines[usize::try_from(self.dice.roll(2)).unwrap()].wire;
                let before = wire.deeds().swallowed;
                wire.fall_silent();
                until("something is lost", async || {
                    (wire.deeds().swallowed > before).then_some(())
                })
                .await;
                wire.cut();
            }
            Fault::MachineSleeps => {
                let (sleeper, talk) = (&self.machines[0], &self.hub.talk);
                sleeper.signal(Signal::SIGSTOP);
                let is_gone = async || {
                    talk.is_connected(sleeper.name)
                        .await
                        .filter(|is_connected| !is_connected)
                };
                until("the hub has given it up", is_gone).await;
                sleeper.signal(Signal::SIGCONT);
            }
        }
    }

    /// The hub is killed in the middle of a webhook at least, and of whatever else is on its way.
    async fn kill_hub(&mut self) {
        let replica = self.some_replica();
        self.commit();
        let webhook = self.waiting.pop().expect("it was just made");
        let half = self.hub.talk.begin_to_send(replica, &webhook).await;
        self.hub.kill(replica);
        assert!(!half.ends().await, "nobody was there to acknowledge it");
        self.cut_short += 1;
        self.waiting.push(webhook);
        self.hub.start_again(replica);
    }

    /// The sky clears; everything that was acknowledged is told and carried out.
    async fn clear_up(&mut self) {
        for machine in &self.machines {
            machine.wire.calm_down();
        }
        let begun = std::time::Instant::now();
        loop {
            for webhook in std::mem::take(&mut self.waiting) {
                match self.hub.talk.send(0, &webhook).await {
                    true => self.acknowledged.push(webhook),
                    false => self.waiting.push(webhook),
                }
            }
            for set in self.machines[0].to_approve() {
                approve(&self.hub.talk, 0, &set).await;
            }
            let is_over = |machine: &Stormy| machine.has_ended(&self.shas[1..]);
            if self.waiting.is_empty() && self.machines.iter().all(is_over) {
                break;
            }
            let log = self.machines[0].machine.daemon_log();
            assert!(begun.elapsed() < PATIENCE, "goals have not ended: {log}");
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        for stormy in &self.machines {
            stormy.machine.wait_until("everything is reported", |machine| {
                let hub = machine.status()?["hub"].clone();
                let rest = ["reports_waiting", "answers_waiting", "deliveries_open"];
                rest.iter().all(|what| hub[what] == 0).then_some(())
            });
        }
    }

    /// No push is lost, and none was carried out twice; nor was a command, and none that has succeeded did nothing.
    async fn check_machines(&self) {
        let mut wanted = self.shas[1..].to_vec();
        wanted.sort_unstable();
        for stormy in &self.machines {
            let sets = stormy.machine.goal_sets();
            assert_eq!(
                sets.len(),
                wanted.len(),
                "{}: each push has one goal set",
                stormy.name
            );
            assert!(
                sets.iter().all(|set| set["state"] == "success"),
                "{}: {sets:#?}",
                stormy.name
            );
            assert_eq!(
                stormy.written("marks"),
                wanted,
                "{}: each goal ran once",
                stormy.name
            );
        }
        assert_eq!(
            self.machines[0].written("published"),
            wanted,
            "each was approved, and ran once"
        );
        let greeted = self.machines[0].written("greeted");
        let once: BTreeSet<&String> = greeted.iter().collect();
        assert_eq!(
            once.len(),
            greeted.len(),
            "no command was carried out twice: {greeted:?}"
        );
        assert!(!self.accepted.is_empty(), "some commands were accepted");
        for (number, url) in &self.accepted {
            let phase = until("the hub says how far it is", async || {
                self.hub.talk.phase(url).await
            })
            .await;
            assert!(
                phase != "SUCCESS" || once.contains(&number.to_string()),
                "{number} is said to be done"
            );
        }
    }

    /// Nothing waits for the machines any more, nothing was given up, and each replica has every version of every goal once.
    async fn check_hub(&self) {
        let wanted: BTreeSet<String> = self.shas[1..].iter().cloned().collect();
        for replica in 0..self.hub.talk.addresses.len() {
            for (machine, goal) in [("sdm", "mark"), ("sdm", "publish"), ("other", "mark")] {
                let asked = format!(
                    "{{ SdmGoal(state: [success], registration: [\"{machine}\"], uniqueName: [\"{goal}\"], _first: 1000) \
                     {{ push {{ after {{ sha }} }} }} }}"
                );
                let look = async || {
                    let answer = self.hub.talk.ask_at(replica, &asked).await?;
                    let goals = answer["data"]["SdmGoal"].as_array()?.clone();
                    let shas = goals
                        .iter()
                        .filter_map(|goal| goal["push"]["after"]["sha"].as_str());
                    let shas: BTreeSet<String> = shas.map(str::to_owned).collect();
                    (shas == wanted && goals.len() == wanted.len()).then_some(())
                };
                until(
                    &format!("the hub knows of every success of {goal} of {machine}, once"),
                    look,
                )
                .await;
            }
        }
        self.check_versions().await;
        let dead = self.hub.dead_events().await;
        assert!(dead.is_empty(), "{dead:#?}");
        until("the old machine has heard of every push", async || {
            self.old.heard().is_superset(&wanted).then_some(())
        })
        .await;
    }

    async fn check_versions(&self) {
        let asked = "{ SdmGoal(_showHistory: true, _first: 2000) { goalSetId uniqueName version ts state phase description error data url \
                     sha branch registration repo { owner name providerId } externalUrls { label url } approval { correlationId ts userId } \
                     preApproval { correlationId ts userId } push { after { sha } } provenance { correlationId ts name version } } }";
        let answer = until("the hub answers", async || self.hub.talk.ask_at(0, asked).await).await;
        let mut versions: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for goal in answer["data"]["SdmGoal"].as_array().unwrap() {
            let text = |field: &str| goal[field].as_str().unwrap();
            let of_goal = versions
                .entry((text("goalSetId"), text("uniqueName")))
                .or_default();
            of_goal.push(goal["version"].as_u64().unwrap());
        }
        assert_eq!(
            versions.len(),
            3 * (self.shas.len() - 1),
            "goals of both machines"
        );
        for (goal, mut versions) in versions {
            versions.sort_unstable();
            let all: Vec<u64> = (1..=versions.len() as u64).collect();
            let told = answer["data"]["SdmGoal"].as_array().unwrap();
            let told = told
                .iter()
                .filter(|told| told["goalSetId"] == goal.0 && told["uniqueName"] == goal.1);
            let told: Vec<String> = told.map(Value::to_string).collect();
            assert_eq!(
                versions,
                all,
                "every version of {goal:?}, each once: {}",
                told.join("\n")
            );
        }
    }

    /// Everything that can go wrong did.
    fn check_storm(&self) {
        for fault in Fault::ALL {
            assert!(self.faults.contains_key(&fault), "{fault:?}: {:?}", self.faults);
        }
        assert!(
            self.cut_short > 0,
            "webhooks were on their way when hubs were killed"
        );
        let deeds = self.machines.each_ref().map(|machine| machine.wire.deeds());
        let sum = |of: fn(&Deeds) -> u64| deeds.iter().map(of).sum::<u64>();
        for (what, count) in [
            ("repeated", sum(|deeds| deeds.repeated)),
            ("held up", sum(|deeds| deeds.held_up)),
            ("overtaken", sum(|deeds| deeds.overtaken)),
            ("swallowed", sum(|deeds| deeds.swallowed)),
        ] {
            assert!(count > 0, "nothing was {what}: {deeds:?}");
        }
        eprintln!("{:?} {deeds:?} {} commands", self.faults, self.accepted.len());
    }
}

async fn approve(talk: &Talk, replica: usize, set: &str) {
    let parameters = json!([{"name": "goal_set", "value": set}, {"name": "goal", "value": "publish"},
        {"name": "environment", "value": "0-code"}]);
    // Whoever does not get through says it again later.
    talk.invoke(replica, "sdm", "sdm.approve", parameters).await;
}

/// A push as a forge tells of it, under the id of its delivery.
fn webhook(forge: &str, number: u64, before: &str, after: &str) -> Webhook {
    let commit = json!({"id": after, "message": "Change", "timestamp": "2026-11-26T10:00:00Z",
        "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"}});
    let body = json!({
        "ref": "refs/heads/main", "before": before, "after": after, "created": false, "deleted": false, "forced": false,
        "commits": [commit], "head_commit": commit,
        "repository": {
            "id": 4711, "name": "app", "full_name": "acme/app", "private": true, "html_url": format!("{forge}/acme/app"),
            "owner": {"login": "acme", "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000 + number
        }
    });
    (format!("d-{number}"), body.to_string())
}

/// One run.
async fn weather(place: &str, replicas: usize, seed: u64) {
    let seed = number("SDM_STORM_SEED").unwrap_or(seed);
    let rounds = number("SDM_STORM_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("SDM_STORM_SEED={seed} SDM_STORM_ROUNDS={rounds}");
    let mut storm = Storm::new(place, replicas, seed).await;
    let mut order = Vec::new();
    for round in 1..=rounds {
        if order.is_empty() {
            order = Fault::shuffled(&storm.dice);
        }
        let fault = order.pop().expect("it was just filled");
        storm.round(round, fault).await;
    }
    storm.clear_up().await;
    storm.check_machines().await;
    storm.check_hub().await;
    if rounds >= ROUNDS {
        storm.check_storm();
    }
}

async fn on_sqlite(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hub.db").display().to_string();
    weather(&file, 1, seed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_whatever_fails_nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    on_sqlite(7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_whatever_fails_in_another_order_nothing_is_lost_and_nothing_happens_twice() {
    on_sqlite(4_711).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_whatever_fails_of_two_hubs_on_one_postgres_nothing_is_lost_and_nothing_happens_twice() {
    let Some(server) = Postgres::start() else {
        return;
    };
    weather(&server.url(), 2, 23).await;
}
