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
rules:
  - name: fix
    test: {is_branch: ^topic$}
    goals:
      name: shout
      autofix: {presentation: pull_request, branch: "fix/${push.branch}", run: [sh, -c, "tr a-z A-Z < README.md > r && mv r README.md"]}
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
            "remotes: ['{address}']\npoll_interval: 1s\nsecrets:\n  forge: {{file: '{}'}}\nforges:\n  '{origin}': {{secret: forge, api: '{}'}}\n",
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
