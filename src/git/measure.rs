//! How fast workspaces, heads and views are, against `git` on the same commits in the same run. Ignored: it only means something in a
//! release build on a quiet machine. `cargo test --release --lib git::measure -- --ignored --nocapture --test-threads 1`

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::git::changes::PushRange;
use crate::git::fixture::{Fixture, Git};
use crate::git::heads::heads;
use crate::git::objects::sha_of;
use crate::git::view::GitView;
use crate::git::workspace::{Pool, PoolSettings};
use crate::rules::view::ProjectView;
use crate::runtime::clock::RandomIds;

const FILES: usize = 2_000;
const CHANGED: usize = 20;
const ROUNDS: usize = 15;

fn files(version: usize) -> Vec<(String, String)> {
    let content = |number: usize| format!("fn number_{number}() {{}}\n").repeat(60);
    (0..FILES)
        .map(|number| {
            let mark = if number % (FILES / CHANGED) == 0 {
                version
            } else {
                0
            };
            (
                format!("src/d{:02}/e{}/f{number}.rs", number % 40, number % 5),
                format!("{}{mark}", content(number)),
            )
        })
        .collect()
}

fn timed(mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
#[ignore = "a measurement"]
fn fresh_and_pooled_workspaces_against_git_worktree() {
    let fixture = Fixture::bare();
    let Some(git) = Git::find(fixture.directory.path()) else {
        return;
    };
    let commits = [0, 1].map(|version| {
        let files = files(version);
        let files: Vec<_> = files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_str()))
            .collect();
        fixture.commit(&[], &files)
    });
    let mirror = fixture.repo.path().to_owned();
    git.run(
        &mirror,
        &["update-ref", "refs/heads/main", &commits[0].to_string()],
    );
    git.run(
        &mirror,
        &["update-ref", "refs/heads/other", &commits[1].to_string()],
    );
    git.run(&mirror, &["repack", "-q", "-a", "-d"]);
    let settings = PoolSettings {
        idle_per_mirror: 1,
        ..PoolSettings::default()
    };
    let pool = Pool::open(&fixture.beside("pool"), settings, Arc::new(RandomIds)).unwrap();
    let repo = git2::Repository::open(&mirror).unwrap();
    let mut times: [Vec<Duration>; 5] = Default::default();
    for round in 0..ROUNDS {
        let key = format!("mirror {round}");
        let mut name = String::new();
        let mut lend = |commit| timed(|| name = pool.lend(&repo, &key, &sha_of(commit)).unwrap().name);
        times[0].push(lend(commits[0]));
        let first = name.clone();
        times[1].push(timed(|| pool.release(&first)));
        let mut lend = |commit| timed(|| name = pool.lend(&repo, &key, &sha_of(commit)).unwrap().name);
        times[2].push(lend(commits[1]));
        pool.release(&name);
        let (tree, heads) = (
            fixture.beside(&format!("tree-{round}")),
            commits.map(|head| head.to_string()),
        );
        let add = [
            "worktree",
            "add",
            "-q",
            "--detach",
            tree.to_str().unwrap(),
            &heads[0],
        ];
        times[3].push(timed(|| assert!(git.try_run(&mirror, &add).status.success())));
        let checkout = ["checkout", "-q", "--detach", &heads[1]];
        times[4].push(timed(|| assert!(git.try_run(&tree, &checkout).status.success())));
        std::fs::remove_dir_all(&tree).unwrap();
    }
    let names = [
        "lend fresh",
        "release",
        "lend pooled",
        "git worktree add",
        "git checkout",
    ];
    for (name, times) in names.into_iter().zip(times) {
        println!("{name:>18}: {:>8.1} ms", median(times).as_secs_f64() * 1e3);
    }
}

#[test]
#[ignore = "a measurement"]
fn heads_and_a_thousand_questions_about_a_hundred_thousand_files() {
    let fixture = Fixture::bare();
    let paths: Vec<String> = (0..100_000)
        .map(|number| format!("d{}/e{}/f{number}", number % 100, number % 47))
        .collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), path.as_str())).collect();
    let before = fixture.commit(&[], &files[1..]);
    let after = fixture.commit(&[before], &files);
    for number in 0..20 {
        fixture
            .repo
            .reference(&format!("refs/heads/b{number}"), after, true, "")
            .unwrap();
    }
    let report = |name: &str, times: Vec<Duration>| {
        println!("{name:>18}: {:>8.2} ms", median(times).as_secs_f64() * 1e3);
    };
    let rounds = |work: &dyn Fn()| (0..ROUNDS).map(|_| timed(work)).collect::<Vec<_>>();
    let view = || {
        let range = PushRange {
            before: Some(sha_of(before)),
            after: sha_of(after),
            default_head: None,
        };
        GitView::open(git2::Repository::open(fixture.repo.path()).unwrap(), range).unwrap()
    };
    report("heads", rounds(&|| drop(heads(fixture.repo.path()).unwrap())));
    report(
        "1,000 has_file",
        rounds(&|| {
            let view = view();
            assert!(paths.iter().step_by(100).all(|path| view.has_file(path).unwrap()));
        }),
    );
    report(
        "files",
        rounds(&|| assert_eq!(view().files().unwrap().len(), 100_000)),
    );
    report(
        "changed files",
        rounds(&|| assert_eq!(view().changed_files().unwrap().unwrap().len(), 1)),
    );
}
