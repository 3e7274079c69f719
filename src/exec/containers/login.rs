//! Who we are to a registry, and what it means when it turns us away.

use std::collections::BTreeMap;
use std::io;

use bollard::Docker;
use bollard::auth::DockerCredentials;

use super::engine::EngineError;
use crate::model::ImageReference;
use crate::ports::containers::{LOGINS, Login, RegistryLogin};

/// What registries and engines say to whoever may not have an image.
const TURNED_AWAY: &[&str] = &[
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "invalid username/password",
    "access denied",
    "access to the resource is denied",
    "403 (forbidden)",
    "403 forbidden",
    "denied:",
];

/// The logins that the machine handed over with this step.
///
/// # Errors
/// They cannot be read.
pub fn handed_over(contract: &BTreeMap<String, String>) -> io::Result<Vec<RegistryLogin>> {
    let Some(path) = contract.get(LOGINS) else {
        return Ok(Vec::new());
    };
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// As the engine passes it on.
pub(super) fn credentials(login: Option<&Login>, image: &ImageReference) -> Option<DockerCredentials> {
    match login? {
        Login::As { user, password, .. } => Some(DockerCredentials {
            username: Some(user.clone()),
            password: Some(password.expose().to_owned()),
            serveraddress: Some(image.registry()),
            ..DockerCredentials::default()
        }),
        Login::NotHad(_) => None,
    }
}

/// A client whose logins engines can read: they want them in the alphabet of addresses, and it writes the other one.
pub(super) fn understood(docker: &Docker) -> Docker {
    docker.clone().with_request_modifier(|mut request| {
        if let Some(login) = request.headers_mut().get_mut("x-registry-auth") {
            let written = login
                .to_str()
                .map(|text| text.replace('+', "-").replace('/', "_"));
            if let Ok(Ok(rewritten)) = written.map(|text| text.parse()) {
                *login = rewritten;
            }
        }
        request
    })
}

/// A refusal that is about who we are says which login was not good enough, before what the engine says of it.
pub(super) fn explained(error: EngineError, login: Option<&Login>, image: &ImageReference) -> EngineError {
    let EngineError::Refused { doing, words, status } = error else {
        return error;
    };
    let said = words.to_lowercase();
    let is_about_us = TURNED_AWAY.iter().any(|sign| said.contains(sign));
    let words = match is_about_us {
        true => format!(
            "{} (the engine says: {words})",
            turned_away(login, &image.registry())
        ),
        false => words,
    };
    EngineError::Refused { doing, words, status }
}

fn turned_away(login: Option<&Login>, registry: &str) -> String {
    match login {
        Some(Login::As { secret, user, .. }) => format!(
            "the registry {registry} refuses the login of the secret `{secret}`{}",
            match user.is_empty() {
                true => ", which names no `login`".to_owned(),
                false => format!(" ({user})"),
            }
        ),
        Some(Login::NotHad(because)) => format!("the registry {registry} wants a login, and {because}"),
        None => format!(
            "the registry {registry} wants a login, and there is none for this goal: give it a secret of `type: docker` \
             with this registry as its `url`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::executor::SecretText;

    fn refused(words: &str) -> EngineError {
        EngineError::Refused {
            doing: "fetch the image `r.example/app:1`".to_owned(),
            words: words.to_owned(),
            status: 500,
        }
    }

    #[test]
    fn a_refused_login_is_named_and_its_password_is_not() {
        let image = ImageReference::parse("r.example/app:1").unwrap();
        let login = Login::As {
            secret: "hub".to_owned(),
            user: "bob".to_owned(),
            password: SecretText::new("hunter2"),
        };
        let shown = |words: &str, login: Option<&Login>| explained(refused(words), login, &image).to_string();
        let unauthorized = "initializing source: reading manifest 1: unauthorized: authentication required";
        assert_eq!(
            shown(unauthorized, Some(&login)),
            format!(
                "failed to fetch the image `r.example/app:1`: the registry r.example refuses the login of the secret `hub` \
                 (bob) (the engine says: {unauthorized})"
            )
        );
        assert!(shown(unauthorized, None).contains("wants a login, and there is none for this goal"));
        let not_had = Login::NotHad("the secret `hub` cannot be read: no".to_owned());
        assert!(shown(unauthorized, Some(&not_had)).contains("and the secret `hub` cannot be read: no"));
        assert!(shown("manifest unknown", Some(&login)).ends_with("manifest unknown"));
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
