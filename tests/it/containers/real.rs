//! The driver with a real podman.

use std::time::{Duration, Instant};

use sdm::exec::attempt::AttemptDirectory;
use sdm::exec::containers::Sweep;
use sdm::ports::containers::{ContainerSpec, FileSpec, MountSpec, NetworkAccess, VolumeSpec};

use super::driver::{Place, plain, shell};
use crate::support::podman::{IMAGE, NOBODY, Podman};

/// What is left on the engine of a test that has ended: nothing.
fn assert_nothing_left(podman: &Podman, place: &Place) {
    assert_eq!(podman.labelled(&place.label()), Vec::<String>::new());
}

#[test]
fn co_04_one_container_decides() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let well = place.run(&place.order(&podman.socket(), vec![shell("main", "true")]));
    assert_eq!(well.code, 0, "{}", well.out);
    assert!(well.out.ends_with("completed container job\n"), "{}", well.out);
    assert!(well.report.images[0].1.contains("@sha256:"), "{:?}", well.report);
    assert!(
        well.out.contains(&format!("main: {}", well.report.images[0].1)),
        "{}",
        well.out
    );

    let badly = place.run(&place.order(
        &podman.socket(),
        vec![shell("main", "echo out; echo err >&2; exit 3")],
    ));
    assert_eq!((badly.code, badly.err.as_str()), (3, "err\n"));
    assert!(badly.out.contains("\nout\n"), "{}", badly.out);
    assert_eq!(
        badly.report.failure.as_deref(),
        Some("container `main` ended with code 3")
    );
    assert_nothing_left(&podman, &place);
}

#[test]
fn co_05_services_are_killed_and_their_failures_do_not_count() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let containers = vec![
        shell("main", "echo hello"),
        shell("broken", "echo I give up; exit 7"),
        shell("slow", "sleep 200"),
    ];
    let begun = Instant::now();
    let ran = place.run(&place.order(&podman.socket(), containers));
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let phases: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("atm:phase="))
        .collect();
    let expected = [
        "starting up",
        "running broken",
        "running slow",
        "running main",
        "shutting down",
    ];
    assert_eq!(phases, expected);
    assert!(ran.out.contains("broken | I give up\n"), "{}", ran.out);
    assert_nothing_left(&podman, &place);
    let fails = vec![shell("main", "exit 3"), shell("slow", "sleep 200")];
    let ran = place.run(&place.order(&podman.socket(), fails));
    assert_eq!(
        (ran.code, ran.report.failure.as_deref()),
        (3, Some("container `main` ended with code 3"))
    );
    assert_nothing_left(&podman, &place);
}

#[test]
fn co_06_the_first_container_reaches_its_services_by_name() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    std::fs::write(place.project().join("page"), "served").unwrap();
    let service = ContainerSpec {
        ports: vec![8080],
        ..shell("web", "httpd -f -p 8080 -h /atm/home")
    };
    let ask = "until wget -qO- http://web:8080/page; do sleep 0.05; done";
    let ran = place.run(&place.order(&podman.socket(), vec![shell("main", ask), service]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("\nserved\n"), "{}", ran.out);
    assert!(ran.out.contains("web: 8080/tcp is 127.0.0.1:"), "{}", ran.out);
}

#[test]
fn co_09_the_project_is_the_containers_own() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    for name in ["changed", "deleted"] {
        std::fs::write(place.project().join(name), "before").unwrap();
    }
    let script = "pwd; echo after > changed; rm deleted; mkdir -p a/b; echo new > a/b/created";
    let ran = place.run(&place.order(&podman.socket(), vec![shell("main", script)]));
    assert!(ran.out.contains("\n/atm/home\n"), "{}", ran.out);
    let content = |name: &str| std::fs::read_to_string(place.project().join(name)).ok();
    assert_eq!(content("changed").as_deref(), Some("after\n"));
    assert_eq!(content("deleted"), None);
    assert_eq!(content("a/b/created").as_deref(), Some("new\n"));
}

#[test]
fn co_10_volumes_are_shared_and_init_containers_come_first() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let mounted = |name: &str, script: &str, read_only: bool| ContainerSpec {
        mounts: vec![MountSpec {
            volume: "shared".to_owned(),
            path: "/shared".to_owned(),
            read_only,
        }],
        ..shell(name, script)
    };
    let mut order = place.order(
        &podman.socket(),
        vec![mounted("main", "cat /shared/x; ! touch /shared/y", true)],
    );
    order.init_containers = vec![mounted("before", "echo from before > /shared/x", false)];
    order.volumes = vec![VolumeSpec {
        name: "shared".to_owned(),
        host_path: None,
    }];
    let ran = place.run(&order);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("from before\n"), "{}", ran.out);
    assert_nothing_left(&podman, &place);

    order.init_containers = vec![mounted("before", "exit 4", false)];
    let ran = place.run(&order);
    assert_eq!(
        ran.report.failure.as_deref(),
        Some("container `before` ended with code 4")
    );
    assert!(!ran.out.contains("running main"), "{}", ran.out);
}

#[test]
fn co_11_the_contract_inside() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let main = ContainerSpec {
        environment: vec![("MINE".to_owned(), "a b=c".to_owned())],
        ..shell(
            "main",
            "env; cat $ATOMIST_GOAL; echo '{}' > $ATOMIST_RESULT; ! touch /atm/input/x",
        )
    };
    let ran = place.run(&place.order(&podman.socket(), vec![main]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for line in [
        "ATOMIST_BRANCH=main",
        "ATOMIST_PROJECT_DIR=/atm/home",
        "MINE=a b=c",
    ] {
        assert!(ran.out.contains(&format!("\n{line}\n")), "{line} in {}", ran.out);
    }
    assert!(!ran.out.contains("/computer"), "{}", ran.out);
    assert!(place.path("exchange/output/result.json").exists());
}

#[test]
fn what_cannot_be_started_is_said() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    std::fs::write(place.project().join("strange"), [0x7f, b'E', b'L', b'F', 0, 1, 2]).unwrap();
    let refused = |main: ContainerSpec| {
        let ran = place.run(&place.order(&podman.socket(), vec![main]));
        assert_eq!(ran.code, 125, "{}{}", ran.out, ran.err);
        ran.report.failure.unwrap()
    };
    let absent = ContainerSpec {
        image: "localhost/no-such-image".to_owned(),
        pull: sdm::ports::containers::Pull::Never,
        ..plain("main")
    };
    assert!(refused(absent).contains("`pull: never` forbids to fetch it"));
    // Nobody listens on this port of this computer.
    let unreachable = ContainerSpec {
        image: "localhost:9/x:1".to_owned(),
        ..plain("main")
    };
    assert!(refused(unreachable).starts_with("failed to fetch the image `localhost:9/x:1`: "));
    let no_program = ContainerSpec {
        command: vec!["no-such-program".to_owned()],
        ..plain("main")
    };
    assert!(refused(no_program).starts_with("failed to start container `main`: "));
    assert_nothing_left(&podman, &place);
    let strange = shell("main", "chmod +x strange; exec ./strange");
    let ran = place.run(&place.order(&podman.socket(), vec![strange]));
    assert_ne!(ran.code, 0);
}

#[test]
fn i1_a_container_that_takes_too_much_memory_is_named() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let mut main = shell(
        "main",
        "cat /proc/self/limits >/dev/null; head -c 200000000 /dev/zero | tail",
    );
    main.limits.memory = Some(32 << 20);
    main.limits.pids = Some(64);
    let ran = place.run(&place.order(&podman.socket(), vec![main]));
    assert_ne!(ran.code, 0, "{}", ran.out);
    let fork = ContainerSpec {
        limits: sdm::ports::containers::ContainerLimits {
            pids: Some(10),
            ..Default::default()
        },
        ..shell(
            "main",
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 5 & done; echo all",
        )
    };
    let ran = place.run(&place.order(&podman.socket(), vec![fork]));
    assert!(
        ran.err.contains("fork") || !ran.out.contains("\nall\n"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_nothing_left(&podman, &place);
}

#[test]
fn i2_a_closed_network_has_nothing_but_its_containers() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let mut order = place.order(&podman.socket(), vec![shell("main", "ip -o addr; ip route")]);
    order.network = NetworkAccess::Closed;
    let ran = place.run(&order);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(
        !ran.out.contains("eth0") && !ran.out.contains("default via"),
        "{}",
        ran.out
    );
    // With a service there is a network, which leads nowhere else.
    let ask = "until wget -qO- http://web:8080/page; do sleep 0.05; done; ip route";
    std::fs::write(place.project().join("page"), "served").unwrap();
    let web = shell("web", "httpd -f -p 8080 -h /atm/home");
    let mut order = place.order(&podman.socket(), vec![shell("main", ask), web]);
    order.network = NetworkAccess::Closed;
    let ran = place.run(&order);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("served") && !ran.out.contains("default via"),
        "{}",
        ran.out
    );
}

#[test]
fn i2_no_engine_socket_and_no_new_privileges_inside() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let script =
        "ls /run /var/run 2>/dev/null; grep -i nonewprivs /proc/self/status; cat /proc/self/mountinfo";
    let ran = place.run(&place.order(&podman.socket(), vec![shell("main", script)]));
    assert!(!ran.out.contains("podman.sock"), "{}", ran.out);
    assert!(ran.out.contains("NoNewPrivs:\t1"), "{}", ran.out);
}

#[test]
fn se_03_no_secret_on_any_command_line() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let main = ContainerSpec {
        files: vec![FileSpec {
            path: "/run/secrets/token".to_owned(),
            content: "canary-of-a-file".to_owned(),
        }],
        user: Some("1234".to_owned()),
        ..shell(
            "main",
            "cat /run/secrets/token; echo $TOKEN > /dev/null; touch /atm/output/up; sleep 100",
        )
    };
    std::fs::set_permissions(
        place.path("exchange/output"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let order = place.order(&podman.socket(), vec![main]);
    let mut command = place.command(&order);
    command
        .env("TOKEN", "canary-of-a-variable")
        .env("SDM_PASSED_ON", "TOKEN");
    let child = command.spawn().unwrap();
    until("the container runs", || place.path("exchange/output/up").exists());
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&line).contains("canary-of-a"),
            "{:?}",
            entry.path()
        );
    }
    terminate(&child);
    let ran = place.ended(&child.wait_with_output().unwrap());
    assert!(ran.out.contains("canary-of-a-file"), "{}", ran.out);
    let left = walk(&place.path(""));
    let leaky = left.iter().find(|path| {
        let is_order = path.ends_with("order.json");
        !is_order
            && std::fs::read(path).is_ok_and(|text| String::from_utf8_lossy(&text).contains("canary-of-a"))
    });
    assert_eq!(leaky, None);
}

#[test]
fn hz_9_told_to_end_containers_end_with_grace_and_are_gone() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let polite = "trap 'echo goodbye; exit 0' TERM; touch up; while :; do sleep 0.05; done";
    let containers = vec![
        shell("main", polite),
        shell("deaf", "trap '' TERM; while :; do sleep 1; done"),
    ];
    let child = place.start(&place.order(&podman.socket(), containers));
    until("the container runs", || place.project().join("up").exists());
    let begun = Instant::now();
    terminate(&child);
    let ran = place.ended(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 143, "{}", ran.out);
    assert!(ran.out.contains("goodbye\n"), "{}", ran.out);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_nothing_left(&podman, &place);
}

#[tokio::test]
async fn hz_9_what_a_killed_driver_left_is_swept_and_nothing_else() {
    let Some(podman) = Podman::start() else { return };
    let (place, neighbour) = (Place::new(), Place::new());
    let orphaned = place.order(&podman.socket(), vec![shell("main", "touch up; sleep 500")]);
    let mut child = place.start(&orphaned);
    let other =
        neighbour.start(&neighbour.order(&podman.socket(), vec![shell("main", "touch up; sleep 500")]));
    until("both run", || {
        place.project().join("up").exists() && neighbour.project().join("up").exists()
    });

    // As long as something of the attempt runs, nothing is touched.
    let directory = AttemptDirectory::of(&place.path("attempts"), &place.attempt());
    let alive = directory.create().unwrap();
    let sweep = || {
        Sweep::new(
            vec![podman.socket()],
            place.owner().to_owned(),
            place.path("attempts"),
        )
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sweep().look().await, Ok(0));
    assert_eq!(podman.labelled(&place.label()).len(), 2);

    drop(alive);
    let mut own = sweep();
    assert_eq!(own.look().await, Ok(2));
    assert_nothing_left(&podman, &place);
    assert_eq!(podman.labelled(&neighbour.label()).len(), 2);
    // Nothing was made since: the engine is not even asked.
    assert_eq!(own.look().await, Ok(0));
    drop(podman);
    assert_eq!(own.look().await, Ok(0));
    terminate(&other);
    other.wait_with_output().unwrap();
}

#[test]
fn sc_07_a_container_of_the_attempt_is_taken_up_and_never_started_again() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let script = "echo run >> runs; touch up; until [ -e go ]; do sleep 0.05; done; exit 5";
    let order = place.order(&podman.socket(), vec![shell("main", script)]);
    let mut first = place.start(&order);
    until("the container runs", || place.project().join("up").exists());
    first.kill().unwrap();
    first.wait().unwrap();
    let second = place.start(&order);
    std::fs::write(place.project().join("go"), "").unwrap();
    let ran = place.ended(&second.wait_with_output().unwrap());
    assert_eq!(ran.code, 5, "{}", ran.out);
    assert_eq!(
        std::fs::read_to_string(place.project().join("runs")).unwrap(),
        "run\n"
    );
    assert_nothing_left(&podman, &place);
}

#[test]
fn i5_an_image_by_any_name_is_used_by_its_id() {
    let Some(podman) = Podman::start() else { return };
    let place = Place::new();
    let first = place.run(&place.order(&podman.socket(), vec![shell("main", "true")]));
    let digest = first.report.images[0].1.clone();
    let pinned = ContainerSpec {
        image: digest.clone(),
        ..shell("main", "true")
    };
    let ran = place.run(&place.order(&podman.socket(), vec![pinned]));
    assert_eq!(
        (ran.code, ran.report.images[0].1.clone()),
        (0, digest),
        "{}",
        ran.out
    );
    assert!(IMAGE.starts_with("localhost/"));
}

/// Somebody else's root must not leave what we cannot remove: as a user of our own against an engine of root's.
#[test]
fn i3_files_of_root_in_a_container_are_given_back() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let Some(podman) = Podman::start() else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can be somebody else as well");
        return;
    }
    let place = Place::new();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(podman.socket().parent().unwrap(), 0o755);
    open(&podman.socket(), 0o666);
    let script = "id -u; mkdir -p -m 700 deep/er; echo x > deep/er/file; ln -s /etc/passwd link; touch /atm/output/result";
    let order = place.order(&podman.socket(), vec![shell("main", script)]);
    let ran = place.run_as(NOBODY, &order);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("\n0\n"), "{}", ran.out);
    for name in [
        "project/deep",
        "project/deep/er",
        "project/deep/er/file",
        "project/link",
        "exchange/output/result",
    ] {
        let owner = std::fs::symlink_metadata(place.path(name)).unwrap().uid();
        assert_eq!(owner, NOBODY, "{name}");
    }
    assert_eq!(std::fs::metadata("/etc/passwd").unwrap().uid(), 0);
    assert_nothing_left(&podman, &place);
}

fn terminate(child: &std::process::Child) {
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "waited in vain until {what}"
        );
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn walk(top: &std::path::Path) -> Vec<std::path::PathBuf> {
    let (mut open, mut files) = (vec![top.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => open.push(path),
                false => files.push(path),
            }
        }
    }
    files
}
