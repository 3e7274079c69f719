//! The two steps of a goal that read and write archives. What they say goes to the goal's log.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use super::pack::{self, Packed};
use super::unpack::{self, Targets, Unpacked};
use super::{Root, digest_of};
use crate::ports::kept::{
    FoundArchive, Keep, KeepOrder, KeepReport, MadeArchive, OnMiss, Restore, RestoreOrder, RestoreReport,
};
use crate::runtime::choice::Choice;
use crate::runtime::directory::Directory;

/// Runs a command in the working copy, where commands of the goal may run; its code, or why it did not start.
pub type Run<'a> = &'a dyn Fn(&OnMiss) -> Result<i32, String>;

/// Restores files, and runs what is to be run where there are none.
///
/// # Errors
/// Files that are required are missing, a command on a miss failed, or the file system refuses.
pub fn restore(order: &RestoreOrder, log: &mut dyn Write, run: Run<'_>) -> io::Result<()> {
    let mut report = RestoreReport::default();
    for note in &order.notes {
        writeln!(log, "{note}")?;
    }
    for wanted in &order.archives {
        let restored = match &wanted.archive {
            Some(archive) => try_restore(order, wanted, archive, log)?,
            None => {
                writeln!(log, "{}: none are kept", wanted.what)?;
                false
            }
        };
        if !restored {
            miss(wanted, log, run)?;
        }
        let digest = wanted.archive.as_ref().map(|archive| archive.digest.clone());
        report.restored.push(digest.filter(|_| restored));
    }
    write_report(&order.report, &report)
}

/// Whether an archive was restored. One that is damaged or gone counts as none (threat K2).
fn try_restore(
    order: &RestoreOrder,
    wanted: &Restore,
    found: &FoundArchive,
    log: &mut dyn Write,
) -> io::Result<bool> {
    let mut archive = match File::open(&found.file) {
        Ok(archive) => archive,
        Err(error) => {
            writeln!(log, "{}: not restored: {error}", wanted.what)?;
            return Ok(false);
        }
    };
    if digest_of(&archive)? != found.digest {
        writeln!(
            log,
            "{}: not restored: the archive is not what was kept, its digest differs",
            wanted.what
        )?;
        return Ok(false);
    }
    archive.rewind()?;
    let targets = Targets {
        project: Directory::open(&order.project)?,
        home: order.home.as_deref().map(Directory::open).transpose()?,
    };
    let done = unpack::unpack(archive, &targets, order.limits)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", wanted.what)))?;
    say_restored(wanted, found, &done, log)?;
    Ok(true)
}

fn say_restored(
    wanted: &Restore,
    found: &FoundArchive,
    done: &Unpacked,
    log: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        log,
        "{}: {} restored from {}",
        wanted.what,
        counted(done.files),
        found.from
    )?;
    for refused in &done.refused {
        writeln!(log, "{}: refused {refused}", wanted.what)?;
    }
    let unnamed = done.refused_count - done.refused.len() as u64;
    if unnamed > 0 {
        writeln!(log, "{}: {unnamed} more refused", wanted.what)?;
    }
    Ok(())
}

fn miss(wanted: &Restore, log: &mut dyn Write, run: Run<'_>) -> io::Result<()> {
    if wanted.required && wanted.on_miss.is_empty() {
        let message = format!("{} are required, and there are none", wanted.what);
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    for instead in &wanted.on_miss {
        let argv = &instead.argv;
        writeln!(log, "{}: instead: {}", wanted.what, argv.join(" "))?;
        log.flush()?;
        let program = argv.first().map_or("", String::as_str);
        match run(instead) {
            Ok(0) => {}
            Ok(code) => return Err(io::Error::other(format!("`{program}` failed with code {code}"))),
            Err(because) => return Err(io::Error::other(format!("`{program}` {because}"))),
        }
    }
    Ok(())
}

/// Keeps files, each list in an archive of its own.
///
/// # Errors
/// Something cannot be read or written, or exceeds a limit.
pub fn keep(order: &KeepOrder, log: &mut dyn Write) -> io::Result<()> {
    let mut report = KeepReport::default();
    for wanted in &order.archives {
        let packed = keep_one(order, wanted)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", wanted.what)))?;
        for left_out in &packed.left_out {
            writeln!(log, "{}: left out {left_out}", wanted.what)?;
        }
        if packed.files == 0 {
            writeln!(log, "{}: nothing is kept, no file matches", wanted.what)?;
            std::fs::remove_file(&wanted.file)?;
            report.archives.push(None);
            continue;
        }
        let Packed {
            digest, size, files, ..
        } = packed;
        writeln!(log, "{}: {} kept, {}", wanted.what, counted(files), humane(size))?;
        report.archives.push(Some(MadeArchive { digest, size, files }));
    }
    write_report(&order.report, &report)
}

fn keep_one(order: &KeepOrder, wanted: &Keep) -> io::Result<Packed> {
    let (home, project): (Vec<&String>, Vec<&String>) =
        wanted.paths.iter().partition(|path| path.starts_with("~/"));
    let mut roots = Vec::new();
    let choice = Choice::new(project.into_iter().map(String::as_str)).map_err(io::Error::other)?;
    roots.push((Root::Project, Directory::open(&order.project)?, choice));
    if let Some(path) = &order.home {
        let choice = Choice::new(home.into_iter().map(|path| &path[2..])).map_err(io::Error::other)?;
        roots.push((Root::Home, Directory::open(path)?, choice));
    }
    pack::pack(&roots, new_file(&wanted.file)?, order.limits, wanted.times)
}

fn counted(files: u64) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

fn humane(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

fn write_report(path: &Path, report: &impl Serialize) -> io::Result<()> {
    new_file(path)?.write_all(&serde_json::to_vec(report)?)
}

/// A file that was not there, readable by nobody else.
fn new_file(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
