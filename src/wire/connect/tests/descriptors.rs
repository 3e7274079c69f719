//! Descriptors as strangers write them.

use reqwest::Url;
use serde_json::{Value, json};

use crate::wire::connect::descriptor::{Changes, LARGEST_DESCRIPTOR};
use crate::wire::connect::{Descriptor, DescriptorProblem};

fn from() -> Url {
    Url::parse("https://sdm.example.com/addon/atlassian-connect.json").unwrap()
}

fn good() -> Value {
    json!({
        "key": "com.example.sdm", "name": "Builder", "baseUrl": "https://sdm.example.com/addon",
        "authentication": {"type": "JWT"},
        "lifecycle": {"installed": "/installed", "uninstalled": "gone?x=1"},
        "scopes": ["READ", "WRITE"],
        "modules": {"webhooks": [{"event": "push", "url": "/hook"}], "generalPages": []},
        "vendor": {"name": "<b>Example</b>", "url": "https://example.com"},
        "apiVersion": 2,
    })
}

fn read(value: &Value) -> Result<Descriptor, Vec<DescriptorProblem>> {
    Descriptor::parse(value.to_string().as_bytes(), &from(), false)
}

fn said(change: impl FnOnce(&mut Value)) -> String {
    let mut value = good();
    change(&mut value);
    let problems = read(&value).unwrap_err();
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn a_descriptor_is_read_with_its_addresses_below_its_base() {
    let descriptor = read(&good()).unwrap();
    assert_eq!(descriptor.key, "com.example.sdm");
    assert!(descriptor.is_authenticated);
    let hooks = &descriptor.lifecycle;
    assert_eq!(
        hooks.installed.as_ref().unwrap().as_str(),
        "https://sdm.example.com/addon/installed"
    );
    assert_eq!(
        hooks.uninstalled.as_ref().unwrap().as_str(),
        "https://sdm.example.com/addon/gone?x=1"
    );
    assert_eq!(hooks.enabled, None);
    assert_eq!(
        descriptor.webhooks[0].url.as_str(),
        "https://sdm.example.com/addon/hook"
    );
    assert_eq!((descriptor.api_version, descriptor.scopes.len()), (2, 2));
    assert_eq!(
        descriptor.vendor.as_deref(),
        Some("<b>Example</b>"),
        "text stays text"
    );
    assert_eq!(
        descriptor.warnings[0].to_string(),
        "the descriptor's `modules.generalPages` is not known here and ignored"
    );
    assert_eq!(descriptor.digest.len(), 64);
}

#[test]
fn what_is_wrong_is_said_field_by_field_and_all_at_once() {
    assert_eq!(
        said(|v| v["key"] = json!("a b")),
        "the descriptor's `key` must have 1 to 80 letters, digits, `.`, `_` and `-`"
    );
    assert_eq!(
        said(|v| v["baseUrl"] = json!("/addon")),
        "the descriptor's `baseUrl` is no absolute address"
    );
    assert_eq!(
        said(|v| v["baseUrl"] = json!("http://sdm.example.com/addon")),
        "the descriptor's `baseUrl` must begin with https://"
    );
    assert_eq!(
        said(|v| v["baseUrl"] = json!("https://u:p@sdm.example.com/")),
        "the descriptor's `baseUrl` must not hold a login"
    );
    for other in ["https://evil.example/addon", "https://sdm.example.com:8443/addon"] {
        assert_eq!(
            said(|v| v["baseUrl"] = json!(other)),
            "the descriptor's `baseUrl` has another scheme, host or port than the descriptor itself"
        );
    }
    assert_eq!(
        said(|v| v["lifecycle"] = json!({})),
        "the descriptor's `lifecycle.installed` is missing; signed calls need it to hand over the secret"
    );
    assert_eq!(
        said(|v| v["scopes"] = json!(["READ", "write"])),
        "the descriptor's `scopes` mixes capitals and small letters"
    );
    let many = said(|v| {
        v["key"] = json!(7);
        v["authentication"] = json!({"type": "basic"});
        v["apiVersion"] = json!("two");
    });
    assert_eq!(many.matches("the descriptor's").count(), 3, "{many}");
}

#[test]
fn hooks_cannot_leave_the_base() {
    for path in [
        "https://evil.example/x",
        "//evil.example/x",
        "/\\evil",
        "../installed",
        "/../../x",
        "javascript://x",
        "%2e%2e/x",
    ] {
        let text = said(|v| v["lifecycle"]["installed"] = json!(path));
        assert!(text.contains("`lifecycle.installed`"), "{path}: {text}");
    }
}

#[test]
fn development_may_be_without_tls_on_this_computer_only() {
    let here = |base: &str, allows: bool| {
        let mut value = good();
        value["baseUrl"] = json!(base);
        let from = Url::parse(&format!("{base}/d.json")).unwrap();
        Descriptor::parse(value.to_string().as_bytes(), &from, allows).is_ok()
    };
    assert!(here("http://localhost:3000/addon", true));
    assert!(here("http://127.0.0.1:3000", true));
    assert!(!here("http://localhost:3000/addon", false));
    assert!(!here("http://sdm.example.com", true));
    assert!(!here("ftp://localhost", true));
}

#[test]
fn hostile_sizes_and_forms_are_refused() {
    let parse = |bytes: &[u8]| Descriptor::parse(bytes, &from(), false).unwrap_err()[0].to_string();
    assert_eq!(
        parse(&vec![b' '; LARGEST_DESCRIPTOR + 1]),
        "the descriptor is larger than 262144 bytes"
    );
    assert_eq!(parse(b"[]"), "the descriptor is not an object");
    assert!(parse(b"{").starts_with("the descriptor is not JSON"));
    assert!(parse(&vec![b'['; 100_000]).starts_with("the descriptor is not JSON"));
    let many: Vec<String> = (0..101).map(|number| format!("s{number}")).collect();
    assert!(said(|v| v["scopes"] = json!(many)).contains("at most 100 names"));
}

#[test]
fn f4_what_changes_rights_or_addresses_needs_an_administrator() {
    let old = read(&good()).unwrap();
    let changes = |change: fn(&mut Value)| {
        let mut value = good();
        change(&mut value);
        read(&value).unwrap().changes_since(&old)
    };
    let quiet = |names: &[&'static str]| {
        Some(Changes {
            quiet: names.to_vec(),
            grave: Vec::new(),
        })
    };
    let grave = |names: &[&'static str]| {
        Some(Changes {
            quiet: Vec::new(),
            grave: names.to_vec(),
        })
    };
    assert_eq!(changes(|_| {}), quiet(&[]));
    assert_eq!(changes(|v| v["name"] = json!("x")), quiet(&["name"]));
    assert_eq!(changes(|v| v["modules"] = json!({})), quiet(&["modules"]));
    assert_eq!(changes(|v| v["scopes"] = json!(["ADMIN"])), grave(&["scopes"]));
    assert_eq!(
        changes(|v| v["lifecycle"]["installed"] = json!("/i2")),
        grave(&["lifecycle"])
    );
    assert_eq!(changes(|v| v["key"] = json!("other")), None);
}
