//! Limits of a goal: who breaks one is ended whole, and nobody else.

use std::time::{Duration, Instant};

use sdm::model::ExecutionResult;
use sdm::model::limits::GoalLimits;

use super::support::*;

/// Longest that noticing and killing may take; far below what the commands would need to end by themselves.
const SOON: Duration = Duration::from_secs(20);

impl House {
    /// Runs a script that breaks its limits and would go on for minutes.
    async fn breaks(&self, limits: GoalLimits, script: &str) -> ExecutionResult {
        let mut spec = self.shell(script);
        spec.limits = limits;
        let begun = Instant::now();
        let (result, log) = self.run(spec).await;
        println!("{result:?} after {:?}", begun.elapsed());
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let phase = result.phase.clone().unwrap();
        assert!(
            text_of(&log, "sdm").iter().any(|line| line.starts_with(&phase)),
            "{log:?}"
        );
        result
    }
}

#[tokio::test]
async fn i1_a_fork_bomb_is_killed_whole() {
    let house = House::new();
    let limits = GoalLimits {
        processes: Some(60),
        ..GoalLimits::default()
    };
    // Bounded, should nobody stop it: 4 rounds of 4 each.
    let bomb = "bomb() { test $1 -gt 4 || { for i in 1 2 3 4; do (trap '' TERM; bomb $(($1+1))) & done; }; \
        sh -c 'echo $PPID' >> pids; while :; do sleep 100; done; }; bomb 1";
    let result = house.breaks(limits, bomb).await;
    assert_eq!(result.phase.as_deref(), Some("limit: processes"));
    assert!(result.message.unwrap().ends_with("and may have 60"));
    let pids = std::fs::read_to_string(house.work().join("pids")).unwrap();
    assert!(pids.lines().all(|pid| !lives(pid.parse().unwrap())));
}

#[tokio::test]
async fn i1_who_takes_too_much_memory_is_killed() {
    let house = House::new();
    let limits = GoalLimits {
        memory: Some(64 << 20),
        ..GoalLimits::default()
    };
    let hog = "(head -c 200M /dev/zero; sleep 100) | tail";
    let result = house.breaks(limits, hog).await;
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 9, Some("limit: memory"))
    );
    assert!(result.message.unwrap().contains("may use 64.0 MiB"));
}

#[tokio::test]
async fn i1_who_fills_the_disk_is_killed_and_who_writes_little_is_not() {
    let house = House::new();
    let limits = GoalLimits {
        disk: Some(20 << 20),
        ..GoalLimits::default()
    };
    let filler = "i=0; while [ $i -lt 10 ]; do head -c 10M /dev/zero > fill.$i; i=$((i+1)); done; sleep 100";
    let result = house.breaks(limits, filler).await;
    assert_eq!(result.phase.as_deref(), Some("limit: disk"));
    let mut spec = house.shell(
        "head -c 10M /dev/zero > little; sleep 0.5; rm little; head -c 10M /dev/zero > little; sleep 0.5",
    );
    spec.limits = limits;
    let watch = sdm::ports::Executor::start(&house.executor, &attempt(2), spec)
        .await
        .unwrap();
    assert_eq!(ended(watch).await, ExecutionResult::success());
}

#[tokio::test]
async fn i1_who_leaves_no_room_on_the_disk_is_killed() {
    let house = House::new();
    let disk = nix::sys::statvfs::statvfs(house.root.path()).unwrap();
    let free = disk.blocks_available() * disk.fragment_size();
    let limits = GoalLimits {
        free_disk: Some(free * 2),
        ..GoalLimits::default()
    };
    // A quarter of what should be free would have to be written to be guilty: that is too much to write in a test.
    let mut spec = house.shell("head -c 1M /dev/zero > little; sleep 0.5");
    spec.limits = limits;
    let (result, _) = house.run(spec).await;
    assert_eq!(result, ExecutionResult::success(), "it is not to blame");
}

#[tokio::test]
async fn i1_descriptors_and_the_size_of_files_are_limited_by_the_kernel() {
    let house = House::new();
    // The supervisor says so once the process is there, which may be a moment later.
    let mut spec = house.shell(
        "ulimit -Hn; n=0; until read x </proc/$$/oom_score_adj; [ $x = 500 ] || [ $n -gt 100000 ]; do n=$((n+1)); done; \
         echo $x; exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null",
    );
    spec.limits.open_files = Some(6);
    let (result, log) = house.run(spec).await;
    assert_eq!(text_of(&log, "out"), ["6", "500"]);
    assert_ne!(result.code, 0, "{log:?}");
    let mut spec = house.shell("head -c 10M /dev/zero > big");
    spec.limits.file_size = Some(1 << 20);
    let watch = sdm::ports::Executor::start(&house.executor, &attempt(2), spec)
        .await
        .unwrap();
    let result = ended(watch).await;
    assert_eq!(
        (result.code, result.phase.as_deref()),
        (128 + 25, Some("limit: file size"))
    );
    assert_eq!(
        std::fs::metadata(house.work().join("big")).unwrap().len(),
        1 << 20
    );
}
