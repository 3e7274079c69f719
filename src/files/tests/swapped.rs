//! Somebody who swaps a directory for a link while files are restored below it, or kept from it (threat B5).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::*;

/// Times that the directory is opened while it is swapped.
const TIMES: u64 = 10_000;

const MANY: ArchiveLimits = ArchiveLimits {
    bytes: 1 << 20,
    entries: 10 * TIMES,
};

/// Ends the swapping, whatever becomes of the test.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// `to/swapped` is a directory and a link to `home` by turns, as fast as can be, while something is done; how often.
fn while_swapped(place: &Place, doing: impl FnOnce()) -> u64 {
    fs::create_dir_all(place.at("to/swapped")).unwrap();
    symlink(place.at("home"), place.at("to/link")).unwrap();
    let (is_over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (one, other) = (place.at("to/swapped"), place.at("to/link"));
            while !is_over.load(Ordering::SeqCst) {
                renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::SeqCst);
            }
        });
        let _over = Over(&is_over);
        doing();
    });
    swaps.load(Ordering::SeqCst)
}

#[test]
fn b5_a_directory_swapped_for_a_link_meanwhile_is_never_written_through() {
    let place = Place::new();
    // Another directory between two entries, so that this one is opened anew for each.
    place.forge(|archive| {
        for number in 0..TIMES {
            for directory in ["swapped", "calm"] {
                let name = format!("project/{directory}/{number}");
                entry(archive, tar::EntryType::Regular, &name, "", b"");
            }
        }
    });
    let swaps = while_swapped(&place, || {
        place.restore(&place.order(MANY)).unwrap();
    });
    assert!(swaps > 0);
    assert_eq!(names_below(&place.at("home")), [""; 0]);
    let written = names_below(&place.at("to"));
    assert!(written.contains(&format!("calm/{}", TIMES - 1)));
    let inside = |name: &&String| name.starts_with("swapped/") || name.starts_with("link/");
    assert!(
        written.iter().filter(inside).count() > 0,
        "it was met as a directory too"
    );
}

#[test]
fn b5_a_directory_swapped_for_a_link_meanwhile_is_never_read_through() {
    let place = Place::new();
    place.write("home/secret", "s");
    place.write("to/swapped/own", "o");
    let mut found = 0;
    while_swapped(&place, || {
        for _ in 0..TIMES / 10 {
            // A directory that changes while it is read may be an error; what is kept is what counts.
            let Ok((_, report)) = place.keep_of("to", &["swapped/**", "link/**"], MANY) else {
                continue;
            };
            if report.archives[0].is_none() {
                continue;
            }
            let archive = zstd::Decoder::new(File::open(place.at("archive")).unwrap()).unwrap();
            for entry in tar::Archive::new(archive).entries().unwrap() {
                let name = entry.unwrap().path().unwrap().into_owned();
                assert!(!name.ends_with("secret"), "{}", name.display());
                found += u64::from(name.ends_with("own"));
            }
        }
    });
    assert!(found > 0, "its own file was met");
}
