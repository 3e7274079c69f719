//! Trusted issuers of job tokens in the text of a policy (security model 10.6 and 12.3).

use crate::access::federation::TrustedIssuer;
use crate::access::{AddonKey, Limit, Scope};
use crate::model::{Field, Place, ValueType};
use crate::spec::yaml::Node;

use super::read::Reader;

/// Keys of a trusted issuer.
pub const TRUST_FIELDS: &[Field] = &[
    Field::new(
        "issuer",
        ValueType::Verbatim,
        "address of the issuer, exactly as its tokens name it",
    )
    .required(),
    Field::new(
        "audience",
        ValueType::Verbatim,
        "the audience that is this hub's and nobody else's",
    )
    .required(),
    Field::new(
        "claims",
        ValueType::Map(&ValueType::Verbatim),
        "claims that a job's token must have: an id, and `environment`, or `ref`, in which one `*` may stand behind `refs/heads/` and `refs/tags/`, and anywhere where `ref_protected` must be `true`",
    )
    .required(),
    Field::new(
        "addon",
        ValueType::Verbatim,
        "the add-on that such a job is, by key",
    )
    .required(),
    Field::new(
        "scopes",
        ValueType::List(&ValueType::Verbatim),
        "what of the add-on's scopes a job has at most",
    )
    .required(),
    Field::new(
        "workspaces",
        ValueType::List(&ValueType::Verbatim),
        "workspaces that its jobs are for",
    )
    .required(),
];

/// An issuer that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    /// What is trusted.
    pub issuer: TrustedIssuer,
    /// Workspaces that its jobs are for.
    pub workspaces: Vec<String>,
    /// Where it is written; none when it is not.
    pub place: Option<Place>,
}

impl Reader {
    pub(super) fn trust(&mut self, node: &Node) -> Option<TrustPolicy> {
        let keys = self.keys(node, "a trusted issuer", TRUST_FIELDS)?;
        let text = |reader: &mut Self, name: &str| {
            let value = keys.value(name).and_then(|value| reader.text(value));
            value.map(str::to_owned)
        };
        let issuer = text(self, "issuer");
        let audience = text(self, "audience");
        let addon = keys
            .value("addon")
            .and_then(|addon| self.parsed(addon, "invalid_name", AddonKey::parse));
        let claims = self.named(keys.value("claims"), "claims", |name: &str| {
            Ok::<_, std::convert::Infallible>(name.to_owned())
        });
        let claims = claims.into_iter().filter_map(|(name, entry)| {
            let value = self.text(&entry.value)?;
            Some((name, value.to_owned()))
        });
        let claims = claims.collect();
        let scopes = self.items(keys.value("scopes"));
        let scopes: Vec<Scope> = scopes.into_iter().filter_map(|scope| self.scope(scope)).collect();
        let workspaces = self.items(keys.value("workspaces"));
        let workspaces: Vec<&str> = workspaces
            .into_iter()
            .filter_map(|workspace| self.text(workspace))
            .collect();
        let trust = TrustPolicy {
            issuer: TrustedIssuer {
                issuer: issuer?,
                audience: audience?,
                claims,
                addon: addon?,
                limit: Limit {
                    scopes: Some(scopes.into_iter().collect()),
                    ..Limit::default()
                },
            },
            workspaces: workspaces.into_iter().map(str::to_owned).collect(),
            place: Some(node.place.clone()),
        };
        match trust.issuer.check() {
            Ok(()) => Some(trust),
            Err(error) => {
                self.problems.error("untrustworthy", node, error.to_string());
                None
            }
        }
    }
}
