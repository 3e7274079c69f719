//! What a webhook calls a repository, against what the hub knows of it (threat C4).
//!
//! A repository is its number at the forge. What it is called moves when the forge says so: it was renamed or transferred, its owner is
//! called otherwise, an app is told what it may see, or the forge pings a webhook of it. A webhook that calls a number otherwise in
//! passing changes nothing of the name: it comes late, from before the name moved, or has overtaken the one that says so. It is kept as
//! what happened in the repository of that number. Where another repository is called so it is refused, because it is about one
//! repository in one place and about another in the next.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use axum::http::HeaderMap;
use serde_json::Value;

use super::super::access::sight::own_resource;
use super::super::changes::Change;
use super::super::remembered::Seen;
use super::known::{Forge, Repository, number, text};
use crate::access::Resource;
use crate::ports::graph::{Filter, Find, GraphReader as _, Node};
use crate::ports::hub::HubStoreError;

/// For what a webhook was set up: `repository` or `organization`, and others that no repository is compared with.
const TARGET_TYPE: &str = "x-github-hook-installation-target-type";

/// Its number.
const TARGET_ID: &str = "x-github-hook-installation-target-id";

/// Owner and name, as they are written; forges tell them apart whatever their capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct FullName {
    owner: String,
    name: String,
}

impl FullName {
    pub(super) fn new(owner: &str, name: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        }
    }

    /// What a repository is called that the hub knows.
    fn of(known: &Node) -> Option<Self> {
        let text = |field: &str| known.body.get(field).and_then(Value::as_str);
        Some(Self::new(text("owner")?, text("name")?))
    }

    fn is(&self, other: &Self) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

/// How a webhook comes to call a repository so.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// In passing.
    InPassing,
    /// It is called so from now on, and was called otherwise.
    Moved(FullName),
    /// An app may see a repository of this name, or a webhook was set up for it: somebody at the forge has just said so.
    SetUp,
}

/// A repository as a webhook calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Naming {
    forge: Forge,
    /// Key of the repository, by its number.
    key: String,
    called: FullName,
    told: Told,
}

/// Changes that are made together, as somebody wants them or as they have come to be.
pub(in super::super) type Step<'s> = Cow<'s, [Change]>;

/// What becomes of a name.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is called so.
    Present,
    /// It is called so from now on, because somebody at the forge has just said so.
    Moves,
    /// It was called so; this is what it is called.
    Late(FullName),
    /// Nobody has told of that name yet; this is what it is called.
    Untold(FullName),
    /// It is not.
    Wrong(Misnamed),
}

/// A webhook that is about several repositories at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Misnamed {
    /// The repository of its number, where that is known.
    pub(in super::super) resource: Resource,
    /// What does not fit.
    pub(in super::super) because: String,
}

impl Misnamed {
    fn within(because: String) -> Self {
        Self {
            resource: Resource::Workspace,
            because,
        }
    }
}

/// Repositories as a webhook calls them.
///
/// # Errors
/// It contradicts itself.
pub(super) fn namings(event: &str, headers: &HeaderMap, payload: &Value) -> Result<Vec<Naming>, Misnamed> {
    let Some(repository) = Repository::of(payload) else {
        return Ok(listed(event, payload));
    };
    is_of_one(headers, payload, &repository)?;
    let told = match event {
        "repository" => moved(payload, repository.full_name()).map_or(Told::InPassing, Told::Moved),
        "ping" => Told::SetUp,
        _ => Told::InPassing,
    };
    Ok(vec![Naming {
        forge: repository.forge().clone(),
        key: repository.key(),
        called: repository.full_name().clone(),
        told,
    }])
}

/// What a repository was called before it was renamed or transferred.
fn moved(payload: &Value, now: &FullName) -> Option<FullName> {
    match text(payload, "/action")? {
        "renamed" => {
            let from = text(payload, "/changes/repository/name/from")?;
            Some(FullName::new(&now.owner, from))
        }
        "transferred" => {
            let owners = ["user", "organization"].map(|kind| format!("/changes/owner/from/{kind}/login"));
            let from = owners.iter().find_map(|path| text(payload, path))?;
            Some(FullName::new(from, &now.name))
        }
        _ => None,
    }
}

/// Repositories that an app is told of.
fn listed(event: &str, payload: &Value) -> Vec<Naming> {
    if !["installation", "installation_repositories"].contains(&event) {
        return Vec::new();
    }
    let page = text(payload, "/installation/account/html_url");
    let Some(forge) = page.and_then(Forge::of_page) else {
        return Vec::new();
    };
    let fields = ["repositories", "repositories_added"];
    let all = fields.map(|field| payload.get(field).and_then(Value::as_array));
    let all = all.into_iter().flatten().flatten();
    let naming = |repository: &Value| {
        let (owner, name) = text(repository, "/full_name")?.split_once('/')?;
        Some(Naming {
            key: forge.account_key(&number(repository, "/id")?),
            forge: forge.clone(),
            called: FullName::new(owner, name),
            told: Told::SetUp,
        })
    };
    all.filter_map(naming).collect()
}

/// Whether whatever a webhook says of its repository is of one: its names, its owner, and for what it was set up.
fn is_of_one(headers: &HeaderMap, payload: &Value, repository: &Repository<'_>) -> Result<(), Misnamed> {
    let called = repository.full_name();
    let owner = text(payload, "/repository/owner/login").or_else(|| text(payload, "/repository/owner/name"));
    let name = text(payload, "/repository/name");
    let own = FullName::new(owner.unwrap_or(&called.owner), name.unwrap_or(&called.name));
    if !own.is(called) {
        let because = format!("it calls its repository `{called}` in one place and `{own}` in another");
        return Err(Misnamed::within(because));
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path = match header(TARGET_TYPE) {
        Some("repository") => "/repository/id",
        Some("organization") => "/organization/id",
        Some(_) | None => return Ok(()),
    };
    match (number(payload, path), header(TARGET_ID)) {
        (Some(said), Some(target)) if said != target => Err(Misnamed::within(format!(
            "it was set up for number {target} and is about number {said} (`{called}`)"
        ))),
        (_, _) => Ok(()),
    }
}

/// The steps of a webhook whose names are right, without what it says of names that have moved since.
///
/// # Errors
/// The memory. Within, a name is wrong.
pub(in super::super) async fn judged<'s>(
    seen: &Seen<'_>,
    names: &[Naming],
    steps: &'s [Vec<Change>],
) -> Result<Result<VecDeque<Step<'s>>, Misnamed>, HubStoreError> {
    let mut steps: VecDeque<Step<'s>> = steps.iter().map(|step| Cow::Borrowed(&**step)).collect();
    for naming in names {
        match naming.judge(seen).await? {
            Verdict::Present => {}
            Verdict::Moves => steps.iter_mut().for_each(|step| naming.tell_name(step.to_mut())),
            Verdict::Late(present) => steps.iter_mut().map(Cow::to_mut).for_each(|step| {
                naming.leave_out_name(step);
                naming.also_called(step, &present);
            }),
            Verdict::Untold(present) => steps.iter_mut().map(Cow::to_mut).for_each(|step| {
                naming.leave_out_owner(step, &present);
                naming.leave_out_name(step);
                naming.also_called(step, &present);
            }),
            Verdict::Wrong(misnamed) => return Ok(Err(misnamed)),
        }
        if let Some(before) = naming.name_before(seen).await? {
            let all = steps.iter_mut().flat_map(Cow::to_mut);
            let own = all.map(|change| &mut change.node);
            own.filter(|node| node.kind == "Repo" && node.id() == naming.key)
                .for_each(|node| node.keys.insert(1, before.clone()));
        }
    }
    Ok(Ok(steps))
}

impl Naming {
    async fn judge(&self, seen: &Seen<'_>) -> Result<Verdict, HubStoreError> {
        let Some(known) = seen.known("Repo", &self.key).await? else {
            return Ok(Verdict::Present);
        };
        let Some(present) = FullName::of(&known).filter(|present| !present.is(&self.called)) else {
            return Ok(Verdict::Present);
        };
        if let Told::Moved(from) = &self.told {
            // From a name that it had before the present one: that was before it got the present one.
            let is_late = !from.is(&present) && self.was_called(&known, from);
            return Ok(match is_late {
                true => Verdict::Late(present),
                false => Verdict::Present,
            });
        }
        if self.is_anothers(seen, &self.called).await? {
            return Ok(Verdict::Wrong(self.wrong(&known, &present)));
        }
        if self.was_called(&known, &self.called) && self.told == Told::InPassing {
            return Ok(Verdict::Late(present));
        }
        if self.told == Told::SetUp || self.is_renamed_owner(seen, &present).await? {
            return Ok(Verdict::Moves);
        }
        let (repository, called, known_as) = (&self.key, self.called.to_string(), present.to_string());
        tracing::warn!(
            repository,
            called,
            known_as,
            "a webhook calls a repository as nobody has told that it is called; it is kept, and the repository is called otherwise once \
             its webhook `repository` that says so, or a ping of the forge, has come"
        );
        Ok(Verdict::Untold(present))
    }

    /// Lets what the repository is called count as if the webhook were about that.
    fn tell_name(&self, step: &mut [Change]) {
        let is_it = |change: &&mut Change| change.node.kind == "Repo" && change.node.id() == self.key;
        for change in step.iter_mut().filter(is_it) {
            *change = change.clone().ranked(0, 1);
        }
    }

    /// Leaves out whose it is said to be, where nobody has told of that.
    fn leave_out_owner(&self, step: &mut Vec<Change>, present: &FullName) {
        let owner = self.forge.account_key(&self.called.owner);
        let is_others = !self.called.owner.eq_ignore_ascii_case(&present.owner);
        step.retain(|change| !(is_others && change.node.kind == "Org" && change.node.id() == owner));
    }

    /// Leaves out what the repository is called; what else is told of it counts.
    fn leave_out_name(&self, step: &mut [Change]) {
        let nodes = step.iter_mut().map(|change| &mut change.node);
        for node in nodes.filter(|node| node.kind == "Repo" && node.id() == self.key) {
            node.keys.truncate(1);
            node.body
                .retain(|field, _| !["owner", "name", "url"].contains(&field.as_str()));
            node.links.remove("org");
        }
    }

    /// Lets commits and pushes that are known by what their repository is called here be found by what it is called now too: goals that
    /// are set on them name it so.
    fn also_called(&self, step: &mut [Change], present: &FullName) {
        let here = self.forge.account_key(&self.called.to_string());
        let now = self.forge.account_key(&present.to_string());
        for node in step.iter_mut().map(|change| &mut change.node) {
            let named = node.keys.iter().filter_map(|key| {
                let rest = key.strip_prefix(&here)?;
                rest.starts_with(['@', '#']).then(|| format!("{now}{rest}"))
            });
            let named: Vec<String> = named.collect();
            node.keys.extend(named);
        }
    }

    fn wrong(&self, known: &Node, present: &FullName) -> Misnamed {
        let called = &self.called;
        Misnamed {
            resource: own_resource(known).unwrap_or(Resource::Workspace),
            because: format!("it calls the repository `{called}` that is known as `{present}` by its number"),
        }
    }

    /// Whether a repository had a name once; it keeps all of them as keys.
    fn was_called(&self, known: &Node, name: &FullName) -> bool {
        let key = self.forge.account_key(&name.to_string());
        known
            .keys
            .iter()
            .skip(1)
            .any(|own| own.eq_ignore_ascii_case(&key))
    }

    /// Key by the name that a repository had until it moved, so that what comes late under it is known; none where that is another's.
    async fn name_before(&self, seen: &Seen<'_>) -> Result<Option<String>, HubStoreError> {
        let Told::Moved(from) = &self.told else {
            return Ok(None);
        };
        let is_anothers = from.is(&self.called) || self.is_anothers(seen, from).await?;
        Ok((!is_anothers).then(|| self.forge.account_key(&from.to_string())))
    }

    /// Whether another repository of the forge is called so now.
    async fn is_anothers(&self, seen: &Seen<'_>, called: &FullName) -> Result<bool, HubStoreError> {
        let is = |field: &str, value: &str| Filter {
            field: field.to_owned(),
            any_of: vec![Value::from(value)],
        };
        let find = Find {
            kind: "Repo".to_owned(),
            filters: vec![is("owner", &called.owner), is("name", &called.name)],
            first: 10,
            ..Find::default()
        };
        let of_forge = self.forge.account_key("");
        let found = seen.find(&find).await?;
        Ok(found
            .iter()
            .any(|other| other.id() != self.key && other.id().starts_with(&of_forge)))
    }

    /// Whether only the owner is called otherwise, and the forge has said so.
    async fn is_renamed_owner(&self, seen: &Seen<'_>, present: &FullName) -> Result<bool, HubStoreError> {
        if !present.name.eq_ignore_ascii_case(&self.called.name) {
            return Ok(false);
        }
        let owner = seen
            .known("Org", &self.forge.account_key(&self.called.owner))
            .await?;
        let before = self.forge.account_key(&present.owner);
        Ok(owner.is_some_and(|owner| {
            owner
                .keys
                .iter()
                .skip(1)
                .any(|own| own.eq_ignore_ascii_case(&before))
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(change: impl FnOnce(&mut Value)) -> Value {
        let mut payload = json!({"repository": {
            "id": 7, "name": "app", "full_name": "acme/app", "html_url": "https://github.com/acme/app", "owner": {"login": "acme"},
        }, "organization": {"id": 5, "login": "acme"}});
        change(&mut payload);
        payload
    }

    fn said(headers: &[(&'static str, &str)], payload: &Value) -> Result<usize, String> {
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            sent.insert(*name, value.parse().unwrap());
        }
        let named = namings("push", &sent, payload).map(|all| all.len());
        named.map_err(|misnamed| misnamed.because)
    }

    #[test]
    fn c4_a_webhook_that_is_about_two_repositories_is_about_none() {
        let whole = payload(|_| {});
        assert_eq!(said(&[], &whole), Ok(1));
        let (kind, id) = (TARGET_TYPE, TARGET_ID);
        for (target, number) in [("repository", "7"), ("organization", "5"), ("integration", "99")] {
            assert_eq!(said(&[(kind, target), (id, number)], &whole), Ok(1), "{target}");
        }
        for target in ["repository", "organization"] {
            let refused = said(&[(kind, target), (id, "8")], &whole).unwrap_err();
            assert!(refused.contains("set up for number 8"), "{refused}");
        }
        for (path, value) in [
            ("/repository/owner/login", "eve"),
            ("/repository/name", "payroll"),
        ] {
            let altered = payload(|payload| *payload.pointer_mut(path).unwrap() = json!(value));
            let refused = said(&[], &altered).unwrap_err();
            assert!(refused.contains("in one place"), "{refused}");
        }
        let capitals = payload(|payload| payload["repository"]["name"] = json!("App"));
        assert_eq!(said(&[], &capitals), Ok(1));
    }

    #[test]
    fn what_a_repository_was_called_is_said_where_it_moves() {
        let from = |action: &str, changes: Value| {
            let payload = json!({"action": action, "changes": changes});
            moved(&payload, &FullName::new("acme", "app")).map(|from| from.to_string())
        };
        assert_eq!(
            from("renamed", json!({"repository": {"name": {"from": "old"}}})),
            Some("acme/old".to_owned())
        );
        for kind in ["user", "organization"] {
            let changes = json!({"owner": {"from": {kind: {"login": "ada"}}}});
            assert_eq!(from("transferred", changes), Some("ada/app".to_owned()));
        }
        assert_eq!(
            from("edited", json!({"repository": {"name": {"from": "old"}}})),
            None
        );
        assert_eq!(from("renamed", Value::Null), None);
    }
}
