//! What every connection of the machine obeys: proxy, trust, limits, logins, allowed addresses.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::address::{AddressPolicy, Origin};

/// A user and a secret for one origin.
#[derive(Clone)]
pub struct Login {
    user: String,
    secret: SecretString,
}

impl Login {
    /// A user with a password or a token as password.
    pub fn new(user: impl Into<String>, secret: SecretString) -> Self {
        Self {
            user: user.into(),
            secret,
        }
    }

    /// A forge's access token, sent the way forges take it over git's http: as the password of an arbitrary user.
    pub fn token(token: SecretString) -> Self {
        Self::new("x-access-token", token)
    }

    /// The user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password or token.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").finish_non_exhaustive()
    }
}

/// Where logins come from. Asked on a blocking thread; may take its time, within the deadline of the operation.
pub trait Credentials: Send + Sync {
    /// The login for exactly this origin, if there is one. It is sent nowhere else (general rule 4 of the threats).
    fn for_origin(&self, origin: &Origin) -> Option<Login>;
}

/// No logins at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

impl Credentials for NoCredentials {
    fn for_origin(&self, _origin: &Origin) -> Option<Login> {
        None
    }
}

/// How `http` and `https` leave the machine.
#[derive(Clone, Default)]
pub enum ProxyChoice {
    /// The system's settings, read once: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    #[default]
    System,
    /// Never through a proxy.
    Direct,
    /// Always through this one. Names are then resolved by the proxy, which has to refuse private places itself.
    Fixed {
        /// `http://host:port` or `https://host:port`, credentials allowed.
        url: SecretString,
        /// Comma separated hosts reached directly, in the form of `NO_PROXY`.
        except: String,
    },
}

/// Everything an operation over the network obeys.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Proxies for `http` and `https`.
    pub proxy: ProxyChoice,
    /// PEM files of certificate authorities trusted in addition to the system's.
    pub extra_ca_files: Vec<PathBuf>,
    /// The `ssh` program and its leading arguments, never given to a shell; see [`split_command`].
    pub ssh_command: Vec<String>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the next byte.
    pub stall_timeout: Duration,
    /// Longest duration of a whole operation.
    pub deadline: Duration,
    /// Most bytes that one fetch may receive.
    pub max_received_bytes: u64,
    /// Most objects that one fetch may receive.
    pub max_objects: u64,
    /// Logins.
    pub credentials: Arc<dyn Credentials>,
    /// Allowed addresses.
    pub policy: AddressPolicy,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            proxy: ProxyChoice::System,
            extra_ca_files: Vec::new(),
            ssh_command: vec!["ssh".to_owned()],
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(3600),
            max_received_bytes: 4 << 30,
            max_objects: 50_000_000,
            credentials: Arc::new(NoCredentials),
            policy: AddressPolicy::TEAM,
        }
    }
}

impl fmt::Debug for NetworkOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NetworkOptions")
            .field("extra_ca_files", &self.extra_ca_files)
            .field("ssh_command", &self.ssh_command)
            .field("deadline", &self.deadline)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Splits a command line such as the value of `GIT_SSH_COMMAND` into program and arguments: white space separates,
/// quotes and backslashes keep together. Nothing is expanded and no shell is involved.
///
/// `None` when a quote is not closed or there is no word.
pub fn split_command(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_without_a_shell() {
        let split = |text| split_command(text).unwrap();
        assert_eq!(
            split("ssh -i  'my key' -p 22"),
            ["ssh", "-i", "my key", "-p", "22"]
        );
        assert_eq!(split(r#"ssh "a \"b" c\ d ''"#), ["ssh", "a \"b", "c d", ""]);
        assert_eq!(split("ssh $(touch CANARY)"), ["ssh", "$(touch", "CANARY)"]);
        assert!(split_command("ssh 'open").is_none());
        assert!(split_command("  ").is_none());
    }

    #[test]
    fn e3_options_never_print_a_secret() {
        let options = NetworkOptions {
            proxy: ProxyChoice::Fixed {
                url: "http://u:CANARY@p:1".into(),
                except: String::new(),
            },
            ..NetworkOptions::default()
        };
        let login = Login::token("CANARY".into());
        assert!(!format!("{options:?} {login:?}").contains("CANARY"));
    }
}
