//! Programs in containers, as clients of engines and clusters name them: behind an image, or by an entry point of their own.

use super::unknown::MOST_INSIDE;
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
