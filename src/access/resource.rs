//! Where something is done: resources, what selects them, and how much is allowed there (security model 12.1).

use std::fmt;

use thiserror::Error;

/// Longest name of anything, in bytes.
const LONGEST_NAME: usize = 200;

/// How much: higher levels include lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Look.
    Read,
    /// Change what is there.
    Write,
    /// Decide over it.
    Admin,
}

impl Level {
    /// Every level, from the lowest.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Reads a level.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == text)
    }
}

/// A name that the forge knows, with its number there. The number is the identity: names are given again (threat A8).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    /// What people read.
    pub name: String,
    /// What the forge calls it; none where there is no forge, or where nobody has asked it.
    pub id: Option<u64>,
}

impl Named {
    /// What is called so, of which no number is known.
    pub fn called(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: None,
        }
    }

    /// Whether an allowance for this reaches `other`: the same number, or the same name where neither has one.
    fn allows(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (Some(own), Some(id)) => own == id,
            (None, None) => self.name == other.name,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Whether a denial for this reaches `other`: the same number or the same name, whatever its capitals.
    fn denies(&self, other: &Self) -> bool {
        let is_same_id = self.id.is_some() && self.id == other.id;
        is_same_id || self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        self.id.map_or(Ok(()), |id| write!(formatter, "#{id}"))
    }
}

/// Whose a repository is, and where: names and numbers are each forge's own, so that two forges may give the same ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The forge, by its host; none where nobody has said which. It is the only one then, where there is only one.
    pub forge: Option<Box<str>>,
    /// Who.
    pub named: Named,
}

impl Owner {
    /// An owner of whom the name is known, and no more.
    pub fn called(name: &str) -> Self {
        Self {
            forge: None,
            named: Named::called(name),
        }
    }

    /// The forge; where none is said, the only one that there is.
    fn at<'o>(&'o self, only: Option<&'o str>) -> Option<&'o str> {
        self.forge.as_deref().or(only)
    }

    /// Whether both are said to be at the same forge. Among several, one that is not said is none of them.
    fn is_with(&self, other: &Self, only: Option<&str>) -> bool {
        self.at(only) == other.at(only)
    }

    /// Whether both may be at the same forge.
    fn may_be_with(&self, other: &Self, only: Option<&str>) -> bool {
        match (self.at(only), other.at(only)) {
            (Some(own), Some(at)) => own == at,
            (None, _) | (_, None) => true,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(forge) = &self.forge {
            write!(formatter, "{forge}/")?;
        }
        self.named.fmt(formatter)
    }
}

/// Something that can be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The workspace itself: settings, people, registrations.
    Workspace,
    /// A repository.
    Repository {
        /// Whose it is, and at which forge.
        owner: Owner,
        /// Which.
        name: Named,
    },
    /// A channel of a chat.
    Channel(String),
    /// A feed of custom events.
    Feed(String),
    /// An environment: a resource of its own, beside the repository that is delivered there.
    Environment(String),
}

/// Sorts of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The workspace.
    Workspace,
    /// Repositories.
    Repository,
    /// Channels.
    Channel,
    /// Feeds.
    Feed,
    /// Environments.
    Environment,
}

/// Which resources a grant is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// `*`: every resource.
    Everything,
    /// `repo:<owner>/*`: every repository of an owner at a forge.
    Owner(Owner),
    /// One resource.
    One(Resource),
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSelector {
    /// It has another form.
    #[error(
        "`{}` is not `workspace`, `repo:<owner>/<name>`, `repo:<owner>/*`, `repo:<forge>/<owner>/<name>`, `channel:<id>`, `feed:<name>`, `env:<name>` or `*`",
        .0.escape_debug()
    )]
    Form(String),
    /// A name in it is none.
    #[error("`{}` is not a name: it must have 1 to {LONGEST_NAME} bytes without spaces, `*`, `/` and `#`", .0.escape_debug())]
    Name(String),
    /// It selects several where one is wanted.
    #[error("`{}` selects several resources; name one", .0.escape_debug())]
    Several(String),
}

impl Resource {
    /// A repository of which neither a number nor the forge is known.
    pub fn repository(owner: &str, name: &str) -> Self {
        Self::Repository {
            owner: Owner::called(owner),
            name: Named::called(name),
        }
    }

    /// The same at a forge, if it is a repository of which nobody has said where it is.
    #[must_use]
    pub fn at(self, forge: Option<&str>) -> Self {
        match self {
            Self::Repository { owner, name } => Self::Repository {
                owner: Owner {
                    forge: owner.forge.or_else(|| forge.map(Box::from)),
                    ..owner
                },
                name,
            },
            Self::Workspace | Self::Channel(_) | Self::Feed(_) | Self::Environment(_) => self,
        }
    }

    /// The forge that it is said to be at, if it is a repository.
    pub fn forge(&self) -> Option<&str> {
        match self {
            Self::Repository { owner, .. } => owner.forge.as_deref(),
            Self::Workspace | Self::Channel(_) | Self::Feed(_) | Self::Environment(_) => None,
        }
    }

    /// Its sort.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Workspace => Kind::Workspace,
            Self::Repository { .. } => Kind::Repository,
            Self::Channel(_) => Kind::Channel,
            Self::Feed(_) => Kind::Feed,
            Self::Environment(_) => Kind::Environment,
        }
    }

    /// Reads one resource.
    ///
    /// # Errors
    /// It has another form, or selects several.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        match Selector::parse(text)? {
            Selector::One(resource) => Ok(resource),
            Selector::Everything | Selector::Owner(_) => Err(InvalidSelector::Several(shortened(text))),
        }
    }

    /// The same without the numbers of the forge, at the same forge.
    #[must_use]
    pub fn without_numbers(&self) -> Self {
        match self {
            Self::Repository { owner, name } => {
                Self::repository(&owner.named.name, &name.name).at(owner.forge.as_deref())
            }
            Self::Workspace | Self::Channel(_) | Self::Feed(_) | Self::Environment(_) => self.clone(),
        }
    }

    /// Without the forge and its numbers, as people name it.
    pub fn plain(&self) -> String {
        match self {
            Self::Repository { owner, name } => format!("repo:{}/{}", owner.named.name, name.name),
            Self::Workspace | Self::Channel(_) | Self::Feed(_) | Self::Environment(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => formatter.write_str("workspace"),
            Self::Repository { owner, name } => write!(formatter, "repo:{owner}/{name}"),
            Self::Channel(id) => write!(formatter, "channel:{id}"),
            Self::Feed(name) => write!(formatter, "feed:{name}"),
            Self::Environment(name) => write!(formatter, "env:{name}"),
        }
    }
}

impl Selector {
    /// Reads what [`Selector`]'s display form writes; numbers of the forge stand behind a `#`.
    ///
    /// # Errors
    /// It has another form, or a name in it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        if text == "workspace" {
            return Ok(Self::One(Resource::Workspace));
        }
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| InvalidSelector::Form(shortened(text)))?;
        match kind {
            "repo" => repositories(text, rest),
            "channel" => Ok(Self::One(Resource::Channel(name(rest)?))),
            "feed" => Ok(Self::One(Resource::Feed(name(rest)?))),
            "env" => Ok(Self::One(Resource::Environment(name(rest)?))),
            _ => Err(InvalidSelector::Form(shortened(text))),
        }
    }

    /// The forge that it is said to be at, if it selects repositories by name.
    pub fn forge(&self) -> Option<&str> {
        match self {
            Self::Owner(owner) => owner.forge.as_deref(),
            Self::One(resource) => resource.forge(),
            Self::Everything => None,
        }
    }

    /// The same at a forge, if it selects repositories by name and does not say where.
    #[must_use]
    pub fn at(self, forge: Option<&str>) -> Self {
        match self {
            Self::Owner(owner) => Self::Owner(Owner {
                forge: owner.forge.or_else(|| forge.map(Box::from)),
                ..owner
            }),
            Self::One(resource) => Self::One(resource.at(forge)),
            Self::Everything => Self::Everything,
        }
    }

    /// Whether it selects repositories by name and does not say at which forge.
    pub fn is_of_any_forge(&self) -> bool {
        let selects_by_name = matches!(self, Self::Owner(_) | Self::One(Resource::Repository { .. }));
        selects_by_name && self.forge().is_none()
    }

    /// Whether an allowance for this reaches a resource. `only` is the only forge there is, where there is only one: what does not say
    /// its forge is there.
    pub fn allows(&self, resource: &Resource, only: Option<&str>) -> bool {
        match (self, resource) {
            (Self::Everything, _) => true,
            (Self::Owner(own), Resource::Repository { owner, .. }) => {
                own.is_with(owner, only) && own.named.allows(&owner.named)
            }
            (
                Self::One(Resource::Repository { owner, name }),
                Resource::Repository {
                    owner: other,
                    name: wanted,
                },
            ) => {
                owner.is_with(other, only)
                    && match (name.id, wanted.id) {
                        // The number tells repositories of a forge apart wherever they move to.
                        (Some(own), Some(id)) => own == id,
                        (None, None) => owner.named.name == other.named.name && name.name == wanted.name,
                        (Some(_), None) | (None, Some(_)) => false,
                    }
            }
            (Self::One(own), other) => own == other,
            (Self::Owner(_), _) => false,
        }
    }

    /// Whether a denial for this reaches a resource. In doubt it does.
    pub fn denies(&self, resource: &Resource, only: Option<&str>) -> bool {
        match (self, resource) {
            (Self::Everything, _) => true,
            (Self::Owner(own), Resource::Repository { owner, .. }) => {
                own.may_be_with(owner, only) && own.named.denies(&owner.named)
            }
            (
                Self::One(Resource::Repository { owner, name }),
                Resource::Repository {
                    owner: other,
                    name: wanted,
                },
            ) => {
                let is_same_id = name.id.is_some() && name.id == wanted.id;
                let is_same_name = owner.named.name.eq_ignore_ascii_case(&other.named.name)
                    && name.name.eq_ignore_ascii_case(&wanted.name);
                owner.may_be_with(other, only) && (is_same_id || is_same_name)
            }
            (Self::One(own), other) => own == other,
            (Self::Owner(_), _) => false,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => formatter.write_str("*"),
            Self::Owner(owner) => write!(formatter, "repo:{owner}/*"),
            Self::One(resource) => resource.fmt(formatter),
        }
    }
}

/// A name that nothing can have, to ask about whatever is not named: `repo:acme/*` is any other repository of `acme`.
pub(super) fn any_other() -> Named {
    Named::called("*")
}

fn repositories(text: &str, rest: &str) -> Result<Selector, InvalidSelector> {
    let form = || InvalidSelector::Form(shortened(text));
    let (owner, repository) = rest.rsplit_once('/').ok_or_else(form)?;
    let (forge, owner) = match owner.split_once('/') {
        None => (None, owner),
        Some((forge, owner)) => (Some(name(forge)?.to_lowercase().into_boxed_str()), owner),
    };
    let named_owner = named(owner)?;
    let owner = Owner {
        forge,
        named: named_owner,
    };
    if repository == "*" {
        return Ok(Selector::Owner(owner));
    }
    let name = named(repository)?;
    Ok(Selector::One(Resource::Repository { owner, name }))
}

fn named(text: &str) -> Result<Named, InvalidSelector> {
    let Some((own, id)) = text.split_once('#') else {
        return Ok(Named {
            name: name(text)?,
            id: None,
        });
    };
    let number = id.parse().map_err(|_| InvalidSelector::Name(shortened(text)))?;
    Ok(Named {
        name: name(own)?,
        id: Some(number),
    })
}

fn name(text: &str) -> Result<String, InvalidSelector> {
    let illegal = |c: char| c.is_control() || c.is_whitespace() || "*/#".contains(c);
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(illegal) {
        return Err(InvalidSelector::Name(shortened(text)));
    }
    Ok(text.to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(selector: &str, resource: &str) -> bool {
        Selector::parse(selector)
            .unwrap()
            .allows(&Resource::parse(resource).unwrap(), None)
    }

    fn denies(selector: &str, resource: &str) -> bool {
        Selector::parse(selector)
            .unwrap()
            .denies(&Resource::parse(resource).unwrap(), None)
    }

    #[test]
    fn selectors_are_written_as_they_are_read() {
        for text in [
            "*",
            "workspace",
            "repo:acme/api",
            "repo:acme#7/api#42",
            "repo:acme/*",
            "repo:acme#7/*",
            "repo:github.com/acme/api",
            "repo:github.com/acme/api#42",
            "repo:ghe.example.org:8443/acme#7/*",
            "channel:C024BE91L",
            "feed:builds",
            "env:production",
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_selects_nothing_says_why() {
        let said = |text: &str| Selector::parse(text).unwrap_err().to_string();
        assert!(said("repos:acme/api").starts_with("`repos:acme/api` is not `workspace`"));
        assert!(said("repo:acme").contains("is not `workspace`"));
        assert!(said("repo:acme/a/b/c").starts_with("`a/b` is not a name"));
        assert!(said("repo:/acme/b").starts_with("`` is not a name"));
        assert!(said("repo:*/api").starts_with("`*` is not a name"));
        assert!(said("repo:acme/api#x").starts_with("`api#x` is not a name"));
        assert!(said("env:").starts_with("`` is not a name"));
        assert!(said("env:a\u{1b}[2J").contains("\\u{1b}"));
        assert!(said(&format!("env:{}", "x".repeat(201))).contains("is not a name"));
        let several = Resource::parse("repo:acme/*").unwrap_err().to_string();
        assert_eq!(several, "`repo:acme/*` selects several resources; name one");
    }

    #[test]
    fn a_wildcard_reaches_whole_segments_of_its_own_sort() {
        assert!(allows("repo:acme/*", "repo:acme/api"));
        assert!(!allows("repo:acme/*", "repo:acme-labs/api"));
        assert!(!allows("repo:acme/*", "workspace"));
        assert!(!allows("repo:acme/api", "repo:acme/api2"));
        assert!(!allows("channel:ops", "feed:ops"));
        for resource in ["workspace", "repo:a/b", "channel:c", "feed:f", "env:e"] {
            assert!(allows("*", resource) && denies("*", resource));
        }
    }

    #[test]
    fn a8_the_number_of_the_forge_is_the_identity() {
        assert!(
            allows("repo:acme/api#42", "repo:acme/renamed#42"),
            "a rename keeps the grant"
        );
        assert!(allows("repo:acme/api#42", "repo:other/api#42"), "so does a move");
        assert!(
            !allows("repo:acme/api#42", "repo:acme/api#43"),
            "a name that is given again gets nothing"
        );
        assert!(
            !allows("repo:acme/api#42", "repo:acme/api"),
            "nor does a name alone"
        );
        assert!(
            !allows("repo:acme/api", "repo:acme/api#42"),
            "nor does a grant that was never bound"
        );
        assert!(allows("repo:acme#7/*", "repo:renamed#7/api#42"));
        assert!(!allows("repo:acme#7/*", "repo:acme#8/api#42"));
    }

    #[test]
    fn a8_a_denial_holds_by_number_and_by_name() {
        for resource in [
            "repo:acme/renamed#42",
            "repo:acme/api#43",
            "repo:ACME/Api#43",
            "repo:acme/api",
        ] {
            assert!(denies("repo:acme/api#42", resource), "{resource}");
        }
        assert!(denies("repo:acme/*", "repo:Acme#7/api#42"));
        assert!(!denies("repo:acme/*", "repo:acme-labs/api"));
        assert!(!denies("repo:acme/api#42", "repo:acme/web#44"));
    }

    #[test]
    fn a8_a_number_and_a_name_are_those_of_a_forge() {
        let (here, there) = ("repo:github.com/acme/api#7", "repo:ghe.example.org/acme/api#7");
        assert!(allows(here, here) && !allows(here, there));
        assert!(allows("repo:github.com/acme/*", here) && !allows("repo:github.com/acme/*", there));
        assert!(denies(here, here) && !denies(here, there));
        assert!(!denies("repo:github.com/acme/*", there));
        for unsaid in ["repo:acme/api#7", "repo:acme/*"] {
            assert!(!allows(unsaid, here), "{unsaid}: among several it gives nothing");
            assert!(
                denies(unsaid, here) && denies(unsaid, there),
                "{unsaid}: and keeps back all"
            );
        }
        assert!(!allows(here, "repo:acme/api#7") && denies(here, "repo:acme/api#7"));
    }

    #[test]
    fn a8_what_says_no_forge_is_at_the_only_one() {
        let parse = |text: &str| (Selector::parse(text).unwrap(), Resource::parse(text).unwrap());
        let ((_, here), (unsaid, plain)) = (parse("repo:github.com/acme/api#7"), parse("repo:acme/api#7"));
        let only = Some("github.com");
        assert!(unsaid.allows(&here, only) && Selector::One(here.clone()).allows(&plain, only));
        assert!(!unsaid.allows(&here, Some("ghe.example.org")));
        assert!(unsaid.denies(&here, only) && !unsaid.denies(&here, Some("ghe.example.org")));
        assert_eq!(plain.at(only), here);
        assert_eq!(
            here.clone().at(Some("ghe.example.org")),
            here,
            "what is said stays"
        );
    }
}
