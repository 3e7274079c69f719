//! The pages of signing in: a few words and a button, without script.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;\
color-scheme:light dark}button{font:inherit;padding:.5rem 1.2rem;cursor:pointer}h1{font-size:1.3rem}form{margin:1.2rem 0}";

const KIND_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// A page: a title, and paragraphs and forms that are markup already.
pub(super) fn page(status: StatusCode, title: &str, content: &str) -> Response {
    page_with(status, title, content, &[])
}

/// A page whose forms may lead to other places, after the hub has answered.
pub(super) fn page_with(status: StatusCode, title: &str, content: &str, others: &[String]) -> Response {
    let others: String = others.iter().map(|origin| format!(" {origin}")).collect();
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{0} · sdm</title><style>{STYLE}</style></head>\n\
         <body><main><h1>{0}</h1>\n{content}</main></body></html>\n",
        escaped(title)
    );
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'{others}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(KIND_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

/// A form that sends hidden fields to an address of the hub.
pub(super) fn form(address: &str, fields: &[(&str, &str)], button: &str) -> String {
    let hidden: String = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escaped(name),
                escaped(value)
            )
        })
        .collect();
    format!(
        "<form method=\"post\" action=\"{}\">{hidden}<button>{}</button></form>\n",
        escaped(address),
        escaped(button)
    )
}

/// A text as it is shown: nothing in it is markup, and nothing turns the page around (threats A4, H2).
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.push('\u{fffd}'),
            other if other.is_control() => shown.push('\u{fffd}'),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_names_are_text() {
        assert_eq!(
            escaped("<script>alert('x')</script>&\"\u{202e}\u{1b}[2J"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}\u{fffd}[2J"
        );
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_names() {
        let page = page(StatusCode::OK, "Sign in", "");
        let policy = page.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
