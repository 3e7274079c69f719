//! Which repository a path belongs to, and what it is called.
//!
//! A repository is known by the canonical path of its common git directory, so that its worktrees, its `.git`
//! directory and every directory inside it are one repository (semantics 8.1, threat A8).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use git2::ErrorCode;

use super::heads::{heads, open};
use super::objects::{failed, why_not_opened};
use crate::model::{RepoSlug, Repository};
use crate::ports::scm::ScmError;

/// Directories looked into by [`repositories_beneath`].
const DIRECTORY_LIMIT: usize = 20_000;
/// Directories that hold other people's repositories, if any.
const IGNORED: [&str; 2] = ["node_modules", "target"];
/// Owner of a repository that lies directly beneath the root of the file system.
const NO_OWNER: &str = "local";

/// A repository found on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// As the rest of the machine knows it.
    pub repository: Repository,
    /// Canonical path of the git directory that all its worktrees share; also the repository's key.
    pub common_dir: PathBuf,
    /// Canonical path of the work tree the search began in; none in a bare repository.
    pub work_tree: Option<PathBuf>,
}

/// What is wrong with a shallow clone, and what to do.
pub const SHALLOW: &str = "it is a shallow clone; `git fetch --unshallow` completes it";

/// Whether a git directory lacks history: pushes cannot be told from it.
pub fn is_shallow(common_dir: &Path) -> bool {
    std::fs::metadata(common_dir.join("shallow")).is_ok_and(|found| found.len() > 0)
}

/// The repository that a path belongs to: a work tree, a linked worktree, a bare repository, or anything inside one,
/// `.git/hooks` too. `None` when it belongs to none.
///
/// # Errors
/// There is a repository and it cannot be read.
pub fn discover(path: &Path) -> Result<Option<Discovered>, ScmError> {
    match git2::Repository::discover(path) {
        Ok(repo) => describe(&repo).map(Some),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(failed(format!("open the repository of {}", path.display()))(
            why_not_opened(error),
        )),
    }
}

/// The repositories in a directory and in the directories below it, two levels deep, by path; the directory itself when it
/// is one. What cannot be read is passed over.
///
/// # Errors
/// The directory cannot be listed, or has too many directories below it.
pub fn repositories_beneath(directory: &Path) -> Result<Vec<Discovered>, ScmError> {
    let doing = || format!("look for repositories in {}", directory.display());
    std::fs::read_dir(directory).map_err(|error| failed(doing())(error))?;
    let mut candidates = vec![(directory.to_owned(), 0)];
    let (mut found, mut keys, mut seen) = (Vec::new(), BTreeSet::new(), 0);
    while let Some((candidate, depth)) = candidates.pop() {
        seen += 1;
        if seen > DIRECTORY_LIMIT {
            let limit = format!("{DIRECTORY_LIMIT} directories");
            return Err(super::objects::exceeds(doing(), limit));
        }
        if looks_like_repository(&candidate) {
            let repository = open(&candidate).and_then(|repo| describe(&repo));
            let repository = repository
                .inspect_err(|error| {
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        "a repository is passed over"
                    );
                })
                .ok();
            found.extend(repository.filter(|it| keys.insert(it.common_dir.clone())));
        } else if depth < 2 {
            candidates.extend(
                directories_in(&candidate)
                    .into_iter()
                    .map(|below| (below, depth + 1)),
            );
        }
    }
    found.sort_by(|a, b| a.common_dir.cmp(&b.common_dir));
    Ok(found)
}

fn looks_like_repository(path: &Path) -> bool {
    path.join(".git").exists()
        || (path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir())
}

fn directories_in(path: &Path) -> Vec<PathBuf> {
    let visible =
        |name: &OsStr| !name.as_bytes().starts_with(b".") && !IGNORED.iter().any(|ignored| name == *ignored);
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| visible(&entry.file_name()))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .take(DIRECTORY_LIMIT + 1)
        .collect()
}

fn describe(repo: &git2::Repository) -> Result<Discovered, ScmError> {
    let canonical = |path: &Path| {
        std::fs::canonicalize(path).map_err(failed(format!("find the directory {}", path.display())))
    };
    let common_dir = canonical(repo.commondir())?;
    let work_tree = repo.workdir().map(canonical).transpose()?;
    let home = home_of(repo, &common_dir, work_tree.as_deref());
    let slug = slug_of(&home);
    Ok(Discovered {
        repository: Repository {
            key: common_dir.to_string_lossy().into_owned(),
            slug,
            address: address_of(&home),
            default_branch: heads(&common_dir)?.default_branch,
        },
        common_dir,
        work_tree,
    })
}

/// The path people know a repository by: its main work tree, or the bare repository.
fn home_of(repo: &git2::Repository, common_dir: &Path, work_tree: Option<&Path>) -> PathBuf {
    if common_dir.file_name() == Some(OsStr::new(".git"))
        && let Some(parent) = common_dir.parent()
    {
        return parent.to_owned();
    }
    match work_tree {
        // A submodule: its git directory lies within that of another repository.
        Some(work_tree) if !repo.is_worktree() => work_tree.to_owned(),
        Some(_) | None => common_dir.to_owned(),
    }
}

/// `owner/name`: the last two components, without the `.git` of a bare repository.
pub(super) fn slug_of(home: &Path) -> RepoSlug {
    let mut names = home.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    let name = names.next().unwrap_or_else(|| NO_OWNER.to_owned());
    let owner = names.next().unwrap_or_else(|| NO_OWNER.to_owned());
    let bare = name.strip_suffix(".git").filter(|stem| !stem.is_empty());
    RepoSlug::new(owner, bare.unwrap_or(&name))
}

/// Where a path lies beneath the directory of all owners (semantics 8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Directly beneath: an owner, no repository.
    Owner(String),
    /// Two levels beneath.
    Repository(RepoSlug),
}

/// Compares components, so that `/p/own` does not contain `/p/owner2`; `None` for paths that are elsewhere or deeper.
pub fn placement(root: &Path, path: &Path) -> Option<Placement> {
    let beneath = path.strip_prefix(root).ok()?;
    let mut names = Vec::new();
    for component in beneath.components() {
        match component {
            Component::Normal(name) => names.push(name.to_str()?.to_owned()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    match names.as_slice() {
        [owner] => Some(Placement::Owner(owner.clone())),
        [owner, name] => Some(Placement::Repository(RepoSlug::new(owner, name))),
        _ => None,
    }
}

/// The `file` address of an absolute path; bytes that have no place in an address are escaped.
pub fn address_of(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~+@:,=!$&'()*;".contains(&byte);
    let mut address = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        if plain(*byte) {
            address.push(char::from(*byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

/// The path of a `file` address made by [`address_of`]; `None` for any other address.
pub fn path_of(address: &str) -> Option<PathBuf> {
    let escaped = address.strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    (bytes.first() == Some(&b'/') && !bytes.contains(&0)).then(|| std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Git;

    #[test]
    fn lo_02_every_path_into_a_repository_leads_to_the_same_one() {
        let directory = tempfile::tempdir().unwrap();
        let Some(git) = Git::find(directory.path()) else {
            return;
        };
        let app = directory.path().canonicalize().unwrap().join("acme/app");
        git.repository(&app);
        std::fs::create_dir_all(app.join("src/deep")).unwrap();
        git.run(&app, &["worktree", "add", "-q", "-b", "side", "../elsewhere"]);
        for inside in ["", ".git", ".git/", ".git/hooks", "src/deep", "../elsewhere"] {
            let found = discover(&app.join(inside)).unwrap().unwrap();
            assert_eq!(found.common_dir, app.join(".git"), "{inside}");
            assert_eq!(
                found.repository.key,
                app.join(".git").to_str().unwrap(),
                "{inside}"
            );
            assert_eq!(found.repository.slug.to_string(), "acme/app", "{inside}");
            assert_eq!(path_of(&found.repository.address).unwrap(), app, "{inside}");
            assert_eq!(
                found.repository.default_branch.unwrap().as_str(),
                "main",
                "{inside}"
            );
        }
        let side = discover(&app.join("../elsewhere")).unwrap().unwrap();
        assert_eq!(side.work_tree.unwrap(), app.parent().unwrap().join("elsewhere"));
        git.run(&app, &["clone", "-q", "--bare", ".", "../bare.git"]);
        let bare = discover(&app.join("../bare.git/hooks")).unwrap().unwrap();
        assert_eq!(
            (bare.repository.slug.to_string().as_str(), bare.work_tree),
            ("acme/bare", None)
        );
        assert_eq!(discover(directory.path()).unwrap(), None);
        assert_eq!(discover(&directory.path().join("missing")).unwrap(), None);
    }

    #[test]
    fn a_clone_without_its_history_is_shallow_until_it_is_completed() {
        let directory = tempfile::tempdir().unwrap();
        let Some(git) = Git::find(directory.path()) else {
            return;
        };
        let app = directory.path().canonicalize().unwrap().join("acme/app");
        git.repository(&app);
        git.run(&app, &["commit", "-q", "--allow-empty", "-m", "another"]);
        let source = address_of(&app);
        git.run(&app, &["clone", "-q", "--depth", "1", &source, "../part"]);
        let part = app.parent().unwrap().join("part");
        assert!(is_shallow(&part.join(".git")) && !is_shallow(&app.join(".git")));
        git.run(&part, &["fetch", "-q", "--unshallow"]);
        assert!(!is_shallow(&part.join(".git")));
    }

    #[test]
    fn lo_07_lo_10_owner_and_repository_come_from_two_components() {
        let root = Path::new("/p/own/");
        let repository = |name| Some(Placement::Repository(RepoSlug::new("acme", name)));
        assert_eq!(placement(root, Path::new("/p/own/acme/app")), repository("app"));
        assert_eq!(placement(root, Path::new("/p/own/acme/app/")), repository("app"));
        assert_eq!(
            placement(root, Path::new("/p/own/acme/")),
            Some(Placement::Owner("acme".to_owned()))
        );
        for elsewhere in [
            "/p/own",
            "/p/owner2/acme/app",
            "/p/own/acme/app/src",
            "/q",
            "/p/own/../x/y",
        ] {
            assert_eq!(placement(root, Path::new(elsewhere)), None, "{elsewhere}");
        }
    }

    #[test]
    fn repositories_are_found_two_levels_deep() {
        let directory = tempfile::tempdir().unwrap();
        for path in [
            "one",
            "acme/two",
            "acme/three",
            "acme/deep/four",
            "target/five",
            "node_modules/six",
        ] {
            git2::Repository::init(directory.path().join(path)).unwrap();
        }
        git2::Repository::init_bare(directory.path().join("acme/seven.git")).unwrap();
        std::os::unix::fs::symlink(".", directory.path().join("loop")).unwrap();
        let found = repositories_beneath(directory.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|found| found.repository.slug.name.as_str())
            .collect();
        assert_eq!(names, ["seven", "three", "two", "one"]);
        let itself = repositories_beneath(&directory.path().join("one")).unwrap();
        assert_eq!(itself.len(), 1);
        assert!(repositories_beneath(&directory.path().join("missing")).is_err());
    }

    #[test]
    fn addresses_of_odd_paths_come_back() {
        for path in ["/a b/c%20d", "/caf\u{e9}/#x?y", "/line\nbreak", "/p"] {
            let address = address_of(Path::new(path));
            assert!(
                address.is_ascii() && !address.contains(['\n', ' ', '#', '?']),
                "{address}"
            );
            assert_eq!(path_of(&address).unwrap(), Path::new(path));
        }
        for other in [
            "https://x/y",
            "file://host/x",
            "file://",
            "file:///%zz",
            "file:///%00",
        ] {
            assert_eq!(
                path_of(other).map(|path| path.is_absolute() && !path.starts_with("/host")),
                None,
                "{other}"
            );
        }
    }
}
