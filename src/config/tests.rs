//! Layers, origins and errors of configuration.

use std::fs;
use std::path::Path;

use super::*;

struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["home", "project", "etc"] {
            fs::create_dir(home.path(name)).unwrap();
        }
        home
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn sources(&self, environment: &[(&str, &str)]) -> Sources {
        Sources {
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            directory: self.path("project"),
            home: Some(self.path("home")),
            system: self.path("etc"),
        }
    }

    fn error(&self, flags: &Flags, environment: &[(&str, &str)]) -> String {
        let error = load(&self.sources(environment), flags).unwrap_err();
        let hint = error
            .hint()
            .map(|hint| format!("\nhint: {hint}"))
            .unwrap_or_default();
        format!("{error}{hint}").replace(&self.directory.path().display().to_string(), "")
    }
}

#[test]
fn stronger_layers_win_and_every_value_knows_its_origin() {
    let home = Home::new();
    home.write(
        "etc/config.yaml",
        "name: etc\nparallel: 2\nretention_days: 7\nlog_level: warn\n",
    );
    home.write(
        "home/.config/sdm/config.yaml",
        "name: user\nparallel: 3\ntrust: all\n",
    );
    home.write("project/sdm.yaml", "name: project\nparallel: 4\n");
    let sources = home.sources(&[("SDM_PARALLEL", "5")]);
    let config = load(
        &sources,
        &Flags {
            name: Some("flag".to_owned()),
            ..Flags::default()
        },
    )
    .unwrap();
    assert_eq!(
        (config.name.as_str(), config.parallel, config.retention_days),
        ("flag", 5, 7)
    );
    assert_eq!(config.trust, TrustPolicy::All);
    assert_eq!(config.origin("name"), Some(&Origin::Flag("--name")));
    assert_eq!(
        config.origin("parallel"),
        Some(&Origin::Variable("SDM_PARALLEL".to_owned()))
    );
    assert_eq!(
        config.origin("retention_days"),
        Some(&Origin::File(home.path("etc/config.yaml")))
    );
    assert_eq!(config.origin("fetch_timeout"), Some(&Origin::Default));
    assert_eq!(config.files.len(), 3);
    assert_eq!(config.entries().len(), super::keys().len());
}

#[test]
fn builds_stay_warm_unless_switched_off() {
    let home = Home::new();
    let kept = |environment: &[(&str, &str)]| {
        load(&home.sources(environment), &Flags::default())
            .unwrap()
            .workspace_keep
    };
    assert_eq!(
        kept(&[]),
        ["**/target", "**/node_modules", "**/.venv", "**/.gradle"]
    );
    assert_eq!(
        kept(&[("SDM_WORKSPACE_KEEP", "target:.cache")]),
        ["target", ".cache"]
    );
    assert_eq!(kept(&[("SDM_WORKSPACE_KEEP", ":")]), Vec::<String>::new());
    home.write("home/.config/sdm/config.yaml", "workspace_keep: []\n");
    assert_eq!(kept(&[]), Vec::<String>::new());
}

#[test]
fn ex_08_mocks_have_names_a_size_and_a_code() {
    let home = Home::new();
    home.write(
        "etc/config.yaml",
        "mock:\n  - {goals: ['deploy*'], size: large, code: 1}\n  - {size: 250ms}\n",
    );
    let mock =
        |environment: &[(&str, &str)]| load(&home.sources(environment), &Flags::default()).unwrap().mock;
    let seen: Vec<_> = mock(&[])
        .iter()
        .map(|one| (one.goals.join(" "), one.duration().as_millis(), one.code))
        .collect();
    assert_eq!(
        seen,
        [("deploy*".to_owned(), 60_000, 1), ("*".to_owned(), 250, 0)]
    );
    assert_eq!(
        mock(&[("SDM_MOCK", "a:b")]),
        [MockEntry::of(vec!["a".into(), "b".into()])]
    );
    home.write("etc/config.yaml", "");
    assert_eq!(mock(&[]), []);
    insta::assert_snapshot!(home.error(&Flags::default(), &[("SDM_MOCK", "a[")]), @"mock ($SDM_MOCK): a name of goals cannot be used: error parsing glob 'a[': unclosed character class; missing ']'");
    home.write("project/sdm.yaml", "mock: [{}]\n");
    assert!(home.error(&Flags::default(), &[]).contains("`mock`"));
}

#[test]
fn i1_limits_of_goals_are_sizes_and_numbers_and_what_is_not_said_stays() {
    let home = Home::new();
    home.write("etc/config.yaml", "goal_limits: {memory: 2GiB, processes: 100}\n");
    let limits = load(&home.sources(&[]), &Flags::default()).unwrap().goal_limits;
    assert_eq!((limits.memory, limits.processes), (Some(2 << 30), Some(100)));
    assert_eq!((limits.free_disk, limits.disk), (Some(256 << 20), None));
    home.write("etc/config.yaml", "goal_limits: {processes: 0}\n");
    insta::assert_snapshot!(
        home.error(&Flags::default(), &[]),
        @"goal_limits (/etc/config.yaml): a goal needs at least one process and 16 open files"
    );
}

#[test]
fn sg_05_all_goals_are_looked_at_unless_the_configuration_says_less() {
    let home = Home::new();
    let scope = |scope: &str| {
        let text = format!("signing: {{key_name: a, key_file: k{scope}}}\n");
        home.write("etc/config.yaml", &text);
        let config = load(&home.sources(&[]), &Flags::default()).unwrap();
        config.signing.unwrap().scope
    };
    assert_eq!(scope(""), SigningChoice::All);
    assert_eq!(scope(", scope: fulfillment"), SigningChoice::Fulfillment);
}

#[test]
fn an_unknown_key_is_an_error_with_place_and_suggestion() {
    let home = Home::new();
    home.write("project/sdm.yaml", "name: x\nparalel: 4\n");
    insta::assert_snapshot!(home.error(&Flags::default(), &[]), @r"
    /project/sdm.yaml:2:1: unknown field `paralel`
    hint: did you mean `parallel`?
    ");
}

#[test]
fn a_wrong_value_is_an_error_with_place() {
    let home = Home::new();
    home.write("home/.config/sdm/config.yaml", "name: x\nfetch_timeout: soon\n");
    insta::assert_snapshot!(home.error(&Flags::default(), &[]), @r"/home/.config/sdm/config.yaml:2:16: fetch_timeout: `soon` is not a duration: write `90s`, `20m` or `1h30m`");
    home.write(
        "home/.config/sdm/config.yaml",
        "people:\n  ada: {team: [release]}\n",
    );
    insta::assert_snapshot!(home.error(&Flags::default(), &[]), @r"
    /home/.config/sdm/config.yaml:2:9: people.ada: unknown field `team`
    hint: did you mean `teams`?
    ");
}

#[test]
fn environment_values_are_checked_by_name() {
    let home = Home::new();
    insta::assert_snapshot!(home.error(&Flags::default(), &[("SDM_PARALLEL", "many")]), @r"SDM_PARALLEL: `many` is not a whole number");
    insta::assert_snapshot!(home.error(&Flags::default(), &[("SDM_TRUST", "sure")]), @r"SDM_TRUST: `sure` is not `ask` or `all`");
    insta::assert_snapshot!(home.error(&Flags::default(), &[("SDM_PARALLEL", "0")]), @r"parallel ($SDM_PARALLEL): 0 goals at once is not possible: 1 to 1024 are");
}

#[test]
fn j2_a_projects_file_cannot_decide_what_is_trusted() {
    let home = Home::new();
    for key in [
        "trust: all",
        "repository_hooks: [\"*/*\"]",
        "ssh_command: [./evil]",
        "proxy: http://evil",
        "state_directory: .",
        "people: {mallory: {teams: [release]}}",
        "remotes: ['https://evil.example.com/x']",
        "logins: {'https://git.example.com': {secret_file: ./theirs}}",
        "secrets: {token: {file: x}}",
        "secret_key_file: key",
        "forges: {'https://git.example.com': {secret: token}}",
        "values: {region: theirs}",
    ] {
        home.write("project/sdm.yaml", key);
        let error = load(&home.sources(&[]), &Flags::default()).unwrap_err();
        assert!(
            matches!(error, ConfigError::NotForProjects { .. }),
            "{key}: {error}"
        );
    }
    let own = Flags {
        config: Some("sdm.yaml".into()),
        ..Flags::default()
    };
    assert!(load(&home.sources(&[]), &own).is_ok());
}

#[test]
fn a_named_file_must_exist_and_others_need_not() {
    let home = Home::new();
    assert!(load(&home.sources(&[]), &Flags::default()).is_ok());
    let flags = Flags {
        config: Some("missing.yaml".into()),
        ..Flags::default()
    };
    insta::assert_snapshot!(home.error(&flags, &[]), @r"
    failed to read the configuration file /project/missing.yaml
    hint: correct its path or permissions, or name another with --config
    ");
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let home = Home::new();
    home.write(
        "home/.config/sdm/config.yaml",
        "goals: rules\nrepositories: [~/code, /srv/git]\n",
    );
    let config = load(&home.sources(&[]), &Flags::default()).unwrap();
    assert_eq!(
        config.goals.as_deref(),
        Some(&*home.path("home/.config/sdm/rules"))
    );
    assert_eq!(
        config.repositories,
        [home.path("home/code"), Path::new("/srv/git").to_owned()]
    );
    let flags = Flags {
        goals: Some("mine".into()),
        ..Flags::default()
    };
    assert_eq!(
        load(&home.sources(&[]), &flags).unwrap().goals.as_deref(),
        Some(&*home.path("project/mine"))
    );
}

#[test]
fn goals_beside_the_configuration_are_found() {
    let home = Home::new();
    assert_eq!(load(&home.sources(&[]), &Flags::default()).unwrap().goals, None);
    home.write("project/goals/notes.txt", "");
    assert_eq!(load(&home.sources(&[]), &Flags::default()).unwrap().goals, None);
    home.write("home/.config/sdm/config.yaml", "# nothing yet\n");
    home.write("home/.config/sdm/goals/all.yaml", "");
    let goals = load(&home.sources(&[]), &Flags::default()).unwrap().goals;
    assert_eq!(goals, Some(home.path("home/.config/sdm/goals")));
}

#[test]
fn j6_state_and_socket_are_never_in_a_shared_directory() {
    let home = Home::new();
    let config = load(&home.sources(&[]), &Flags::default()).unwrap();
    assert_eq!(config.state_directory, home.path("home/.local/state/sdm"));
    assert_eq!(config.socket, home.path("home/.local/state/sdm/run/sdm.sock"));
    let config = load(
        &home.sources(&[("XDG_RUNTIME_DIR", "/run/user/1"), ("XDG_STATE_HOME", "/s")]),
        &Flags::default(),
    )
    .unwrap();
    assert_eq!(config.state_directory, Path::new("/s/sdm"));
    assert_eq!(config.socket, Path::new("/run/user/1/sdm/sdm.sock"));
    let mut homeless = home.sources(&[("XDG_RUNTIME_DIR", "relative")]);
    homeless.home = None;
    assert_eq!(
        load(&homeless, &Flags::default()).unwrap().socket,
        Path::new("/var/lib/sdm/run/sdm.sock")
    );
}

#[test]
fn j6_directories_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let path = home.path("home/a/b");
    create_private_directory(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    create_private_directory(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    home.write("home/file", "");
    assert!(create_private_directory(&home.path("home/file")).is_err());
}

#[test]
fn a_name_is_never_a_path_and_a_proxy_never_shows_its_password() {
    let home = Home::new();
    for bad in ["../x", "a/b", "", ".hidden", "-x"] {
        let flags = Flags {
            name: Some(bad.to_owned()),
            ..Flags::default()
        };
        assert!(load(&home.sources(&[]), &flags).is_err(), "{bad}");
    }
    let config = load(
        &home.sources(&[("SDM_PROXY", "http://ada:secret@proxy:3128")]),
        &Flags::default(),
    )
    .unwrap();
    let shown = config
        .entries()
        .iter()
        .find(|entry| entry.key == "proxy")
        .unwrap();
    assert_eq!(shown.value, "http://***@proxy:3128");
    assert_eq!(config.proxy.as_deref(), Some("http://ada:secret@proxy:3128"));
}

#[test]
fn repositories_elsewhere_have_addresses_logins_and_an_interval() {
    let home = Home::new();
    home.write(
        "home/.config/sdm/config.yaml",
        "remotes: [https://git.example.com/a/b]\npoll_interval: 5m\nlogins:\n  https://git.example.com: {secret_file: ~/token}\n",
    );
    let config = load(&home.sources(&[]), &Flags::default()).unwrap();
    assert_eq!(config.remotes, ["https://git.example.com/a/b"]);
    assert_eq!(config.poll_interval, std::time::Duration::from_secs(300));
    let login = &config.logins["https://git.example.com"];
    assert_eq!(
        (login.user.as_str(), &login.secret_file),
        ("x-access-token", &home.path("home/token"))
    );
    let one = load(
        &home.sources(&[("SDM_REMOTES", "ssh://h/a/b git@h:c/d")]),
        &Flags::default(),
    )
    .unwrap();
    assert_eq!(one.remotes, ["ssh://h/a/b", "git@h:c/d"]);
    insta::assert_snapshot!(home.error(&Flags::default(), &[("SDM_POLL_INTERVAL", "10ms")]), @r"poll_interval ($SDM_POLL_INTERVAL): look every second at the most often and once a day at least");
}

#[test]
fn a_state_directory_is_the_same_wherever_somebody_stands() {
    let home = Home::new();
    assert_eq!(
        home.error(&Flags::default(), &[("SDM_HOME", "state")]),
        "SDM_HOME: `state` would be another directory wherever you stand; write it from `/` on"
    );
    let of = |text: &str| {
        let config = load(&home.sources(&[("SDM_HOME", text)]), &Flags::default()).unwrap();
        config.state_directory
    };
    assert_eq!(of("/x/state"), std::path::Path::new("/x/state"));
    assert_eq!(of("~/state"), home.path("home/state"));
}

#[test]
fn variables_that_look_like_ours_are_noticed() {
    let home = Home::new();
    let sources = home.sources(&[
        ("SDM_PARALEL", "2"),
        ("SDM_TEST_REQUIRE", "git"),
        ("SDM_HOME", "/x"),
    ]);
    assert_eq!(
        unknown_variables(&sources),
        [("SDM_PARALEL".to_owned(), Some("SDM_PARALLEL"))]
    );
}

#[test]
fn i4_engines_and_what_containers_may_are_read_strictly() {
    let home = Home::new();
    let read = |text: &str| {
        home.write("home/.config/sdm/config.yaml", text);
        load(&home.sources(&[]), &Flags::default()).unwrap()
    };
    let config = read(
        "engine: unix:///run/x.sock\ncontainers: {allow: [{repositories: [acme/*], privileged: true}]}\n",
    );
    assert_eq!(config.engines, [std::path::PathBuf::from("/run/x.sock")]);
    assert!(config.containers.allow[0].privileged && !config.containers.require_digest);
    for (text, words) in [
        ("engine: tcp://1.2.3.4:2375\n", "is not a container engine"),
        ("engine: docker.sock\n", "is not a container engine"),
        (
            "containers: {allow: [{privileged: true}]}\n",
            "names no `repositories`",
        ),
        (
            "containers: {allow: [{repositories: [acme]}]}\n",
            "is not `owner/name`",
        ),
        (
            "containers: {allow: [{repositories: [a/b], host_paths: [x]}]}\n",
            "which is not absolute",
        ),
        (
            "containers: {allow: [{repositories: [a/b], devices: [kvm]}]}\n",
            "`devices` has `kvm`, which is not absolute",
        ),
        (
            "containers: {allow: [{repositories: [a/b], sysctls: ['*']}]}\n",
            "`sysctls` has `*`, which is neither",
        ),
        ("containers: {priviliged: true}\n", "unknown field"),
    ] {
        home.write("home/.config/sdm/config.yaml", text);
        let error = home.error(&Flags::default(), &[]);
        assert!(error.contains(words), "{text}: {error}");
    }
    home.write("home/.config/sdm/config.yaml", "");
    home.write(
        "project/sdm.yaml",
        "containers: {allow: [{repositories: [a/b], privileged: true}]}\n",
    );
    assert!(
        home.error(&Flags::default(), &[])
            .contains("cannot be set by a project's own file")
    );
}
