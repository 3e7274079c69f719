//! What comes out: log, phases, results, and what must not come out.

use std::fs;
use std::time::Duration;

use sdm::model::ExecutionResult;
use sdm::model::definition::ProgressRule;
use sdm::ports::Executor;
use sdm::ports::executor::ExecutionNews;
use secrecy::SecretString;

use super::support::*;

/// What the supervisor blocks for itself would otherwise keep every goal from hearing that it should end.
#[tokio::test]
async fn i1_the_command_hears_every_signal() {
    let house = House::new();
    let watch = house
        .executor
        .start(&attempt(1), house.shell("grep SigBlk /proc/self/status"))
        .await
        .unwrap();
    story(watch).await;
    let log = house.log(1).await;
    assert_eq!(text_of(&log, "out"), ["SigBlk:\t0000000000000000"]);
}

#[tokio::test]
async fn ex_01_output_appears_in_the_log_and_the_code_is_zero() {
    let house = House::new();
    let mut spec = house.shell("echo hello; echo careful >&2");
    spec.header = vec!["goal build".to_owned()];
    let watch = house.executor.start(&attempt(1), spec).await.unwrap();
    let news = story(watch).await;
    assert!(
        matches!(news[0], ExecutionNews::Running { pid, .. } if pid > 1),
        "{news:?}"
    );
    assert_eq!(news[1..], [ExecutionNews::Ended(ExecutionResult::success())]);
    let log = house.log(1).await;
    assert_eq!(text_of(&log, "out"), ["hello"]);
    assert_eq!(text_of(&log, "err"), ["careful"]);
    assert_eq!(text_of(&log, "sdm"), ["goal build", "ended with code 0"]);
}

#[tokio::test]
async fn ex_11_a_command_that_is_missing_is_a_failure_that_says_so() {
    let house = House::new();
    let (result, _) = house.run(house.spec(&["no-such-program-here"])).await;
    assert_eq!(result.code, 127);
    assert!(result.message.unwrap().contains("`no-such-program-here`"));
    let mut elsewhere = house.shell("true");
    elsewhere.steps[0].directory = house.root.path().join("nowhere");
    let watch = house.executor.start(&attempt(2), elsewhere).await.unwrap();
    assert!(ended(watch).await.message.unwrap().contains("no such directory"));
    let watch = house.executor.start(&attempt(3), house.spec(&[])).await.unwrap();
    assert_eq!(ended(watch).await.code, 127);
}

#[tokio::test]
async fn ex_11_codes_and_signals_are_results() {
    let house = House::new();
    let (result, _) = house.run(house.shell("exit 3")).await;
    assert_eq!(
        (result.code, result.message.as_deref()),
        (3, Some("the command ended with code 3"))
    );
    let watch = house
        .executor
        .start(&attempt(2), house.shell("kill -9 $$"))
        .await
        .unwrap();
    assert_eq!(ended(watch).await.code, 128 + 9);
}

#[tokio::test]
async fn ex_12_lines_come_whole_percent_signs_survive_and_the_rest_comes_at_the_end() {
    let house = House::new();
    let (_, log) = house
        .run(house.shell(r"printf '100%% %%s\ntwo\nthr'; printf 'ee\n\nrest'"))
        .await;
    assert_eq!(text_of(&log, "out"), ["100% %s", "two", "three", "", "rest"]);
}

#[tokio::test]
async fn ex_11_output_decides_where_its_author_says_so() {
    let house = House::new();
    let fails = ProgressRule {
        pattern: "^(FATAL|panic)".into(),
        phase: "found $1".into(),
        fails: true,
    };
    for (script, code, message) in [
        ("echo well", 0, None),
        (
            "echo FATAL: no disk; echo FATAL: again",
            99,
            Some("its output tells of a failure: FATAL: no disk"),
        ),
    ] {
        let mut spec = house.shell(script);
        spec.progress = vec![fails.clone()];
        let attempt = attempt(u32::try_from(code).unwrap() + 1);
        let result = ended(house.executor.start(&attempt, spec).await.unwrap()).await;
        assert_eq!((result.code, result.message.as_deref()), (code, message));
        assert_eq!(result.phase.is_some(), code != 0, "{result:?}");
    }
    let mut spec = house.shell("echo panic; exit 3");
    spec.progress = vec![fails];
    let result = ended(house.executor.start(&attempt(3), spec).await.unwrap()).await;
    assert_eq!(result.code, 3, "its own code stays");
}

#[tokio::test]
async fn ex_09_and_ex_16_output_becomes_phases() {
    let house = House::new();
    let mut spec = house.shell("echo atm:phase=foo; echo Compiling serde; echo Compiling serde; echo done");
    spec.progress = vec![ProgressRule {
        pattern: r"Compiling (\w+)".into(),
        phase: "building $1".into(),
        fails: false,
    }];
    let news = story(house.executor.start(&attempt(1), spec).await.unwrap()).await;
    let phase = |text: &str| ExecutionNews::Phase(text.to_owned());
    assert_eq!(news[1..3], [phase("foo"), phase("building serde")]);
    assert!(
        matches!(&news[3], ExecutionNews::Ended(result) if result.phase.as_deref() == Some("building serde"))
    );
}

#[tokio::test]
async fn ex_17_a_secret_is_masked_in_every_form_and_everywhere() {
    use base64::Engine as _;
    let secret = "c4n/ary \"s3cr&t\"=\u{e9}+x";
    let code = |text: String| base64::prelude::BASE64_STANDARD.encode(text);
    let mut forms = vec![
        secret.to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        serde_json::to_string(secret).unwrap(),
        "c4n%2Fary%20%22s3cr%26t%22%3D%C3%A9%2Bx".to_owned(),
        "c4n%2fary+%22s3cr%26t%22%3d%c3%a9%2bx".to_owned(),
        secret.chars().rev().collect(),
    ];
    forms.extend(["", "a", "ab"].map(|before| code(format!("{before}{secret}tail"))));
    let house = House::new();
    fs::write(house.work().join("forms"), forms.join("\n") + "\n").unwrap();
    let result = serde_json::json!({"description": format!("with {secret}"), "data": {"token": secret}, "phase": secret});
    fs::write(house.work().join("result"), result.to_string()).unwrap();
    fs::write(house.work().join("half"), &secret[..8]).unwrap();
    fs::write(house.work().join("rest"), format!("{}\n", &secret[8..])).unwrap();
    // Two writes of one line, so that the secret may come in two reads.
    let script =
        "cat forms; cat half; cat rest; printf 'atm:phase='; head -n 1 forms; cp result ../out/result.json";
    let mut spec = house.shell(script);
    spec.redact = vec![
        SecretString::from(secret),
        SecretString::from("line one\nline two\n"),
    ];
    spec.header = vec![format!("with {secret}")];
    spec.steps[0].argv.push(format!("--token={secret}"));
    let news = story(house.executor.start(&attempt(1), spec).await.unwrap()).await;
    let log = house.log(1).await;
    assert_eq!(text_of(&log, "out").len(), forms.len() + 2, "{log:?}");
    let Some(ExecutionNews::Ended(result)) = news.last() else {
        panic!("{news:?}")
    };
    assert_eq!(result.description.as_deref(), Some("with ***"));
    assert_eq!(result.data.as_deref(), Some(r#"{"token":"***"}"#));
    assert_eq!(result.phase.as_deref(), Some("***"));
    for entry in fs::read_dir(house.directory(1).path()).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("control") {
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap();
        for trace in ["s3cr", "73336372", "czNjc", "MzY3", "M2Ny", "rc3s"] {
            assert!(!kept.contains(trace), "{trace} in {}: {kept}", path.display());
        }
    }
}

#[tokio::test]
async fn the_environment_is_exactly_as_given() {
    let house = House::new();
    let mut spec = house.spec(&["/usr/bin/env"]);
    spec.environment = vec![("B".into(), "x=y z".into()), ("A".into(), String::new())];
    let (_, log) = house.run(spec).await;
    let mut seen = text_of(&log, "out");
    seen.sort();
    assert_eq!(seen, ["A=", "B=x=y z"]);
}

#[tokio::test]
async fn ex_18_a_command_that_takes_too_long_is_ended() {
    let house = House::new();
    let mut spec = house.shell("sleep 1000");
    spec.timeout = Duration::from_millis(100);
    let (result, log) = house.run(spec).await;
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 15, Some("timeout"))
    );
    assert!(result.message.unwrap().contains("100ms"));
    assert!(
        text_of(&log, "sdm")
            .iter()
            .any(|line| line.contains("its time is over"))
    );
}

#[tokio::test]
async fn e7_huge_output_is_cut_with_a_marker_and_the_command_goes_on() {
    let house = House::new();
    let mut spec = house.shell("yes 0123456789 | head -c 20000000; echo over > over");
    spec.log_limit = 100_000;
    let (result, log) = house.run(spec).await;
    assert_eq!(result.code, 0);
    assert!(house.work().join("over").exists());
    let own = text_of(&log, "sdm");
    assert_eq!(
        own.iter()
            .filter(|line| line.contains("limit of 100000 bytes"))
            .count(),
        1
    );
    assert!(own.last().unwrap().contains("were left out"), "{own:?}");
    assert!(fs::metadata(house.directory(1).log()).unwrap().len() < 110_000);
}

#[tokio::test]
async fn e7_a_line_without_end_and_bytes_that_are_no_text() {
    let house = House::new();
    let script = r"head -c 300000 /dev/zero | tr '\0' x; echo; printf 'a\377\000b\033[2Jc\n'";
    let (_, log) = house.run(house.shell(script)).await;
    let seen = text_of(&log, "out");
    let long: usize = seen[..seen.len() - 1]
        .iter()
        .map(|line| line.chars().filter(|c| *c == 'x').count())
        .sum();
    assert_eq!(long, 300_000);
    assert!(seen.iter().all(|line| line.len() < 70_000));
    assert_eq!(seen.last().unwrap(), "a\u{fffd}\u{0}b\u{1b}[2Jc");
}

#[tokio::test]
async fn co_16_result_json_is_read_after_a_success_only_and_never_through_a_link() {
    let house = House::new();
    let cases = [
        (r#"echo '{"description": "fine", "code": 0}' > r"#, 0, ""),
        (
            r#"echo '{"SdmGoal": {"state": "failure", "description": "bad"}}' > r"#,
            0,
            "",
        ),
        (r#"echo '{"code": 4, "message": "four"}' > r"#, 4, "four"),
        (
            r#"echo '{"code": 0}' > r; exit 5"#,
            5,
            "the command ended with code 5",
        ),
        ("echo '{' > r", 1, "result.json cannot be read"),
        ("ln -s /etc/passwd r", 1, "it is a link"),
        ("mkfifo r", 1, "not a regular file"),
        ("mkdir r", 1, "not a regular file"),
        ("head -c 50000000 /dev/zero > r", 1, "larger than 1 MiB"),
        ("true", 0, ""),
    ];
    for (number, (script, code, message)) in (1..).zip(cases) {
        let script = script.replace(" r", " ../out/result.json");
        let _ = fs::remove_dir_all(house.root.path().join("out"));
        let watch = house
            .executor
            .start(&attempt(number), house.shell(&script))
            .await
            .unwrap();
        let result = ended(watch).await;
        assert_eq!(result.code, code, "{script}: {result:?}");
        assert!(result.message.unwrap_or_default().contains(message), "{script}");
    }
}
