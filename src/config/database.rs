//! The database that replicas of a machine share.

use serde::de::{Deserialize as _, Deserializer, Error as _};

use super::error::ConfigError;
use super::resolve::{Entry, Origin, Resolver};
use super::secrets::{self, SecretSource, SecretText};

/// Where the URL is. What stands there instead is not repeated: it may be the URL.
pub(super) fn written<'de, D: Deserializer<'de>>(source: D) -> Result<Option<SecretText>, D::Error> {
    const WANTED: &str =
        "say where the URL of the database is, such as `database: {file: /etc/sdm/database}`";
    SecretText::deserialize(source)
        .map(Some)
        .map_err(|_| D::Error::custom(WANTED))
}

impl Resolver<'_> {
    /// Where the URL of a shared database is; the machine has a file of its own when nobody says it. The URL may hold a
    /// password, so it never stands in the configuration itself.
    pub(super) fn database(&mut self) -> Result<Option<SecretSource>, ConfigError> {
        let mut said = self
            .layers
            .iter()
            .filter_map(|(origin, layer)| Some((origin.of("database"), layer.database.clone()?)));
        let Some((origin, text)) = said.next() else {
            self.entries.push(Entry {
                key: "database",
                value: "a file in the state directory".to_owned(),
                origin: Origin::Default,
            });
            return Ok(None);
        };
        let source = secrets::source(&text, self.sources);
        self.entries.push(Entry {
            key: "database",
            value: source.as_ref().map(shown).unwrap_or_default(),
            origin,
        });
        source
            .map(Some)
            .map_err(|message| self.origin_error("database", message))
    }
}

fn shown(source: &SecretSource) -> String {
    format!("Postgres (URL: {})", source.word())
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, Sources, load};
    use super::*;

    fn database_of(yaml: &str, variables: &[(&str, &str)]) -> Result<(Option<SecretSource>, String), String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        let sources = Sources {
            directory: "/".into(),
            home: Some("/nobody".into()),
            system: home.path().to_owned(),
            environment: variables.collect(),
        };
        let loaded = load(&sources, &Flags::default()).map_err(|error| error.to_string())?;
        let entry = loaded
            .entries()
            .iter()
            .find(|entry| entry.key == "database")
            .unwrap();
        Ok((
            loaded.database.clone(),
            format!("{} ({})", entry.value, entry.origin),
        ))
    }

    #[test]
    fn a_shared_database_is_named_by_where_its_url_is() {
        let (own, shown) = database_of("", &[]).unwrap();
        assert_eq!(
            (own, shown.as_str()),
            (None, "a file in the state directory (default)")
        );
        let (shared, shown) = database_of("", &[("SDM_DATABASE_FILE", "/run/url")]).unwrap();
        assert_eq!(shared, Some(SecretSource::File("/run/url".into())));
        assert_eq!(shown, "Postgres (URL: file) ($SDM_DATABASE_FILE)");
        let (shared, _) = database_of("database: {file: url}", &[]).unwrap();
        assert!(matches!(shared, Some(SecretSource::File(path)) if path.is_absolute()));
    }

    #[test]
    fn g1_the_url_itself_does_not_stand_in_a_configuration() {
        let problem = database_of("database: {}", &[]).unwrap_err();
        assert!(problem.contains("says nowhere where it is"), "{problem}");
        let problem = database_of("database: postgres://me:CANARY@here/sdm", &[]).unwrap_err();
        assert!(!problem.contains("CANARY"), "{problem}");
    }
}
