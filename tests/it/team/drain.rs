//! A machine that ends while its hub hangs: it keeps its word about how long that takes, and loses nothing.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::real::{RealHub, connected, together, watch};
use super::scene::ONE_GOAL;

/// What the machine is told.
const DRAIN: Duration = Duration::from_secs(1);

/// What it may take beyond that on a busy computer, which is far less than its patience with what does not end.
const BESIDE: Duration = Duration::from_secs(5);

fn signal(hub: &RealHub, signal: Signal) {
    kill(Pid::from_raw(hub.pid().try_into().unwrap()), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_ends_in_the_time_it_was_given_though_its_hub_hangs_and_reports_the_rest_later() {
    let (mut machine, hub) = together(ONE_GOAL).await;
    watch(&machine);
    let config = machine.path("home/.config/sdm/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(
        "workspaces: [A1]}",
        &format!("workspaces: [A1], drain: {}s}}", DRAIN.as_secs()),
    );
    assert!(text.contains("drain:"), "{text}");
    std::fs::write(&config, text).unwrap();
    machine.start_with_hub();
    connected(&machine);
    let known = machine.commit("while it answers", &[("README.md", "1")]);
    assert_eq!(machine.ended_set_of(&known)["state"], "success");
    hub.shows_success_of(&known).await;
    // Its connections stay open, and nothing comes of anything.
    signal(&hub, Signal::SIGSTOP);
    let sha = machine.commit("while it hangs", &[("README.md", "2")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let begun = Instant::now();
    machine.stop();
    let taken = begun.elapsed();
    signal(&hub, Signal::SIGCONT);
    assert!(taken < DRAIN + BESIDE, "{taken:?}");
    machine.start_with_hub();
    hub.shows_success_of(&sha).await;
}
