//! Engines that are missing, hang, lie, refuse or die in the middle: the goal ends with the reason, and nothing hangs.

use std::time::{Duration, Instant};

use sdm::ports::containers::{ContainerOrder, ContainerSpec};
use serde_json::json;

use super::driver::{Place, Ran, plain};
use super::fake_engine::{Answer, FakeEngine};

/// Far beyond what any of these may take, far below the patience with a real engine.
const SOON: Duration = Duration::from_secs(20);

fn impatient(place: &Place, engine: &FakeEngine) -> ContainerOrder {
    ContainerOrder {
        patience: Duration::from_millis(400),
        ..place.order(&engine.socket(), vec![plain("main")])
    }
}

fn run(place: &Place, order: &ContainerOrder) -> Ran {
    let begun = Instant::now();
    let ran = place.run(order);
    assert!(begun.elapsed() < SOON, "{:?}: {}", begun.elapsed(), ran.out);
    ran
}

/// What is said when one route answers so.
fn failure_with(route: &str, answer: Answer) -> String {
    let (place, engine) = (Place::new(), FakeEngine::start());
    engine.instead(route, answer);
    let ran = run(&place, &impatient(&place, &engine));
    assert_eq!(ran.code, 125, "{}", ran.out);
    assert_eq!(engine.left(), Vec::<String>::new(), "{}", ran.out);
    ran.report.failure.expect("a failure says why")
}

#[test]
fn a_container_runs_on_the_fake_too() {
    let (place, engine) = (Place::new(), FakeEngine::start());
    let ran = run(&place, &impatient(&place, &engine));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("\nhello from the fake\n"), "{}", ran.out);
    assert_eq!(engine.left(), Vec::<String>::new());
    assert_eq!(engine.asked("DELETE /networks/network"), 1);
}

#[test]
fn a_missing_engine_is_named_with_where_it_was_looked_for() {
    let place = Place::new();
    let mut order = place.order("/nowhere/engine.sock".as_ref(), vec![plain("main")]);
    let ran = run(&place, &order);
    let expected = "no container engine answers: looked at /nowhere/engine.sock";
    assert_eq!((ran.code, ran.report.failure.as_deref()), (125, Some(expected)));
    // A file that is no socket is none either, and a socket nobody listens at answers nothing.
    std::fs::write(place.path("file"), "").unwrap();
    drop(std::os::unix::net::UnixListener::bind(place.path("deaf")).unwrap());
    order.engines = vec![place.path("file"), place.path("deaf")];
    let ran = run(&place, &order);
    let failure = ran.report.failure.unwrap();
    assert!(
        failure.contains("deaf") && failure.contains("went away"),
        "{failure}"
    );
}

#[test]
fn an_engine_that_never_answers_does_not_hang_the_goal() {
    for route in [
        "GET /_ping",
        "GET /images",
        "POST /networks/create",
        "POST /containers/create",
        "POST /containers/",
    ] {
        let (place, engine) = (Place::new(), FakeEngine::start());
        engine.instead(route, Answer::Nothing);
        let ran = run(&place, &impatient(&place, &engine));
        assert_eq!(ran.code, 125, "{route}: {}", ran.out);
        let failure = ran.report.failure.unwrap();
        assert!(failure.contains("did not answer within"), "{route}: {failure}");
    }
}

#[test]
fn an_engine_that_dies_in_the_middle_ends_the_goal() {
    for route in ["GET /images", "POST /containers/create"] {
        let said = failure_with(route, Answer::HangUp);
        assert!(said.contains("went away"), "{route}: {said}");
    }
    // The container runs, and nobody can say any more how it ended.
    let (place, engine) = (Place::new(), FakeEngine::start());
    engine.instead("GET /containers/sdm", Answer::HangUp);
    let ran = run(&place, &impatient(&place, &engine));
    assert_eq!(ran.code, 125, "{}", ran.out);
    assert!(ran.report.failure.unwrap().contains("went away"));
}

#[test]
fn refusals_are_passed_on_short_and_on_one_line() {
    let absent = || Answer::Json(404, json!({"message": "no such image"}));
    let (place, engine) = (Place::new(), FakeEngine::start());
    engine.instead("GET /images", absent()).instead(
        "POST /images/create",
        Answer::Json(500, json!({"message": "unauthorized:\u{1b}[2J\nlog in"})),
    );
    let failure = run(&place, &impatient(&place, &engine)).report.failure.unwrap();
    let said = "the registry localhost wants a login, and there is none for this goal: give it a secret of `type: docker` with \
                this registry as its `url` (the engine says: unauthorized: [2J log in)";
    assert_eq!(
        failure,
        format!("failed to fetch the image `localhost/sdm-test`: {said}")
    );

    let (place, engine) = (Place::new(), FakeEngine::start());
    let stream = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"status\":\"pulling\"}\n{\"error\":\"denied\",\"errorDetail\":{\"message\":\"denied\"}}\n";
    engine
        .instead("GET /images", absent())
        .instead("POST /images/create", Answer::Raw(stream));
    let failure = run(&place, &impatient(&place, &engine)).report.failure.unwrap();
    assert!(
        failure.starts_with("failed to fetch the image `localhost/sdm-test`"),
        "{failure}"
    );

    let long = "x".repeat(100_000);
    let said = failure_with(
        "POST /containers/create",
        Answer::Json(500, json!({ "message": long })),
    );
    assert!(said.len() < 700, "{}", said.len());
}

#[test]
fn nonsense_is_not_an_answer() {
    let said = failure_with("GET /_ping", Answer::Raw(b"SSH-2.0-OpenSSH\r\n"));
    assert!(said.contains("it answered: SSH-2.0"), "{said}");
    failure_with(
        "POST /containers/create",
        Answer::Raw(b"HTTP/1.1 201 x\r\nContent-Length: 3\r\n\r\n{{{"),
    );
    failure_with("POST /networks/create", Answer::Json(201, json!([1])));
}

#[test]
fn sc_07_only_a_container_of_this_very_attempt_is_taken_up() {
    let (place, engine) = (Place::new(), FakeEngine::start());
    let order = impatient(&place, &engine);
    let name = format!("{}-main", order.belonging.name);
    let attempt = serde_json::to_string(&order.belonging.attempt).unwrap();
    let ours = json!({"sdm.owner": place.owner(), "sdm.attempt": attempt});
    engine.has(&name, ours, "exited", 9);
    let ran = run(&place, &order);
    assert_eq!(
        ran.report.failure.as_deref(),
        Some("container `main` ended with code 9"),
        "{}",
        ran.out
    );
    assert_eq!(
        (ran.code, engine.asked(&format!("POST /containers/{name}/start"))),
        (9, 0)
    );

    engine.has(
        &name,
        json!({"sdm.owner": "somebody else", "sdm.attempt": attempt}),
        "created",
        0,
    );
    let ran = run(&place, &order);
    assert_eq!(ran.code, 125, "{}", ran.out);
    assert!(ran.report.failure.unwrap().contains("already in use"));
    assert_eq!(engine.left(), vec![name]);
}

#[test]
fn ym_23_arguments_of_a_push_never_become_the_script_of_an_image() {
    let (place, engine) = (Place::new(), FakeEngine::start());
    let shell = json!({"Id": "sha256:01", "Config": {"Entrypoint": ["/bin/sh", "-c"]}});
    engine.instead("GET /images", Answer::Json(200, shell));
    let main = ContainerSpec {
        args: vec!["echo $(id)".to_owned()],
        written_args: vec!["echo ${push.branch}".to_owned()],
        ..plain("main")
    };
    let order = ContainerOrder {
        containers: vec![main],
        ..impatient(&place, &engine)
    };
    let ran = run(&place, &order);
    assert!(
        ran.report
            .failure
            .unwrap()
            .contains("write what runs as `command`"),
        "{}",
        ran.out
    );
    assert_eq!(engine.asked("POST /containers/create"), 0);
}

#[test]
fn an_engine_that_says_yes_and_starts_nothing_does_not_hang_the_goal() {
    let (place, engine) = (Place::new(), FakeEngine::start());
    let order = impatient(&place, &engine);
    let route = format!("POST /containers/{}-main/start", order.belonging.name);
    engine.instead(&route, Answer::Json(204, json!(null)));
    let ran = run(&place, &order);
    assert_eq!(ran.code, 125, "{}", ran.out);
    let failure = ran.report.failure.unwrap();
    assert!(
        failure.contains("says that it was started, and it was not"),
        "{failure}"
    );
    assert!(engine.asked(&route) > 1);
}
