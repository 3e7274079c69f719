//! The canonical request and its hash, `qsh` (security model 5).

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;

use super::percent::{encoded, parameters};

/// Most parameters of a request.
pub const MOST_PARAMETERS: usize = 500;

/// A request, as far as its hash covers it.
#[derive(Debug, Clone, Copy)]
pub struct CanonicalInput<'a> {
    /// The method, in any case.
    pub method: &'a str,
    /// The request target as it was sent: path and query, nothing decoded.
    pub target: &'a str,
    /// Address of the side that receives it; its path is taken off the target.
    pub base: Option<&'a str>,
    /// Fields of a form in the body, decoded; they count where there is no query.
    pub form: Option<&'a [(String, String)]>,
}

/// In which order parameters stand. Libraries differ; all orders arrange the same pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Names and values by their decoded text, in UTF-16 code units. It is the one that signs.
    Decoded,
    /// Names by their encoded text, values by their decoded text.
    EncodedNames,
    /// Names and values by their encoded text.
    Encoded,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Decoded, Self::EncodedNames, Self::Encoded];
}

/// Why a request has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotCanonical {
    /// Its path is not below the base.
    #[error("the path is not below the address of the receiver")]
    OutsideBase,
    /// It has too many parameters.
    #[error("there are more than {MOST_PARAMETERS} parameters")]
    TooManyParameters,
}

/// The canonical request.
///
/// # Errors
/// It is not for the receiver, or has too many parameters.
pub fn canonical(input: &CanonicalInput<'_>, order: Order) -> Result<String, NotCanonical> {
    let (path, query) = split(input.target);
    let path = canonical_path(path, input.base)?;
    let pairs = pairs(input, query)?;
    let method = input.method.to_ascii_uppercase();
    Ok(format!("{method}&{path}&{}", canonical_query(pairs, order)))
}

/// The hash of a canonical request, as 64 lower-case hexadecimal digits.
pub fn hash(canonical: &str) -> String {
    hex::encode(digest(&SHA256, canonical.as_bytes()))
}

/// The hash of a request in the order that signs.
///
/// # Errors
/// The request has no canonical form.
pub fn query_hash(input: &CanonicalInput<'_>) -> Result<String, NotCanonical> {
    Ok(hash(&canonical(input, Order::Decoded)?))
}

/// Every hash that a request may be signed with: one for each order, and as many again where a form's fields may stand for
/// its query or not.
///
/// # Errors
/// The request has no canonical form.
pub fn accepted_hashes(input: &CanonicalInput<'_>) -> Result<Vec<String>, NotCanonical> {
    let without_form = CanonicalInput { form: None, ..*input };
    let mut hashes = Vec::new();
    for order in Order::ALL {
        hashes.push(hash(&canonical(&without_form, order)?));
        if input.form.is_some() {
            hashes.push(hash(&canonical(input, order)?));
        }
    }
    hashes.dedup();
    Ok(hashes)
}

/// Path and query, the fragment dropped.
fn split(target: &str) -> (&str, &str) {
    let target = target.split('#').next().unwrap_or_default();
    target.split_once('?').unwrap_or((target, ""))
}

fn canonical_path(path: &str, base: Option<&str>) -> Result<String, NotCanonical> {
    let below = match base.map(path_of).filter(|base| !base.is_empty()) {
        None => path,
        // Whole segments: `/hubble` is not below `/hub`.
        Some(base) => path
            .strip_prefix(base)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .ok_or(NotCanonical::OutsideBase)?,
    };
    let mut path = below.replace('&', "%26");
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    Ok(path)
}

/// The path of an absolute address, without a slash at its end.
fn path_of(base: &str) -> &str {
    let after_scheme = base.split_once("://").map_or(base, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |slash| &after_scheme[slash..]);
    let end = path.find(['?', '#']).unwrap_or(path.len());
    path[..end].trim_end_matches('/')
}

fn pairs(input: &CanonicalInput<'_>, query: &str) -> Result<Vec<(String, String)>, NotCanonical> {
    let is_form_method =
        input.method.eq_ignore_ascii_case("POST") || input.method.eq_ignore_ascii_case("PUT");
    let mut pairs = match input.form {
        Some(fields) if query.is_empty() && is_form_method => fields.to_vec(),
        Some(_) | None => parameters(query),
    };
    if pairs.len() > MOST_PARAMETERS {
        return Err(NotCanonical::TooManyParameters);
    }
    pairs.retain(|(name, _)| name != "jwt");
    Ok(pairs)
}

fn canonical_query(pairs: Vec<(String, String)>, order: Order) -> String {
    let mut groups: BTreeMap<Vec<u16>, (String, Vec<String>)> = BTreeMap::new();
    for (name, value) in pairs {
        let group = groups.entry(sorting(&name, order != Order::Decoded)).or_default();
        group.0 = encoded(&name);
        group.1.push(value);
    }
    let written = groups.into_values().map(|(name, mut values)| {
        values.sort_by_cached_key(|value| sorting(value, order == Order::Encoded));
        let values: Vec<String> = values.iter().map(|value| encoded(value)).collect();
        format!("{name}={}", values.join(","))
    });
    written.collect::<Vec<_>>().join("&")
}

/// What a text is sorted by: its UTF-16 code units, or those of its encoded form.
fn sorting(text: &str, is_encoded: bool) -> Vec<u16> {
    if is_encoded {
        encoded(text).encode_utf16().collect()
    } else {
        text.encode_utf16().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, target: &str, base: &str) -> Result<String, NotCanonical> {
        let input = CanonicalInput {
            method,
            target,
            base: Some(base),
            form: None,
        };
        canonical(&input, Order::Decoded)
    }

    #[test]
    fn examples_of_the_specification() {
        let base = "https://hub.example.com/hub";
        assert_eq!(of("get", "/hub", base).unwrap(), "GET&/&");
        assert_eq!(of("POST", "/hub/rest/goals/", base).unwrap(), "POST&/rest/goals&");
        assert_eq!(
            of("GET", "/hub/rest/x?b=2&a=q+r&b=1&jwt=abc", base).unwrap(),
            "GET&/rest/x&a=q%20r&b=1,2"
        );
        assert_eq!(of("GET", "/a//", "https://x").unwrap(), "GET&/a/&");
    }

    #[test]
    fn a_path_outside_the_base_is_nobodys() {
        for path in ["/hubble/x", "/", "/HUB/x", "/x/hub"] {
            assert_eq!(
                of("GET", path, "https://h.example/hub"),
                Err(NotCanonical::OutsideBase),
                "{path}"
            );
        }
    }

    #[test]
    fn a_parameter_that_libraries_forget_is_covered() {
        assert_eq!(
            of("GET", "/r?__proto__=1", "https://h").unwrap(),
            "GET&/r&__proto__=1"
        );
        assert_eq!(
            of("GET", "/r?%6Awt=x&a=1", "https://h").unwrap(),
            "GET&/r&a=1",
            "the decoded name counts"
        );
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let query = vec!["a=1"; MOST_PARAMETERS].join("&");
        assert!(of("GET", &format!("/r?{query}"), "https://h").is_ok());
        assert_eq!(
            of("GET", &format!("/r?{query}&b"), "https://h"),
            Err(NotCanonical::TooManyParameters)
        );
    }

    #[test]
    fn the_three_orders_differ_where_reserved_characters_meet() {
        let input = CanonicalInput {
            method: "GET",
            target: "/r?a-b=1&a/b=2&c=-&c=/",
            base: None,
            form: None,
        };
        let written = Order::ALL.map(|order| canonical(&input, order).unwrap());
        assert_eq!(
            written,
            [
                "GET&/r&a-b=1&a%2Fb=2&c=-,%2F",
                "GET&/r&a%2Fb=2&a-b=1&c=-,%2F",
                "GET&/r&a%2Fb=2&a-b=1&c=%2F,-",
            ]
        );
        assert_eq!(accepted_hashes(&input).unwrap().len(), 3);
    }
}
