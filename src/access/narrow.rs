//! Tokens that reach less than their add-on (security model 10.3): what may be asked for, and what comes of it.

use thiserror::Error;

use super::request::Limit;
use super::resource::{InvalidSelector, Selector};
use super::scope::{Scope, ScopeSet, UnknownScope, from_connect};

/// Why a token cannot be narrowed as it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotNarrower {
    /// A word is no scope.
    #[error(transparent)]
    Unknown(#[from] UnknownScope),
    /// More is asked for than the add-on has.
    #[error("the add-on does not have {0}")]
    Wider(ScopeSet),
    /// A text selects no resource.
    #[error(transparent)]
    Selector(#[from] InvalidSelector),
}

/// Scopes as descriptors and requests write them: of the hub, or of the original protocol.
///
/// # Errors
/// The first word that is neither.
pub fn scopes_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<ScopeSet, UnknownScope> {
    words.into_iter().try_fold(ScopeSet::EMPTY, |all, word| {
        let own = || Scope::parse(word).map(|scope| ScopeSet::of(&[scope]));
        Ok(all.with(from_connect(word).map_or_else(own, Ok)?))
    })
}

/// The limit of a token. Without words it has all of `approved`; a limit never gives anything, so what is approved later and
/// was not asked for stays out of reach.
///
/// # Errors
/// It is not narrower.
pub fn narrow(
    scopes: Option<&[String]>,
    resources: &[String],
    approved: ScopeSet,
) -> Result<Limit, NotNarrower> {
    let asked = match scopes {
        None => approved,
        Some(words) => scopes_of(words.iter().map(String::as_str))?,
    };
    let wider = asked.without(approved.closure());
    if !wider.is_empty() {
        return Err(NotNarrower::Wider(wider));
    }
    let selectors: Result<Vec<Selector>, InvalidSelector> =
        resources.iter().map(|text| Selector::parse(text)).collect();
    let selectors = selectors?;
    Ok(Limit {
        scopes: Some(asked),
        resources: (!selectors.is_empty()).then_some(selectors),
        repositories: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn approved() -> ScopeSet {
        ScopeSet::of(&[Scope::GoalsWrite, Scope::GraphRead])
    }

    #[test]
    fn a_token_is_narrowed_to_scopes_and_resources() {
        let limit = narrow(
            Some(&words("goals:read")),
            &words("repo:acme/api repo:acme/*"),
            approved(),
        )
        .unwrap();
        assert_eq!(limit.scopes, Some(ScopeSet::of(&[Scope::GoalsRead])));
        assert_eq!(limit.resources.unwrap().len(), 2);
        let whole = narrow(None, &[], approved()).unwrap();
        assert_eq!((whole.scopes, whole.resources), (Some(approved()), None));
        assert_eq!(
            narrow(Some(&[]), &[], approved()).unwrap().scopes,
            Some(ScopeSet::EMPTY)
        );
    }

    #[test]
    fn f6_a_token_is_never_wider() {
        let wider = narrow(Some(&words("goals:read repo:read")), &[], approved());
        assert_eq!(
            wider.unwrap_err().to_string(),
            "the add-on does not have repo:read"
        );
        assert!(matches!(
            narrow(Some(&words("READ")), &[], approved()),
            Err(NotNarrower::Wider(_))
        ));
        assert!(matches!(
            narrow(Some(&words("goals:all")), &[], approved()),
            Err(NotNarrower::Unknown(_))
        ));
        assert!(matches!(
            narrow(None, &words("everything"), approved()),
            Err(NotNarrower::Selector(_))
        ));
    }

    #[test]
    fn scopes_of_both_vocabularies_are_read() {
        let read = scopes_of(["READ", "ACT_AS_USER"]).unwrap();
        assert!(read.has(Scope::ActAsUser) && read.has(Scope::RepoMeta));
        assert_eq!(
            scopes_of(["goals:read"]).unwrap(),
            ScopeSet::of(&[Scope::GoalsRead])
        );
        assert!(scopes_of(["goals:read", "x"]).is_err());
    }
}
