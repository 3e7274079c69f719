//! Pull requests of transforms and fixes, and releases, with the real program, a real git server and a GitHub in memory (semantics 4.1, 5.5).

use crate::support::fake_github::FakeGitHub;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const GOALS: &str = r#"
commands:
  - name: new logo
    description: Use the new logo
    parameters: {text: {}}
    transform:
      presentation: pull_request
      run: [sh, -c, "echo \"${parameters.text}\" >> logo"]
  - name: soon
    transform: {presentation: pull_request, branch: transform/merged, auto_merge: on_approve, auto_merge_method: squash, run: [touch, soon]}
  - name: later
    transform: {presentation: pull_request, branch: transform/merged, auto_merge: on_check_success, run: [sh, -c, echo x >> later]}
  - name: never
    transform: {presentation: pull_request, branch: transform/merged, run: [touch, never]}
rules:
  - name: fix
    test: {is_branch: ^topic$}
    goals:
      name: shout
      autofix: {presentation: pull_request, branch: "fix/${push.branch}", run: [sh, -c, "tr a-z A-Z < README.md > r && mv r README.md"]}
  - name: reviewed
    test: [has_pull_request, {is_branch: ^asked$}]
    goals: {name: reviewed, execute: {run: ["true"]}}
  - name: shown
    test: [is_public_repo, {is_branch: ^asked$}]
    goals: {name: shown, execute: {run: ["true"]}}
  - name: release
    test: {is_branch: ^release$}
    goals:
      - use: version
      - {name: publish, release: {}}
      - {name: by hand, release: {run: ["true"]}}
"#;

/// A machine that watches its own test repository by way of a server, with a forge beside it.
struct Scene {
    machine: LocalMachine,
    github: FakeGitHub,
    _server: HttpServer,
    address: String,
}

impl Scene {
    async fn new(token: &str) -> Self {
        let machine = LocalMachine::new(GOALS);
        machine.git(&["config", "http.receivepack", "true"]);
        let server = HttpServer::start(&machine.path(""), None).await;
        let github = FakeGitHub::start("the-right-token").await;
        let address = server.url("acme/app");
        let origin = address.trim_end_matches("/acme/app");
        let directory = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(machine.path("token"), token).unwrap();
        let text = format!(
            "remotes: ['{address}']\npoll_interval: 1s\nsecrets:\n  forge: {{file: '{}'}}\nforges:\n  '{origin}': {{secret: forge, api: '{}', statuses: false}}\n",
            machine.path("token").display(),
            github.api(),
        );
        std::fs::write(directory.join("config.yaml"), text).unwrap();
        let mut scene = Self {
            machine,
            github,
            _server: server,
            address,
        };
        scene.machine.start_on(&[]);
        scene.machine.ok(&["replay", &scene.address]);
        scene
    }

    /// Runs the transform; whether it succeeded, and what was said.
    fn change(&self, text: &str) -> (bool, String) {
        let output = self.machine.sdm(&[
            "do",
            "new",
            "logo",
            &format!("--text={text}"),
            "--targets.repo=acme/app",
        ]);
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transform_opens_one_pull_request_and_brings_it_up_to_date() {
    let mut scene = Scene::new("the-right-token\n").await;
    let (is_good, said) = scene.change("one");
    assert!(
        is_good && said.contains("pull request 1 opened: https://github.example/acme/app/pull/1"),
        "{said}"
    );
    let pulls = scene.github.pulls();
    assert_eq!(pulls.len(), 1);
    let pull = &pulls[0];
    assert_eq!(
        (pull.title.as_str(), pull.head.as_str(), pull.base.as_str()),
        ("Use the new logo", "transform/new_logo", "main")
    );
    assert!(
        pull.body
            .contains("[atomist:generated] [atomist:transform=new_logo]"),
        "{}",
        pull.body
    );
    assert_eq!(scene.github.asked().len(), 2, "least calls");
    // Again: the same branch, the same pull request.
    let (is_good, said) = scene.change("two");
    assert!(
        is_good && said.contains("pull request 1 brought up to date"),
        "{said}"
    );
    assert_eq!(scene.github.pulls(), pulls);
    assert_eq!(scene.github.asked().len(), 1, "nothing to change, nothing asked");
    assert_eq!(
        scene.machine.git(&["show", "transform/new_logo:logo"]),
        "one\ntwo"
    );
    let words = ["do", "new", "logo", "--text=json", "--targets.repo=acme/app"];
    let shown = scene.machine.json(&words);
    let data = shown["job"]["tasks"][0]["data"].as_str().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["transform"]["branch"], "transform/new_logo");
    assert_eq!(data["transform"]["pull_request"]["number"], 1, "{data:#}");
    // Opened by somebody at the same moment.
    scene.github.hide_once();
    let (is_good, said) = scene.change("three");
    assert!(
        is_good && said.contains("pull request 1 brought up to date"),
        "{said}"
    );
    assert_eq!(scene.github.pulls().len(), 1, "never two for one branch");
    // Closed: a new one.
    scene.github.close_all();
    let (is_good, said) = scene.change("four");
    assert!(is_good && said.contains("pull request 2 opened"), "{said}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_what_the_forge_refuses_is_said_and_the_token_is_not() {
    let mut scene = Scene::new("a-wrong-token\n").await;
    let (is_good, said) = scene.change("one");
    assert!(
        !is_good && said.contains("does not take the token: Bad credentials"),
        "{said}"
    );
    std::fs::write(scene.machine.path("token"), "the-right-token\n").unwrap();
    scene.github.refuse(403, "Resource not accessible", &[]);
    assert!(
        scene
            .change("two")
            .1
            .contains("does not let the token do this: Resource not accessible")
    );
    let limited = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1900000000"),
    ];
    scene.github.refuse(403, "API rate limit exceeded", &limited);
    assert!(
        scene
            .change("three")
            .1
            .contains("wants none until 2030-03-17T17:46:40")
    );
    scene.github.refuse(404, "Not Found", &[]);
    assert!(
        scene
            .change("four")
            .1
            .contains("has no repository acme/app, or the token may not see it")
    );
    scene.github.refuse(
        301,
        "Moved Permanently",
        &[("location", "http://127.0.0.1:1/elsewhere")],
    );
    assert!(
        scene.change("five").1.contains("somewhere else now"),
        "no redirect is followed"
    );
    // What may pass is tried again.
    scene.github.refuse(502, "Bad Gateway", &[]);
    let (is_good, said) = scene.change("six");
    assert!(is_good && said.contains("pull request 1 opened"), "{said}");
    scene.machine.stop();
    let found = std::process::Command::new("grep")
        .args(["-rlE", "a-wrong-token|the-right-token"])
        .arg(scene.machine.path("state"))
        .arg(scene.machine.path("daemon.log"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "nowhere on disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn af_04_fixes_ask_to_be_merged_into_the_pushed_branch() {
    let mut scene = Scene::new("the-right-token").await;
    scene.machine.git(&["checkout", "--quiet", "-b", "topic"]);
    let sha = scene.machine.commit("second", &[("README.md", "quiet\n")]);
    scene.machine.git(&["checkout", "--quiet", "main"]);
    scene.machine.ok(&["replay", &scene.address]);
    let set = scene.machine.ended_set_of(&sha);
    let said = set["goals"][0]["description"].as_str().unwrap();
    assert!(
        said.contains("Autofixes pushed to fix/topic; pull request 1 opened"),
        "{set:#}"
    );
    let pull = &scene.github.pulls()[0];
    assert_eq!((pull.head.as_str(), pull.base.as_str()), ("fix/topic", "topic"));
    assert!(
        pull.title == "Autofix: shout" && pull.body.contains("- shout"),
        "{pull:?}"
    );
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn pt_09_pt_12_rules_ask_the_forge_and_wait_for_its_answer() {
    let mut scene = Scene::new("the-right-token").await;
    let push = |scene: &Scene| {
        scene.machine.git(&["checkout", "--quiet", "-B", "asked"]);
        let sha = scene.machine.commit("a change", &[("logo", "")]);
        scene.machine.git(&["checkout", "--quiet", "main"]);
        scene.machine.ok(&["replay", &scene.address]);
        sha
    };
    scene.github.ask_to_merge("acme/app", "asked");
    scene.github.refuse(503, "we are busy", &[]);
    let sha = push(&scene);
    let set = scene.machine.ended_set_of(&sha);
    assert_eq!(
        set["name"], "reviewed",
        "private, and asked again after the forge was busy: {set:#}"
    );
    scene.github.publish_everything();
    scene.github.close_all();
    let set = scene.machine.ended_set_of(&push(&scene));
    assert_eq!(set["name"], "shown", "{set:#}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn ve_06_a_release_is_published_once_and_without_a_token_the_goal_says_so() {
    let mut scene = Scene::new("the-right-token").await;
    let release = |scene: &Scene, files: &[(&str, &str)]| {
        scene.machine.git(&["checkout", "--quiet", "-B", "release"]);
        let sha = scene.machine.commit("next", files);
        scene.machine.git(&["checkout", "--quiet", "main"]);
        scene.machine.ok(&["replay", &scene.address]);
        scene.machine.ended_set_of(&sha)
    };
    let said = |set: &serde_json::Value, name: &str| {
        let goals = set["goals"].as_array().unwrap();
        let goal = goals.iter().find(|goal| goal["name"] == name).unwrap();
        goal["description"].as_str().unwrap().to_owned()
    };
    let first = [("VERSION", "1.2.3"), ("CHANGELOG.md", "new")];
    let set = release(&scene, &first);
    assert_eq!(
        said(&set, "publish"),
        "Released 1.2.3; published at https://github.example/acme/app/releases/tag/1.2.3",
        "{set:#}"
    );
    assert_eq!(said(&set, "by hand"), "Released 1.2.3", "a program publishes it");
    let releases = scene.github.releases();
    assert_eq!(releases.len(), 1);
    let origin = scene.address.trim_end_matches("/acme/app");
    let link = format!("[CHANGELOG.md]({origin}/acme/app/blob/1.2.3/CHANGELOG.md)");
    assert_eq!(releases[0]["body"], link.as_str());
    assert_eq!(releases[0]["prerelease"], false);
    assert_eq!(releases[0]["target_commitish"], set["sha"]);
    let set = release(&scene, &[("VERSION", "1.2.3"), ("other", "1")]);
    let again = said(&set, "publish");
    assert!(
        again.contains("; published before at https://github.example"),
        "{set:#}"
    );
    std::fs::remove_file(scene.machine.path("token")).unwrap();
    let set = release(&scene, &[("VERSION", "1.3.0")]);
    let without = said(&set, "publish");
    assert!(
        without.starts_with("Released 1.3.0; not published: the secret `forge` cannot be read"),
        "{set:#}"
    );
    assert_eq!(scene.github.releases().len(), 1);
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_5_5_labels_say_when_and_how_a_pull_request_is_merged() {
    let mut scene = Scene::new("the-right-token").await;
    let labels = |scene: &Scene| scene.github.pulls()[0].labels.clone();
    scene.machine.ok(&["do", "soon", "--targets.repo=acme/app"]);
    assert_eq!(
        labels(&scene),
        ["auto-merge:on-approve", "auto-merge-method:squash"]
    );
    let marks = "[atomist:transform=soon] [auto-merge:on-approve] [auto-merge-method:squash]";
    let body = scene.github.pulls()[0].body.clone();
    assert!(body.contains(marks), "{body}");
    scene.github.put_label(1, "urgent");
    scene.machine.ok(&["do", "later", "--targets.repo=acme/app"]);
    assert_eq!(
        labels(&scene),
        ["urgent", "auto-merge:on-check-success"],
        "one moment at a time, no method that nobody asks for any more, and what people say stays"
    );
    scene.github.put_label(1, "auto-merge-method:rebase");
    scene.github.asked();
    scene.machine.ok(&["do", "later", "--targets.repo=acme/app"]);
    assert_eq!(scene.github.asked().len(), 1, "nothing to change, nothing asked");
    scene.machine.ok(&["do", "never", "--targets.repo=acme/app"]);
    assert_eq!(
        labels(&scene),
        ["urgent", "auto-merge-method:rebase"],
        "a method that somebody else put on stays"
    );
    scene.machine.stop();
}

/// A machine that watches a directory, which was cloned from a server that is at a forge.
struct Cloned {
    machine: LocalMachine,
    github: FakeGitHub,
    _server: HttpServer,
}

impl Cloned {
    /// `login` is what the configuration has for the server.
    async fn new(login: Option<&str>) -> Self {
        let machine = LocalMachine::new(GOALS);
        let origin = machine.path("srv/acme/app");
        std::fs::create_dir_all(machine.path("srv/acme")).unwrap();
        let (here, there) = (machine.repo(), origin.to_str().unwrap().to_owned());
        machine.git(&["clone", "--quiet", "--bare", here.to_str().unwrap(), &there]);
        machine.git_in(&origin, &["config", "http.receivepack", "true"]);
        let server = HttpServer::start(&machine.path("srv"), Some("bot:the-password")).await;
        let github = FakeGitHub::start("the-right-token").await;
        let address = server.url("acme/app");
        machine.git(&["remote", "add", "origin", &address]);
        let forge = address.trim_end_matches("/acme/app");
        std::fs::create_dir_all(machine.path("home/.config/sdm")).unwrap();
        std::fs::write(machine.path("token"), "the-right-token").unwrap();
        let logins = login.map_or(String::new(), |password| {
            std::fs::write(machine.path("password"), password).unwrap();
            let file = machine.path("password");
            format!(
                "logins:\n  '{forge}': {{user: bot, secret_file: '{}'}}\n",
                file.display()
            )
        });
        let text = format!(
            "{logins}secrets:\n  forge: {{file: '{}'}}\nforges:\n  '{forge}': {{secret: forge, api: '{}'}}\n",
            machine.path("token").display(),
            github.api(),
        );
        std::fs::write(machine.path("home/.config/sdm/config.yaml"), text).unwrap();
        let mut cloned = Self {
            machine,
            github,
            _server: server,
        };
        cloned.pushed();
        cloned.machine.start();
        cloned
    }

    /// What git does when somebody pushes all there is.
    fn pushed(&self) {
        let origin = self.machine.path("srv/acme/app");
        let origin = origin.to_str().unwrap();
        self.machine
            .git(&["push", "--quiet", origin, "refs/heads/main:refs/heads/main"]);
        self.machine
            .git(&["update-ref", "refs/remotes/origin/main", "refs/heads/main"]);
    }

    fn at_origin(&self, words: &[&str]) -> String {
        self.machine.git_in(&self.machine.path("srv/acme/app"), words)
    }

    /// Runs the transform; whether it succeeded, and what was said.
    fn change(&self, text: &str) -> (bool, String) {
        let output = self
            .machine
            .sdm(&["do", "new", "logo", &format!("--text={text}")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }

    /// All of the checkout that a developer would notice.
    fn checkout(&self) -> [String; 4] {
        let git = |words: &[&str]| self.machine.git(words);
        [
            git(&["status", "--porcelain", "--branch"]),
            git(&["rev-parse", "HEAD"]),
            git(&["for-each-ref", "refs/remotes", "refs/tags", "refs/heads/main"]),
            std::fs::read_to_string(self.machine.repo().join(".git/config")).unwrap(),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_asks_where_it_was_cloned_from_and_is_left_as_it_was() {
    let mut cloned = Cloned::new(Some("the-password")).await;
    let before = cloned.checkout();
    let (is_good, said) = cloned.change("one");
    assert!(is_good && said.contains("pull request 1 opened"), "{said}");
    let pull = &cloned.github.pulls()[0];
    assert_eq!(
        (pull.repo.as_str(), pull.head.as_str(), pull.base.as_str()),
        ("acme/app", "transform/new_logo", "main")
    );
    let head = cloned.at_origin(&["rev-parse", "transform/new_logo"]);
    assert_eq!(head, cloned.machine.git(&["rev-parse", "transform/new_logo"]));
    let (is_good, said) = cloned.change("two");
    assert!(
        is_good && said.contains("pull request 1 brought up to date"),
        "{said}"
    );
    assert_eq!(cloned.at_origin(&["show", "transform/new_logo:logo"]), "one\ntwo");
    assert_eq!(cloned.checkout(), before);
    // Somebody else worked on the branch there.
    let other = cloned.at_origin(&["rev-parse", "main"]);
    cloned.at_origin(&["update-ref", "refs/heads/transform/new_logo", &other]);
    let (is_good, said) = cloned.change("three");
    assert!(is_good && said.contains("no pull request: "), "{said}");
    assert_eq!(
        cloned.at_origin(&["rev-parse", "transform/new_logo"]),
        other,
        "never forced"
    );
    cloned.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_pushed_is_not_published_by_a_goal() {
    let mut cloned = Cloned::new(Some("the-password")).await;
    let sha = cloned.machine.commit("private", &[("x", "1")]);
    let (is_good, said) = cloned.change("one");
    let why = format!(
        "no pull request: {} has not been pushed to http://localhost",
        &sha[..7]
    );
    assert!(is_good && said.contains(&why), "{said}");
    assert_eq!(cloned.machine.git(&["show", "transform/new_logo:logo"]), "one");
    assert_eq!(cloned.at_origin(&["branch", "--format=%(refname:short)"]), "main");
    assert_eq!(cloned.github.pulls(), []);
    cloned.machine.git(&["checkout", "--quiet", "-b", "topic"]);
    let sha = cloned.machine.commit("mend", &[("README.md", "quiet\n")]);
    let set = cloned.machine.ended_set_of(&sha);
    let said = set["goals"][0]["description"].as_str().unwrap();
    assert!(
        said.starts_with("Autofixes pushed to fix/topic; no pull request: http://localhost"),
        "{set:#}"
    );
    assert!(said.ends_with(" has no branch topic"), "{set:#}");
    cloned.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_the_branch_waits_here_and_the_reason_is_told() {
    for login in [None, Some("a-wrong-password")] {
        let mut cloned = Cloned::new(login).await;
        let (is_good, said) = cloned.change("one");
        assert!(
            is_good && said.contains("takes nothing without a login: name one in `logins`"),
            "{said}"
        );
        assert!(!said.contains("a-wrong-password"), "{said}");
        assert_eq!(cloned.machine.git(&["show", "transform/new_logo:logo"]), "one");
        assert_eq!(cloned.github.pulls(), []);
        cloned.machine.stop();
    }
}
