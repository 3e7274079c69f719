//! Whose the custom types of a workspace are.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::HubStoreError;

/// Owners of custom types, as `addon:KEY`.
#[async_trait]
pub trait TypeOwners: Send + Sync {
    /// All of a workspace, by the name of the type.
    async fn type_owners(&self, workspace: &str) -> Result<BTreeMap<String, String>, HubStoreError>;

    /// Makes a type an owner's, in the place of whose it was as far as was seen; `false` when somebody else was faster.
    async fn own_type(
        &self,
        (workspace, name): (&str, &str),
        owner: &str,
        before: Option<&str>,
    ) -> Result<bool, HubStoreError>;

    /// A type is nobody's, if it is still this owner's.
    async fn disown_type(&self, (workspace, name): (&str, &str), owner: &str) -> Result<(), HubStoreError>;
}
