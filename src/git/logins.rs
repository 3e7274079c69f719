//! Where logins come from on a machine of one owner: the configuration first, then git's own credential helpers.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::{Config, ConfigLevel, CredentialHelper};
use secrecy::SecretString;

use super::address::{Origin, RemoteAddress};
use super::network::{Credentials, Login};
use crate::model::Timestamp;
use crate::runtime::clock::Clock;

/// Most bytes of a file with a secret.
const LARGEST_SECRET: u64 = 16 * 1024;

/// How long the answer of a credential helper counts, also that there is none.
const REMEMBERED: Duration = Duration::from_secs(300);

/// A login as configured: the secret stays in its file until it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLogin {
    /// The user.
    pub user: String,
    /// A file with the password or token.
    pub secret: PathBuf,
}

/// Logins of this machine, each for one origin.
pub struct Logins {
    configured: BTreeMap<Origin, FileLogin>,
    /// Files of git's configuration that may name helpers, weakest first.
    helpers: Vec<PathBuf>,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<Origin, (Timestamp, Option<Login>)>>,
}

impl Logins {
    /// Those configured, by their origin; where there is none the credential helpers that git's configuration in `helpers`
    /// names are asked, weakest file first.
    pub fn new(
        configured: BTreeMap<Origin, FileLogin>,
        helpers: Vec<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            configured,
            helpers,
            clock,
            remembered: Mutex::default(),
        }
    }

    /// Helpers are programs: asked once, and again when their answer may have aged.
    fn helped(&self, origin: &Origin) -> Option<Login> {
        let now = self.clock.now();
        let remembered = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, login)) = remembered().get(origin)
            && at.plus(REMEMBERED) > now
        {
            return login.clone();
        }
        // Not under the lock: a helper that hangs holds up its own origin only.
        let login = ask_helper(&self.helpers, origin);
        remembered().insert(origin.clone(), (now, login.clone()));
        login
    }
}

impl Credentials for Logins {
    fn for_origin(&self, origin: &Origin) -> Option<Login> {
        match self.configured.get(origin) {
            Some(login) => read_secret(&login.secret)
                .inspect_err(|error| {
                    tracing::warn!(file = %login.secret.display(), %error, "a login cannot be read");
                })
                .ok()
                .map(|secret| Login::new(login.user.clone(), secret)),
            None => self.helped(origin),
        }
    }
}

/// The origin that `https://host[:port]` names.
pub fn origin_named(text: &str) -> Option<Origin> {
    let address = RemoteAddress::parse(text).ok()?;
    let origin = address.origin().filter(|_| address.login().is_none())?;
    matches!(origin.scheme, "http" | "https").then_some(origin)
}

/// The first line of a file, as secrets are usually kept.
fn read_secret(path: &Path) -> std::io::Result<SecretString> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(LARGEST_SECRET)
        .read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(std::io::Error::other("it is empty"));
    }
    Ok(line.to_owned().into())
}

/// What the helpers of the user's own git configuration say; a repository's configuration is never read.
fn ask_helper(files: &[PathBuf], origin: &Origin) -> Option<Login> {
    const LEVELS: [ConfigLevel; 4] = [
        ConfigLevel::System,
        ConfigLevel::XDG,
        ConfigLevel::Global,
        ConfigLevel::Local,
    ];
    let mut config = Config::new().ok()?;
    for (file, level) in files.iter().filter(|file| file.is_file()).zip(LEVELS) {
        config.add_file(file, level, false).ok()?;
    }
    let mut helper = CredentialHelper::new(&origin.to_string());
    let (user, secret) = helper.config(&config).execute()?;
    Some(Login::new(user, secret.into()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::runtime::clock::SystemClock;

    fn logins(origin: &str, secret: &Path) -> Logins {
        let login = FileLogin {
            user: "bot".to_owned(),
            secret: secret.to_owned(),
        };
        let configured = BTreeMap::from([(origin_named(origin).unwrap(), login)]);
        Logins::new(configured, Vec::new(), Arc::new(SystemClock))
    }

    #[test]
    fn a_login_is_for_exactly_one_origin() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "CANARY\n").unwrap();
        let logins = logins("https://Git.example.com", &file);
        let found = logins
            .for_origin(&origin_named("https://git.example.com:443/acme/x").unwrap())
            .unwrap();
        assert_eq!((found.user(), found.secret().expose_secret()), ("bot", "CANARY"));
        for other in [
            "http://git.example.com",
            "https://git.example.com:8443",
            "https://example.com",
        ] {
            assert!(
                !logins.configured.contains_key(&origin_named(other).unwrap()),
                "{other}"
            );
        }
    }

    #[test]
    fn a_secret_is_read_when_it_is_needed_and_an_empty_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let origin = origin_named("https://h").unwrap();
        let logins = logins("https://h", &file);
        assert!(logins.for_origin(&origin).is_none());
        std::fs::write(&file, "\nCANARY").unwrap();
        assert!(logins.for_origin(&origin).is_none());
        std::fs::write(&file, "new\n").unwrap();
        assert!(logins.for_origin(&origin).is_some());
    }

    #[test]
    fn cm_13_a_login_is_there_or_promised_by_a_helper_or_absent_and_a_helper_that_fails_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("gitconfig");
        let origin = origin_named("https://h").unwrap();
        let found = |helper: &str| {
            std::fs::write(&config, format!("[credential]\n\thelper = \"{helper}\"\n")).unwrap();
            let logins = Logins::new(BTreeMap::new(), vec![config.clone()], Arc::new(SystemClock));
            let found = logins.for_origin(&origin)?;
            Some((found.user().to_owned(), found.secret().expose_secret().to_owned()))
        };
        let promised = found("!printf 'username=bot\\\\npassword=CANARY\\\\n'");
        assert_eq!(promised, Some(("bot".to_owned(), "CANARY".to_owned())));
        assert_eq!(found("!exit 1"), None);
        assert_eq!(found("!true"), None, "it says nothing");
        let nobody = Logins::new(BTreeMap::new(), Vec::new(), Arc::new(SystemClock));
        assert!(nobody.for_origin(&origin).is_none());
        let file = directory.path().join("token");
        std::fs::write(&file, "CANARY").unwrap();
        assert!(logins("https://h", &file).for_origin(&origin).is_some());
    }

    #[test]
    fn only_web_origins_have_logins() {
        assert!(origin_named("ssh://git@h/x").is_none());
        assert!(origin_named("https://u:p@h").is_none());
        assert!(origin_named("h").is_none());
    }
}
