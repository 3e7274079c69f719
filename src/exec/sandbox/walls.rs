//! A part of the sandbox, where namespaces cannot be had: Landlock for files, and what the kernel gives for the network.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use nix::sched::{CloneFlags, unshare};

use super::surroundings::{SECRET, SYSTEM, Surroundings};
use crate::ports::sandbox::SandboxOrder;

/// The newest rules we know; an older kernel holds what it knows of them.
const RULES: ABI = ABI::V6;

/// Devices that programs write to.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// What could be drawn.
pub(super) struct Walls {
    rules: Option<RulesetCreated>,
    /// The network is gone altogether.
    is_cut_off: bool,
}

/// Whether the kernel has Landlock.
pub(super) fn are_offered() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

impl Walls {
    /// Prepares the walls; nothing is closed yet, but for the network, which goes at once.
    pub(super) fn draw(order: &SandboxOrder, surroundings: &Surroundings) -> Self {
        let is_cut_off = !order.network && cut_off().is_ok();
        let rules = are_offered().then(|| rules(order, surroundings, !order.network && !is_cut_off).ok());
        Self {
            rules: rules.flatten(),
            is_cut_off,
        }
    }

    /// What holds, for people.
    pub(super) fn words(&self) -> String {
        let files = match self.rules {
            Some(_) => {
                "Landlock; the system is read-only, files of other goals and of the machine are hidden"
            }
            None => "no files are hidden",
        };
        match self.is_cut_off {
            true => format!("{files}, the network is off"),
            false => files.to_owned(),
        }
    }

    /// What was wanted and does not hold, for people.
    pub(super) fn missing(&self, order: &SandboxOrder) -> Vec<&'static str> {
        let mut missing = vec![
            "processes of the computer are visible",
            "its sockets can be reached",
        ];
        if self.rules.is_none() {
            missing.push("files of the machine and of other goals can be read");
        }
        if !order.network && !self.is_cut_off {
            missing.push(match self.rules {
                Some(_) => "of the network only TCP is closed, where the kernel can",
                None => "the network is open",
            });
        }
        missing
    }

    /// Variables that lead temporary files to where they may be written, and tools to where they are.
    pub(super) fn variables(
        &self,
        order: &SandboxOrder,
        surroundings: &Surroundings,
    ) -> Vec<(String, PathBuf)> {
        let (Some(_), Some(home)) = (&self.rules, surroundings.home()) else {
            return Vec::new();
        };
        let own = order.temporary.join("home");
        fs::create_dir_all(&own).ok();
        let mut variables = vec![
            ("TMPDIR".to_owned(), order.temporary.clone()),
            ("HOME".to_owned(), own),
        ];
        for (name, directory) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let place = home.join(directory);
            if !surroundings.variables.contains_key(name) && place.exists() {
                variables.push((name.to_owned(), place));
            }
        }
        variables
    }

    /// Closes the walls around this process and whatever it becomes.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn close(self) -> io::Result<()> {
        match self.rules {
            Some(rules) => rules.restrict_self().map(|_| ()).map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// A network namespace with nothing in it; who is not root needs a user namespace for that.
fn cut_off() -> io::Result<()> {
    if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn rules(
    order: &SandboxOrder,
    surroundings: &Surroundings,
    close_tcp: bool,
) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))?
        .scope(Scope::from_all(RULES))?;
    if close_tcp {
        ruleset = ruleset.handle_access(AccessNet::from_all(RULES))?;
    }
    let mut created = ruleset.create()?;
    for path in readable(order, surroundings) {
        created = allow(created, &path, AccessFs::from_read(RULES))?;
    }
    let writable = order.writable.iter().chain([&order.temporary]);
    for path in writable.cloned().chain(DEVICES.iter().map(PathBuf::from)) {
        created = allow(created, &path, AccessFs::from_all(RULES))?;
    }
    Ok(created)
}

/// What is not there, or may not be opened, needs no allowance. A file takes only what files have.
fn allow(
    created: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(created);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(RULES)
    };
    created.add_rule(PathBeneath::new(opened, access))
}

/// The system without its secrets, the tools, and what the order names.
fn readable(order: &SandboxOrder, surroundings: &Surroundings) -> Vec<PathBuf> {
    let secret: Vec<PathBuf> = SECRET
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    let system = SYSTEM.iter().flat_map(|path| without(Path::new(path), &secret));
    let kernel = ["/proc", "/dev"].map(PathBuf::from);
    system
        .chain(kernel)
        .chain(surroundings.tools(&order.hidden))
        .chain(order.readable.iter().cloned())
        .collect()
}

/// What covers all below a path but what is secret: the path itself where nothing is, else what covers all in it. Links count as what
/// they lead to.
fn without(path: &Path, secret: &[PathBuf]) -> Vec<PathBuf> {
    let Ok(real) = fs::canonicalize(path) else {
        return Vec::new();
    };
    if secret.iter().any(|secret| real.starts_with(secret)) {
        return Vec::new();
    }
    if !holds_one(&real, secret) {
        return vec![path.to_owned()];
    }
    let inside = fs::read_dir(&real).into_iter().flatten().flatten();
    inside
        .map(|entry| entry.path())
        // A link to all of it again, or to more, would have no end.
        .filter(|entry| {
            let leads_to = fs::canonicalize(entry).unwrap_or_default();
            !holds_one(&leads_to, secret) || leads_to.starts_with(&real) && leads_to != real
        })
        .flat_map(|entry| without(&entry, secret))
        .collect()
}

fn holds_one(directory: &Path, secret: &[PathBuf]) -> bool {
    secret.iter().any(|secret| secret.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn i2_what_is_secret_is_left_out_at_any_depth_and_by_any_name() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for place in ["ssl/certs", "ssl/private", "containers", "plain", "shadow"] {
            fs::create_dir_all(root.join(place)).unwrap();
        }
        for file in [
            "containers/auth.json",
            "containers/policy.json",
            "ssl/openssl.cnf",
        ] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink(root.join("ssl/private"), root.join("plain-looking")).unwrap();
        symlink(&root, root.join("containers/up")).unwrap();
        symlink("/", root.join("ssl/top")).unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.join("outside")).unwrap();
        let secret = ["ssl/private", "containers/auth.json", "shadow"].map(|path| root.join(path));
        let mut open = without(&root, &secret);
        open.sort();
        let expected = [
            "containers/policy.json",
            "outside",
            "plain",
            "ssl/certs",
            "ssl/openssl.cnf",
        ];
        assert_eq!(open, expected.map(|path| root.join(path)));
        assert_eq!(without(&root.join("plain"), &secret), [root.join("plain")]);
    }
}
