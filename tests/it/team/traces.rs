//! One trace from the forge's webhook at the hub to the end of the goal on the machine.

use super::real::{RealHub, connected, together};
use super::scene::ONE_GOAL;
use crate::support::fake_collector::FakeCollector;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

/// The real hub and the real machine, both of which tell a collector, and a server that has the machine's repository.
struct Scene {
    machine: LocalMachine,
    hub: RealHub,
    collector: FakeCollector,
    server: HttpServer,
}

impl Scene {
    async fn new(goals: &str) -> Self {
        let (mut machine, mut hub) = together(goals).await;
        let collector = FakeCollector::start().await;
        // Hub and machine read the same file.
        hub.kill();
        let config = machine.path("home/.config/sdm/config.yaml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}otlp: '{}'\n", collector.address)).unwrap();
        hub.run(&machine).await;
        std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
        let server = HttpServer::start(&machine.path(""), None).await;
        machine.start_with_hub();
        connected(&machine);
        Self {
            machine,
            hub,
            collector,
            server,
        }
    }
}

/// Commits once more and lets the forge tell of it; the commit.
async fn push(machine: &LocalMachine, hub: &RealHub, server: &HttpServer) -> String {
    let forge = server.url("").trim_end_matches('/').to_owned();
    let first = machine.git(&["rev-parse", "HEAD"]);
    let second = machine.commit("second", &[("README.md", "2")]);
    hub.push(&forge, "d-1", &first, &second).await;
    second
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_one_trace_from_its_webhook_to_the_end_of_its_goal() {
    let Scene {
        machine,
        hub,
        collector,
        server,
    } = Scene::new(ONE_GOAL).await;
    let second = push(&machine, &hub, &server).await;
    assert_eq!(machine.ended_set_of(&second)["state"], "success");
    let (webhook, plan, goal) = (
        collector.span("webhook").await,
        collector.span("plan").await,
        collector.span("goal").await,
    );
    let delivery = collector
        .until("delivery that the plan belongs to", |taken| {
            taken.iter().find(|taken| taken.place() == plan.parent()).cloned()
        })
        .await;
    assert_eq!(delivery.parent(), webhook.place());
    assert_eq!(goal.parent(), plan.place());
    assert_eq!(
        (webhook.service.as_str(), plan.service.as_str()),
        ("sdm-hub", "sdm")
    );
    assert_eq!(plan.attribute("sdm.repository"), "acme/app");
    assert_eq!(plan.attribute("sdm.commit"), second);
    assert_eq!(goal.attribute("sdm.goal_set"), plan.attribute("sdm.goal_set"));
    assert_eq!(
        (goal.attribute("sdm.attempt"), goal.attribute("sdm.state")),
        ("1".to_owned(), "success".to_owned())
    );
}

const CONFIRMED: &str = r#"
rules:
  - name: build
    goals: {name: publish, execute: {run: [cat, README.md]}, pre_approval: {by: [ada]}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_machine_does_after_a_restart_goes_on_in_the_same_trace() {
    let Scene {
        mut machine,
        hub,
        collector,
        server,
    } = Scene::new(CONFIRMED).await;
    let ada = RealHub::person(&machine, "ada");
    hub.come_in(&machine, "ada").await;
    push(&machine, &hub, &server).await;
    let (webhook, plan) = (collector.span("webhook").await, collector.span("plan").await);
    let set = plan.attribute("sdm.goal_set");
    machine.stop();
    machine.start_with_hub();
    connected(&machine);
    let confirmed = hub
        .run_command(&ada, "sdm.approve", &[("goal_set", &set), ("goal", "publish")])
        .await;
    assert_eq!(confirmed["phase"], "SUCCESS", "{confirmed:#}");
    let goal = collector.span("goal").await;
    assert_eq!(goal.parent(), plan.place());
    assert_eq!(
        goal.parent().split('-').next(),
        webhook.place().split('-').next(),
        "the trace of the webhook"
    );
}
