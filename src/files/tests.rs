//! Tests: there and back, and archives that somebody else has made.

mod swapped;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::model::Timestamp;
use crate::model::push::Trust;
use crate::ports::Archives;
use crate::ports::kept::{
    ArchiveLimits, FoundArchive, Keep, KeepOrder, KeepReport, OnMiss, Restore, RestoreOrder, RestoreReport,
};

const LIMITS: ArchiveLimits = ArchiveLimits {
    bytes: 1 << 20,
    entries: 1000,
};

/// A working copy, another one, and room beside them.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for directory in ["from", "to", "home"] {
            fs::create_dir(place.at(directory)).unwrap();
        }
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    /// Keeps what matches into `archive`; what was said, and what became of it.
    fn keep(&self, paths: &[&str], limits: ArchiveLimits) -> io::Result<(String, KeepReport)> {
        self.keep_of("from", paths, limits)
    }

    /// The same of another directory.
    fn keep_of(
        &self,
        directory: &str,
        paths: &[&str],
        limits: ArchiveLimits,
    ) -> io::Result<(String, KeepReport)> {
        let order = KeepOrder {
            project: self.at(directory),
            home: Some(self.at("home")),
            archives: vec![Keep {
                what: "it".to_owned(),
                paths: paths.iter().map(ToString::to_string).collect(),
                times: true,
                file: self.at("archive"),
            }],
            limits,
            report: self.at("kept.json"),
        };
        for leftover in ["archive", "kept.json"] {
            let _ = fs::remove_file(self.at(leftover));
        }
        let mut log = Vec::new();
        steps::keep(&order, &mut log)?;
        let report = serde_json::from_slice(&fs::read(self.at("kept.json")).unwrap()).unwrap();
        Ok((String::from_utf8(log).unwrap(), report))
    }

    fn order(&self, limits: ArchiveLimits) -> RestoreOrder {
        let _ = fs::remove_file(self.at("restored.json"));
        RestoreOrder {
            project: self.at("to"),
            home: None,
            notes: Vec::new(),
            archives: vec![Restore {
                what: "it".to_owned(),
                archive: Some(FoundArchive {
                    file: self.at("archive"),
                    digest: digest_of(File::open(self.at("archive")).unwrap()).unwrap(),
                    from: "elsewhere".to_owned(),
                }),
                required: false,
                on_miss: Vec::new(),
            }],
            limits,
            report: self.at("restored.json"),
        }
    }

    fn restore(&self, order: &RestoreOrder) -> io::Result<String> {
        let mut log = Vec::new();
        let run = |instead: &OnMiss| {
            let mut command = std::process::Command::new(&instead.argv[0]);
            command.args(&instead.argv[1..]).envs(instead.environment.clone());
            let status = command.current_dir(&order.project).status();
            Ok(status.unwrap().code().unwrap())
        };
        steps::restore(order, &mut log, &run)?;
        Ok(String::from_utf8(log).unwrap())
    }

    /// An archive of somebody else's making.
    fn forge(&self, fill: impl FnOnce(&mut tar::Builder<&mut Vec<u8>>)) {
        let mut tar = Vec::new();
        let mut builder = tar::Builder::new(&mut tar);
        fill(&mut builder);
        builder.finish().unwrap();
        drop(builder);
        fs::write(self.at("archive"), zstd::encode_all(&tar[..], 1).unwrap()).unwrap();
    }
}

/// An entry whose name and link are written as they are, without the checks of a well-behaved writer.
fn entry(
    builder: &mut tar::Builder<&mut Vec<u8>>,
    kind: tar::EntryType,
    name: &str,
    link: &str,
    content: &[u8],
) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o6755);
    header.set_size(content.len() as u64);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn names_below(root: &Path) -> Vec<String> {
    let mut open = vec![root.to_owned()];
    let mut names = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            names.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path);
            }
        }
    }
    names.sort();
    names
}

#[test]
fn ca_03_files_come_back_as_they_were() {
    let place = Place::new();
    place.write("from/target/app/run", "#!/bin/sh\n");
    fs::set_permissions(
        place.at("from/target/app/run"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    place.write(&format!("from/target/{}", "n".repeat(200)), "long");
    place.write("from/target/deep/é/x", "x");
    place.write("from/other", "not asked for");
    symlink("app/run", place.at("from/target/link")).unwrap();
    fs::create_dir(place.at("from/target/empty")).unwrap();
    let (log, report) = place.keep(&["target"], LIMITS).unwrap();
    assert!(log.starts_with("it: 4 files kept"), "{log}");
    assert_eq!(report.archives[0].as_ref().unwrap().files, 4);
    let log = place.restore(&place.order(LIMITS)).unwrap();
    assert_eq!(log, "it: 4 files restored from elsewhere\n");
    let mut expected = names_below(&place.at("from"));
    expected.retain(|name| name != "other");
    assert_eq!(names_below(&place.at("to")), expected);
    let run = fs::metadata(place.at("to/target/app/run")).unwrap();
    let was = fs::metadata(place.at("from/target/app/run")).unwrap();
    assert_eq!(
        run.permissions().mode() & 0o7777,
        0o755,
        "no set-user-id comes back"
    );
    assert_eq!(run.mtime(), was.mtime());
    assert_eq!(place.read("to/target/link"), "#!/bin/sh\n");
}

#[test]
fn ca_04_the_same_files_make_the_same_archive_and_no_match_makes_none() {
    let place = Place::new();
    place.write("from/node_modules/a/index.js", "1");
    place.write("from/packages/b/node_modules/c.js", "2");
    place.write("from/.git/config", "secret");
    place.write("home/.cargo/registry/x.crate", "3");
    let all = ["**/node_modules", "~/.cargo/registry", "**/.git", ".git/*"];
    let (log, first) = place.keep(&all, LIMITS).unwrap();
    assert_eq!(first.archives[0].as_ref().unwrap().files, 3);
    assert!(
        log.contains("left out `.git`: it stands for the git directory"),
        "{log}"
    );
    let (_, again) = place.keep(&all, LIMITS).unwrap();
    assert_eq!(first, again);
    let log = place.restore(&place.order(LIMITS)).unwrap();
    assert!(
        log.contains("refused `.cargo/registry/x.crate`: nothing of it may be written here"),
        "without a home nothing is put there: {log}"
    );
    let mut order = place.order(LIMITS);
    order.home = Some(place.at("to"));
    place.restore(&order).unwrap();
    assert_eq!(place.read("to/.cargo/registry/x.crate"), "3");
    let (log, none) = place.keep(&["dist"], LIMITS).unwrap();
    assert_eq!(
        (log.as_str(), none.archives),
        ("it: nothing is kept, no file matches\n", vec![None])
    );
    assert!(!place.at("archive").exists());
}

#[test]
fn b6_what_is_no_file_and_links_that_leave_are_left_out() {
    let place = Place::new();
    place.write("from/out/file", "f");
    symlink("/etc/passwd", place.at("from/out/absolute")).unwrap();
    symlink("../../to", place.at("from/out/up")).unwrap();
    nix::unistd::mkfifo(&place.at("from/out/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (log, _) = place.keep(&["out"], LIMITS).unwrap();
    let size = log.split(", ").last().unwrap().trim();
    insta::assert_snapshot!(log.replace(size, "[size]"), @"
    it: left out `out/absolute`: the link points outside
    it: left out `out/fifo`: it is neither a file nor a directory nor a link
    it: left out `out/up`: the link points outside
    it: 1 file kept, [size]
    ");
}

#[test]
fn b5_a_directory_that_is_a_link_is_not_entered() {
    let place = Place::new();
    place.write("home/secret", "s");
    symlink("../home", place.at("from/target")).unwrap();
    let (log, report) = place.keep(&["target/**"], LIMITS).unwrap();
    assert_eq!(report.archives, [None], "{log}");
}

#[test]
fn ca_08_b11_entries_that_leave_the_tree_are_refused_one_by_one() {
    use tar::EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};
    let place = Place::new();
    place.write("canary", "alive");
    place.write("to/tracked/file", "t");
    symlink(place.at("home"), place.at("to/elsewhere")).unwrap();
    place.forge(|archive| {
        entry(archive, Regular, "project/../canary", "", b"dead");
        entry(archive, Regular, "/tmp/absolute", "", b"dead");
        entry(archive, Regular, "elsewhere/x", "", b"dead");
        entry(archive, Regular, "home/.profile", "", b"dead");
        entry(archive, Regular, "project/elsewhere/x", "", b"dead");
        entry(archive, Symlink, "project/a", "/etc", b"");
        entry(archive, Symlink, "project/b", "../home", b"");
        entry(archive, Symlink, "project/inner", "tracked", b"");
        entry(archive, Regular, "project/inner/through", "", b"dead");
        entry(archive, Link, "project/hard", "../canary", b"");
        entry(archive, Block, "project/device", "", b"");
        entry(archive, Fifo, "project/fifo", "", b"");
        entry(archive, Regular, "project/Twin", "", b"1");
        entry(archive, Regular, "project/tWIN", "", b"2");
        entry(archive, Regular, "project/.git/hooks/post-checkout", "", b"dead");
        entry(archive, Regular, "project/tracked", "", b"dead");
        entry(archive, Directory, "project/made", "", b"");
        entry(archive, Regular, "project/made/good", "", b"good");
    });
    let log = place.restore(&place.order(LIMITS)).unwrap();
    insta::assert_snapshot!(log, @"
    it: 3 files restored from elsewhere
    it: refused `project/../canary`: it is not a name
    it: refused `/tmp/absolute`: its name is absolute
    it: refused `elsewhere/x`: it belongs nowhere
    it: refused `.profile`: nothing of it may be written here
    it: refused `project/elsewhere/x`: a link or a file is where a directory is needed
    it: refused `a`: the link points outside
    it: refused `b`: the link points outside
    it: refused `project/inner/through`: a link or a file is where a directory is needed
    it: refused `hard`: it is neither a file nor a directory nor a link
    it: refused `device`: it is neither a file nor a directory nor a link
    it: refused `fifo`: it is neither a file nor a directory nor a link
    it: refused `project/tWIN`: another entry has the same name, case aside
    it: refused `project/.git/hooks/post-checkout`: it stands for the git directory
    it: refused `project/tracked`: a directory stands in its place
    ");
    assert_eq!(place.read("canary"), "alive");
    assert_eq!(place.read("to/made/good"), "good");
    assert_eq!(
        fs::metadata(place.at("to/made/good")).unwrap().mode() & 0o7777,
        0o755
    );
    assert_eq!(names_below(&place.at("home")), [""; 0]);
    let expected = [
        "Twin",
        "elsewhere",
        "inner",
        "made",
        "made/good",
        "tracked",
        "tracked/file",
    ];
    assert_eq!(names_below(&place.at("to")), expected);
}

#[test]
fn b11_a_bomb_ends_at_the_limit() {
    let place = Place::new();
    place.forge(|archive| {
        entry(
            archive,
            tar::EntryType::Regular,
            "project/zeros",
            "",
            &vec![0; 2 << 20],
        );
    });
    assert!(fs::metadata(place.at("archive")).unwrap().len() < 1000);
    let error = place.restore(&place.order(LIMITS)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it: there is more than an archive may hold (1 MiB, 1000 entries)"
    );
    place.forge(|archive| {
        for number in 0..20 {
            entry(
                archive,
                tar::EntryType::Regular,
                &format!("project/{number}"),
                "",
                b"",
            );
        }
    });
    let few = ArchiveLimits {
        entries: 10,
        ..LIMITS
    };
    assert!(place.restore(&place.order(few)).is_err());
    place.write("from/big", &"x".repeat(100));
    let small = ArchiveLimits { bytes: 99, ..LIMITS };
    assert!(place.keep(&["big"], small).is_err());
}

#[test]
fn k2_a_damaged_archive_is_a_miss_and_nothing_of_it_is_written() {
    let place = Place::new();
    place.write("from/a", "a");
    place.keep(&["a"], LIMITS).unwrap();
    let mut order = place.order(LIMITS);
    let archive = fs::read(place.at("archive")).unwrap();
    fs::write(place.at("archive"), &archive[..archive.len() - 1]).unwrap();
    let log = place.restore(&order).unwrap();
    assert!(log.contains("its digest differs"), "{log}");
    assert_eq!(names_below(&place.at("to")), [""; 0]);
    let report: RestoreReport =
        serde_json::from_slice(&fs::read(place.at("restored.json")).unwrap()).unwrap();
    assert_eq!(report.restored, [None]);
    order.archives[0].required = true;
    fs::remove_file(place.at("restored.json")).unwrap();
    assert!(place.restore(&order).is_err());
    fs::remove_file(place.at("archive")).unwrap();
    order.archives[0].required = false;
    assert!(place.restore(&order).unwrap().contains("not restored"));
}

fn instead(argv: &[&str], value: &str) -> OnMiss {
    OnMiss {
        argv: argv.iter().map(ToString::to_string).collect(),
        environment: vec![("SDM_VALUE_1".to_owned(), value.to_owned())],
    }
}

#[test]
fn ym_23_every_command_on_a_miss_has_values_of_its_own() {
    let place = Place::new();
    place.write("from/a", "a");
    place.keep(&["a"], LIMITS).unwrap();
    let mut order = place.order(LIMITS);
    order.archives[0].archive = None;
    let touch = ["sh", "-c", "touch \"${SDM_VALUE_1}\""];
    order.archives[0].on_miss = vec![instead(&touch, "one"), instead(&touch, "two")];
    place.restore(&order).unwrap();
    assert_eq!(names_below(&place.at("to")), ["one", "two"]);
}

#[test]
fn an_order_of_the_version_before_has_commands_without_values() {
    let read: OnMiss = serde_json::from_str(r#"["touch", "one"]"#).unwrap();
    assert_eq!(read.argv, ["touch", "one"]);
    let written = serde_json::to_string(&instead(&["touch"], "x")).unwrap();
    assert_eq!(
        serde_json::from_str::<OnMiss>(&written).unwrap(),
        instead(&["touch"], "x")
    );
}

#[test]
fn ca_03_every_command_on_a_miss_runs_and_none_when_there_are_files() {
    let place = Place::new();
    place.write("from/a", "a");
    place.keep(&["a"], LIMITS).unwrap();
    let mut order = place.order(LIMITS);
    let touch = |name: &str| instead(&["touch", name], "");
    order.archives[0].on_miss = vec![touch("one"), touch("two")];
    place.restore(&order).unwrap();
    assert_eq!(names_below(&place.at("to")), ["a"]);
    order.archives[0].archive = None;
    order.archives[0].required = true;
    fs::remove_file(place.at("restored.json")).unwrap();
    place.restore(&order).unwrap();
    assert_eq!(names_below(&place.at("to")), ["a", "one", "two"]);
    order.archives[0].on_miss = vec![instead(&["false"], "")];
    assert!(
        place
            .restore(&order)
            .unwrap_err()
            .to_string()
            .contains("`false` failed")
    );
}

#[test]
fn ca_04_of_several_archives_only_the_one_that_is_missing_falls_back() {
    let place = Place::new();
    place.write("from/a", "a");
    place.keep(&["a"], LIMITS).unwrap();
    fs::rename(place.at("archive"), place.at("first")).unwrap();
    place.write("from/node_modules/b", "b");
    place.keep(&["node_modules"], LIMITS).unwrap();
    let mut order = place.order(LIMITS);
    let touch = |name: &str| vec![instead(&["touch", name], "")];
    let found = |name: &str| FoundArchive {
        file: place.at(name),
        digest: digest_of(File::open(place.at(name)).unwrap()).unwrap(),
        from: name.to_owned(),
    };
    let wanted = |what: &str, archive: Option<FoundArchive>| Restore {
        what: what.to_owned(),
        archive,
        required: true,
        on_miss: touch(&format!("instead of {what}")),
    };
    order.archives = vec![
        wanted("first", Some(found("first"))),
        wanted("missing", None),
        wanted("second", Some(found("archive"))),
    ];
    let log = place.restore(&order).unwrap();
    insta::assert_snapshot!(log, @r#"
    first: 1 file restored from first
    missing: none are kept
    missing: instead: touch instead of missing
    second: 1 file restored from archive
    "#);
    assert_eq!(
        names_below(&place.at("to")),
        ["a", "instead of missing", "node_modules", "node_modules/b"]
    );
}

#[test]
fn names_of_any_length_and_depth_are_read_within_limits() {
    let place = Place::new();
    place.forge(|archive| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(1 << 20);
        header.set_cksum();
        archive.append(&header, &vec![b'x'; 1 << 20][..]).unwrap();
    });
    let error = place.restore(&place.order(LIMITS)).unwrap_err();
    assert!(
        error.to_string().contains("a name in the archive is too long"),
        "{error}"
    );
    let mut path = place.at("from/deep");
    for _ in 0..300 {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    place.write("from/deep/file", "f");
    let (log, _) = place.keep(&["deep"], LIMITS).unwrap();
    assert!(log.contains("it lies too deep"), "{log}");
    place.restore(&place.order(LIMITS)).unwrap();
    assert_eq!(place.read("to/deep/file"), "f");
}

#[tokio::test]
async fn ca_07_of_many_who_put_one_archive_at_once_readers_get_a_whole_one() {
    let place = Place::new();
    let shelf = Shelf::new(place.at("cache"));
    let content = "archive ".repeat(10_000);
    let digest = "cd".repeat(32);
    let both = (0..32).map(async |number| {
        let (made, lent) = (
            place.at(&format!("made-{number}")),
            place.at(&format!("lent-{number}")),
        );
        fs::write(&made, &content).unwrap();
        let (put, got) = futures_util::future::join(
            shelf.take(Trust::Member, &digest, &made),
            shelf.lend(Trust::Member, &digest, &lent),
        )
        .await;
        put.unwrap();
        if got.unwrap() {
            assert_eq!(fs::read_to_string(&lent).unwrap(), content);
        }
    });
    futures_util::future::join_all(both).await;
    let later = Timestamp::from_micros(i64::MAX);
    assert_eq!(shelf.all(later).await.unwrap(), [(Trust::Member, digest.clone())]);
    let lent = place.at("lent");
    assert!(shelf.lend(Trust::Member, &digest, &lent).await.unwrap());
    assert_eq!(fs::read_to_string(&lent).unwrap(), content);
}

#[tokio::test]
async fn ca_07_an_archive_is_taken_whole_and_stays_for_those_who_read_it() {
    let place = Place::new();
    let shelf = Shelf::new(place.at("cache"));
    let digest = "ab".repeat(32);
    for round in 0..2 {
        place.write("made", "archive");
        shelf
            .take(Trust::Member, &digest, &place.at("made"))
            .await
            .unwrap();
        assert!(!place.at("made").exists(), "{round}");
        shelf
            .take(Trust::Member, &digest, &place.at("made"))
            .await
            .unwrap();
    }
    assert!(
        !shelf
            .lend(Trust::Untrusted, &digest, &place.at("lent"))
            .await
            .unwrap()
    );
    assert!(
        shelf
            .lend(Trust::Member, &digest, &place.at("lent"))
            .await
            .unwrap()
    );
    let later = Timestamp::from_micros(i64::MAX);
    assert_eq!(shelf.all(later).await.unwrap(), [(Trust::Member, digest.clone())]);
    assert!(shelf.all(Timestamp::from_micros(0)).await.unwrap().is_empty());
    shelf.remove(Trust::Member, &digest).await.unwrap();
    shelf.remove(Trust::Member, &digest).await.unwrap();
    assert_eq!(place.read("lent"), "archive");
    assert!(
        shelf
            .take(Trust::Member, &digest, &place.at("made"))
            .await
            .is_err()
    );
    assert!(
        shelf
            .take(Trust::Member, "../../x", &place.at("lent"))
            .await
            .is_err()
    );
    symlink("/etc/passwd", place.at("made")).unwrap();
    assert!(
        shelf
            .take(Trust::Member, &digest, &place.at("made"))
            .await
            .is_err()
    );
    let _ = io::stdout().flush();
}
