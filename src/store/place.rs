//! Where a memory is: a file of SQLite, or a database of Postgres.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

/// Where a memory is.
#[derive(Debug, Clone)]
pub enum Place {
    /// An SQLite file, made where it is missing.
    File(PathBuf),
    /// A Postgres database by its URL, which may hold a password.
    Postgres(SecretString),
}

impl Place {
    /// A `postgres:` URL, or else the path of a file.
    pub fn read(text: &str) -> Self {
        match is_postgres(text) {
            true => Self::Postgres(text.into()),
            false => Self::File(PathBuf::from(text)),
        }
    }

    /// For people: a path, or who is asked at which host for which database, without a password.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => format!("the database {}", path.display()),
            Self::Postgres(url) => match url.expose_secret().parse::<PgConnectOptions>() {
                Ok(options) => {
                    let database = options.get_database().unwrap_or(options.get_username());
                    let socket = options.get_socket().map(|path| path.display().to_string());
                    let host =
                        socket.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
                    format!(
                        "the database {database} of Postgres at {host} as {}",
                        options.get_username()
                    )
                }
                Err(_) => "the database of Postgres by a URL that is none".to_owned(),
            },
        }
    }

    /// The URL by which it is opened, where a file is made when it is missing.
    pub(super) fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite://{}?mode=rwc", escaped(path)),
            Self::Postgres(url) => url.expose_secret().to_owned(),
        }
    }
}

/// Whether it is the URL of a Postgres database.
pub fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres:") || text.starts_with("postgresql:")
}

/// A path as it stands in a URL.
pub(super) fn escaped(path: &Path) -> String {
    let escape = |byte: &u8| match byte {
        b'/' | b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g1_a_password_is_never_shown() {
        let place = Place::read("postgres://ada:CANARY@db.example.com:6432/sdm?sslmode=require");
        assert_eq!(
            place.shown(),
            "the database sdm of Postgres at db.example.com:6432 as ada"
        );
        assert!(!format!("{place:?}").contains("CANARY"));
        let nonsense = Place::read("postgres://ada:CANARY@db.example.com:nonsense/sdm");
        assert!(!nonsense.shown().contains("CANARY"));
    }

    #[test]
    fn a_place_is_a_file_unless_it_is_a_url() {
        assert!(matches!(Place::read("/var/lib/hub.db"), Place::File(_)));
        assert!(matches!(Place::read("postgresql://h/d"), Place::Postgres(_)));
        assert_eq!(Place::read("/a b/%.db").url(), "sqlite:///a%20b/%25.db?mode=rwc");
    }
}
