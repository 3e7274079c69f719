//! `.mailmap`: which addresses a repository says are one person's.

use std::collections::BTreeSet;

/// Most lines that are read; what is beyond is left out.
const MOST_LINES: usize = 20_000;

/// The addresses, and those that a `.mailmap` says belong to the same people; each once, in lower case.
pub fn of_same_people(mailmap: &str, addresses: &[String]) -> Vec<String> {
    let pairs: Vec<(String, String)> = mailmap.lines().take(MOST_LINES).filter_map(pair).collect();
    let given: BTreeSet<String> = addresses.iter().map(|address| address.to_lowercase()).collect();
    let proper: BTreeSet<&String> = pairs
        .iter()
        .filter(|(_, used)| given.contains(used))
        .map(|(proper, _)| proper)
        .chain(&given)
        .collect();
    let used = pairs.iter().filter(|(address, _)| proper.contains(address));
    let used: BTreeSet<&String> = used.map(|(_, used)| used).collect();
    let all: BTreeSet<&String> = proper.union(&used).copied().collect();
    all.into_iter().cloned().collect()
}

/// `Name <proper> Name <as in commits>`: the two addresses of a line that has two.
fn pair(line: &str) -> Option<(String, String)> {
    let line = line.split('#').next().unwrap_or_default();
    let mut addresses = line
        .split('<')
        .skip(1)
        .filter_map(|part| Some(part.split_once('>')?.0.trim().to_lowercase()));
    Some((addresses.next()?, addresses.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_addresses_of_one_person_are_found_from_either_side() {
        let mailmap = "# people\nAda <ada@work.example> <Ada@home.example>\nAda <ada@work.example> A <ada@old.example> # once\n\
                       Bob <bob@work.example>\nBroken <x\n<y> z\n";
        let all = ["ada@home.example", "ada@old.example", "ada@work.example"];
        for address in ["ADA@home.example", "ada@work.example", "ada@old.example"] {
            assert_eq!(of_same_people(mailmap, &[address.to_owned()]), all);
        }
        let bob = ["bob@work.example".to_owned()];
        assert_eq!(of_same_people(mailmap, &bob), bob);
        assert_eq!(of_same_people("", &[]), Vec::<String>::new());
    }
}
