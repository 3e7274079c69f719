//! Secrets by their type, in the shapes that programs expect (semantics 3.20).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::ports::executor::SecretText;
use crate::ports::secrets::Opened;

/// Where docker clients log in unless told otherwise.
const DOCKER_DEFAULT: &str = "https://index.docker.io/v1/";

/// Where npm logs in unless told otherwise.
const NPM_DEFAULT: &str = "registry.npmjs.org";

/// The type of the token of the repository's forge.
pub(super) const SCM: &str = "scm";

/// The type of a key of the hub that is made for goals: they are never given that of their machine.
const ATOMIST: &str = "atomist";

/// Why there is no secret of a type, and what to do where that does not say itself.
fn missing(kind: &str) -> String {
    let none = format!("there is no secret of type `{kind}` for this push");
    match kind {
        SCM => format!(
            "{none}: connect the repository's forge with `forges` in the configuration of the machine, or give one of its `secrets` \
             `type: scm`"
        ),
        ATOMIST => format!(
            "{none}: a goal is not given the key of its machine; make one with the scopes that it needs (`sdm hub key new`), and name it \
             in `secrets` of the configuration with `type: atomist`"
        ),
        _ => none,
    }
}

/// The one secret of a type for a variable.
///
/// # Errors
/// There is none, or more than one.
pub(super) fn only(kind: &str, mut found: Vec<Opened>) -> Result<Opened, String> {
    match found.len() {
        0 => Err(missing(kind)),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<&str> = found.iter().map(|secret| secret.name.as_str()).collect();
            Err(format!(
                "there is more than one secret of type `{kind}` ({}): say which with `names`",
                names.join(", ")
            ))
        }
    }
}

/// The variables that carry a secret: its own, and who logs in with it.
pub(super) fn variables(name: &str, secret: &Opened) -> Vec<(String, SecretText)> {
    let value = SecretText::new(secret.value.expose_secret());
    let mut variables = vec![(name.to_owned(), value.clone())];
    if let Some(login) = &secret.login {
        variables.push((format!("{name}_USER"), SecretText::new(login)));
    }
    if secret.kind == "maven2" {
        variables.push((format!("{name}_PWD"), value));
    }
    variables
}

/// The file that clients of a type read, with every secret that was found.
///
/// # Errors
/// There is none, or clients of the type have no such file.
pub(super) fn file(kind: &str, found: &[Opened]) -> Result<SecretText, String> {
    if found.is_empty() {
        return Err(missing(kind));
    }
    match kind {
        SCM | ATOMIST => {
            let one = only(kind, found.to_vec())?;
            Ok(SecretText::new(one.value.expose_secret()))
        }
        "docker" => Ok(docker(found)),
        "npm" => Ok(npm(found)),
        _ => Err(format!(
            "secrets of type `{kind}` cannot be given as a file: name them with `name` and `file`"
        )),
    }
}

fn docker(found: &[Opened]) -> SecretText {
    let entry = |secret: &Opened| {
        let login = secret.login.as_deref().unwrap_or_default();
        let auth = BASE64_STANDARD.encode(format!("{login}:{}", secret.value.expose_secret()));
        let url = secret.url.clone().unwrap_or_else(|| DOCKER_DEFAULT.to_owned());
        (url, json!({ "auth": auth }))
    };
    let auths: Map<String, Value> = found.iter().map(entry).collect();
    SecretText::new(&json!({ "auths": auths }).to_string())
}

fn npm(found: &[Opened]) -> SecretText {
    let line = |secret: &Opened| {
        let url = secret.url.as_deref().unwrap_or(NPM_DEFAULT);
        let place = url
            .split_once("://")
            .map_or(url, |(_, place)| place)
            .trim_end_matches('/');
        format!("//{place}/:_authToken={}\n", secret.value.expose_secret())
    };
    SecretText::new(&found.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, kind: &str, login: Option<&str>, url: Option<&str>) -> Opened {
        Opened {
            name: name.to_owned(),
            kind: kind.to_owned(),
            login: login.map(str::to_owned),
            url: url.map(str::to_owned),
            value: format!("secret-{name}").into(),
        }
    }

    #[test]
    fn se_02_a_variable_takes_one_secret() {
        let two = vec![
            secret("a", "docker", None, None),
            secret("b", "docker", None, None),
        ];
        assert_eq!(
            only("docker", two).unwrap_err(),
            "there is more than one secret of type `docker` (a, b): say which with `names`"
        );
        assert_eq!(
            only("npm", Vec::new()).unwrap_err(),
            "there is no secret of type `npm` for this push"
        );
        let one = only("docker", vec![secret("a", "docker", Some("bob"), None)]).unwrap();
        let given = variables("HUB", &one);
        let shown: Vec<(&str, &str)> = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(shown, [("HUB", "secret-a"), ("HUB_USER", "bob")]);
        assert_eq!(variables("M", &secret("m", "maven2", Some("x"), None)).len(), 3);
    }

    #[test]
    fn semantics_3_20_a_forge_and_a_hub_have_one_secret_which_is_all_of_its_file() {
        let token = [secret("t", "scm", None, None)];
        assert_eq!(file("scm", &token).unwrap().expose(), "secret-t");
        let two = [
            secret("a", "atomist", None, None),
            secret("b", "atomist", None, None),
        ];
        assert!(
            file("atomist", &two)
                .unwrap_err()
                .contains("say which with `names`")
        );
        let none = only("atomist", Vec::new()).unwrap_err();
        assert!(
            none.contains("not given the key of its machine") && none.contains("sdm hub key new"),
            "{none}"
        );
        assert!(file("scm", &[]).unwrap_err().contains("`forges`"));
    }

    #[test]
    fn files_hold_every_secret_of_their_type() {
        let docker = [
            secret("a", "docker", Some("bob"), Some("registry.local")),
            secret("b", "docker", Some("eve"), None),
        ];
        assert_eq!(
            file("docker", &docker).unwrap().expose(),
            r#"{"auths":{"registry.local":{"auth":"Ym9iOnNlY3JldC1h"},"https://index.docker.io/v1/":{"auth":"ZXZlOnNlY3JldC1i"}}}"#
        );
        let npm = [
            secret("a", "npm", None, Some("https://npm.local/x/")),
            secret("b", "npm", None, None),
        ];
        assert_eq!(
            file("npm", &npm).unwrap().expose(),
            "//npm.local/x/:_authToken=secret-a\n//registry.npmjs.org/:_authToken=secret-b\n"
        );
        assert!(file("maven2", &npm).is_err() && file("npm", &[]).is_err());
    }
}
