//! The text of a policy, read with the place of every problem.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};

use crate::access::operation::Who;
use crate::access::snapshot::{Consents, Right, Role};
use crate::access::{
    AddonKey, Grant, Level, OPERATIONS, Operation, PersonId, Principal, Resource, Scope, ScopeSet, Selector,
    Term,
};
use crate::model::suggest;
use crate::model::{Diagnostic, Field, Timestamp, ValueType};
use crate::spec::keys::Sorted;
use crate::spec::problems::{Problems, listed, shorten};
use crate::spec::yaml::{self, Entry, Node};

use super::{AddonPolicy, PersonPolicy, Policy, PolicyTest, TRUST_FIELDS};

/// Keys of a policy.
pub const FIELDS: &[Field] = &[
    Field::new(
        "addons",
        ValueType::Map(&ValueType::Fields(ADDON_FIELDS)),
        "machines and extensions, by key",
    ),
    Field::new(
        "people",
        ValueType::Map(&ValueType::Fields(PERSON_FIELDS)),
        "people, by id",
    ),
    Field::new(
        "trust",
        ValueType::List(&ValueType::Fields(TRUST_FIELDS)),
        "issuers of tokens whose jobs are add-ons",
    ),
    Field::new(
        "tests",
        ValueType::List(&ValueType::Fields(TEST_FIELDS)),
        "what must hold before it is applied",
    ),
];

/// Keys of an add-on.
pub const ADDON_FIELDS: &[Field] = &[
    Field::new(
        "scopes",
        ValueType::List(&ValueType::Verbatim),
        "what it may do at all",
    ),
    Field::new(
        "grants",
        ValueType::List(&ValueType::Fields(GRANT_FIELDS)),
        "where it may do it; deny beats allow",
    ),
    Field::new(
        "acts_for",
        ValueType::List(&ValueType::Verbatim),
        "people for whom it may act without something they started; `everybody` for all",
    ),
    Field::new(
        "terms",
        ValueType::List(&ValueType::Choice(&["audience", "single_use", "user_tokens"])),
        "`audience`: its signed calls must name this hub; `single_use`: they must carry `jti` and `bh`; `user_tokens`: it is \
         given short tokens of people who started something with it",
    ),
];

/// Keys of a person.
pub const PERSON_FIELDS: &[Field] = &[
    Field::new(
        "role",
        ValueType::Choice(&["member", "admin"]),
        "role in the workspace",
    )
    .default("member"),
    Field::new(
        "grants",
        ValueType::List(&ValueType::Fields(GRANT_FIELDS)),
        "environments, channels and feeds; of repositories the forge decides, and only denials count here",
    ),
];

/// Keys of a grant.
pub const GRANT_FIELDS: &[Field] = &[
    Field::new(
        "allow",
        ValueType::Choice(&["read", "write", "admin"]),
        "up to which level",
    ),
    Field::new(
        "on",
        ValueType::List(&ValueType::Verbatim),
        "where: `workspace`, `repo:owner/name`, `repo:owner/*`, `repo:forge/owner/name`, `channel:id`, `feed:name`, `env:name` or `*`",
    ),
    Field::new(
        "deny",
        ValueType::List(&ValueType::Verbatim),
        "where nothing is allowed, whatever else says so",
    ),
    Field::new(
        "until",
        ValueType::Verbatim,
        "when it ends by itself, a date or a time with its zone",
    ),
    Field::new("note", ValueType::Verbatim, "why"),
];

/// Keys of a test.
pub const TEST_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Verbatim, "what it shows, as a sentence").required(),
    Field::new(
        "who",
        ValueType::Verbatim,
        "`addon:KEY`, `person:ID` or `anonymous`",
    )
    .required(),
    Field::new(
        "for",
        ValueType::Verbatim,
        "the person, by id, who started what an add-on does",
    ),
    Field::new(
        "on",
        ValueType::List(&ValueType::Verbatim),
        "resources, each by itself",
    )
    .required(),
    Field::new(
        "can",
        ValueType::List(&ValueType::Verbatim),
        "operations that are allowed; `\"*\"` for all",
    ),
    Field::new(
        "cannot",
        ValueType::List(&ValueType::Verbatim),
        "operations that are not; `\"*\"` for all",
    ),
    Field::new(
        "forge",
        ValueType::Map(&ValueType::Choice(&["read", "write", "admin"])),
        "what the forge says of the person for this test, by repository",
    ),
];

/// A policy, or what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The policy; none when there is an error.
    pub policy: Option<Policy>,
    /// Every problem, in order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a policy. The limits are those of goal files.
pub fn parse(name: &Arc<str>, bytes: &[u8]) -> Parsed {
    let (documents, wrong) = yaml::documents(name, bytes);
    let mut reader = Reader::default();
    wrong.into_iter().for_each(|problem| reader.problems.add(problem));
    let mut policy = Policy::default();
    for document in &documents {
        reader.document(document, &mut policy);
    }
    let is_usable = !reader.problems.has_errors();
    Parsed {
        policy: is_usable.then_some(policy),
        diagnostics: reader.problems.into_sorted(std::slice::from_ref(name)),
    }
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Problems,
}

impl Reader {
    fn document(&mut self, node: &Node, policy: &mut Policy) {
        if node.is_null() {
            return;
        }
        let Some(keys) = self.keys(node, "a policy", FIELDS) else {
            return;
        };
        for (key, entry) in self.named(keys.value("addons"), "add-ons", AddonKey::parse) {
            let addon = self.addon(&entry.value);
            self.insert(
                &mut policy.addons,
                key,
                addon.map(|addon| AddonPolicy {
                    place: Some(entry.key.place.clone()),
                    ..addon
                }),
                &entry,
            );
        }
        for (id, entry) in self.named(keys.value("people"), "people", PersonId::parse) {
            let person = self.person(&entry.value);
            self.insert(
                &mut policy.people,
                id,
                person.map(|person| PersonPolicy {
                    place: Some(entry.key.place.clone()),
                    ..person
                }),
                &entry,
            );
        }
        let trusts = self.items(keys.value("trust"));
        policy
            .trusts
            .extend(trusts.into_iter().filter_map(|trust| self.trust(trust)));
        let tests = self.items(keys.value("tests"));
        policy
            .tests
            .extend(tests.into_iter().filter_map(|test| self.test(test)));
    }

    fn insert<K: Ord + Clone, V>(
        &mut self,
        map: &mut BTreeMap<K, V>,
        key: K,
        value: Option<V>,
        entry: &Entry,
    ) {
        let Some(value) = value else { return };
        if map.insert(key, value).is_some() {
            let message = format!("`{}` is described twice", shorten(entry.name(), 80));
            self.problems
                .error_with_hint("repeated", &entry.key, message, "keep one of them");
        }
    }

    /// The keys of a map; others are problems.
    pub(super) fn keys<'n>(&mut self, node: &'n Node, owner: &str, fields: &[Field]) -> Option<Sorted<'n>> {
        let Some(entries) = node.entries() else {
            let message = format!("{owner} is a map, not {}", node.what());
            self.problems.error("wrong_type", node, message);
            return None;
        };
        let sorted = Sorted::over(entries, &[fields], &mut self.problems);
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems.unknown_key(entry, owner, &known);
        }
        for field in fields
            .iter()
            .filter(|field| field.required && sorted.get(field.name).is_none())
        {
            let message = format!("{owner} has no `{}`", field.name);
            self.problems.error_with_hint(
                "missing_key",
                node,
                message,
                format!("add `{}`: {}", field.name, field.help),
            );
        }
        Some(sorted)
    }

    /// Entries of a map whose keys are names of a kind.
    pub(super) fn named<K, E: Display>(
        &mut self,
        node: Option<&Node>,
        what: &str,
        parse: fn(&str) -> Result<K, E>,
    ) -> Vec<(K, Entry)> {
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let Some(entries) = node.entries() else {
            let message = format!("`{what}` is a map, not {}", node.what());
            self.problems.error("wrong_type", node, message);
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            match parse(entry.name()) {
                Ok(key) => found.push((key, entry.clone())),
                Err(error) => self.problems.error("invalid_name", &entry.key, error.to_string()),
            }
        }
        found
    }

    /// One value or a list of them.
    pub(super) fn items<'n>(&self, node: Option<&'n Node>) -> Vec<&'n Node> {
        match node {
            None => Vec::new(),
            Some(node) if node.is_null() => Vec::new(),
            Some(node) => node
                .items()
                .map_or_else(|| vec![node], |items| items.iter().map(|item| &**item).collect()),
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.problems.error(
                "wrong_type",
                node,
                format!("this must be text, not {}", node.what()),
            );
        }
        text
    }

    /// A text that something is read from.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        node: &Node,
        code: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(node)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.error(code, node, error.to_string());
                None
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = match suggest::nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", listed(&names)),
        };
        let message = format!("`{}` is none of the words that can stand here", shorten(text, 60));
        self.problems.error_with_hint("unknown_word", node, message, hint);
        None
    }

    fn level(&mut self, node: &Node) -> Option<Level> {
        self.word(node, &Level::ALL.map(|level| (level.word(), level)))
    }

    fn addon(&mut self, node: &Node) -> Option<AddonPolicy> {
        if node.is_null() {
            return Some(AddonPolicy::default());
        }
        let keys = self.keys(node, "an add-on", ADDON_FIELDS)?;
        let scopes = self.items(keys.value("scopes"));
        let scopes = scopes.into_iter().filter_map(|scope| self.scope(scope)).collect();
        Some(AddonPolicy {
            scopes,
            grants: self.grants(keys.value("grants")),
            acts_for: self.consents(keys.value("acts_for")),
            terms: self.terms(keys.value("terms")),
            place: None,
        })
    }

    pub(super) fn scope(&mut self, node: &Node) -> Option<Scope> {
        match Scope::parse(self.text(node)?) {
            Ok(scope) => {
                if scope.is_not_yet() {
                    let message = ScopeSet::of(&[scope]).not_yet_said();
                    self.problems
                        .warning("not_available_yet", node, message, "leave it out");
                }
                Some(scope)
            }
            Err(error) => {
                let hint = error.hint();
                self.problems
                    .error_with_hint("unknown_scope", node, error.to_string(), hint);
                None
            }
        }
    }

    fn consents(&mut self, node: Option<&Node>) -> Consents {
        let mut consents = Consents::default();
        for item in self.items(node) {
            if item.text() == Some("everybody") {
                consents.everybody = true;
            } else {
                consents
                    .people
                    .extend(self.parsed(item, "invalid_name", PersonId::parse));
            }
        }
        consents
    }

    fn terms(&mut self, node: Option<&Node>) -> crate::access::Terms {
        let words = Term::ALL.map(|term| (term.word(), term));
        let items = self.items(node);
        items
            .into_iter()
            .filter_map(|item| self.word(item, &words))
            .collect()
    }

    fn person(&mut self, node: &Node) -> Option<PersonPolicy> {
        let mut person = PersonPolicy {
            role: Role::Member,
            grants: Vec::new(),
            place: None,
        };
        if node.is_null() {
            return Some(person);
        }
        let keys = self.keys(node, "a person", PERSON_FIELDS)?;
        if let Some(role) = keys.value("role") {
            person.role = self.word(role, &[("member", Role::Member), ("admin", Role::Admin)])?;
        }
        person.grants = self.grants(keys.value("grants"));
        self.warn_of_repositories(keys.value("grants"));
        Some(person)
    }

    /// Of repositories the forge decides.
    fn warn_of_repositories(&mut self, node: Option<&Node>) {
        for grant in self.items(node) {
            let entries = grant.entries().unwrap_or_default();
            let on = entries.iter().find(|entry| entry.name() == "on");
            for selector in self.items(on.map(|entry| &*entry.value)) {
                if selector.text().is_some_and(|text| text.starts_with("repo:")) {
                    let message = "this gives nothing: what people may do on repositories, the forge decides";
                    let hint = "give the right on the forge, or deny it here";
                    self.problems.warning("no_effect", selector, message, hint);
                }
            }
        }
    }

    fn grants(&mut self, node: Option<&Node>) -> Vec<Grant> {
        let items = self.items(node);
        items
            .into_iter()
            .flat_map(|item| self.grant(item).unwrap_or_default())
            .collect()
    }

    /// A grant for each of its selectors.
    fn grant(&mut self, node: &Node) -> Option<Vec<Grant>> {
        let keys = self.keys(node, "a grant", GRANT_FIELDS)?;
        let (right, where_to) = match (keys.value("allow"), keys.value("deny")) {
            (Some(level), None) => (Right::Allow(self.level(level)?), keys.value("on")),
            (None, Some(selectors)) if keys.value("on").is_none() => (Right::Deny, Some(selectors)),
            _ => {
                let message = "a grant says either `allow` with `on`, or `deny`";
                let hint = "write `{allow: write, on: \"repo:owner/name\"}` or `{deny: \"repo:owner/name\"}`";
                self.problems.error_with_hint("wrong_grant", node, message, hint);
                return None;
            }
        };
        let items = self.items(where_to);
        if items.is_empty() {
            self.problems.error_with_hint(
                "missing_key",
                node,
                "a grant has no `on`",
                "say where it is allowed",
            );
        }
        let until = keys
            .value("until")
            .and_then(|until| self.parsed(until, "invalid_time", moment));
        let note = keys
            .value("note")
            .and_then(|note| self.text(note))
            .map(str::to_owned);
        let selectors: Vec<Selector> = items
            .into_iter()
            .filter_map(|item| self.parsed(item, "invalid_selector", Selector::parse))
            .collect();
        let grant = |selector| Grant {
            until,
            note: note.clone(),
            ..Grant::new(selector, right)
        };
        Some(selectors.into_iter().map(grant).collect())
    }

    fn test(&mut self, node: &Node) -> Option<PolicyTest> {
        let keys = self.keys(node, "a test", TEST_FIELDS)?;
        let name = keys
            .value("name")
            .and_then(|name| self.text(name))
            .map(str::to_owned);
        let who = keys
            .value("who")
            .and_then(|who| self.parsed(who, "invalid_name", Principal::parse));
        let acting_for = match keys.value("for") {
            Some(person) => Some(self.parsed(person, "invalid_name", PersonId::parse)?),
            None => None,
        };
        let on = self.items(keys.value("on"));
        let on: Vec<Resource> = on
            .into_iter()
            .filter_map(|item| self.parsed(item, "invalid_selector", Resource::parse))
            .collect();
        let (can, cannot) = (
            self.operations(keys.value("can"), &on),
            self.operations(keys.value("cannot"), &on),
        );
        if keys.get("can").is_none() && keys.get("cannot").is_none() {
            let hint = "say with `can` or `cannot` what it is about";
            self.problems
                .error_with_hint("empty_test", node, "this test asks nothing", hint);
        }
        let forge = self.named(keys.value("forge"), "forge", Selector::parse);
        let forge = forge
            .into_iter()
            .filter_map(|(selector, entry)| self.level(&entry.value).map(|level| (selector, level)))
            .collect();
        Some(PolicyTest {
            name: name?,
            who: who?,
            acting_for,
            on,
            can,
            cannot,
            forge,
            place: node.place.clone(),
        })
    }

    /// Operations by name; `*` is every one that needs a right and can be about one of the resources.
    fn operations(&mut self, node: Option<&Node>, on: &[Resource]) -> Vec<&'static str> {
        let mut found = Vec::new();
        for item in self.items(node) {
            if item.text() == Some("*") {
                let is_meant = |row: &&Operation| {
                    let needs_a_right = !matches!(row.who, Who::Open | Who::Own);
                    !row.is_not_yet
                        && needs_a_right
                        && on.iter().any(|resource| row.kinds.contains(&resource.kind()))
                };
                found.extend(OPERATIONS.iter().filter(is_meant).map(|row| row.name));
            } else {
                found.extend(self.operation(item, on));
            }
        }
        found
    }

    fn operation(&mut self, node: &Node, on: &[Resource]) -> Option<&'static str> {
        let words: Vec<(&str, &'static Operation)> = OPERATIONS.iter().map(|row| (row.name, row)).collect();
        let row = self.word(node, &words)?;
        let can_be_about = |resource: &Resource| row.kinds.contains(&resource.kind());
        if !on.is_empty() && !on.iter().any(can_be_about) {
            let message = format!(
                "`{}` is never about {}",
                row.name,
                if on.len() == 1 { "that" } else { "any of those" }
            );
            let hint = "ask about another resource with `on`";
            self.problems
                .error_with_hint("wrong_resource", node, message, hint);
            return None;
        }
        Some(row.name)
    }
}

/// A date, which begins at midnight, or a time with its zone.
fn moment(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: NaiveDate| date.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    let date = text.parse::<NaiveDate>().ok().and_then(midnight);
    let time = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    date.or_else(time).map(Timestamp::from).ok_or_else(|| {
        format!(
            "`{}` is no time: write `2027-01-31`, or `2027-01-31T18:00:00Z`",
            shorten(text, 60).escape_debug()
        )
    })
}
