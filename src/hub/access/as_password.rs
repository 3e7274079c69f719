//! Keys that come as passwords: clients of the original can be told an address alone, which may have one, and send it as a password.

use std::borrow::Cow;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The headers with the key that came as a password. Clients of the original can be told an address alone, which may have one:
/// `https://hub:KEY@HUB`.
pub(in super::super) fn with_key(headers: &HeaderMap) -> Cow<'_, HeaderMap> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (sent.next(), sent.next()) else {
        return Cow::Borrowed(headers);
    };
    match password(header).and_then(|key| HeaderValue::from_str(&format!("Bearer {key}")).ok()) {
        Some(mut key) => {
            key.set_sensitive(true);
            let mut headers = headers.clone();
            headers.insert(AUTHORIZATION, key);
            Cow::Owned(headers)
        }
        None => Cow::Borrowed(headers),
    }
}

/// What stands for a password in a header, if one does.
fn password(header: &HeaderValue) -> Option<String> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
    let both = String::from_utf8(decoded).ok()?;
    let (_, password) = both.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| password.to_owned())
}
