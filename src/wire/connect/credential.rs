//! Where a credential stands in a request (security model 4): in one place, or the request is refused.

use super::canonical::{CanonicalInput, MOST_PARAMETERS};
use super::percent::parameters;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A signed token.
    Signed(String),
    /// A key or an exchanged token.
    Bearer(String),
    /// More than one credential, or one in a place where it must not be.
    Ambiguous,
    /// A header of another form.
    Malformed,
}

/// Looks for the credential of a request in its `Authorization` headers and its query. Tokens in a query are for pages, where
/// no header can be set, and only for reading.
pub fn find_credential(request: &CanonicalInput<'_>, authorization: &[&str]) -> Found {
    let mut found: Vec<Found> = authorization.iter().map(|value| of_header(value)).collect();
    found.extend(in_query(request.target).into_iter().map(Found::Signed));
    let reads = ["GET", "HEAD"]
        .iter()
        .any(|method| request.method.eq_ignore_ascii_case(method));
    let is_in_query = found.len() > authorization.len();
    match (found.pop(), found.is_empty()) {
        (None, _) => Found::Nothing,
        (Some(_), false) => Found::Ambiguous,
        (Some(_), true) if is_in_query && !reads => Found::Malformed,
        (Some(one), true) => one,
    }
}

/// One space between the word and the token.
fn of_header(value: &str) -> Found {
    match value.split_once(' ') {
        Some((_, token)) if token.is_empty() || token.contains([' ', '\t', ',']) => Found::Malformed,
        Some(("JWT", token)) => Found::Signed(token.to_owned()),
        Some(("Bearer", token)) => Found::Bearer(token.to_owned()),
        Some(_) | None => Found::Malformed,
    }
}

fn in_query(target: &str) -> Vec<String> {
    let before_fragment = target.split('#').next().unwrap_or_default();
    let query = before_fragment.split_once('?').map_or("", |(_, query)| query);
    let pairs = parameters(query).into_iter().take(MOST_PARAMETERS + 1);
    pairs
        .filter(|(name, _)| name == "jwt")
        .map(|(_, value)| value)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, target: &str, headers: &[&str]) -> Found {
        let request = CanonicalInput {
            method,
            target,
            base: None,
            form: None,
        };
        find_credential(&request, headers)
    }

    #[test]
    fn a_credential_stands_in_one_place() {
        assert_eq!(found("GET", "/x", &[]), Found::Nothing);
        assert_eq!(
            found("GET", "/x", &["JWT a.b.c"]),
            Found::Signed("a.b.c".to_owned())
        );
        assert_eq!(found("POST", "/x", &["Bearer k"]), Found::Bearer("k".to_owned()));
        assert_eq!(
            found("GET", "/x?a=1&jwt=a.b.c", &[]),
            Found::Signed("a.b.c".to_owned())
        );
        assert_eq!(found("GET", "/x?JWT=a.b.c", &[]), Found::Nothing);
        for (target, headers) in [
            ("/x?jwt=a", &["JWT b"][..]),
            ("/x?jwt=a&jwt=a", &[]),
            ("/x?jwt=a&%6awt=a", &[]),
            ("/x", &["JWT a", "Bearer b"]),
            ("/x", &["JWT a", "JWT a"]),
        ] {
            assert_eq!(
                found("GET", target, headers),
                Found::Ambiguous,
                "{target} {headers:?}"
            );
        }
    }

    #[test]
    fn other_forms_are_no_credentials_and_not_anonymous() {
        for header in [
            "jwt a",
            "JWT  a",
            "JWT",
            "Basic eDp5",
            "JWT a, JWT b",
            "",
            "Bearer ",
        ] {
            assert_eq!(found("GET", "/x", &[header]), Found::Malformed, "{header}");
        }
        assert_eq!(
            found("POST", "/x?jwt=a", &[]),
            Found::Malformed,
            "a query is for reading"
        );
    }
}
