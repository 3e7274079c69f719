//! The configuration's secrets, read when they are asked for.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::audience::{admit, hidden};
use super::sealed::MachineKey;
use super::source;
use crate::config::{SecretEntry, SecretSource};
use crate::model::push::Trust;
use crate::model::{ImageReference, RegistryPlace, Timestamp};
use crate::ports::Secrets;
use crate::ports::secrets::{Asker, NotGiven, Opened};
use crate::runtime::clock::Clock;

/// The type of secrets that are logins at registries of images.
const REGISTRY_LOGIN: &str = "docker";

/// Most secrets of one type that are given at once.
const MOST_OF_A_TYPE: usize = 100;

/// The machine's secrets.
pub struct Vault {
    entries: BTreeMap<String, SecretEntry>,
    key_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    /// What commands answered, until when it counts.
    answers: Mutex<HashMap<String, (SecretString, Timestamp)>>,
}

impl Vault {
    /// Over these entries, by name; encrypted values are opened with the key in `key_file`.
    pub fn new(
        entries: BTreeMap<String, SecretEntry>,
        key_file: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            entries,
            key_file,
            clock,
            answers: Mutex::default(),
        }
    }

    /// A secret of the machine itself, which is for no goal.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn of_machine(&self, name: &str, source: &SecretSource) -> Result<SecretString, NotGiven> {
        let entry = SecretEntry {
            source: source.clone(),
            ..SecretEntry::default()
        };
        self.open(name, &entry).await.map(|opened| opened.value)
    }

    async fn open(&self, name: &str, entry: &SecretEntry) -> Result<Opened, NotGiven> {
        let value = self.value(name, entry).await?;
        if source::is_trivial(&value) {
            return Err(NotGiven::Trivial(name.to_owned()));
        }
        Ok(Opened {
            name: name.to_owned(),
            kind: entry.kind.clone(),
            login: entry.login.clone(),
            url: entry.url.clone(),
            value,
        })
    }

    async fn value(&self, name: &str, entry: &SecretEntry) -> Result<SecretString, NotGiven> {
        let unreadable = |because: String| NotGiven::Unreadable {
            name: name.to_owned(),
            because,
        };
        match &entry.source {
            SecretSource::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || source::read_file(&path)).await;
                read.map_err(|error| unreadable(error.to_string()))?
                    .map_err(unreadable)
            }
            SecretSource::Variable { name, value } => match value {
                Some(value) => Ok(value.0.clone()),
                None => Err(unreadable(format!("the variable {name} is not set"))),
            },
            SecretSource::Command { argv, timeout, keep } => {
                if let Some(answer) = self.answer(name) {
                    return Ok(answer);
                }
                let answer = source::ask(argv, *timeout).await.map_err(unreadable)?;
                let until = self.clock.now().plus(*keep);
                let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.insert(name.to_owned(), (answer.clone(), until));
                Ok(answer)
            }
            SecretSource::Encrypted(sealed) => self.unsealed(sealed).await.map_err(unreadable),
            SecretSource::Missing(because) => Err(unreadable(because.clone())),
        }
    }

    fn answer(&self, name: &str) -> Option<SecretString> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        answers.retain(|_, (_, until)| *until > now);
        answers.get(name).map(|(answer, _)| answer.clone())
    }

    async fn unsealed(&self, sealed: &str) -> Result<SecretString, String> {
        let path = self
            .key_file
            .clone()
            .ok_or("`secret_key_file` is not configured")?;
        let sealed = sealed.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let key =
                source::read_file(&path).map_err(|because| format!("the key cannot be read: {because}"))?;
            let key = MachineKey::parse(key.expose_secret()).map_err(|error| error.to_string())?;
            key.open(&sealed).map_err(|error| error.to_string())
        });
        opened.await.map_err(|error| error.to_string())?
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn by_name(&self, name: &str, asker: &Asker) -> Result<Opened, NotGiven> {
        let entry = self.entries.get(name);
        let entry = entry.ok_or_else(|| hidden(NotGiven::Unknown(name.to_owned()), name, asker))?;
        admit(name, entry, asker)?;
        self.open(name, entry)
            .await
            .map_err(|refusal| hidden(refusal, name, asker))
    }

    async fn by_type(&self, kind: &str, names: &[String], asker: &Asker) -> Result<Vec<Opened>, NotGiven> {
        for name in names {
            let fits = self.entries.get(name).is_some_and(|entry| entry.kind == kind);
            if !fits {
                return Err(hidden(NotGiven::Unknown(name.clone()), name, asker));
            }
        }
        let is_meant = |name: &String, entry: &SecretEntry| {
            entry.kind == kind && (names.is_empty() || names.contains(name))
        };
        let mut opened = Vec::new();
        for (name, entry) in self.entries.iter().filter(|(name, entry)| is_meant(name, entry)) {
            match admit(name, entry, asker) {
                Ok(()) => opened.push(
                    self.open(name, entry)
                        .await
                        .map_err(|refusal| hidden(refusal, name, asker))?,
                ),
                // Named, it is missed; of a type, only what may be had counts.
                Err(refusal) if names.contains(name) => return Err(refusal),
                Err(_) => {}
            }
            if opened.len() > MOST_OF_A_TYPE {
                break;
            }
        }
        Ok(opened)
    }

    async fn for_image(&self, image: &ImageReference, asker: &Asker) -> Result<Option<Opened>, NotGiven> {
        let logins = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.kind == REGISTRY_LOGIN);
        let fitting = logins.filter_map(|(name, entry)| {
            let place = RegistryPlace::of_url(entry.url.as_deref());
            let fits = place.covers(image) && admit(name, entry, asker).is_ok();
            fits.then(|| (place.closeness(), name, entry))
        });
        // The first of those that are equally close.
        let closest = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((_, name, entry)) = closest else {
            return Ok(None);
        };
        let opened = self.open(name, entry).await;
        opened.map(Some).map_err(|refusal| hidden(refusal, name, asker))
    }

    async fn unseal(&self, sealed: &str, asker: &Asker) -> Result<SecretString, NotGiven> {
        if asker.trust < Trust::Member {
            return Err(NotGiven::NotAvailable("encrypted".to_owned()));
        }
        if asker.is_supplied {
            // Whoever may push could bring along what was encrypted for another goal.
            let because = "goals that a repository brings along are given secrets by name alone";
            return Err(NotGiven::Sealed(because.to_owned()));
        }
        let value = self.unsealed(sealed).await.map_err(NotGiven::Sealed)?;
        match source::is_trivial(&value) {
            true => Err(NotGiven::Trivial("encrypted".to_owned())),
            false => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Hidden;
    use crate::model::{BranchName, RepoSlug};
    use crate::runtime::clock::SteppableClock;

    fn asker(trust: Trust) -> Asker {
        Asker {
            repo: RepoSlug::new("acme", "shop"),
            branch: BranchName::parse("main").unwrap(),
            goal: "publish".to_owned(),
            trust,
            in_name_of: None,
            is_supplied: false,
        }
    }

    fn entry(source: SecretSource) -> SecretEntry {
        SecretEntry {
            source,
            ..SecretEntry::default()
        }
    }

    fn variable(value: Option<&str>) -> SecretSource {
        SecretSource::Variable {
            name: "TOKEN".to_owned(),
            value: value.map(|value| Hidden(value.into())),
        }
    }

    fn vault(entries: Vec<(&str, SecretEntry)>, key_file: Option<PathBuf>) -> (Vault, Arc<SteppableClock>) {
        let clock = Arc::new(SteppableClock::at(Timestamp::from_micros(0)));
        let entries = entries.into_iter().map(|(name, entry)| (name.to_owned(), entry));
        (Vault::new(entries.collect(), key_file, clock.clone()), clock)
    }

    async fn heard(vault: &Vault, name: &str, trust: Trust) -> String {
        match vault.by_name(name, &asker(trust)).await {
            Ok(opened) => format!("= {}", opened.value.expose_secret()),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[tokio::test]
    async fn e6_whether_a_secret_exists_is_not_told_to_untrusted_pushes() {
        let mut open = entry(variable(None));
        open.untrusted = true;
        let secrets = vec![
            ("there", entry(variable(Some("hunter2")))),
            ("open", open),
            ("short", entry(variable(Some("abc")))),
        ];
        let (vault, _) = vault(secrets, None);
        assert_eq!(heard(&vault, "there", Trust::Member).await, "= hunter2");
        for name in ["there", "absent", "open", "short"] {
            let same = format!("the secret `{name}` is not available to this push");
            assert_eq!(heard(&vault, name, Trust::Untrusted).await, same);
        }
        assert!(
            heard(&vault, "absent", Trust::Member)
                .await
                .contains("there is no secret `absent`")
        );
        assert!(
            heard(&vault, "open", Trust::Member)
                .await
                .contains("TOKEN is not set")
        );
        assert!(heard(&vault, "short", Trust::Member).await.contains("too short"));
        assert!(vault.unseal("x", &asker(Trust::Untrusted)).await.is_err());
    }

    #[tokio::test]
    async fn se_01_an_encrypted_value_without_a_key_is_a_refusal() {
        let directory = tempfile::tempdir().unwrap();
        let key_file = directory.path().join("key");
        let key = MachineKey::fresh().unwrap();
        let sealed = key.public().unwrap().seal(&"hunter2".into()).unwrap();
        let secrets = || vec![("sealed", entry(SecretSource::Encrypted(sealed.clone())))];
        let (without, _) = vault(secrets(), None);
        assert_eq!(
            heard(&without, "sealed", Trust::Member).await,
            "the secret `sealed` cannot be read: `secret_key_file` is not configured"
        );
        let refusal = without.unseal(&sealed, &asker(Trust::Member)).await.unwrap_err();
        assert!(
            refusal
                .to_string()
                .contains("`secret_key_file` is not configured")
        );
        let (with, _) = vault(secrets(), Some(key_file.clone()));
        assert!(
            heard(&with, "sealed", Trust::Member)
                .await
                .contains("the key cannot be read")
        );
        std::fs::write(&key_file, key.to_text().unwrap().expose_secret()).unwrap();
        assert_eq!(heard(&with, "sealed", Trust::Member).await, "= hunter2");
        let opened = with.unseal(&sealed, &asker(Trust::Member)).await.unwrap();
        assert_eq!(opened.expose_secret(), "hunter2");
    }

    #[tokio::test]
    async fn a_command_is_asked_again_when_its_answer_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let counter = directory.path().join("counter");
        let script = format!("echo x >> {0}; echo answer $(wc -l < {0})", counter.display());
        let command = SecretSource::Command {
            argv: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            timeout: Duration::from_secs(10),
            keep: Duration::from_secs(60),
        };
        let (vault, clock) = vault(vec![("asked", entry(command))], None);
        assert_eq!(heard(&vault, "asked", Trust::Member).await, "= answer 1");
        assert_eq!(heard(&vault, "asked", Trust::Member).await, "= answer 1");
        clock.step(Duration::from_secs(61));
        assert_eq!(heard(&vault, "asked", Trust::Member).await, "= answer 2");
    }

    #[tokio::test]
    async fn secrets_of_a_type_are_those_that_may_be_had() {
        let docker = |goals: &[&str]| SecretEntry {
            kind: "docker".to_owned(),
            goals: goals.iter().map(ToString::to_string).collect(),
            ..entry(variable(Some("hunter2")))
        };
        let secrets = vec![
            ("a", docker(&[])),
            ("b", docker(&["other"])),
            ("c", docker(&["publish"])),
        ];
        let (vault, _) = vault(secrets, None);
        let names = |found: Vec<Opened>| found.into_iter().map(|opened| opened.name).collect::<Vec<_>>();
        let all = vault.by_type("docker", &[], &asker(Trust::Member)).await.unwrap();
        assert_eq!(names(all), ["a", "c"]);
        let named = |name: &str| vec![name.to_owned()];
        let one = vault
            .by_type("docker", &named("c"), &asker(Trust::Member))
            .await
            .unwrap();
        assert_eq!(names(one), ["c"]);
        assert!(
            vault
                .by_type("docker", &named("b"), &asker(Trust::Member))
                .await
                .is_err()
        );
        assert!(
            vault
                .by_type("npm", &named("a"), &asker(Trust::Member))
                .await
                .is_err()
        );
        let none = vault
            .by_type("docker", &[], &asker(Trust::Untrusted))
            .await
            .unwrap();
        assert!(none.is_empty());
    }

    #[tokio::test]
    async fn e1_an_image_is_fetched_with_the_closest_login_that_is_for_its_goal() {
        let login = |url: Option<&str>, goals: &[&str]| SecretEntry {
            kind: "docker".to_owned(),
            url: url.map(str::to_owned),
            goals: goals.iter().map(ToString::to_string).collect(),
            ..entry(variable(Some("hunter2")))
        };
        let secrets = vec![
            ("all", login(Some("https://registry.example/"), &[])),
            ("team", login(Some("registry.example/acme"), &["publish"])),
            ("other", login(Some("registry.example/acme/app"), &["other"])),
            ("hub", login(None, &[])),
            ("typeless", entry(variable(Some("hunter2")))),
        ];
        let (vault, _) = vault(secrets, None);
        let found = async |image: &str, trust: Trust| {
            let image = ImageReference::parse(image).unwrap();
            let found = vault.for_image(&image, &asker(trust)).await.unwrap();
            found.map(|opened| opened.name)
        };
        for (image, name) in [
            ("registry.example/acme/app:1", Some("team")),
            ("registry.example/else/app:1", Some("all")),
            ("alpine", Some("hub")),
            ("elsewhere.example/app", None),
        ] {
            assert_eq!(found(image, Trust::Member).await.as_deref(), name, "{image}");
        }
        assert_eq!(found("alpine", Trust::Untrusted).await, None);
    }
}
