//! Assertions that are exchanged for tokens (security model 8 and 10.3): an add-on says for whom it wants to act, signed with
//! the secret it shares with the hub. The assertion proves the add-on; whether the person agreed is asked elsewhere.

use serde_json::{Map, Value};

use super::LEEWAY;
use super::keys::SharedSecret;
use super::percent::parameters;
use super::token::{Token, TokenError};
use super::verify::{IssuerSecrets, check_algorithm, same, seconds, text};

/// The grant of add-ons: an assertion that they sign.
const BY_ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The grant of jobs: a token of somebody else (RFC 8693).
const BY_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What a job's token may call itself.
const JOB_TOKENS: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];

/// What is given for it.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What stands before the id of a client.
const CLIENT: &str = "urn:atlassian:connect:clientid:";

/// What stands before the id of a person.
const PERSON: &str = "urn:atlassian:connect:useraccountid:";

/// Most seconds that an assertion lives.
const LIFETIME: i64 = 60;

/// Largest body of a request for a token in bytes.
pub const LARGEST_TOKEN_REQUEST: usize = 16 * 1024;

/// Most resources that a token can be narrowed to.
const MOST_RESOURCES: usize = 50;

/// A request for a token, as its form says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What is brought.
    pub brought: Brought,
    /// Scopes that the token is to be narrowed to; none is all that the add-on has.
    pub scopes: Option<Vec<String>>,
    /// Resources that it is to be narrowed to; none is all.
    pub resources: Vec<String>,
}

/// What somebody brings for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// An assertion of an add-on.
    Assertion(String),
    /// A token that the issuer of a job gave it.
    Job(String),
}

/// Why a request for a token is refused, by the names that OAuth gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRequestError {
    /// A field is missing, repeated or too long.
    InvalidRequest,
    /// Another grant is asked for.
    UnsupportedGrantType,
}

impl TokenRequestError {
    /// As answers name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

impl TokenRequest {
    /// Reads the form.
    ///
    /// # Errors
    /// It is none, or asks for something else.
    pub fn parse(body: &str) -> Result<Self, TokenRequestError> {
        if body.len() > LARGEST_TOKEN_REQUEST {
            return Err(TokenRequestError::InvalidRequest);
        }
        let fields = parameters(body);
        let all = |name: &str| -> Vec<&String> {
            let mine = fields.iter().filter(|(field, _)| field == name);
            mine.map(|(_, value)| value).collect()
        };
        let one = |name: &str| match all(name)[..] {
            [] => Ok(None),
            [value] => Ok(Some(value.clone())),
            _ => Err(TokenRequestError::InvalidRequest),
        };
        let must = |name: &str| one(name)?.ok_or(TokenRequestError::InvalidRequest);
        let brought = match must("grant_type")?.as_str() {
            BY_ASSERTION => Brought::Assertion(must("assertion")?),
            BY_EXCHANGE => {
                let is_known = JOB_TOKENS.contains(&must("subject_token_type")?.as_str());
                let wanted = one("requested_token_type")?;
                let gives = wanted.is_none_or(|wanted| wanted == ACCESS_TOKEN);
                // Nobody acts for a job, and a job for nobody.
                if !is_known || !gives || one("actor_token")?.is_some() {
                    return Err(TokenRequestError::InvalidRequest);
                }
                Brought::Job(must("subject_token")?)
            }
            _ => return Err(TokenRequestError::UnsupportedGrantType),
        };
        let resources: Vec<String> = all("resource").into_iter().cloned().collect();
        if resources.len() > MOST_RESOURCES {
            return Err(TokenRequestError::InvalidRequest);
        }
        let words = |text: String| text.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(Self {
            brought,
            scopes: one("scope")?.map(words),
            resources,
        })
    }
}

/// The side that exchanges assertions.
#[derive(Debug, Clone, Copy)]
pub struct TokenService<'a> {
    /// Address of the hub, which assertions name as their tenant.
    pub base_url: &'a str,
    /// Address at which they are exchanged.
    pub token_url: &'a str,
}

/// An assertion that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Who asks, by the id that its installation was given.
    pub client: String,
    /// For whom; none asks for a token of its own.
    pub person: Option<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// Its signature, which tells it from others: it is exchanged once.
    pub signature: Vec<u8>,
}

/// The id under which an assertion claims to be made, to find the key by; nothing of it is believed.
pub fn claimed_client(assertion: &str) -> Option<String> {
    let token = Token::parse(assertion).ok()?;
    after(&token.claims, "iss", CLIENT).ok()?
}

/// Checks an assertion. `secrets_of` finds the secrets by the id of a client.
///
/// # Errors
/// The first check that fails.
pub fn verify_assertion(
    assertion: &str,
    now: i64,
    service: &TokenService<'_>,
    secrets_of: impl FnOnce(&str) -> Option<IssuerSecrets>,
) -> Result<Assertion, TokenError> {
    let token = Token::parse(assertion)?;
    check_algorithm(&token, "HS256")?;
    let client = after(&token.claims, "iss", CLIENT)?.ok_or(TokenError::ClaimMissing("iss"))?;
    let message = token.signed.as_bytes();
    let secrets = secrets_of(&client);
    let fits = |secret: &SharedSecret| secret.has_signed(message, &token.signature);
    // The secret before a rotation is for calls that are under way; whoever asks for something new has the new one.
    match secrets {
        Some(secrets) if fits(&secrets.current) => {}
        Some(_) => return Err(TokenError::Signature),
        None => return Err(TokenError::UnknownIssuer),
    }
    let expires = check_times(&token.claims, now)?;
    let is_for = |name, wanted: &str| {
        Ok(text(&token.claims, name)?.is_some_and(|one| same(plain(one), plain(wanted))))
    };
    if !is_for("tnt", service.base_url)? || !is_for("aud", service.token_url)? {
        return Err(TokenError::Audience);
    }
    Ok(Assertion {
        person: after(&token.claims, "sub", PERSON)?,
        client,
        expires,
        signature: token.signature,
    })
}

fn plain(address: &str) -> &str {
    address.strip_suffix('/').unwrap_or(address)
}

/// What stands behind a prefix; another form is malformed, so that nobody is taken for somebody else.
fn after(
    claims: &Map<String, Value>,
    name: &'static str,
    prefix: &str,
) -> Result<Option<String>, TokenError> {
    let Some(value) = text(claims, name)? else {
        return Ok(None);
    };
    let rest = value.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    rest.map(|rest| Some(rest.to_owned()))
        .ok_or(TokenError::Malformed)
}

fn check_times(claims: &Map<String, Value>, now: i64) -> Result<i64, TokenError> {
    let issued = seconds(claims, "iat")?.ok_or(TokenError::ClaimMissing("iat"))?;
    let expires = seconds(claims, "exp")?.ok_or(TokenError::ClaimMissing("exp"))?;
    if expires <= issued {
        return Err(TokenError::Malformed);
    }
    if expires.saturating_sub(issued) > LIFETIME {
        return Err(TokenError::LifetimeTooLong);
    }
    if now >= expires.saturating_add(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if issued > now.saturating_add(LEEWAY) {
        return Err(TokenError::NotYetValid);
    }
    Ok(expires)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_767_225_600;
    const SERVICE: TokenService<'static> = TokenService {
        base_url: "https://hub.example.com/hub",
        token_url: "https://hub.example.com/hub/auth/oauth2/token",
    };

    fn secret() -> SharedSecret {
        SharedSecret::from_text("a secret of the tests, 32 bytes!".into()).unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": "urn:atlassian:connect:clientid:oauth-1", "sub": "urn:atlassian:connect:useraccountid:alice",
            "tnt": SERVICE.base_url, "aud": SERVICE.token_url, "iat": NOW, "exp": NOW + 60,
        })
    }

    fn verified(claims: &Value) -> Result<Assertion, TokenError> {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(secret().sign(signed.as_bytes()));
        verify_assertion(&format!("{signed}.{signature}"), NOW, &SERVICE, |client| {
            (client == "oauth-1").then(|| IssuerSecrets {
                current: secret(),
                previous: None,
            })
        })
    }

    fn code(change: impl FnOnce(&mut Value)) -> &'static str {
        let mut claims = claims();
        change(&mut claims);
        verified(&claims).map_or_else(TokenError::code, |_| "accepted")
    }

    #[test]
    fn an_assertion_says_who_asks_and_for_whom() {
        let assertion = verified(&claims()).unwrap();
        assert_eq!(
            (assertion.client.as_str(), assertion.person.as_deref()),
            ("oauth-1", Some("alice"))
        );
        let mut own = claims();
        own.as_object_mut().unwrap().remove("sub");
        assert_eq!(verified(&own).unwrap().person, None);
    }

    #[test]
    fn f5_an_assertion_is_for_this_hub_for_a_minute_and_for_nobody_in_another_form() {
        assert_eq!(code(|_| {}), "accepted");
        assert_eq!(
            code(|claims| claims["tnt"] = json!("https://other.example")),
            "audience_mismatch"
        );
        assert_eq!(
            code(|claims| claims["aud"] = json!("https://hub.example.com/hub")),
            "audience_mismatch"
        );
        assert_eq!(
            code(|claims| claims["exp"] = json!(NOW + 61)),
            "lifetime_too_long"
        );
        assert_eq!(
            code(|claims| claims["iss"] = json!("urn:atlassian:connect:clientid:other")),
            "unknown_issuer"
        );
        assert_eq!(code(|claims| claims["iss"] = json!("oauth-1")), "token_malformed");
        assert_eq!(code(|claims| claims["sub"] = json!("alice")), "token_malformed");
        assert_eq!(
            code(|claims| claims["sub"] = json!("urn:atlassian:connect:userkey:alice")),
            "token_malformed"
        );
        assert_eq!(
            code(|claims| (claims["iat"], claims["exp"]) = (json!(NOW - 90), json!(NOW - 30))),
            "token_expired"
        );
    }

    #[test]
    fn a_request_for_a_token_is_a_form_of_one_kind() {
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c";
        let plain = TokenRequest::parse(form).unwrap();
        assert_eq!(
            (plain.brought, plain.scopes, plain.resources.len()),
            (Brought::Assertion("a.b.c".to_owned()), None, 0)
        );
        let narrow = TokenRequest::parse(&format!(
            "{form}&scope=READ+WRITE&resource=repo:a/b&resource=repo:a/c"
        ))
        .unwrap();
        assert_eq!(narrow.scopes, Some(vec!["READ".to_owned(), "WRITE".to_owned()]));
        assert_eq!(narrow.resources, ["repo:a/b", "repo:a/c"]);
        let code = |form: &str| TokenRequest::parse(form).unwrap_err().code();
        assert_eq!(code(""), "invalid_request");
        assert_eq!(code("grant_type=password&assertion=x"), "unsupported_grant_type");
        assert_eq!(code(&format!("{form}&assertion=d.e.f")), "invalid_request");
        assert_eq!(code(&form.replace("&assertion=a.b.c", "")), "invalid_request");
        assert_eq!(code(&"x".repeat(LARGEST_TOKEN_REQUEST + 1)), "invalid_request");
        assert_eq!(
            code(&format!("{form}{}", "&resource=repo:a/b".repeat(51))),
            "invalid_request"
        );
    }

    #[test]
    fn a_job_brings_the_token_of_its_issuer() {
        let form = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a.b.c&scope=goals:write\
            &subject_token_type=urn:ietf:params:oauth:token-type:jwt";
        let asked = TokenRequest::parse(form).unwrap();
        assert_eq!(
            (asked.brought, asked.scopes),
            (
                Brought::Job("a.b.c".to_owned()),
                Some(vec!["goals:write".to_owned()])
            )
        );
        for (text, other) in [
            ("token-type:jwt", "token-type:saml2"),
            ("&subject_token=a.b.c", ""),
            ("&scope=", "&actor_token="),
            ("&scope=", "&requested_token_type="),
        ] {
            let refused = TokenRequest::parse(&form.replace(text, other)).unwrap_err();
            assert_eq!(refused.code(), "invalid_request", "{other}");
        }
        assert!(TokenRequest::parse(&format!("{form}&requested_token_type={ACCESS_TOKEN}")).is_ok());
    }
}
