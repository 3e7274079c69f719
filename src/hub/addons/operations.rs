//! What administrators do about add-ons, as rows of the operation table.

use super::super::access::operations::{Row, person, row};

/// Something that administrators do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Administering {
    /// List add-ons.
    List,
    /// Look at one, with what it asks for.
    Look,
    /// Ask what it may do, and why.
    Effective,
    /// Agree to what it asks for.
    Approve,
    /// Reject that.
    Reject,
    /// Switch it off.
    Disable,
    /// Switch it on again.
    Enable,
    /// Take it away.
    Uninstall,
    /// Give a grant, or see what that would change.
    Give,
    /// Take one away, or see what that would change.
    Take,
    /// Read the policy as text.
    ReadPolicy,
    /// Put another in force, or see what that would change.
    ApplyPolicy,
    /// Set on which terms an add-on is at work.
    SetTerms,
    /// List issuers of job tokens that are trusted.
    ListTrust,
    /// Trust one.
    Trust,
    /// Trust one no more.
    Distrust,
    /// Read the audit log, page by page.
    ReadAudit,
    /// Export the audit log.
    ExportAudit,
}

const LIST: Row = reads("addon.list", "/admin/addons");
const LOOK: Row = reads("addon.list", "/admin/addons/{key}");
const EFFECTIVE: Row = reads("addon.effective", "/admin/addons/{key}/effective");
const APPROVE: Row = decides("addon.approve", "/admin/addons/{key}/approve");
const REJECT: Row = decides("addon.approve", "/admin/addons/{key}/reject");
const DISABLE: Row = decides("addon.disable", "/admin/addons/{key}/disable");
const ENABLE: Row = decides("addon.enable", "/admin/addons/{key}/enable");
const UNINSTALL: Row = decides("addon.uninstall", "/admin/addons/{key}/uninstall");
const GIVE: Row = decides("addon.grant", "/admin/grants");
const TAKE: Row = decides("addon.grant", "/admin/grants/{id}/remove");
const READ_POLICY: Row = reads("policy.read", "/admin/policy");
const APPLY_POLICY: Row = decides("policy.apply", "/admin/policy");
const SET_TERMS: Row = decides("addon.terms", "/admin/addons/{key}/terms");
const LIST_TRUST: Row = reads("policy.read", "/admin/trust");
const TRUST: Row = decides("trust.change", "/admin/trust");
const DISTRUST: Row = decides("trust.change", "/admin/trust/{id}/remove");

const READ_AUDIT: Row = reads("audit.read", "/admin/audit/entries");
const EXPORT_AUDIT: Row = person("audit.export", ("GET", "/admin/audit"), "admin");

/// Something that is read with a scope, or by an administrator.
const fn reads(name: &'static str, path: &'static str) -> Row {
    row(name, ("GET", path), &["admin:read"], "admin")
}

/// Something that only a person decides.
const fn decides(name: &'static str, path: &'static str) -> Row {
    person(name, ("POST", path), "admin")
}

impl Administering {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::List,
        Self::Look,
        Self::Effective,
        Self::Approve,
        Self::Reject,
        Self::Disable,
        Self::Enable,
        Self::Uninstall,
        Self::Give,
        Self::Take,
        Self::ReadPolicy,
        Self::ApplyPolicy,
        Self::SetTerms,
        Self::ListTrust,
        Self::Trust,
        Self::Distrust,
        Self::ReadAudit,
        Self::ExportAudit,
    ];

    /// Its row.
    pub const fn row(self) -> &'static Row {
        match self {
            Self::List => &LIST,
            Self::Look => &LOOK,
            Self::Effective => &EFFECTIVE,
            Self::Approve => &APPROVE,
            Self::Reject => &REJECT,
            Self::Disable => &DISABLE,
            Self::Enable => &ENABLE,
            Self::Uninstall => &UNINSTALL,
            Self::Give => &GIVE,
            Self::Take => &TAKE,
            Self::ReadPolicy => &READ_POLICY,
            Self::ApplyPolicy => &APPLY_POLICY,
            Self::SetTerms => &SET_TERMS,
            Self::ListTrust => &LIST_TRUST,
            Self::Trust => &TRUST,
            Self::Distrust => &DISTRUST,
            Self::ReadAudit => &READ_AUDIT,
            Self::ExportAudit => &EXPORT_AUDIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access;
    use crate::access::operation::Who;

    #[test]
    fn what_decides_over_rights_is_for_people_in_the_one_table_too() {
        for operation in Administering::ALL {
            let row = operation.row();
            let decided = access::Operation::find(row.name).expect(row.name);
            let is_for_people = matches!(decided.who, Who::Person | Who::FreshPerson);
            assert_eq!(row.person, is_for_people, "{}", row.name);
            assert!(
                row.open || decided.required().names() == row.scopes,
                "{}",
                row.name
            );
        }
    }
}
