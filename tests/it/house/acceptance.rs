//! The walk through the acceptance entries, hazards and threats about goals: `acceptance.txt` names for each the tests that show it.
//!
//! The list is read so that it cannot rot: every entry stands in it once, and every test that it names is there and carries
//! the entry in its name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::read_sources;
use super::{assert_none, repository};

const LIST: &str = include_str!("acceptance.txt");

/// Entries of the specification by their letters, with how many there are, groups of threats, and hazards.
const ENTRIES: &[(&str, u32)] = &[
    ("PT-", 33),
    ("RU-", 39),
    ("ST-", 30),
    ("EX-", 18),
    ("LO-", 16),
    ("CO-", 16),
    ("CA-", 10),
    ("SE-", 3),
    ("SC-", 7),
    ("AF-", 10),
    ("IN-", 7),
    ("PI-", 2),
    ("CN-", 4),
    ("QU-", 5),
    ("VE-", 6),
    ("KD-", 1),
    ("CM-", 14),
    ("MS-", 2),
    ("PF-", 2),
    ("CF-", 1),
    ("TR-", 2),
    ("YM-", 23),
    ("SG-", 8),
    ("A", 8),
    ("B", 12),
    ("C", 8),
    ("D", 10),
    ("E", 8),
    ("F", 10),
    ("G", 8),
    ("H", 8),
    ("I", 8),
    ("J", 6),
    ("K", 6),
    ("HAZARD_", 26),
];

/// Every entry as the list writes it: two digits after a dash, a plain number without.
fn every_entry() -> impl Iterator<Item = String> {
    ENTRIES.iter().flat_map(|(letters, count)| {
        (1..=*count).map(move |number| match letters.ends_with('-') {
            true => format!("{letters}{number:02}"),
            false => format!("{letters}{number}"),
        })
    })
}

/// An entry with what the list says of it.
struct Line<'l> {
    entry: &'l str,
    /// Names of tests; none where there is a reason, or other entries stand for it.
    tests: Vec<&'l str>,
    /// Entries whose tests show it.
    others: Vec<&'l str>,
    /// Why no test shows it.
    reason: Option<&'l str>,
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

fn lines(list: &str) -> impl Iterator<Item = Line<'_>> {
    let written = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    written.map(|line| {
        let (entry, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (reason, others) = (rest.strip_prefix("- "), rest.strip_prefix("= "));
        Line {
            entry,
            tests: if reason.or(others).is_some() {
                Vec::new()
            } else {
                words(rest)
            },
            others: others.map(words).unwrap_or_default(),
            reason,
        }
    })
}

/// How an entry stands in the name of a test: `co_01`, `d9`.
fn in_names(entry: &str) -> String {
    entry.to_lowercase().replace('-', "_")
}

/// Whether a test says by its name that it shows an entry; `in_01_to_in_07` is all of them.
fn carries(test: &str, entry: &str) -> bool {
    let wanted = in_names(entry);
    let words: Vec<&str> = test.split('_').collect();
    let is_there = format!("_{test}_").contains(&format!("_{wanted}_"));
    let is_between = || {
        let (letters, number) = wanted.split_once('_')?;
        let at = words.iter().position(|word| *word == "to")?;
        let [first, last] = [words.get(at.checked_sub(1)?)?, words.get(at + 2)?];
        (words.first() == Some(&letters)).then_some((*first..=*last).contains(&number))
    };
    is_there || is_between() == Some(true)
}

/// Names of all functions below `src` and `tests`; those of one name count once.
fn functions() -> BTreeSet<String> {
    let roots = ["src", "tests"].map(|root| read_sources(&repository().join(root)));
    let all = roots
        .iter()
        .flatten()
        .flat_map(|source| source.code.split("fn ").skip(1));
    all.map(first_word).collect()
}

fn first_word(text: &str) -> String {
    let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
    text.chars().take_while(is_part).collect()
}

#[test]
fn every_entry_stands_in_the_list_once() {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for line in lines(LIST) {
        *counts.entry(line.entry).or_default() += 1;
    }
    let every: Vec<String> = every_entry().collect();
    let missing = every
        .iter()
        .filter(|entry| counts.get(entry.as_str()) != Some(&1));
    let mut complaints: Vec<String> = missing
        .map(|entry| format!("{entry} does not stand once"))
        .collect();
    let strange = counts
        .keys()
        .filter(|entry| !every.iter().any(|known| known == **entry));
    complaints.extend(strange.map(|entry| format!("{entry} is no entry")));
    assert_none(&complaints, "acceptance.txt has a line for every entry");
}

#[test]
fn every_test_that_the_list_names_is_there_and_carries_its_entry() {
    let functions = functions();
    let shown: BTreeSet<&str> = lines(LIST)
        .filter(|line| !line.tests.is_empty())
        .map(|line| line.entry)
        .collect();
    let mut complaints = Vec::new();
    for line in lines(LIST) {
        let Line {
            entry,
            tests,
            others,
            reason,
        } = line;
        if tests.is_empty() && others.is_empty() && reason.is_none_or(|reason| reason.len() < 10) {
            complaints.push(format!("{entry}: neither a test nor a reason"));
        }
        for other in others.iter().filter(|other| !shown.contains(*other)) {
            complaints.push(format!("{entry}: no test shows {other}"));
        }
        for test in tests {
            if !functions.contains(test) {
                complaints.push(format!("{entry}: there is no {test}"));
            } else if !carries(test, entry) {
                complaints.push(format!("{entry}: {test} does not carry it in its name"));
            }
        }
    }
    assert_none(&complaints, "acceptance.txt names tests");
}

#[test]
fn entries_are_found_in_names() {
    assert!(carries("af_06_af_09_a_newer_commit", "AF-09"));
    assert!(carries("ex_17_e1_e3_e4_a_secret", "E3"));
    assert!(carries("in_01_to_in_07_reports", "IN-05"));
    assert!(!carries("in_01_to_in_07_reports", "IN-08"));
    assert!(!carries("in_01_to_in_07_reports", "QU-05"));
    assert!(!carries("b10_e6_files_of_one_trust", "B1"));
    assert!(!carries("a_test", "YM-01"));
}
