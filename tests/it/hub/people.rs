//! People in browsers: they come in by a link, change things by pages of the hub only, and go when they are told to.

use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use sdm::hub::people::administration::MadeLink;
use sdm::model::Timestamp;
use sdm::ports::people::{
    Invited, PersonChange, PersonRole, PersonState, SignIn, SignIns as _, StoredPerson, StoredSession,
};
use sdm::store::hub::SqlHub;
use serde_json::{Value, json};

use super::machine::{TestHub, quick};
use crate::support::remains::is_secret;

/// A browser: it keeps a cookie, and says where its requests come from.
pub struct Browser<'a> {
    hub: &'a TestHub,
    pub cookie: String,
}

/// What a browser was answered.
pub struct Answered {
    pub status: u16,
    pub location: String,
    pub set_cookie: String,
    pub text: String,
}

impl Answered {
    pub fn code(&self) -> Value {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["error"]["code"].clone()
    }
}

impl<'a> Browser<'a> {
    pub fn new(hub: &'a TestHub) -> Self {
        Self {
            hub,
            cookie: String::new(),
        }
    }

    /// Sends what it is told to, beside its cookie.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut request = client.request(method, self.hub.url(path)).body(body.to_owned());
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let header = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (location, set_cookie) = (header(LOCATION), header(SET_COOKIE));
        if let Some((pair, _)) = set_cookie.split_once(';') {
            is_secret(pair.split_once('=').map_or(pair, |(_, session)| session));
            self.cookie = pair.to_owned();
        }
        Answered {
            status: response.status().as_u16(),
            location,
            set_cookie,
            text: response.text().await.unwrap(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Answered {
        self.send(Method::GET, path, &[], "").await
    }

    /// Sends a form from a page of the hub.
    pub async fn submit(&mut self, path: &str, form: &str) -> Answered {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers = [kind, ("sec-fetch-site", "same-origin"), ("origin", "null")];
        self.send(Method::POST, path, &headers, form).await
    }

    /// The anti-forgery token of the page that the browser looks at.
    pub async fn token(&mut self) -> String {
        let page = self.get("/sign-in").await.text;
        let (_, rest) = page
            .split_once("name=\"anti_forgery\" value=\"")
            .expect("a token");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Comes in by a link.
    pub async fn come_in(&mut self, link: &str) -> Answered {
        let path = format!("/sign-in/{}", link.split_once("/sign-in/").unwrap().1);
        let page = self.get(&path).await.text;
        let form = match page.split_once("name=\"anti_forgery\" value=\"") {
            Some((_, rest)) => format!("return=%2F&anti_forgery={}", rest.split('"').next().unwrap()),
            None => "return=%2F".to_owned(),
        };
        self.submit(&path, &form).await
    }
}

async fn invite(hub: &TestHub, id: &str, role: PersonRole) -> MadeLink {
    let invited = Invited {
        name: format!("{id} <b>"),
        role,
    };
    hub.administration()
        .invite(id, invited, &hub.url(""))
        .await
        .unwrap()
}

/// A browser of somebody new with this role.
pub async fn signed_in<'a>(hub: &'a TestHub, id: &str, role: PersonRole) -> Browser<'a> {
    let link = invite(hub, id, role).await;
    let mut browser = Browser::new(hub);
    assert_eq!(browser.come_in(&link.address).await.status, 303);
    browser
}

/// Somebody has come in who is this.
pub async fn has_come_in(memory: &SqlHub, id: &str, role: PersonRole) {
    let moment = Timestamp::from_micros(1_767_225_600_000_000);
    let person = StoredPerson {
        id: id.to_owned(),
        name: id.to_owned(),
        role,
        state: PersonState::Active,
        created: moment,
    };
    let session = StoredSession {
        digest: format!("digest of {id}"),
        id: format!("session of {id}"),
        person: id.to_owned(),
        means: "link".to_owned(),
        user_agent: String::new(),
        signed_in: moment,
        last_seen: moment,
    };
    let sign_in = SignIn {
        link: None,
        makes: Some(person),
        identity: None,
        session,
        replaces: None,
    };
    assert!(memory.sign_in(&sign_in).await.unwrap());
}

const QUESTION: &str = r#"{"query": "query { Repo { name } }"}"#;

async fn ask(browser: &mut Browser<'_>, headers: &[(&str, &str)]) -> Answered {
    browser
        .send(Method::POST, "/graphql/team/w", headers, QUESTION)
        .await
}

#[tokio::test]
async fn the_first_administrator_comes_in_by_a_link_that_counts_once() {
    let hub = TestHub::start(quick()).await;
    let administration = hub.administration();
    let link = administration.first_link(&hub.url("")).await.unwrap().unwrap();
    let mut browser = Browser::new(&hub);
    let path = link.strip_prefix(&hub.url("")).unwrap();
    for _ in 0..3 {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, page.set_cookie.as_str()),
            (200, ""),
            "looking changes nothing"
        );
    }
    let came = browser.come_in(&link).await;
    assert_eq!((came.status, came.location.as_str()), (303, "/"));
    let cookie = &came.set_cookie;
    assert!(
        cookie.contains("; HttpOnly; SameSite=Lax; ") && cookie.contains("; Path=/"),
        "{cookie}"
    );
    let page = browser.get("/sign-in").await;
    assert!(
        page.text.contains("You are signed in as Administrator (admin)."),
        "{}",
        page.text
    );
    let mut other = Browser::new(&hub);
    assert_eq!(other.come_in(&link).await.status, 404, "once");
    assert_eq!(other.get(path).await.status, 404);
    assert_eq!(administration.first_link(&hub.url("")).await.unwrap(), None);
    let stored = hub.hub.memory().sessions_of("admin").await.unwrap();
    let held = browser.cookie.split_once('=').unwrap().1.to_owned();
    assert!(
        !format!("{stored:?}").contains(&held),
        "f9: only its digest is kept"
    );
}

#[tokio::test]
async fn h1_g1_what_a_session_changes_comes_from_a_page_of_the_hub() {
    let hub = TestHub::start(quick()).await;
    let mut browser = signed_in(&hub, "ada", PersonRole::Admin).await;
    let token = browser.token().await;
    let json = ("content-type", "application/json");
    let own = hub.url("");
    let token_header = ("x-sdm-anti-forgery", token.as_str());
    let refused = [
        vec![json],
        vec![json, token_header],
        vec![json, ("origin", own.as_str())],
        vec![json, ("origin", "https://evil.example"), token_header],
        vec![json, ("origin", "null"), token_header],
        vec![
            json,
            ("sec-fetch-site", "cross-site"),
            ("origin", own.as_str()),
            token_header,
        ],
        vec![json, ("sec-fetch-site", "same-site"), token_header],
        vec![
            json,
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", "guess"),
        ],
    ];
    for headers in refused {
        let answer = ask(&mut browser, &headers).await;
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text);
    }
    let meant = ask(
        &mut browser,
        &[json, ("sec-fetch-site", "same-origin"), token_header],
    )
    .await;
    assert_eq!(meant.status, 200, "{}", meant.text);
    let meant = ask(&mut browser, &[json, ("origin", own.as_str()), token_header]).await;
    assert_eq!(meant.status, 200, "{}", meant.text);
    let both = ask(
        &mut browser,
        &[
            ("authorization", "Bearer hub_a_x"),
            ("origin", own.as_str()),
            token_header,
        ],
    )
    .await;
    assert_eq!(both.code(), "ambiguous_credentials");
    let upgrade = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("origin", "https://evil.example"),
    ];
    let socket = browser.send(Method::GET, "/ws/open", &upgrade, "").await;
    assert_eq!(socket.code(), "foreign_origin");
    let foreign = browser
        .send(
            Method::POST,
            "/sign-out",
            &[("sec-fetch-site", "cross-site")],
            &format!("anti_forgery={token}"),
        )
        .await;
    assert_eq!(foreign.code(), "foreign_origin");
    assert_eq!(
        browser.submit("/sign-out", "").await.code(),
        "anti_forgery_token_missing"
    );
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to() {
    let hub = TestHub::start(quick()).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let old = ada.cookie.clone();
    let token = ada.token().await;
    let left = ada.submit("/sign-out", &format!("anti_forgery={token}")).await;
    assert_eq!((left.status, left.location.as_str()), (303, "/sign-in"));
    assert!(left.set_cookie.contains("Max-Age=0"), "{}", left.set_cookie);
    let mut stolen = Browser::new(&hub);
    stolen.cookie = old;
    let looked = stolen.send(Method::GET, "/metrics", &[], "").await;
    assert_eq!(
        (looked.status, looked.code()),
        (401, json!("invalid_credentials"))
    );
    let administration = hub.administration();
    let mut bob = signed_in(&hub, "bob", PersonRole::Member).await;
    assert!(bob.get("/sign-in").await.text.contains("signed in as"));
    let admin = PersonChange {
        role: Some(PersonRole::Admin),
        ..PersonChange::default()
    };
    administration.change_person("bob", &admin).await.unwrap();
    assert!(
        !bob.get("/sign-in").await.text.contains("signed in as"),
        "other rights, another session"
    );
    let link = administration.link_for("bob", &hub.url("")).await.unwrap();
    let suspended = PersonChange {
        state: Some(PersonState::Suspended),
        ..PersonChange::default()
    };
    administration.change_person("bob", &suspended).await.unwrap();
    assert_eq!(bob.come_in(&link.address).await.code(), "principal_disabled");
}

#[tokio::test]
async fn h3_a_link_leads_to_places_of_the_hub_only() {
    let hub = TestHub::start(quick()).await;
    for (number, (wanted, place)) in [
        ("%2Fgoals%3Fa%3D1", "/goals?a=1"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("javascript%3Ax", "/"),
    ]
    .into_iter()
    .enumerate()
    {
        let link = invite(&hub, &format!("p{number}"), PersonRole::Member).await;
        let path = link.address.strip_prefix(&hub.url("")).unwrap().to_owned();
        let came = Browser::new(&hub)
            .submit(&path, &format!("return={wanted}"))
            .await;
        assert_eq!((came.status, came.location.as_str()), (303, place), "{wanted}");
    }
    let link = invite(&hub, "last", PersonRole::Member).await;
    let path = link.address.strip_prefix(&hub.url("")).unwrap().to_owned();
    let foreign = Browser::new(&hub)
        .send(Method::POST, &path, &[("origin", "https://evil.example")], "")
        .await;
    assert_eq!(
        foreign.code(),
        "foreign_origin",
        "nobody is signed in by another page"
    );
}

#[tokio::test]
async fn d60_what_administrators_do_in_a_browser_members_and_keys_do_not() {
    let hub = TestHub::start(quick()).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let mut bob = signed_in(&hub, "bob", PersonRole::Member).await;
    assert_eq!(ada.get("/metrics").await.status, 200);
    assert_eq!(bob.get("/metrics").await.code(), "insufficient_permission");
    let registration = super::machine::registration("m", "1.0.0", "durable").to_string();
    let token = ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
    ];
    let refused = ada
        .send(Method::POST, "/registration", &headers, &registration)
        .await;
    assert_eq!(refused.code(), "addon_required", "{}", refused.text);
}
