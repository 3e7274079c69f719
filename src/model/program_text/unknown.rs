//! Programs that nothing is known of: what follows a flag as shells have one may be code, and so may what programs inside of their
//! arguments are given.

use super::readers::Reader;
use super::{Walk, image_name, plain_name, shells};

/// Programs all of whose arguments may be code.
const READ_ALL: &[&str] = &[
    "pwsh",
    "powershell",
    "deno eval",
    "mosh",
    "watch",
    "parallel",
    "eval",
    "erl",
    "cmd",
    "tmux",
    "screen",
    "hyperfine",
    "concurrently",
    "yarn exec",
    "lerna exec",
    "sg",
    "at",
    "batch",
    "cross-env-shell",
    "socat",
];

/// Programs with short flags that look like those of code and are not.
#[rustfmt::skip]
const OTHER_FLAGS: &[&str] = &[
    // Texts and files.
    "[", "7z", "7za", "cat", "cmp", "cp", "cut", "echo", "egrep", "fgrep", "grep", "gzip", "head", "jq", "logger", "ls", "md5sum",
    "mv", "printf", "rg", "sha1sum", "sha256sum", "sha512sum", "shasum", "stat", "tail", "tee", "test", "uniq", "unzip", "wc",
    "xxd", "xz", "zstd",
    // The network, keys and containers.
    "buildah", "cosign", "docker", "docker-compose", "gpg", "kubectl", "nerdctl", "oc", "ping", "podman", "skopeo", "ssh-keygen",
    // Clouds and deliveries.
    "argocd", "aws", "az", "cdk", "flux", "fly", "flyctl", "gcloud", "gh", "glab", "goreleaser", "heroku", "k6", "netlify",
    "pulumi", "sam", "serverless", "skaffold", "sls", "terraform", "terragrunt", "tofu", "vercel", "wrangler",
    // Builds, packages, tests and checks.
    "black", "buf", "conan", "coverage", "ctest", "cypress", "dotnet", "eslint", "flake8", "flutter", "golangci-lint", "hadolint",
    "hatch", "hugo", "isort", "mkdocs", "msbuild", "mypy", "nox", "npm", "phpunit", "pip", "pnpm", "protoc", "pylint", "rspec",
    "ruff", "shellcheck", "snyk", "sphinx-build", "swift", "tox", "trivy", "twine", "xcodebuild", "yarn",
];

/// Flags behind which many programs expect code.
const FLAGS_OF_CODE: &[&str] = &[
    "--eval",
    "--exec",
    "--execute",
    "--code",
    "--commands",
    "--expression",
    "--run",
    "--cmd",
    "--call",
    "-command",
    "-eval",
    "-exec",
];

/// Ends of the long names of such flags.
const ENDS_OF_FLAGS: &[&str] = &["command", "-cmd", "-exec"];

/// Short words behind a dash that end as clusters of such flags do and are none.
const WORDS: &[&str] = &[
    "base", "code", "date", "doc", "file", "like", "line", "mode", "name", "node", "none", "once", "page",
    "race", "rate", "role", "rule", "safe", "save", "site", "size", "src", "sync", "time", "true", "type",
    "wide", "zone", "svc", "use",
];

/// Longest cluster of letters that is taken for one.
const LONGEST_CLUSTER: usize = 4;

/// Most programs that are looked for among the arguments of another; beyond that all is taken for code.
pub(super) const MOST_INSIDE: usize = 50;

/// Whether every argument of the program may be code.
pub(super) fn reads_all(name: &str) -> bool {
    READ_ALL.contains(&name)
}

/// Whether a program is known to mean something else by such short flags.
pub(super) fn has_other_flags(name: &str) -> bool {
    OTHER_FLAGS.contains(&name)
}

/// Whether a word is a file of the working copy by its path: its author wrote it, and says what its short flags are.
fn is_own(word: &str) -> bool {
    word.contains('/') && !word.starts_with('/')
}

/// Whether a program that nothing is known of may take what comes next for code, or what comes after `=`.
pub(super) fn is_flag_of_code(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    let is_of_shell = |letters: &str| {
        letters.len() <= LONGEST_CLUSTER + 1
            && letters.contains('c')
            && letters.bytes().all(|letter| b"ceuxlivn".contains(&letter))
    };
    let is_cluster = |letters: &str| {
        letters.len() <= LONGEST_CLUSTER
            && letters.ends_with(['c', 'e'])
            && letters.bytes().all(|letter| letter.is_ascii_alphabetic())
            && !WORDS.contains(&letters)
    };
    let is_cluster = |letters: &str| is_of_shell(letters) || is_cluster(letters);
    let ends_so = |long: &str| ENDS_OF_FLAGS.iter().any(|end| long.ends_with(end));
    FLAGS_OF_CODE.contains(&name)
        || name.strip_prefix("--").is_some_and(ends_so)
        || name.strip_prefix('-').is_some_and(is_cluster)
}

/// Whether a program is a shell or an interpreter.
pub(super) fn reads_code(name: &str) -> bool {
    shells::is_shell(name) || Reader::named(name).is_some_and(|reader| !reader.is_known)
}

impl Walk<'_> {
    /// A program that nothing is known of: what follows a flag as shells have one, and what runs code inside of it.
    pub(super) fn unknown(&mut self, name: &str, at: usize) {
        for index in at + 1..self.argv.len() {
            let word = self.argv[index];
            let is_short = !word.starts_with("--");
            let is_known = is_short && (has_other_flags(name) || is_own(self.argv[at]));
            if !is_known && is_flag_of_code(word) {
                let is_whole = !word.contains('=');
                self.add_with_hint(index + usize::from(is_whole), name, super::hints::UNKNOWN);
            }
        }
        self.programs_inside(at + 1);
        self.in_container(name, at);
    }

    /// What programs that stand somewhere behind a place are given by flags.
    pub(super) fn programs_inside(&mut self, from: usize) {
        let mut count = 0;
        for index in from..self.argv.len() {
            let inner = plain_name(image_name(self.argv[index]));
            if reads_code(&inner) {
                count += 1;
                if count > MOST_INSIDE {
                    return self.rest_is_code(&inner, index);
                }
                self.inside_as(&inner, index);
            }
        }
    }

    /// Code that a program inside another one's arguments is given by a flag; whether it has our variables is not known.
    pub(super) fn inside(&mut self, at: usize) {
        if let Some(word) = self.argv.get(at) {
            self.inside_as(&plain_name(word), at);
        }
    }

    /// The same for a program that is called by its name elsewhere; whether it would take its code from its standard input.
    pub(super) fn inside_as(&mut self, name: &str, at: usize) -> bool {
        let mut inner = Walk::along(std::mem::take(&mut self.argv));
        inner.keeps_environment = self.keeps_environment && self.is_in_image;
        if shells::is_shell(name) {
            inner.shell(name, at);
        } else if let Some(reader) = Reader::named(name) {
            inner.read_by(reader, name, at);
        }
        self.argv = inner.argv;
        let flagged = inner.found.into_iter().filter(|text| text.is_flagged);
        self.found.extend(flagged);
        inner.reads_input
    }
}
