//! Repositories that generators make at a forge (semantics 5.6; CM-14), with the real program, a real git server that asks for the
//! token, and a GitHub in memory.

use crate::support::fake_github::FakeGitHub;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const TOKEN: &str = "the-right-token";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Scene {
    machine: LocalMachine,
    github: FakeGitHub,
    _server: HttpServer,
    origin: String,
}

impl Scene {
    async fn new() -> Self {
        let mut machine = LocalMachine::new("rules: []");
        let root = machine.path("forge");
        std::fs::create_dir_all(&root).unwrap();
        let server = HttpServer::start(&root, Some(&format!("x-access-token:{TOKEN}"))).await;
        let github = FakeGitHub::start(TOKEN).await;
        github.make_in(&root);
        let address = server.url("");
        let origin = address.trim_end_matches('/').to_owned();
        let directory = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(machine.path("token"), TOKEN).unwrap();
        let configuration = format!(
            "secrets:\n  forge: {{file: '{}', repositories: [acme/*, ada/*, bob/*, nobody/*]}}\nforges:\n  '{origin}': {{secret: forge, api: '{}', statuses: false}}\n",
            machine.path("token").display(),
            github.api(),
        );
        std::fs::write(directory.join("config.yaml"), configuration).unwrap();
        machine.write_goals(&goals(&origin, &machine.path("made").display().to_string()));
        machine.start();
        Self {
            machine,
            github,
            _server: server,
            origin,
        }
    }

    /// Runs a command; whether it succeeded, and what was said.
    fn make(&self, words: &[&str]) -> (bool, String) {
        let output = self.machine.sdm(&[&["do"][..], words].concat());
        (output.status.success(), text(&output.stderr))
    }

    /// What git says of a repository at the forge.
    fn git(&self, slug: &str, words: &[&str]) -> String {
        self.machine
            .git_in(&self.machine.path(&format!("forge/{slug}.git")), words)
    }
}

fn goals(origin: &str, below: &str) -> String {
    format!(
        r#"
commands:
  - name: new service
    parameters: {{owner: {{default: acme}}, name: {{}}}}
    generate:
      seed: acme/app
      forge: '{origin}'
      about: "The service ${{parameters.name}}"
      run: [sh, -c, "echo \"${{parameters.name}}\" > NAME"]
  - name: new library
    parameters: {{name: {{}}}}
    generate: {{seed: acme/app, repo: "ada/${{parameters.name}}", forge: '{origin}', visibility: public, below: '{below}'}}
  - name: new nowhere
    generate: {{seed: acme/app, repo: acme/nowhere, forge: 'https://github.example'}}
on:
  - {{name: welcome, event: RepoCreated, run: [echo, "welcome ${{event.repo.slug}} ${{event.repo.url}}"]}}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn cm_14_a_new_repository_is_made_at_a_forge_and_pushed_there_with_its_token() {
    let mut scene = Scene::new().await;
    let words = ["new", "service", "--name=orders"];
    let (is_good, said) = scene.make(&[&words[..], &["--dry-run"]].concat());
    assert!(is_good && said.contains("Would make acme/orders"), "{said}");
    assert!(scene.github.made().is_empty(), "a dry run makes nothing");
    let (is_good, said) = scene.make(&words);
    assert!(
        is_good && said.contains("Made acme/orders at https://github.example/acme/orders"),
        "{said}"
    );
    let made = scene.github.made();
    assert_eq!(made.len(), 1, "{made:?}");
    for (key, wanted) in [
        ("owner", "acme"),
        ("name", "orders"),
        ("description", "The service orders"),
    ] {
        assert_eq!(made[0][key], wanted);
    }
    assert_eq!(
        (&made[0]["private"], &made[0]["auto_init"]),
        (&true.into(), &false.into())
    );
    let git = |words: &[&str]| scene.git("acme/orders", words);
    assert_eq!(git(&["show", "main:NAME"]), "orders");
    assert_eq!(git(&["rev-list", "--count", "main"]), "1");
    assert!(git(&["log", "-1", "--format=%B", "main"]).contains("Generated from acme/app at "));
    scene.machine.wait_until("listeners hear of it", |machine| {
        let shown = machine.json(&["show", "errands", "--of", "welcome"]);
        (shown["errands"][0]["state"] == "success").then_some(())
    });
    assert!(!scene.machine.path("acme/orders").exists(), "not here as well");
    // Its name is taken now: said before anything runs or is made.
    scene.github.asked();
    let (is_good, said) = scene.make(&words);
    assert!(
        !is_good && said.contains("https://github.example/acme/orders is there already"),
        "{said}"
    );
    assert_eq!(scene.github.asked(), ["GET /api/v3/repos/acme/orders"]);
    assert_eq!(git(&["rev-list", "--count", "main"]), "1");
    scene.machine.stop();
    let found = std::process::Command::new("grep")
        .args(["-rl", TOKEN])
        .arg(scene.machine.path("state"))
        .arg(scene.machine.path("daemon.log"))
        .output()
        .unwrap();
    assert_eq!(text(&found.stdout), "", "the token is kept nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn cm_14_with_below_it_lies_on_this_computer_too_and_follows_the_forge() {
    let mut scene = Scene::new().await;
    let (is_good, said) = scene.make(&["new", "library", "--name=json"]);
    assert!(
        is_good && said.contains("/made/ada/json, and at https://github.example/ada/json"),
        "{said}"
    );
    assert_eq!(scene.github.made()[0]["private"], false);
    let here = scene.machine.path("made/ada/json");
    let git = |words: &[&str]| scene.machine.git_in(&here, words);
    assert_eq!(
        git(&["remote", "get-url", "origin"]),
        format!("{}/ada/json.git", scene.origin)
    );
    assert_eq!(git(&["status", "--short", "--branch"]), "## main...origin/main");
    assert_eq!(
        git(&["rev-parse", "HEAD"]),
        scene.git("ada/json", &["rev-parse", "main"])
    );
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_what_the_forge_does_not_do_is_said_and_so_is_what_it_left() {
    let mut scene = Scene::new().await;
    for (owner, because) in [
        ("nobody", "has no owner nobody"),
        ("bob", "lets nobody but bob make repositories of bob"),
    ] {
        let (is_good, said) = scene.make(&["new", "service", "--name=x", &format!("--owner={owner}")]);
        assert!(!is_good && said.contains(because), "{said}");
    }
    let (is_good, said) = scene.make(&["new", "service", "--name=x", "--owner=evil"]);
    assert!(
        !is_good && said.contains("the secret `forge` is not for"),
        "{said}"
    );
    let (is_good, said) = scene.make(&["new", "nowhere"]);
    assert!(
        !is_good && said.contains("https://github.example is no forge that is connected"),
        "{said}"
    );
    assert!(scene.github.made().is_empty());
    // Made, and then not to be pushed to.
    scene.github.forbid_pushes();
    let (is_good, said) = scene.make(&["new", "service", "--name=stuck"]);
    assert!(
        !is_good
            && said.contains("https://github.example/acme/stuck was made and is left as it is")
            && said.contains("Delete it there"),
        "{said}"
    );
    assert_eq!(
        scene.git("acme/stuck", &["branch", "--format=%(refname:short)"]),
        ""
    );
    scene.machine.stop();
}
