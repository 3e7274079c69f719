//! Pushes that machines found by themselves: in repositories that they watch and of which no forge tells the hub.
//!
//! Each machine has a provider of its own for them ([`provider_of`]), whose name is made here of the name that it registered with. So
//! nothing of it can take the place of what a webhook told. It says of no place to clone from: whoever hears of such a push hears of
//! it, and the machine that found it carries it out.

use serde_json::{Value, json};

use super::access::numbers::{called, has_number};
use super::access::operations::Operation;
use super::changes::Change;
use super::goals::whose::{SAID_BY, Whose, said_by};
use super::goals::{About, can_be_found, commit_key, push_key};
use super::ingest::known::mail_key;
use super::jobs::argument;
use super::machines::register::THE_CHAT;
use super::questions::Asking;
use super::refusal::Refusal;
use crate::access::Resource;
use crate::graph::question::Selection;
use crate::model::{BranchName, CommitSha, RepoSlug};
use crate::wire::hub::found::{FoundCommit, FoundPush, LONGEST_MESSAGE, MOST_COMMITS, provider_of};

/// Longest name or address of an author in bytes.
const LONGEST_NAME: usize = 500;

/// Seconds until a machine that is just coming is known.
const SOON: u32 = 2;

/// The repository.
pub(super) fn about(root: &Selection) -> About {
    let value = root.argument("value");
    let said = |field: &str| value.and_then(|value| value.get(field)?.as_str());
    let (owner, name) = (said("owner"), said("name"));
    About {
        operation: Operation::TellPush,
        resources: vec![Resource::repository(
            owner.unwrap_or_default(),
            name.unwrap_or_default(),
        )],
        repository_key: None,
    }
}

impl Asking<'_> {
    /// The changes that a push is which a machine found by itself; none for one that is known, and where a forge tells of a repository
    /// of this name.
    ///
    /// # Errors
    /// What is wrong with it, or that another one's machine is said to have found it.
    pub(super) async fn of_found_push(&self, root: &Selection) -> Result<Vec<Change>, Refusal> {
        let told: FoundPush = argument(root, "value")?;
        let place = Place::of(&told)?;
        match self
            .hub
            .whose_machine(self.caller, self.workspace, &told.registration)
        {
            Whose::Own => {}
            Whose::Nobodys => return Err(Refusal::busy("the machine is not there yet", SOON)),
            Whose::Others => return Err(others()),
        }
        let workspaces = [self.workspace.to_owned()];
        let named = Resource::repository(&told.owner, &told.name);
        if called(self.hub.store(), &workspaces, &named)
            .await?
            .iter()
            .any(has_number)
        {
            tracing::debug!(workspace = self.workspace, repo = %named, "a forge tells of its pushes, and a machine need not");
            return Ok(Vec::new());
        }
        let graph = self.hub.store().reader(self.workspace);
        let known = graph
            .nodes("Repo", std::slice::from_ref(&place.repository))
            .await?;
        if known
            .iter()
            .any(|known| said_by(known) != Some(self.caller.owner()))
        {
            return Err(others());
        }
        let push = place.push(&told)?;
        let known = graph.nodes("Push", &[push.node.id().to_owned()]).await?;
        match known.is_empty() {
            true => place.changes(&told, push, self.caller.owner()),
            false => Ok(Vec::new()),
        }
    }
}

fn others() -> Refusal {
    Refusal::forbidden("insufficient_permission", "the machine is another one's")
}

fn wrong(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::bad("invalid_argument", format!("the push cannot be read: {error}"))
}

fn is_moment(text: &str) -> Result<(), Refusal> {
    let read = chrono::DateTime::parse_from_rfc3339(text);
    read.map(drop).map_err(|error| wrong(&error))
}

fn is_sha(text: &str) -> Result<(), Refusal> {
    CommitSha::parse(text).map(drop).map_err(|error| wrong(&error))
}

/// Where the repository is in the graph.
struct Place {
    provider: String,
    organization: String,
    /// By name, as goals name it.
    named: String,
    /// Its own key, which does not end like one that a forge has numbered.
    repository: String,
}

impl Place {
    /// The place of a push that is well made.
    fn of(told: &FoundPush) -> Result<Self, Refusal> {
        let slug = RepoSlug::parse(&format!("{}/{}", told.owner, told.name));
        slug.map_err(|error| wrong(&error))?;
        let named = Resource::repository(&told.owner, &told.name);
        // A name that reads like a number of a forge, or like another forge, would be taken for it.
        if Resource::parse(&named.to_string()).ok() != Some(named) {
            return Err(wrong(&"its repository is called as none can be"));
        }
        for branch in std::iter::once(&told.branch).chain(&told.default_branch) {
            BranchName::parse(branch).map_err(|error| wrong(&error))?;
        }
        for sha in std::iter::once(&told.after).chain(&told.before) {
            is_sha(sha)?;
        }
        is_moment(&told.timestamp)?;
        if told.commits.len() > MOST_COMMITS {
            return Err(wrong(&format!("it has more than {MOST_COMMITS} commits")));
        }
        let provider = provider_of(&told.registration);
        let organization = format!("{provider}/{}", told.owner);
        let named = format!("{organization}/{}", told.name);
        Ok(Self {
            repository: format!("{named}/found"),
            provider,
            organization,
            named,
        })
    }

    fn commit_key(&self, sha: &str) -> String {
        format!("{}@{sha}", self.repository)
    }

    fn commit(&self, told: &FoundPush, sha: &str, body: Value) -> Change {
        let by_name = commit_key(&self.provider, &told.owner, &told.name, sha);
        Change::merge("Commit", vec![self.commit_key(sha), by_name], body)
            .link("repo", [self.repository.clone()])
    }

    /// A commit with its author, who is nobody that anybody else tells of: what a commit says of its author proves nothing.
    fn whole_commit(&self, told: &FoundPush, commit: &FoundCommit) -> Result<[Change; 2], Refusal> {
        is_sha(&commit.sha)?;
        is_moment(&commit.timestamp)?;
        let is_short = commit.message.len() <= LONGEST_MESSAGE
            && commit.author.len() <= LONGEST_NAME
            && commit.email.len() <= LONGEST_NAME;
        if !is_short {
            return Err(wrong(&"what it says of a commit is too long"));
        }
        let author = mail_key(&self.provider, &commit.email);
        let emails = json!([{ "address": commit.email }]);
        let body = json!({"login": commit.email, "name": commit.author, "emails": emails});
        let person = Change::merge("ScmId", vec![author.clone()], body);
        let body = json!({"sha": commit.sha, "message": commit.message, "timestamp": commit.timestamp});
        let commit = self.commit(told, &commit.sha, body);
        Ok([person, commit.link("author", [author])])
    }

    /// The push, by what makes it itself.
    fn push(&self, told: &FoundPush) -> Result<Change, Refusal> {
        let (branch, after) = (&told.branch, &told.after);
        let before = told.before.as_deref();
        let own = format!(
            "{}#{branch}@{}..{after}",
            self.repository,
            before.unwrap_or_default()
        );
        let by_name = push_key(&self.provider, &told.owner, &told.name, branch, after);
        let body = json!({"branch": branch, "timestamp": told.timestamp});
        let mut carried: Vec<String> = told
            .commits
            .iter()
            .map(|commit| self.commit_key(&commit.sha))
            .collect();
        if carried.is_empty() {
            carried.push(self.commit_key(after));
        }
        let push = Change::merge("Push", vec![own, by_name], body)
            .link("repo", [self.repository.clone()])
            .link("after", [self.commit_key(after)])
            .link("before", before.map(|sha| self.commit_key(sha)))
            .link("commits", carried);
        can_be_found(&push.node)?;
        Ok(push)
    }

    /// Everything that a push tells, itself last.
    fn changes(&self, told: &FoundPush, push: Change, owner: &str) -> Result<Vec<Change>, Refusal> {
        let mut changes = vec![self.organization(told), self.repository(told, owner)];
        changes.push(self.commit(told, &told.after, json!({ "sha": told.after })));
        let before = told.before.as_ref();
        changes.extend(before.map(|sha| self.commit(told, sha, json!({ "sha": sha }))));
        for commit in &told.commits {
            changes.extend(self.whole_commit(told, commit)?);
        }
        changes.push(self.branch(told));
        changes.push(push);
        for change in &changes {
            can_be_found(&change.node)?;
        }
        Ok(changes)
    }

    fn organization(&self, told: &FoundPush) -> Change {
        let body = json!({"owner": told.owner, "ownerType": "organization"});
        Change::merge("Org", vec![self.organization.clone()], body)
            .link("chatTeam", [THE_CHAT.to_owned()])
            .link("team", [THE_CHAT.to_owned()])
    }

    fn repository(&self, told: &FoundPush, owner: &str) -> Change {
        let mut body = json!({"owner": told.owner, "name": told.name});
        if let Some(branch) = &told.default_branch {
            body["defaultBranch"] = json!(branch);
        }
        body[SAID_BY] = json!(owner);
        let keys = vec![self.repository.clone(), self.named.clone()];
        Change::merge("Repo", keys, body).link("org", [self.organization.clone()])
    }

    fn branch(&self, told: &FoundPush) -> Change {
        let body = json!({"name": told.branch, "deleted": false, "timestamp": told.timestamp});
        let key = format!("{}#{}", self.repository, told.branch);
        Change::dated("Branch", vec![key], body)
            .link("repo", [self.repository.clone()])
            .link("commit", [self.commit_key(&told.after)])
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::sight::own_resource;
    use super::*;

    fn told() -> FoundPush {
        FoundPush {
            registration: "@acme/sdm".to_owned(),
            owner: "acme".to_owned(),
            name: "7".to_owned(),
            default_branch: Some("main".to_owned()),
            branch: "main".to_owned(),
            before: Some("a".repeat(40)),
            after: "b".repeat(40),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
            commits: vec![FoundCommit {
                sha: "b".repeat(40),
                message: "Change".to_owned(),
                timestamp: "2026-01-01T00:00:00Z".to_owned(),
                author: "Ada".to_owned(),
                email: "ada@example.com".to_owned(),
            }],
        }
    }

    fn changes(told: &FoundPush) -> Result<Vec<Change>, Refusal> {
        let place = Place::of(told)?;
        let push = place.push(told)?;
        place.changes(told, push, "addon:sdm")
    }

    #[test]
    fn c4_nothing_of_it_is_called_as_anything_of_a_forge() {
        let changes = changes(&told()).unwrap();
        for change in &changes {
            for key in &change.node.keys {
                assert!(key.starts_with("machine@@acme%2Fsdm/"), "{key}");
            }
            assert_ne!(change.node.kind, "SCMProvider", "it is no forge");
        }
        let repository = changes.iter().find(|change| change.node.kind == "Repo").unwrap();
        let resource = own_resource(&repository.node).unwrap();
        assert_eq!(
            resource,
            Resource::repository("acme", "7"),
            "no forge has numbered it"
        );
        assert!(!has_number(&resource));
    }

    #[test]
    fn goals_find_the_push_by_what_they_say_of_it() {
        let told = told();
        let changes = changes(&told).unwrap();
        let push = &changes.last().unwrap().node;
        let provider = provider_of(&told.registration);
        let wanted = push_key(&provider, "acme", "7", "main", &told.after);
        assert_eq!((push.kind.as_str(), push.keys.last()), ("Push", Some(&wanted)));
    }

    #[test]
    fn c7_what_is_malformed_or_too_much_is_refused() {
        let refused = |spoil: &dyn Fn(&mut FoundPush)| {
            let mut spoilt = told();
            spoil(&mut spoilt);
            changes(&spoilt).is_err()
        };
        assert!(!refused(&|_| {}));
        assert!(refused(&|told| told.owner.clear()));
        assert!(refused(&|told| "a/b".clone_into(&mut told.name)));
        assert!(
            refused(&|told| "app#4711".clone_into(&mut told.name)),
            "a number of a forge"
        );
        assert!(refused(&|told| "github.com/acme".clone_into(&mut told.owner)));
        assert!(refused(&|told| "../x".clone_into(&mut told.branch)));
        assert!(refused(&|told| "zz".clone_into(&mut told.after)));
        assert!(refused(&|told| told.before = Some("HEAD".to_owned())));
        assert!(refused(&|told| "yesterday".clone_into(&mut told.timestamp)));
        assert!(refused(&|told| told.registration = "x".repeat(2_000)));
        assert!(refused(&|told| {
            told.commits = vec![told.commits[0].clone(); MOST_COMMITS + 1];
        }));
        assert!(refused(&|told| {
            told.commits[0].message = "x".repeat(LONGEST_MESSAGE + 1);
        }));
    }
}
