//! What is changed with a session is changed by a page of the hub (threats G1, H1): the browser says that the request comes from
//! here, and the request carries the anti-forgery token of the session.
//!
//! It stands in front of every route, so that none can forget it. Requests without a session are none of its business: they
//! carry a credential of their own, which no browser adds by itself, or nothing.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::cookie::{Manner, SESSION, Sent};
use super::session::is_anti_forgery;

/// The field of a form that carries the token.
pub const FIELD: &str = "anti_forgery";

/// The header in which a script sends the token.
pub const HEADER: &str = "x-sdm-anti-forgery";

/// In which browsers say where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// Largest form in bytes.
const LARGEST_FORM: usize = 5 * 1024 * 1024;

/// Lets a request through, or refuses it.
pub(in super::super) async fn guard<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    match meant(hub, request).await {
        Ok(request) => next(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The same request, when it may go on.
async fn meant(hub: &Hub, request: Request) -> Result<Request, Refusal> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let opens_socket = request.headers().contains_key(UPGRADE);
    if !changes && !opens_socket {
        return Ok(request);
    }
    let Some(manner) = Manner::of(hub, request.headers()) else {
        return Ok(request);
    };
    let text = match manner.read(SESSION, request.headers()) {
        Sent::Nothing => return Ok(request),
        Sent::Nonsense => {
            return Err(Refusal::bad(
                "ambiguous_credentials",
                "the session cannot be read",
            ));
        }
        Sent::One(text) => text,
    };
    is_from_here(hub, request.headers())?;
    if !changes {
        return Ok(request);
    }
    if let Some(given) = request
        .headers()
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
    {
        return match is_anti_forgery(text.expose_secret(), given) {
            true => Ok(request),
            false => Err(not_meant()),
        };
    }
    if !is_form(request.headers()) {
        return Err(not_meant());
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_FORM)
        .await
        .map_err(|_| Refusal::too_large(format!("the form is larger than {LARGEST_FORM} bytes")))?;
    let is_meant = fields(&body)
        .iter()
        .any(|(name, value)| name == FIELD && is_anti_forgery(text.expose_secret(), value));
    match is_meant {
        true => Ok(Request::from_parts(parts, Body::from(body))),
        false => Err(not_meant()),
    }
}

/// Whether a request comes from a page of the hub.
///
/// # Errors
/// It comes from elsewhere, or does not say from where.
pub(super) fn is_from_here(hub: &Hub, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // What browsers say themselves comes first: a page without a referrer sends `Origin: null` even to its own host.
    let is_here = match (text(FETCH_SITE), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            origin_of(&hub.address_for(headers)).is_some_and(|own| origin.eq_ignore_ascii_case(&own))
        }
        (None, None) => false,
    };
    match is_here {
        true => Ok(()),
        false => Err(Refusal::forbidden(
            "foreign_origin",
            "this was not sent by a page of the hub; open the hub and do it there",
        )),
    }
}

fn origin_of(address: &str) -> Option<String> {
    Some(Url::parse(address).ok()?.origin().ascii_serialization())
}

fn not_meant() -> Refusal {
    Refusal::forbidden(
        "anti_forgery_token_missing",
        "the page is of an older session; load it again and repeat it there",
    )
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fields of a form, in their order.
pub fn fields(form: &[u8]) -> Vec<(String, String)> {
    let mut url = Url::parse("form:/").expect("the text is an address");
    // Addresses lose what breaks lines; forms have it.
    let text = std::str::from_utf8(form).ok();
    let text = text.map(|text| {
        text.replace('\t', "%09")
            .replace('\n', "%0A")
            .replace('\r', "%0D")
    });
    url.set_query(text.as_deref());
    url.query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            fields(b"a=1+2&b=%C3%A9%26&a=&c"),
            [pair("a", "1 2"), pair("b", "é&"), pair("a", ""), pair("c", "")]
        );
        assert_eq!(
            fields(b"anti_\tforgery=1&\n&b=\r"),
            [pair("anti_\tforgery", "1"), pair("\n", ""), pair("b", "\r")],
            "nothing is left out of a name"
        );
        assert_eq!(fields(b"\xff"), []);
        assert_eq!(fields(b""), []);
    }

    #[test]
    fn origins_are_without_their_path_and_their_usual_port() {
        assert_eq!(
            origin_of("https://hub.example.org:443/x").as_deref(),
            Some("https://hub.example.org")
        );
        assert_eq!(
            origin_of("http://127.0.0.1:2867").as_deref(),
            Some("http://127.0.0.1:2867")
        );
    }
}
