//! Descriptors of add-ons (security model 2): what a stranger's address says of the add-on, read within limits.
//!
//! Everything in it is somebody's claim. Texts for people are kept as text; nothing is interpreted. All problems are found
//! in one go, because their author is far away.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Url;
use serde_json::{Map, Value};

/// Largest descriptor in bytes.
pub const LARGEST_DESCRIPTOR: usize = 256 * 1024;

/// Longest text for people, in characters.
const LONGEST_TEXT: usize = 1000;

/// Most scopes and most webhooks.
const MOST_ENTRIES: usize = 100;

/// Longest address.
const LONGEST_ADDRESS: usize = 2000;

/// What an add-on says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its identity, stable for life.
    pub key: String,
    /// Where it is; all its other addresses are below.
    pub base_url: Url,
    /// Its name, for people.
    pub name: Option<String>,
    /// What it is for, for people.
    pub description: Option<String>,
    /// Who makes it, for people.
    pub vendor: Option<String>,
    /// Whether it takes part in signed calls. One that does not can never make any.
    pub is_authenticated: bool,
    /// Its hooks.
    pub lifecycle: Lifecycle,
    /// Scopes as written, all in capitals or all in small letters.
    pub scopes: Vec<String>,
    /// Raised by a change that administrators should look at.
    pub api_version: u64,
    /// Events that are to be posted to it.
    pub webhooks: Vec<Webhook>,
    /// Remarks that are no reason to refuse it.
    pub warnings: Vec<DescriptorProblem>,
    /// SHA-256 of the bytes, stored with the approval.
    pub digest: String,
}

/// Hooks of an add-on's life, as absolute addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// Is given the secret.
    pub installed: Option<Url>,
    /// Is told.
    pub enabled: Option<Url>,
    /// Is told.
    pub disabled: Option<Url>,
    /// Is told.
    pub uninstalled: Option<Url>,
}

/// An event and where it is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub event: String,
    /// Where.
    pub url: Url,
}

/// Something about a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorProblem {
    /// The field, such as `lifecycle.installed`.
    pub field: String,
    /// What about it, completing "the descriptor's `field` …".
    pub message: String,
}

impl fmt::Display for DescriptorProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(formatter, "the descriptor {}", self.message),
            field => write!(
                formatter,
                "the descriptor's `{}` {}",
                field.escape_debug(),
                self.message
            ),
        }
    }
}

/// What of a descriptor differs from the one that was approved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Fields that take effect at once: what people read, and modules.
    pub quiet: Vec<&'static str>,
    /// Fields that an administrator must agree to.
    pub grave: Vec<&'static str>,
}

impl Descriptor {
    /// Reads a descriptor that was fetched from `from`. `allows_plain` lets it be on this computer without TLS, for
    /// development.
    ///
    /// # Errors
    /// Every problem that is a reason to refuse it.
    pub fn parse(bytes: &[u8], from: &Url, allows_plain: bool) -> Result<Self, Vec<DescriptorProblem>> {
        if bytes.len() > LARGEST_DESCRIPTOR {
            return Err(vec![problem(
                "",
                format!("is larger than {LARGEST_DESCRIPTOR} bytes"),
            )]);
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| vec![problem("", format!("is not JSON: {error}"))])?;
        let Value::Object(fields) = value else {
            return Err(vec![problem("", "is not an object")]);
        };
        let mut reader = Reader {
            fields: &fields,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        let descriptor = reader.descriptor(from, allows_plain, bytes);
        match descriptor {
            Some(descriptor) if reader.problems.is_empty() => Ok(descriptor),
            _ => Err(reader.problems),
        }
    }

    /// What differs from an earlier one of the same add-on; `None` when it is another add-on.
    pub fn changes_since(&self, earlier: &Self) -> Option<Changes> {
        if self.key != earlier.key {
            return None;
        }
        let mut changes = Changes::default();
        let mut note = |differs: bool, name: &'static str, is_grave: bool| {
            let list = if is_grave {
                &mut changes.grave
            } else {
                &mut changes.quiet
            };
            if differs {
                list.push(name);
            }
        };
        note(self.name != earlier.name, "name", false);
        note(self.description != earlier.description, "description", false);
        note(self.vendor != earlier.vendor, "vendor", false);
        note(self.webhooks != earlier.webhooks, "modules", false);
        note(self.api_version != earlier.api_version, "apiVersion", true);
        note(self.scopes != earlier.scopes, "scopes", true);
        note(self.base_url != earlier.base_url, "baseUrl", true);
        note(self.lifecycle != earlier.lifecycle, "lifecycle", true);
        note(
            self.is_authenticated != earlier.is_authenticated,
            "authentication",
            true,
        );
        Some(changes)
    }
}

fn problem(field: &str, message: impl Into<String>) -> DescriptorProblem {
    DescriptorProblem {
        field: field.chars().take(100).collect(),
        message: message.into(),
    }
}

struct Reader<'a> {
    fields: &'a Map<String, Value>,
    problems: Vec<DescriptorProblem>,
    warnings: Vec<DescriptorProblem>,
}

impl Reader<'_> {
    fn add<T>(&mut self, field: &str, message: impl Into<String>) -> Option<T> {
        self.problems.push(problem(field, message));
        None
    }

    fn descriptor(&mut self, from: &Url, allows_plain: bool, bytes: &[u8]) -> Option<Descriptor> {
        let key = self.key();
        let base = self.base_url(from, allows_plain);
        let is_authenticated = self.authentication();
        // Without a base nothing can be said of what hangs below it.
        let base_url = base?;
        let lifecycle = self.lifecycle(&base_url);
        if is_authenticated == Some(true) && lifecycle.installed.is_none() {
            let _: Option<()> = self.add(
                "lifecycle.installed",
                "is missing; signed calls need it to hand over the secret",
            );
        }
        let (name, description, vendor) = (self.text("name"), self.text("description"), self.vendor());
        let (scopes, api_version) = (self.scopes(), self.api_version());
        let webhooks = self.webhooks(&base_url);
        Some(Descriptor {
            key: key?,
            base_url,
            name,
            description,
            vendor,
            is_authenticated: is_authenticated?,
            lifecycle,
            scopes: scopes?,
            api_version: api_version?,
            webhooks,
            warnings: std::mem::take(&mut self.warnings),
            digest: hex::encode(digest(&SHA256, bytes)),
        })
    }

    fn key(&mut self) -> Option<String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match self.fields.get("key") {
            Some(Value::String(key)) if (1..=80).contains(&key.len()) && key.chars().all(legal) => {
                Some(key.clone())
            }
            Some(_) => self.add("key", "must have 1 to 80 letters, digits, `.`, `_` and `-`"),
            None => self.add("key", "is missing"),
        }
    }

    fn base_url(&mut self, from: &Url, allows_plain: bool) -> Option<Url> {
        let Some(text) = self.fields.get("baseUrl").and_then(Value::as_str) else {
            return self.add("baseUrl", "is missing, or no text");
        };
        let Some(url) = Url::parse(text).ok().filter(|_| text.len() <= LONGEST_ADDRESS) else {
            return self.add("baseUrl", "is no absolute address");
        };
        if let Err(because) = acceptable(&url, allows_plain) {
            return self.add("baseUrl", because);
        }
        if url.origin() != from.origin() {
            return self.add(
                "baseUrl",
                "has another scheme, host or port than the descriptor itself",
            );
        }
        Some(url)
    }

    fn authentication(&mut self) -> Option<bool> {
        let authentication = self
            .fields
            .get("authentication")
            .and_then(|value| value.get("type"));
        let Some(word) = authentication.and_then(Value::as_str) else {
            return self.add("authentication.type", "is missing; say `jwt` or `none`");
        };
        match word.to_ascii_lowercase().as_str() {
            "jwt" => Some(true),
            "none" => Some(false),
            _ => self.add("authentication.type", "is neither `jwt` nor `none`"),
        }
    }

    fn lifecycle(&mut self, base: &Url) -> Lifecycle {
        let fields = self.fields;
        let hooks = match fields.get("lifecycle") {
            None => return Lifecycle::default(),
            Some(Value::Object(hooks)) => hooks,
            Some(_) => {
                let _: Option<()> = self.add("lifecycle", "is not an object");
                return Lifecycle::default();
            }
        };
        let mut hook = |name: &str| {
            let value = hooks.get(name)?;
            self.below(base, value, &format!("lifecycle.{name}"))
        };
        Lifecycle {
            installed: hook("installed"),
            enabled: hook("enabled"),
            disabled: hook("disabled"),
            uninstalled: hook("uninstalled"),
        }
    }

    /// An address relative to the base that stays below it.
    fn below(&mut self, base: &Url, value: &Value, field: &str) -> Option<Url> {
        let Some(path) = value.as_str().filter(|text| text.len() <= LONGEST_ADDRESS) else {
            return self.add(field, "is no text, or too long");
        };
        if path.contains("://") || path.starts_with("//") || path.contains('\\') {
            return self.add(field, "must be relative to `baseUrl`");
        }
        let base_path = base.path().trim_end_matches('/');
        let mut url = base.clone();
        url.set_query(None);
        let joined = format!("{base_path}/{}", path.trim_start_matches('/'));
        let target = url.join(&joined).ok();
        let stays = |url: &Url| {
            let rest = url.path().strip_prefix(base_path);
            url.origin() == base.origin() && rest.is_some_and(|rest| rest.starts_with('/'))
        };
        match target.filter(stays) {
            Some(url) => Some(url),
            None => self.add(field, "does not stay below `baseUrl`"),
        }
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.fields.get(field)? {
            Value::String(text) => Some(text.chars().take(LONGEST_TEXT).collect()),
            _ => self.add(field, "is no text"),
        }
    }

    fn vendor(&mut self) -> Option<String> {
        let name = self.fields.get("vendor")?.get("name")?.as_str()?;
        Some(name.chars().take(LONGEST_TEXT).collect())
    }

    fn scopes(&mut self) -> Option<Vec<String>> {
        let items = match self.fields.get("scopes") {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) if items.len() <= MOST_ENTRIES => items,
            Some(_) => return self.add("scopes", format!("is no list of at most {MOST_ENTRIES} names")),
        };
        let names: Option<Vec<String>> = items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect();
        let Some(names) = names else {
            return self.add("scopes", "has an entry that is no text");
        };
        let all =
            |is_fitting: fn(&char) -> bool| names.iter().all(|name| name.chars().all(|c| is_fitting(&c)));
        if all(|c| !c.is_lowercase()) || all(|c| !c.is_uppercase()) {
            return Some(names);
        }
        self.add("scopes", "mixes capitals and small letters")
    }

    fn api_version(&mut self) -> Option<u64> {
        match self.fields.get("apiVersion") {
            None => Some(1),
            Some(value) => match value.as_u64() {
                Some(version) => Some(version),
                None => self.add("apiVersion", "is no whole number"),
            },
        }
    }

    fn webhooks(&mut self, base: &Url) -> Vec<Webhook> {
        let fields = self.fields;
        let Some(Value::Object(modules)) = fields.get("modules") else {
            return Vec::new();
        };
        for name in modules
            .keys()
            .filter(|name| *name != "webhooks")
            .take(MOST_ENTRIES)
        {
            self.warnings.push(problem(
                &format!("modules.{name}"),
                "is not known here and ignored",
            ));
        }
        let items = match modules.get("webhooks") {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= MOST_ENTRIES => items,
            Some(_) => {
                let message = format!("is no list of at most {MOST_ENTRIES} webhooks");
                return self.add("modules.webhooks", message).unwrap_or_default();
            }
        };
        items.iter().filter_map(|item| self.webhook(base, item)).collect()
    }

    fn webhook(&mut self, base: &Url, item: &Value) -> Option<Webhook> {
        let event = item.get("event").and_then(Value::as_str);
        let Some(event) = event.filter(|event| (1..=100).contains(&event.len())) else {
            return self.add("modules.webhooks", "has an entry without an `event`");
        };
        let url = item.get("url").unwrap_or(&Value::Null);
        Some(Webhook {
            event: event.to_owned(),
            url: self.below(base, url, "modules.webhooks.url")?,
        })
    }
}

/// Whether an address can be a base: TLS, except on this computer in development; no login, query or fragment.
fn acceptable(url: &Url, allows_plain: bool) -> Result<(), &'static str> {
    let host = url.host_str().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match url.scheme() {
        "https" => {}
        "http" if allows_plain && is_here => {}
        "http" => return Err("must begin with https://"),
        _ => return Err("is no address of the web"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a login");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment");
    }
    Ok(())
}
