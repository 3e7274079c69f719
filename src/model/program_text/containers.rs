//! Programs in containers, as clients of engines and clusters name them: behind an image, or by an entry point of their own.

use super::unknown::{MOST_INSIDE, reads_code};
use super::{Walk, image_name, plain_name};

/// Clients that start programs in containers.
const CLIENTS: &[&str] = &[
    "docker",
    "docker-compose",
    "podman",
    "nerdctl",
    "buildah",
    "kubectl",
    "oc",
    "crictl",
    "ctr",
];

/// Flags that name what is started, away from its arguments.
const NAMING: &[&str] = &["--entrypoint", "--image"];

impl Walk<'_> {
    /// Code for a program that a flag names: its arguments stand somewhere behind.
    pub(super) fn in_container(&mut self, client: &str, at: usize) {
        if !CLIENTS.contains(&client) {
            return;
        }
        self.variables_in_container(at);
        self.behind_dashes(at);
        self.reads_input |= self.is_given_input(at);
        for index in at + 1..self.argv.len() {
            let word = self.argv[index];
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word, self.argv.get(index + 1).copied()),
            };
            let Some(value) = value.filter(|_| NAMING.contains(&flag)) else {
                continue;
            };
            let name = plain_name(image_name(value));
            let end = self.argv.len().min(index + MOST_INSIDE);
            for place in index..end {
                self.inside_as(&name, place);
            }
            self.rest_is_code(&name, end);
            break;
        }
    }

    /// The program that a client of a cluster starts in a container: `kubectl exec POD -- PROGRAM`.
    fn behind_dashes(&mut self, at: usize) {
        let words = &self.argv[at + 1..];
        let names_program = |word: &&str| matches!(*word, "exec" | "rsh" | "--command" | "--command=true");
        let Some(dashes) = words.iter().position(|word| *word == "--") else {
            return;
        };
        if words[..dashes].iter().any(names_program) {
            self.keeps_environment = false;
            self.program(at + dashes + 2);
        }
    }

    /// Whether what comes in is the recipe of an image, or is for a shell or an interpreter in a container.
    fn is_given_input(&mut self, at: usize) -> bool {
        let words = &self.argv[at + 1..];
        let is_recipe = words.contains(&"build") && words.contains(&"-");
        let end = self.argv.len().min(at + MOST_INSIDE);
        is_recipe || (self.hands_input_on(at) && (at + 1..end).any(|index| self.is_inside_given(index)))
    }

    fn is_inside_given(&mut self, at: usize) -> bool {
        let name = plain_name(image_name(self.argv[at]));
        reads_code(&name) && self.inside_as(&name, at)
    }

    /// Whether what comes in is handed to what runs in a container.
    fn hands_input_on(&self, at: usize) -> bool {
        self.argv[at + 1..].iter().any(|word| {
            let letters = word.strip_prefix('-').unwrap_or_default();
            let is_cluster = letters.len() < 4 && letters.bytes().all(|letter| b"itdTq".contains(&letter));
            matches!(*word, "--interactive" | "--stdin") || (is_cluster && letters.contains('i'))
        })
    }

    /// Variables that are set in a container, of which some decide what its programs load.
    fn variables_in_container(&mut self, at: usize) {
        for index in at + 1..self.argv.len() {
            match self.argv[index] {
                "-e" | "--env" => self.set_by_flag(index + 1),
                word if word.starts_with("-e") || word.starts_with("--env=") => self.set_by_flag(index),
                _ => {}
            }
        }
    }
}
