//! Which arguments a program might take for its flags: all that stand neither behind `--`, nor behind a flag that takes them as
//! its value, nor behind code that a flag gives. Of some programs it is known what their flags take.

use super::readers::Reader;
use super::{ProgramText, Role, plain_name};

/// Programs that take no argument for a flag, or none that does harm.
const HARMLESS: &[&str] = &[
    "echo", ":", "true", "false", "test", "[", "exit", "return", "sleep", "seq", "expr", "logger", "figlet",
    "shift", "break", "continue", "wait",
];

/// What programs take as values of flags: letters, and long names. Of those with a command, it is named as well.
static VALUES: &[(&[&str], &str, &[&str])] = &[
    (
        &[
            "git commit",
            "git tag",
            "git merge",
            "git notes",
            "git stash",
            "git revert",
        ],
        "mFCcu",
        &[
            "message",
            "file",
            "author",
            "date",
            "cleanup",
            "trailer",
            "local-user",
            "strategy",
            "into-name",
        ],
    ),
    (&["git checkout", "git switch"], "bBcC", &["orphan", "conflict"]),
    (
        &["git log", "git show", "git diff", "git shortlog", "git rev-list"],
        "nSGL",
        &[
            "author",
            "committer",
            "grep",
            "since",
            "until",
            "after",
            "before",
            "format",
            "pretty",
            "max-count",
        ],
    ),
    (
        &[
            "rm", "cat", "rmdir", "unlink", "shred", "chmod", "chown", "chgrp", "ls", "tac", "rev",
            "realpath",
        ],
        "",
        &[],
    ),
    (
        &["cp", "mv", "ln", "install"],
        "tSmog",
        &["target-directory", "suffix", "mode", "owner", "group"],
    ),
    (&["mkdir", "mktemp", "mkfifo"], "m", &["mode"]),
    (&["touch", "date"], "dtrf", &["date", "reference", "file"]),
    (
        &["grep", "egrep", "fgrep", "rg"],
        "efmABC",
        &["regexp", "file", "max-count", "include", "exclude"],
    ),
    (
        &["cut", "head", "tail", "sort", "uniq", "fold"],
        "bcdfnktoTSws",
        &["bytes", "lines", "delimiter", "fields", "key"],
    ),
    (
        &["curl"],
        "dHoXuAbFeTwmxPrCEyYzcD",
        &[
            "data",
            "data-raw",
            "data-urlencode",
            "header",
            "output",
            "request",
            "user",
            "form",
            "form-string",
            "url",
            "json",
        ],
    ),
    (
        &["wget"],
        "oOaPUtTi",
        &[
            "output-document",
            "directory-prefix",
            "header",
            "post-data",
            "user-agent",
        ],
    ),
    (
        &["gh", "glab"],
        "tbRBHFfqtrlmn",
        &[
            "title",
            "body",
            "description",
            "repo",
            "base",
            "head",
            "label",
            "milestone",
            "assignee",
            "reviewer",
            "notes",
            "target",
            "message",
            "name",
            "ref",
            "field",
            "raw-field",
            "jq",
            "tag-name",
        ],
    ),
    (
        &["docker", "podman", "nerdctl", "buildah"],
        "tefvplwuh",
        &[
            "tag",
            "env",
            "file",
            "build-arg",
            "label",
            "name",
            "volume",
            "publish",
            "workdir",
            "user",
            "network",
        ],
    ),
    (
        &["kubectl", "helm", "oc"],
        "nlfo",
        &[
            "namespace",
            "set",
            "set-string",
            "selector",
            "image",
            "context",
            "version",
        ],
    ),
    (
        &["aws", "gcloud", "az"],
        "",
        &[
            "region", "profile", "query", "name", "message", "body", "subject", "project",
        ],
    ),
    (&["jq", "gojq", "jaq"], "", &["arg", "argjson"]),
    (
        &["svn", "hg", "bzr", "fossil", "cvs"],
        "mFrul",
        &[
            "message",
            "file",
            "logfile",
            "revision",
            "rev",
            "user",
            "username",
            "with-revprop",
            "date",
        ],
    ),
    (
        &["mail", "mailx", "mutt", "s-nail", "swaks"],
        "sabcrSe",
        &["subject", "to", "from", "header", "body", "attach", "server"],
    ),
];

/// Long flags that take a value wherever there is one so called.
#[rustfmt::skip]
const TAKE_VALUES: &[&str] = &[
    "author", "body", "branch", "build-arg", "channel", "comment", "commit", "commit-sha", "description", "email", "from", "label", "message",
    "milestone", "notes", "reason", "repository", "sha", "subject", "summary", "tag", "text", "title", "username",
];

/// The programs of an argument vector, in order, for who asks of many arguments.
pub(super) struct Takers<'w> {
    words: &'w [&'w str],
    /// The places of programs, each with that of the `--` behind it.
    programs: Vec<(usize, usize)>,
    /// Code behind which no flags are read.
    code: usize,
    /// Whether a flag of which nothing is known is trusted to take what comes next for its value.
    is_trusting: bool,
}

impl<'w> Takers<'w> {
    pub(super) fn of(words: &'w [&'w str], found: &[ProgramText], is_trusting: bool) -> Self {
        let code = found.iter().filter(|text| text.ends_flags).map(|text| text.index);
        let programs = found.iter().filter(|text| text.role == Role::Program);
        let mut programs: Vec<usize> = programs.map(|text| text.index).collect();
        programs.sort_unstable();
        programs.dedup();
        let mut closing = words.len();
        let mut behind = Vec::new();
        for (index, word) in words.iter().enumerate().rev() {
            if matches!(*word, "--" | "--end-of-options") {
                closing = index;
            }
            if programs.last() == Some(&index) {
                programs.pop();
                behind.push((index, closing));
            }
        }
        behind.reverse();
        Self {
            words,
            programs: behind,
            code: code.min().unwrap_or(usize::MAX),
            is_trusting,
        }
    }

    /// The program that might take an argument for a flag; nobody where it would be none, or do no harm.
    pub(super) fn program_of(&self, at: usize) -> Option<String> {
        let (name, first) = self.taker_of(at)?;
        (!self.is_value(&name, first, at)).then_some(name)
    }

    /// The program that might take for a flag what a shell makes of an argument behind its first word: no flag before it takes
    /// that for its value.
    pub(super) fn program_of_split(&self, at: usize) -> Option<String> {
        self.taker_of(at).map(|(name, _)| name)
    }

    /// The program that an argument belongs to, with the place of its first, where its flags may do harm there.
    fn taker_of(&self, at: usize) -> Option<(String, usize)> {
        let count = self.programs.partition_point(|(program, _)| *program < at);
        let of_image = (usize::MAX, self.words.len());
        let (program, closing) = count.checked_sub(1).map_or(of_image, |last| self.programs[last]);
        let word = self.words.get(program).copied().unwrap_or("the image");
        let name = plain_name(word);
        let first = program.wrapping_add(1);
        let is_text = name == "printf" && at > first;
        let is_harmless = at > closing || at > self.code || is_text || HARMLESS.contains(&name.as_str());
        (!is_harmless).then_some((name, first))
    }

    fn is_value(&self, name: &str, first: usize, at: usize) -> bool {
        let before = self.words.get(first..at).unwrap_or_default();
        let flag = before
            .last()
            .filter(|flag| flag.starts_with('-') && !flag.contains('$'));
        flag.is_some_and(|flag| takes_value(name, before, flag).unwrap_or(self.is_trusting))
            || is_second_value(name, before)
    }
}

/// Whether a word is the second value of the flag before the word before it: `jq --arg NAME VALUE`.
fn is_second_value(program: &str, before: &[&str]) -> bool {
    let [.., flag, _] = before else { return false };
    let pair = flag.strip_prefix("--");
    let reader = Reader::named(program).filter(|_| !flag.contains('$'));
    reader.is_some_and(|reader| pair.is_some_and(|pair| reader.pairs.contains(&pair)))
}

/// Whether a flag of a program takes the next word as its value; nothing where that is not known.
fn takes_value(program: &str, arguments: &[&str], flag: &str) -> Option<bool> {
    let long = flag.strip_prefix("--");
    let letter = flag
        .strip_prefix('-')
        .and_then(|letters| letters.chars().next_back());
    if long.is_none() && letter.is_none() {
        return Some(false);
    }
    let command = arguments
        .first()
        .map(|word| format!("{program} {word}"))
        .unwrap_or_default();
    let names = |names: &&[&str]| names.contains(&program) || names.contains(&command.as_str());
    let takes = |letters: &str, longs: &[&str]| match long {
        Some(long) => longs.contains(&long),
        None => letter.is_some_and(|letter| letters.contains(letter)),
    };
    let row = VALUES.iter().find(|(of, _, _)| names(of));
    let reader = Reader::named(program).map(|reader| (reader.data, reader.long_data));
    let row = row.map(|(_, letters, longs)| (*letters, *longs)).or(reader);
    let row = row.map(|(letters, longs)| takes(letters, longs));
    row.or_else(|| long.filter(|long| TAKE_VALUES.contains(long)).map(|_| true))
}
