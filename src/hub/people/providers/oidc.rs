//! OpenID Connect: discovery, the code flow, and the token that says who somebody is.

use reqwest::{Client, Url};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::github::form;
use super::net::{ask, json, nonsense, text};
use super::settings::is_safe;
use super::{Brought, Claimed, OidcSettings, ProviderError, ProviderSettings};
use crate::wire::oidc::{JobToken, KeySet, verify_job_token};

/// Longest claim that is taken over, in characters.
const LONGEST: usize = 200;

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
}

/// Asks a provider where its places are.
pub(super) async fn discover(client: &Client, oidc: &OidcSettings) -> Result<Discovered, ProviderError> {
    const DOING: &str = "ask the provider where people sign in";
    let address = format!(
        "{}/.well-known/openid-configuration",
        oidc.issuer.trim_end_matches('/')
    );
    let said = json(client.get(address), DOING).await?;
    if text(&said, "issuer") != Some(oidc.issuer.as_str()) {
        return Err(nonsense(DOING, "it calls itself by another name"));
    }
    let place = |field: &str| {
        let url = text(&said, field).and_then(|text| Url::parse(text).ok());
        url.filter(is_safe)
            .ok_or_else(|| nonsense(DOING, format!("`{field}` is no https address")))
    };
    Ok(Discovered {
        authorization_endpoint: place("authorization_endpoint")?,
        token_endpoint: place("token_endpoint")?,
        jwks_uri: place("jwks_uri")?,
    })
}

/// Who somebody is.
pub(super) async fn identify(
    client: &Client,
    settings: &ProviderSettings,
    oidc: &OidcSettings,
    brought: &Brought<'_>,
) -> Result<Claimed, ProviderError> {
    let places = discover(client, oidc).await?;
    let token = exchange(client, settings, &places, brought).await?;
    let (_, keys) = ask(client.get(places.jwks_uri), "read the provider's keys").await?;
    let keys =
        KeySet::parse(&keys).map_err(|error| nonsense("read the provider's keys", error.to_string()))?;
    let token = verify_job_token(&token, brought.now, |issuer| {
        (issuer == oidc.issuer).then(|| keys.clone())
    })
    .map_err(ProviderError::Token)?;
    claimed(&token, &settings.client_id, brought.nonce, &oidc.domains)
}

async fn exchange(
    client: &Client,
    settings: &ProviderSettings,
    places: &Discovered,
    brought: &Brought<'_>,
) -> Result<String, ProviderError> {
    const DOING: &str = "exchange the code for a token";
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", brought.code),
        ("redirect_uri", brought.redirect_url.as_str()),
        ("client_id", settings.client_id.as_str()),
        ("client_secret", settings.client_secret.expose_secret()),
        ("code_verifier", brought.verifier.expose_secret()),
    ];
    let (status, body) = ask(form(client.post(places.token_endpoint.clone()), &fields), DOING).await?;
    let said: Value = serde_json::from_slice(&body).map_err(|_| nonsense(DOING, "it is no JSON"))?;
    match (status.is_success(), text(&said, "id_token")) {
        (true, Some(token)) => Ok(token.to_owned()),
        (true, None) => Err(nonsense(DOING, "it has no `id_token`")),
        (false, _) => Err(ProviderError::Code(
            text(&said, "error")
                .unwrap_or("refused")
                .chars()
                .take(100)
                .collect(),
        )),
    }
}

/// What a token says whose signature, issuer and times hold: it must be for this hub and for this sign-in.
fn claimed(
    token: &JobToken,
    client_id: &str,
    nonce: &str,
    domains: &[String],
) -> Result<Claimed, ProviderError> {
    let claim = |name: &str| token.claims.get(name).map(String::as_str);
    let is_ours = match token.audience.as_slice() {
        [one] => one == client_id && claim("azp").is_none_or(|party| party == client_id),
        many => many.iter().any(|one| one == client_id) && claim("azp") == Some(client_id),
    };
    if !is_ours {
        return Err(ProviderError::Code("its token is for somebody else".to_owned()));
    }
    if claim("nonce") != Some(nonce) {
        return Err(ProviderError::Code("its token is of another sign-in".to_owned()));
    }
    let subject = claim("sub").filter(|subject| !subject.is_empty());
    let subject = subject.ok_or_else(|| ProviderError::Code("its token names nobody".to_owned()))?;
    let email = claim("email").filter(|_| claim("email_verified") == Some("true"));
    let domain = email.and_then(|email| Some(email.rsplit_once('@')?.1));
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let login = claim("preferred_username").or(email).unwrap_or(subject);
    Ok(Claimed {
        subject: subject.to_owned(),
        login: short(login),
        name: short(claim("name").unwrap_or(login)),
        email: email
            .filter(|email| email.chars().count() <= LONGEST)
            .map(str::to_owned),
        joins: domain.is_some_and(|domain| domains.iter().any(|own| own.eq_ignore_ascii_case(domain))),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn token(audience: &[&str], claims: &[(&str, &str)]) -> JobToken {
        let claims = claims
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        JobToken {
            issuer: "https://login.example.org".to_owned(),
            audience: audience.iter().map(ToString::to_string).collect(),
            expires: 0,
            claims: claims.collect::<BTreeMap<_, _>>(),
            digest: String::new(),
        }
    }

    fn read(token: &JobToken) -> Result<Claimed, String> {
        claimed(token, "hub", "n", &["example.org".to_owned()]).map_err(|error| error.to_string())
    }

    #[test]
    fn f7_a_token_is_for_this_hub_and_this_sign_in() {
        let all = [("sub", "7"), ("nonce", "n")];
        assert_eq!(read(&token(&["hub"], &all)).unwrap().subject, "7");
        for (audience, claims) in [
            (&["other"][..], &all[..]),
            (&[], &all),
            (&["hub", "other"], &all),
            (&["hub"], &[("sub", "7"), ("nonce", "n"), ("azp", "other")]),
            (&["hub"], &[("sub", "7"), ("nonce", "m")]),
            (&["hub"], &[("sub", "7")]),
            (&["hub"], &[("sub", ""), ("nonce", "n")]),
        ] {
            assert!(read(&token(audience, claims)).is_err(), "{audience:?} {claims:?}");
        }
        let many = [("sub", "7"), ("nonce", "n"), ("azp", "hub")];
        assert!(read(&token(&["hub", "other"], &many)).is_ok());
    }

    #[test]
    fn only_an_address_that_the_provider_verified_lets_somebody_in() {
        let joins = |email: &str, verified: &str| {
            let claims = [
                ("sub", "7"),
                ("nonce", "n"),
                ("email", email),
                ("email_verified", verified),
            ];
            read(&token(&["hub"], &claims)).unwrap().joins
        };
        assert!(joins("ada@example.org", "true") && joins("ada@EXAMPLE.org", "true"));
        assert!(!joins("ada@example.org", "false"));
        for email in [
            "ada@example.org.evil",
            "ada@evil.example.org",
            "example.org",
            "ada@example.org@evil",
        ] {
            assert!(!joins(email, "true"), "{email}");
        }
    }
}
