//! The install handshake: what the hub posts, and which secret counts when (security model 3).

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::keys::SharedSecret;

/// What happens to an installation, as its hooks name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The add-on is given its secret, for the first time or anew. Only this one decides over success.
    Installed,
    /// It is at work.
    Enabled,
    /// It is switched off.
    Disabled,
    /// It is gone.
    Uninstalled,
}

impl Event {
    /// As hooks name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// Whether it is signed with the hub's own key rather than with the shared secret.
    pub const fn is_signed_by_install_key(self) -> bool {
        matches!(self, Self::Installed | Self::Uninstalled)
    }
}

/// What an add-on is told of the tenant.
#[derive(Debug, Clone, Copy)]
pub struct SecurityContext<'a> {
    /// Key of the add-on.
    pub key: &'a str,
    /// The tenant, by which the add-on keeps its record.
    pub client_key: &'a str,
    /// Issuer for impersonation.
    pub oauth_client_id: &'a str,
    /// Address below which the hub is called.
    pub base_url: &'a str,
    /// What people see of it, when it differs.
    pub display_url: Option<&'a str>,
    /// Some frameworks branch on it.
    pub product_type: &'a str,
    /// For people.
    pub description: &'a str,
}

impl SecurityContext<'_> {
    /// The body of a hook. The secret stands in that of an install and in no other.
    pub fn body(&self, event: Event, secret: Option<&SharedSecret>) -> Value {
        let mut body = json!({
            "key": self.key,
            "clientKey": self.client_key,
            "oauthClientId": self.oauth_client_id,
            "baseUrl": self.base_url,
            "productType": self.product_type,
            "description": self.description,
            "eventType": event.word(),
        });
        if let Some(display_url) = self.display_url {
            body["displayUrl"] = json!(display_url);
        }
        if let (Event::Installed, Some(secret)) = (event, secret) {
            body["sharedSecret"] = json!(secret.text().expose_secret());
        }
        body
    }
}

/// The secrets of an installation through its life. There is always one that signs, or none at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Secrets {
    /// The first one was posted, and nobody has taken it yet.
    Offered(SharedSecret),
    /// Installed.
    Settled {
        /// Signs and verifies.
        current: SharedSecret,
        /// Verifies until then.
        previous: Option<(SharedSecret, i64)>,
        /// Was posted; nobody has taken it yet.
        next: Option<SharedSecret>,
    },
    /// Uninstalled: every secret is destroyed.
    Destroyed,
}

impl Secrets {
    /// A new secret is about to be posted. One that was offered before and never taken is forgotten.
    #[must_use]
    pub fn offer(self, fresh: SharedSecret) -> Self {
        match self {
            Self::Offered(_) | Self::Destroyed => Self::Offered(fresh),
            Self::Settled {
                current, previous, ..
            } => Self::Settled {
                current,
                previous,
                next: Some(fresh),
            },
        }
    }

    /// The add-on took what was offered; the secret before it verifies for `grace` more seconds.
    #[must_use]
    pub fn taken(self, now: i64, grace: i64) -> Self {
        match self {
            Self::Offered(current) => Self::Settled {
                current,
                previous: None,
                next: None,
            },
            Self::Settled {
                current,
                next: Some(next),
                ..
            } => Self::Settled {
                current: next,
                previous: (grace > 0).then(|| (current, now.saturating_add(grace))),
                next: None,
            },
            settled @ Self::Settled { next: None, .. } => settled,
            Self::Destroyed => Self::Destroyed,
        }
    }

    /// The add-on did not take what was offered: all stays as it was, and a first install never was.
    #[must_use]
    pub fn refused(self) -> Self {
        match self {
            Self::Offered(_) | Self::Destroyed => Self::Destroyed,
            Self::Settled {
                current, previous, ..
            } => Self::Settled {
                current,
                previous,
                next: None,
            },
        }
    }

    /// The one that signs.
    pub fn signing(&self) -> Option<&SharedSecret> {
        match self {
            Self::Settled { current, .. } => Some(current),
            Self::Offered(_) | Self::Destroyed => None,
        }
    }

    /// The one that is to be posted.
    pub fn offered(&self) -> Option<&SharedSecret> {
        match self {
            Self::Offered(secret) => Some(secret),
            Self::Settled { next, .. } => next.as_ref(),
            Self::Destroyed => None,
        }
    }

    /// Those that verify.
    pub fn verifying(&self, now: i64) -> Option<super::verify::IssuerSecrets> {
        match self {
            Self::Settled {
                current, previous, ..
            } => Some(super::verify::IssuerSecrets {
                current: current.clone(),
                previous: previous
                    .as_ref()
                    .filter(|(_, until)| now < *until)
                    .map(|(secret, _)| secret.clone()),
            }),
            Self::Offered(_) | Self::Destroyed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> SharedSecret {
        SharedSecret::from_text(format!("{name}-0123456789abcdef").into()).unwrap()
    }

    fn verifying(secrets: &Secrets, now: i64) -> (bool, bool) {
        let found = secrets.verifying(now);
        (
            found.is_some(),
            found.is_some_and(|found| found.previous.is_some()),
        )
    }

    #[test]
    fn a_first_secret_counts_when_it_is_taken() {
        let offered = Secrets::Offered(secret("a"));
        assert_eq!(
            (offered.signing(), verifying(&offered, 0)),
            (None, (false, false))
        );
        let settled = offered.clone().taken(0, 600);
        assert_eq!((settled.signing(), settled.offered()), (Some(&secret("a")), None));
        assert_eq!(offered.refused(), Secrets::Destroyed, "it rolls back");
    }

    #[test]
    fn f3_a_rotation_keeps_the_old_secret_until_the_new_one_is_taken() {
        let settled = Secrets::Offered(secret("a")).taken(0, 600);
        let rotating = settled.clone().offer(secret("b"));
        assert_eq!(
            (rotating.signing(), rotating.offered()),
            (Some(&secret("a")), Some(&secret("b")))
        );
        assert_eq!(rotating.clone().refused(), settled);
        let rotated = rotating.clone().taken(1000, 600);
        assert_eq!(rotated.signing(), Some(&secret("b")));
        assert_eq!(verifying(&rotated, 1599), (true, true));
        assert_eq!(verifying(&rotated, 1600), (true, false));
        assert_eq!(
            verifying(&rotating.taken(1000, 0), 1000),
            (true, false),
            "no grace"
        );
        assert_eq!(rotated.clone().taken(2000, 600), rotated, "nothing was offered");
    }

    #[test]
    fn the_secret_stands_in_an_install_only() {
        let context = SecurityContext {
            key: "k",
            client_key: "c",
            oauth_client_id: "o",
            base_url: "https://hub.example.com/hub",
            display_url: None,
            product_type: "hub",
            description: "",
        };
        for event in [
            Event::Installed,
            Event::Enabled,
            Event::Disabled,
            Event::Uninstalled,
        ] {
            let body = context.body(event, Some(&secret("a")));
            assert_eq!(body.get("sharedSecret").is_some(), event == Event::Installed);
            assert_eq!(body["eventType"], event.word());
            assert_eq!(
                event.is_signed_by_install_key(),
                matches!(event.word(), "installed" | "uninstalled")
            );
        }
    }
}
