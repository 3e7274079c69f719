//! What a real engine does for a container beside running it, and services that say when they are there (semantics 4.5).

use std::time::{Duration, Instant};

use sdm::ports::container_options::{ContainerOptions, DeviceSpec, Readiness, TmpfsSpec};
use sdm::ports::containers::{ContainerSpec, NetworkAccess};

use super::driver::{Place, Ran, shell};
use crate::support::podman::Podman;

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn semantics_4_5_an_engine_is_told_names_memory_devices_and_parameters() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let options = ContainerOptions {
        hostname: Some("db.local".to_owned()),
        extra_hosts: vec![("registry.local".to_owned(), "10.1.2.3".parse().unwrap())],
        dns: vec!["10.9.9.9".parse().unwrap()],
        tmpfs: vec![TmpfsSpec {
            path: "/scratch".to_owned(),
            size: 1 << 20,
        }],
        read_only: true,
        drop_capabilities: vec!["CHOWN".to_owned()],
        devices: vec![DeviceSpec {
            path: "/dev/zero".to_owned(),
            container_path: "/dev/nothing".to_owned(),
            permissions: "r".to_owned(),
        }],
        sysctls: vec![("net.ipv4.ip_default_ttl".to_owned(), "42".to_owned())],
        ready: None,
    };
    let script = "echo called $(hostname); grep registry.local /etc/hosts; grep ' /scratch ' /proc/mounts; \
                  touch /written 2>/dev/null || echo read only; echo x > /scratch/x && echo in memory; \
                  head -c 4 /dev/nothing | wc -c; echo ttl $(cat /proc/sys/net/ipv4/ip_default_ttl); \
                  chown 7 /scratch/x 2>/dev/null || echo no chown";
    let main = ContainerSpec {
        options,
        ..shell("main", script)
    };
    let ran = place.run(&place.order(&podman.socket(), vec![main]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for said in [
        "\ncalled db.local\n",
        "\n10.1.2.3\tregistry.local",
        "size=1024k",
        "nosuid,nodev",
        "\nread only\n",
        "\nin memory\n",
        "\n4\n",
        "\nttl 42\n",
        "\nno chown\n",
    ] {
        assert!(ran.out.contains(said), "{said:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn b10_a_container_with_a_closed_network_is_told_no_server_for_names() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let names = |network| {
        let mut main = shell("main", "cat /etc/resolv.conf");
        main.options.dns = vec!["10.9.9.9".parse().unwrap()];
        let service = shell("service", "sleep 60");
        let mut order = place.order(&podman.socket(), vec![main, service]);
        order.network = network;
        place.run(&order)
    };
    let open = names(NetworkAccess::Open);
    assert!(
        open.code == 0 && open.out.contains("10.9.9.9"),
        "{}{}",
        open.out,
        open.err
    );
    let closed = names(NetworkAccess::Closed);
    assert!(
        closed.code == 0 && !closed.out.contains("10.9.9.9"),
        "{}{}",
        closed.out,
        closed.err
    );
}

/// Runs a first container beside a service that is asked in this way whether it is there.
fn beside(podman: &Podman, place: &Place, service: &str, run: &[&str], retries: u32) -> Ran {
    let mut slow = shell("slow", service);
    slow.options.ready = Some(Readiness {
        run: texts(run),
        retries,
        pause: Duration::from_millis(50),
    });
    let first = shell("main", "cat there || echo nothing is there");
    place.run(&place.order(&podman.socket(), vec![first, slow]))
}

#[test]
fn semantics_4_5_the_first_container_begins_when_its_services_are_there() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let test = ["test", "-e", "/atm/home/there"];
    let service = "sleep 0.7; echo I am here > /atm/home/there; sleep 100";
    let ran = beside(&podman, &place, service, &test, 1000);
    assert!(
        ran.code == 0 && ran.out.contains("\nI am here\n"),
        "{}{}",
        ran.out,
        ran.err
    );
    let phases: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("atm:phase="))
        .collect();
    assert_eq!(
        phases,
        [
            "starting up",
            "running slow",
            "waiting for slow",
            "running main",
            "shutting down"
        ]
    );
    assert_eq!(podman.labelled(&place.label()), Vec::<String>::new());
}

#[test]
fn semantics_4_5_a_service_that_is_never_there_fails_the_goal_with_its_reason() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let failure = |service: &str, run: &[&str], retries: u32| {
        let ran = beside(&podman, &place, service, run, retries);
        assert!(
            ran.code != 0 && !ran.out.contains("nothing is there"),
            "{}{}",
            ran.out,
            ran.err
        );
        ran.report.failure.unwrap_or_default()
    };
    let never = failure("sleep 100", &["sh", "-c", "echo no response; exit 2"], 2);
    assert_eq!(
        never,
        "failed to wait for service `slow`: `sh` said no again and again: code 2, no response"
    );
    let ended = failure("exit 3", &["false"], 1000);
    assert!(
        ended.contains("it ended with code 3 before it was ready"),
        "{ended}"
    );
    let begun = Instant::now();
    let absent = failure("sleep 100", &["nowhere-to-be-found"], 1000);
    assert!(absent.contains("`nowhere-to-be-found` said no once"), "{absent}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(podman.labelled(&place.label()), Vec::<String>::new());
}
