//! Which variables of the machine's own environment goals get. Everything else stays with the daemon (hazard 17).

use std::collections::BTreeMap;
use std::path::Path;

/// Passed on as they are: where programs are, who runs them, how they speak, where they keep caches, how they reach
/// the network and the container engine.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "GOPROXY",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_USER_HOME",
    "NVM_DIR",
    "NODE_EXTRA_CA_CERTS",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "UV_CACHE_DIR",
    "PIP_INDEX_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
];

/// The variables to pass on, with a `PATH` in any case; `program` is this very program, which goals find last on it.
pub fn base(own: &BTreeMap<String, String>, program: Option<&Path>) -> Vec<(String, String)> {
    let is_passed_on = |name: &String| PASSED_ON.contains(&name.as_str()) || name.starts_with("LC_");
    let mut passed: Vec<(String, String)> = own
        .iter()
        .filter(|(name, _)| is_passed_on(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.contains_key("PATH") {
        passed.push(("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()));
    }
    if let Some(directory) = program.and_then(Path::parent).and_then(Path::to_str) {
        let path = passed.iter_mut().find(|(name, _)| name == "PATH");
        path.into_iter().for_each(|(_, path)| append(path, directory));
    }
    passed
}

/// An empty part of a `PATH` would mean the working copy, and a `:` in a directory's name cannot be written.
fn append(path: &mut String, directory: &str) {
    if !directory.contains(':') && !path.split(':').any(|part| part == directory) {
        if !path.is_empty() {
            path.push(':');
        }
        path.push_str(directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_with_the_daemon() {
        let own = [
            ("PATH", "/bin"),
            ("GITHUB_TOKEN", "secret"),
            ("SDM_HOME", "/s"),
            ("LC_ALL", "C"),
            ("DOCKER_HOST", "unix:///run/user/1000/podman/podman.sock"),
            ("DOCKER_AUTH_CONFIG", "secret"),
        ];
        let own = own
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let names: Vec<String> = base(&own, None).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["DOCKER_HOST", "LC_ALL", "PATH"]);
    }

    #[test]
    fn goals_find_the_program_that_runs_them_last() {
        let path = |own: &str, program: &str| {
            let own = BTreeMap::from([("PATH".to_owned(), own.to_owned())]);
            base(&own, Some(Path::new(program))).remove(0).1
        };
        assert_eq!(path("/bin", "/opt/sdm/sdm"), "/bin:/opt/sdm");
        assert_eq!(path("/opt/sdm:/bin", "/opt/sdm/sdm"), "/opt/sdm:/bin");
        assert_eq!(path("/bin", "/odd:place/sdm"), "/bin");
        assert_eq!(path("", "/opt/sdm"), "/opt");
    }
}
