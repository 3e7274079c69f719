//! A container engine behind its socket: every call has a limit, every refusal a sentence.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::models::SystemInfoCgroupVersionEnum;
use bollard::{API_DEFAULT_VERSION, Docker};
use thiserror::Error;

use super::ping;
use crate::model::time::humane;

/// How much longer than an answer something may take to be made or removed: a busy engine takes its time over files.
const WORK: u32 = 4;

/// The client's own limit lies above all of ours; waiting for the end of a container has none.
const CLIENT_LIMIT_SECONDS: u64 = 365 * 24 * 3600;

/// Longest words of an engine that are passed on, in characters.
const LONGEST_WORDS: usize = 500;

/// Why an engine could not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum EngineError {
    /// None of the sockets is there.
    #[error("no container engine answers: looked at {}", listed(.0))]
    None(Vec<PathBuf>),
    /// It refuses, and would again.
    #[error("failed to {doing}: {words}")]
    Refused {
        /// What we wanted.
        doing: String,
        /// What it said.
        words: String,
        /// The status it answered with; 0 where there was none.
        status: u16,
    },
    /// It said something that has no meaning to us; some states of a container that pass are such.
    #[error("failed to {doing}: the engine's answer is not understood: {words}")]
    Unclear {
        /// What we wanted.
        doing: String,
        /// What is not understood.
        words: String,
    },
    /// It is gone or does not answer.
    #[error("the container engine went away while asked to {doing}: {words}")]
    Gone {
        /// What we wanted.
        doing: String,
        /// How we know.
        words: String,
    },
}

impl EngineError {
    /// Whether what was asked about is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether there is such a thing already.
    pub(super) fn is_conflict(&self) -> bool {
        // Not every engine has a status of its own for it.
        matches!(self, Self::Refused { status, words, .. } if *status == 409 || words.contains("already exists"))
    }

    /// Whether a moment later it may be different.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Gone { .. } | Self::Unclear { .. })
    }

    /// Whether the engine itself is the trouble.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    fn gone(doing: &str, words: &str) -> Self {
        Self::Gone {
            doing: doing.to_owned(),
            words: shortened(words),
        }
    }

    fn silent(doing: &str, limit: Duration) -> Self {
        Self::gone(doing, &format!("it did not answer within {}", humane(limit)))
    }

    pub(super) fn of(doing: &str, error: BollardError) -> Self {
        let words = chain(&error);
        let doing = doing.to_owned();
        match error {
            BollardError::DockerResponseServerError { status_code, message } => Self::Refused {
                doing,
                words: no_program(&message).unwrap_or_else(|| shortened(&message)),
                status: status_code,
            },
            BollardError::DockerStreamError { error } => Self::Refused {
                doing,
                words: shortened(&error),
                status: 0,
            },
            BollardError::JsonDataError { .. } | BollardError::JsonSerdeError { .. } => Self::Unclear {
                doing,
                words: shortened(&words),
            },
            _ => Self::gone(&doing, &words),
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() {
        "nothing, because none is configured".to_owned()
    } else {
        shown.join(", ")
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

/// What is meant when the program of a container is not in its image: engines say so at the end of a long line about everything
/// that was to start it.
fn no_program(words: &str) -> Option<String> {
    let (_, told) = words.split_once("exec: \"")?;
    let (program, because) = told.split_once('"')?;
    let is_missing = ["executable file not found", "no such file or directory"];
    is_missing
        .iter()
        .any(|words| because.contains(words))
        .then(|| shortened(&format!("there is no program `{program}` in its image")))
}

/// An engine may repeat what a hostile registry told it.
fn shortened(words: &str) -> String {
    let line: String = words
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_WORDS)
        .collect();
    if line.is_empty() {
        "it gave no reason".to_owned()
    } else {
        line
    }
}

/// An engine that answered.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    /// How long an answer may take, and how long it may be gone.
    pub(super) patience: Duration,
    /// Root inside a container is the user who runs the engine, not the computer's root.
    pub(super) is_rootless: bool,
    /// Whether numbers of processes can be limited.
    pub(super) limits_processes: bool,
}

impl Engine {
    /// Connects to the first socket that is there and learns which versions it speaks. Root has an engine of root's own;
    /// anybody else asks what kind it is, which some engines take a fifth of a second to say.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub(super) async fn connect(sockets: &[PathBuf], patience: Duration) -> Result<Self, EngineError> {
        let Some(socket) = sockets.iter().find(|path| is_socket(path)) else {
            return Err(EngineError::None(sockets.to_vec()));
        };
        let doing = format!("answer at {}", socket.display());
        let path = socket.to_string_lossy();
        let version = match tokio::time::timeout(patience, ping::version(socket)).await {
            Ok(Ok(version)) => version,
            Ok(Err(error)) => return Err(EngineError::gone(&doing, &error.to_string())),
            Err(_) => return Err(EngineError::silent(&doing, patience)),
        };
        let known = version.filter(|version| version < API_DEFAULT_VERSION);
        let known = known.unwrap_or(*API_DEFAULT_VERSION);
        let connecting = Docker::connect_with_unix(&path, CLIENT_LIMIT_SECONDS, &known);
        let docker = connecting.map_err(|error| EngineError::of(&doing, error))?;
        let mut engine = Self {
            docker,
            patience,
            is_rootless: false,
            limits_processes: true,
        };
        if !nix::unistd::geteuid().is_root() {
            engine.ask_its_kind().await?;
        }
        Ok(engine)
    }

    async fn ask_its_kind(&mut self) -> Result<(), EngineError> {
        let info = self.ask("say what kind it is", self.docker.info()).await?;
        let options = info.security_options.unwrap_or_default();
        let has_old_groups = info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_1);
        self.is_rootless = options.iter().any(|option| option.contains("rootless"));
        self.limits_processes = info.pids_limit != Some(false) && !(self.is_rootless && has_old_groups);
        Ok(())
    }

    /// Waits for an answer, as long as one may take.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, EngineError> {
        limited(doing, self.patience, call).await
    }

    /// Waits until something is made or removed, as long as that may take.
    pub(super) async fn work<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, EngineError> {
        limited(doing, self.patience * WORK, call).await
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

async fn limited<T>(
    doing: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, BollardError>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| EngineError::of(doing, error)),
        Err(_) => Err(EngineError::silent(doing, limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> String {
        let message = message.to_owned();
        let error = BollardError::DockerResponseServerError {
            status_code: 500,
            message,
        };
        EngineError::of("start container `test`", error).to_string()
    }

    #[test]
    fn a_program_that_is_not_in_the_image_is_named() {
        let podman = "preparing container 4bc6 for attach: runc: runc create failed: unable to start container process: \
            exec: \"httpd\": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found";
        let docker = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
            failed: unable to start container process: exec: \"/bin/run\": stat /bin/run: no such file or directory: unknown";
        assert_eq!(
            told(podman),
            "failed to start container `test`: there is no program `httpd` in its image"
        );
        assert_eq!(
            told(docker),
            "failed to start container `test`: there is no program `/bin/run` in its image"
        );
        assert_eq!(
            told("exec: \"a\": permission denied"),
            "failed to start container `test`: exec: \"a\": permission denied"
        );
    }
}
