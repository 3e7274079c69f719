//! Small repositories for tests, and the real `git` in a world of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use git2::{ObjectType, Oid, Repository};
use tempfile::TempDir;

/// Path, content and mode.
pub(crate) type File<'a> = (&'a str, &'a [u8], u32);

/// A repository that disappears with the test.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) repo: Repository,
}

impl Fixture {
    /// An empty bare repository in `mirror.git`.
    pub(crate) fn bare() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(directory.path().join("mirror.git")).unwrap();
        Self { directory, repo }
    }

    /// A directory beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn commit(&self, parents: &[Oid], files: &[(&str, &str)]) -> Oid {
        let files: Vec<File<'_>> = files
            .iter()
            .map(|(path, content)| (*path, content.as_bytes(), 0o100_644))
            .collect();
        self.commit_modes(parents, &files)
    }

    /// A commit of exactly these files.
    pub(crate) fn commit_modes(&self, parents: &[Oid], files: &[File<'_>]) -> Oid {
        let tree = self.tree(files);
        self.commit_tree(parents, tree, b"message")
    }

    pub(crate) fn commit_tree(&self, parents: &[Oid], tree: Oid, message: &[u8]) -> Oid {
        let mut text = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            text.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        text.extend_from_slice(b"author A <a@example.org> 1700000000 +0000\n");
        text.extend_from_slice(b"committer C <c@example.org> 1700000001 +0000\n\n");
        text.extend_from_slice(message);
        self.repo.odb().unwrap().write(ObjectType::Commit, &text).unwrap()
    }

    /// A tree of these paths; names are not checked, so that hostile ones can be made.
    pub(crate) fn tree(&self, files: &[File<'_>]) -> Oid {
        let mut entries: Vec<(Vec<u8>, u32, Oid)> = Vec::new();
        let mut directories: BTreeMap<&str, Vec<File<'_>>> = BTreeMap::new();
        for (path, content, mode) in files {
            match path.split_once('/') {
                Some((directory, rest)) => directories
                    .entry(directory)
                    .or_default()
                    .push((rest, content, *mode)),
                None => entries.push((path.as_bytes().to_vec(), *mode, self.leaf(content, *mode))),
            }
        }
        for (name, files) in directories {
            entries.push((name.as_bytes().to_vec(), 0o040_000, self.tree(&files)));
        }
        self.raw_tree(entries)
    }

    fn leaf(&self, content: &[u8], mode: u32) -> Oid {
        if mode == 0o160_000 {
            return Oid::from_str(&"77".repeat(20)).unwrap();
        }
        self.repo.blob(content).unwrap()
    }

    /// A tree object byte by byte.
    pub(crate) fn raw_tree(&self, mut entries: Vec<(Vec<u8>, u32, Oid)>) -> Oid {
        entries.sort_by_key(|(name, mode, _)| {
            let mut key = name.clone();
            if *mode == 0o040_000 {
                key.push(b'/');
            }
            key
        });
        let mut data = Vec::new();
        for (name, mode, oid) in entries {
            data.extend_from_slice(format!("{mode:o} ").as_bytes());
            data.extend_from_slice(&name);
            data.push(0);
            data.extend_from_slice(oid.as_bytes());
        }
        self.repo.odb().unwrap().write(ObjectType::Tree, &data).unwrap()
    }
}

/// The `git` program with no configuration but its own.
#[derive(Clone)]
pub(crate) struct Git {
    home: PathBuf,
}

impl Git {
    /// `None`, with a word about it, when there is no `git` here and none is demanded.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment what they may not skip"
    )]
    pub(crate) fn find(home: &Path) -> Option<Self> {
        if Command::new("git").arg("--version").output().is_ok() {
            return Some(Self {
                home: home.to_owned(),
            });
        }
        let required = std::env::var("SDM_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|name| name == "git"),
            "git is required and missing"
        );
        println!("skipped: install git");
        None
    }

    pub(crate) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(directory).args(arguments);
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command
            .env("HOME", &self.home)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .env("LC_ALL", "C");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "A")
                .env(format!("GIT_{role}_EMAIL"), "a@example.org")
                .env(format!("GIT_{role}_DATE"), "1700000000 +0000");
        }
        command
    }

    pub(crate) fn try_run(&self, directory: &Path, arguments: &[&str]) -> Output {
        self.command(directory, arguments).output().unwrap()
    }

    /// Standard output of a call that must succeed, without its last newline.
    pub(crate) fn run(&self, directory: &Path, arguments: &[&str]) -> String {
        let output = self.try_run(directory, arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {complaint}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end_matches('\n')
            .to_owned()
    }

    /// A work tree with one commit on `main`.
    pub(crate) fn repository(&self, path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        self.run(path, &["init", "-q", "-b", "main"]);
        std::fs::write(path.join("a"), "1\n").unwrap();
        self.run(path, &["add", "."]);
        self.run(path, &["commit", "-q", "-m", "first"]);
    }
}
