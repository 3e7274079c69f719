//! Who reaches a local machine and who does not, what listeners that hang do to it, and what a backup of it needs.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::browser::Browser;
use crate::support::local::LocalMachine;

const ONE_GOAL: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [echo, compiled]}}
"#;

/// Tells the child of [`j1_another_user_is_refused_by_the_daemon_itself`] where the socket is.
const SOCKET: &str = "SDM_TEST_SOCKET";

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

fn socket(machine: &LocalMachine) -> PathBuf {
    let status = machine.status().expect("a daemon answers");
    PathBuf::from(status["socket"].as_str().unwrap())
}

/// Sends bytes and reads the first line of the answer.
fn said(socket: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).ok();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
#[ignore = "run by j1_another_user_is_refused_by_the_daemon_itself"]
fn another_user_child() {
    let socket = PathBuf::from(std::env::var_os(SOCKET).unwrap());
    let uid = nix::unistd::geteuid();
    println!("uid={uid} said={}", said(&socket, b"{\"request\":\"status\"}\n"));
}

/// Every directory above the socket is opened to others, as a careless operator might.
fn open_to_all(path: &Path) {
    let permissions = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions(0o666)).unwrap();
    let parents = path
        .ancestors()
        .skip(1)
        .take_while(|parent| parent.starts_with(std::env::temp_dir()));
    for parent in parents.filter(|parent| *parent != std::env::temp_dir()) {
        std::fs::set_permissions(parent, permissions(0o755)).unwrap();
    }
}

/// Another user than this one: whoever owns nothing for root, and for anybody else one of the users that are theirs in containers. A
/// program to become that, with its arguments; `None`, said aloud, where there is neither.
fn another_user(program: &Path) -> Option<Command> {
    if nix::unistd::geteuid().is_root() {
        let mut command = Command::new(program);
        command.gid(NOBODY).uid(NOBODY);
        return Some(command);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join("podman").is_file()) {
        crate::support::git_servers::skipped("podman", "podman");
        return None;
    }
    let mut command = Command::new("podman");
    command.args(["unshare", "setpriv", "--reuid=1", "--regid=1", "--clear-groups"]);
    command.arg(program);
    Some(command)
}

#[test]
fn j1_another_user_is_refused_by_the_daemon_itself() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let socket = socket(&machine);
    open_to_all(&socket);
    // The program of this test, where another user may read it.
    let program = machine.path("child");
    let own = std::env::current_exe().unwrap();
    std::fs::hard_link(&own, &program)
        .or_else(|_| std::fs::copy(&own, &program).map(|_| ()))
        .unwrap();
    let Some(mut another) = another_user(&program) else {
        machine.stop();
        return;
    };
    let child = another
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "local_doors::another_user_child",
        ])
        .env(SOCKET, &socket)
        .current_dir("/")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    let errors = String::from_utf8_lossy(&child.stderr);
    let has_run = printed.contains("uid=65534") || printed.contains("uid=1 ");
    assert!(has_run, "{printed}{errors}");
    assert!(
        printed.contains("refused") && printed.contains("this machine belongs to another user"),
        "{printed}{errors}"
    );
    assert!(!printed.contains("acme/app"), "nothing is told: {printed}");
    assert!(said(&socket, b"{\"request\":\"status\"}\n").contains("acme/app"));
    machine.stop();
}

/// A server beside the daemon that answers every page, and remembers what it was asked for.
fn control() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            // A browser opens connections that it does not use.
            std::thread::spawn(move || {
                let mut line = String::new();
                let mut stream = BufReader::new(stream);
                if stream.read_line(&mut line).is_ok_and(|length| length > 0) {
                    kept.lock().unwrap().push(line);
                    let _ = stream.get_mut().write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\
                          Connection: close\r\n\r\n<title>page</title>\r\n",
                    );
                }
            });
        }
    });
    (port, asked)
}

/// What a page tries, each by itself: a server that is there, the daemon's socket by every address that could name one, and its file.
const TRIES: &str = r#"(async () => {
    const socket = SOCKET;
    const attempt = async (act) => {
        const late = new Promise((_, no) => setTimeout(() => no(new Error("late")), 5000));
        try { await Promise.race([act(), late]); return "reached"; } catch { return "refused"; }
    };
    const opened = (address) => new Promise((yes, no) => {
        const open = new WebSocket(address);
        open.onopen = yes;
        open.onerror = () => no(new Error("closed"));
    });
    const loaded = (address) => new Promise((yes, no) => {
        const frame = document.createElement("img");
        frame.onload = yes;
        frame.onerror = () => no(new Error("not there"));
        frame.src = address;
        document.body.append(frame);
    });
    const request = { method: "POST", mode: "no-cors", body: '{"request":"stop"}\n' };
    return {
        control: await attempt(() => fetch("/control")),
        file: await attempt(() => fetch("file://" + socket, request)),
        unix: await attempt(() => fetch("unix://" + socket, request)),
        http_unix: await attempt(() => fetch("http+unix://" + encodeURIComponent(socket) + "/", request)),
        http_path: await attempt(() => fetch("http://" + encodeURIComponent(socket) + "/", request)),
        web_socket: await attempt(() => opened("ws+unix://" + socket)),
        image: await attempt(() => loaded("file://" + socket)),
    };
})()"#;

#[tokio::test(flavor = "multi_thread")]
async fn lo_12_j1_a_page_in_a_real_browser_reaches_what_is_beside_the_daemon_and_not_the_daemon() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let socket = socket(&machine);
    let (port, asked) = control();
    browser.open(&format!("http://127.0.0.1:{port}/")).await;
    let tries = TRIES.replace("SOCKET", &format!("{:?}", socket.display().to_string()));
    let tried = browser.value(&tries).await;
    let tried = tried.as_object().unwrap();
    assert_eq!(tried.len(), 7, "{tried:?}");
    for (name, came_of_it) in tried {
        let expected = if name == "control" { "reached" } else { "refused" };
        assert_eq!(came_of_it, expected, "{name}");
    }
    let asked = asked.lock().unwrap().join("");
    assert!(asked.contains("GET /control"), "{asked}");
    assert!(machine.status().is_some(), "and the daemon goes on");
    machine.stop();
}

#[test]
fn lo_12_j1_there_is_no_port_and_no_page_can_talk_to_the_socket() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let listening: Vec<String> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| inodes_that_listen(&format!("/proc/net/{table}")))
        .collect();
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", machine.pid())).unwrap();
    let own: Vec<String> = sockets
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| {
            let target = target.to_str()?.strip_prefix("socket:[")?;
            Some(target.trim_end_matches(']').to_owned())
        })
        .collect();
    assert!(!own.is_empty(), "the daemon has its unix socket");
    assert!(
        own.iter().all(|inode| !listening.contains(inode)),
        "the daemon listens on a port"
    );
    let answer = said(
        &socket(&machine),
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 21\r\n\r\n{\"request\":\"stop\"}\n\n",
    );
    assert!(answer.contains("the request is not understood"), "{answer}");
    assert!(machine.status().is_some(), "and it goes on");
    machine.stop();
}

/// Inodes of the sockets of a table that listen.
fn inodes_that_listen(table: &str) -> Vec<String> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let fields = text.lines().skip(1).map(|line| line.split_whitespace().collect());
    fields
        .filter(|fields: &Vec<&str>| fields.get(3) == Some(&"0A"))
        .filter_map(|fields| fields.get(9).map(|inode| (*inode).to_owned()))
        .collect()
}

#[test]
fn lo_16_st_28_listeners_that_hang_or_vanish_hold_nothing_up() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let socket = socket(&machine);
    let listen = || {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let request = b"{\"request\":\"feed\",\"after\":0,\"follow\":true}\n";
        stream.write_all(request).unwrap();
        stream
    };
    // These never read what they asked for.
    let hanging: Vec<UnixStream> = (0..30).map(|_| listen()).collect();
    for number in 0..5 {
        drop(listen());
        let sha = machine.commit(&format!("commit {number}"), &[("a", &number.to_string())]);
        assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    }
    let begun = Instant::now();
    machine.ok(&["goals"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(hanging);
    machine.stop();
}

#[test]
fn the_database_of_a_stopped_machine_is_one_file() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.start();
    let sha = machine.commit("before the backup", &[("a", "1")]);
    machine.ended_set_of(&sha);
    machine.stop();
    let (state, backup) = (machine.path("state"), machine.path("backup"));
    let log = std::fs::metadata(state.join("sdm.db-wal")).map_or(0, |found| found.len());
    assert_eq!(log, 0, "nothing is left in the log");
    std::fs::create_dir(&backup).unwrap();
    std::fs::set_permissions(&backup, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::copy(state.join("sdm.db"), backup.join("sdm.db")).unwrap();
    machine.set("SDM_HOME", backup.to_str().unwrap());
    machine.start();
    assert_eq!(machine.set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn lo_14_two_machines_have_sockets_of_their_own_and_both_are_shown() {
    let (mut one, mut two) = (LocalMachine::new(ONE_GOAL), LocalMachine::new(ONE_GOAL));
    two.set("XDG_RUNTIME_DIR", one.path("run").to_str().unwrap());
    two.set("SDM_NAME", "two");
    one.start();
    two.start();
    let sockets = one.wait_until("both are shown", |machine| {
        let shown = machine.json(&["show", "machines"]);
        let machines = shown["machines"].as_array().unwrap();
        let of = |name: &str| {
            let machine = machines.iter().find(|machine| machine["name"] == name)?;
            Some(machine["socket"].clone())
        };
        Some((of("sdm")?, of("two")?))
    });
    assert_ne!(sockets.0, sockets.1);
    let sha = two.commit("of the second machine", &[("a", "1")]);
    assert_eq!(two.ended_set_of(&sha)["state"], "success");
    assert!(one.goal_sets().iter().all(|set| set["sha"] != sha.as_str()));
    two.stop();
    one.stop();
}
