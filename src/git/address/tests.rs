//! Which addresses are taken, refused and shown (threats A3, H4).

use std::net::IpAddr;

use secrecy::ExposeSecret;

use super::{AddressPolicy, HostClass, RemoteAddress};

fn shown(text: &str) -> String {
    match RemoteAddress::parse(text) {
        Ok(address) => address.to_string(),
        Err(error) => panic!("{error}"),
    }
}

fn refusal(text: &str, policy: &AddressPolicy) -> String {
    match RemoteAddress::parse_allowed(text, policy) {
        Ok(address) => panic!("`{text}` was accepted as {address}"),
        Err(error) => error.because,
    }
}

#[test]
fn the_allowed_forms_have_one_spelling_each() {
    for (given, normal) in [
        ("/srv/git/a.git/", "/srv/git/a.git"),
        ("file:///srv//git/./a%20b", "/srv/git/a b"),
        ("FILE://localhost/srv/a", "/srv/a"),
        (
            "HTTPS://Forge.Example:443/o/r.git/",
            "https://forge.example/o/r.git",
        ),
        ("http://forge.example:8080/o/r", "http://forge.example:8080/o/r"),
        (
            "ssh://git@Forge.example:2222/o/r.git",
            "ssh://git@forge.example:2222/o/r.git",
        ),
        ("ssh://forge.example/~me/r", "ssh://forge.example/~me/r"),
        ("git@forge.example:o/r.git", "ssh://git@forge.example/~/o/r.git"),
        ("forge.example:/abs/r.git", "ssh://forge.example/abs/r.git"),
        ("git@[::1]:r.git", "ssh://git@[::1]/~/r.git"),
        ("git://forge.example/o/r", "git://forge.example/o/r"),
        ("git://forge.example:9419/o/r", "git://forge.example:9419/o/r"),
    ] {
        assert_eq!(shown(given), normal, "{given}");
    }
}

#[test]
fn a3_other_protocols_and_options_in_disguise_are_refused() {
    for text in [
        "ext::sh -c 'touch CANARY'",
        "EXT::sh -c 'touch CANARY'",
        "ext::sh -c touch% CANARY %G/x://y",
        "fd::17/foo",
        "ftp://host/r",
        "javascript://host/r",
        "file+x:///etc",
        "ssh://-oProxyCommand=touch CANARY/r",
        "ssh://-oProxyCommand=touch%20CANARY/r",
        "ssh://git@-oProxyCommand=x/r",
        "ssh://-oProxyCommand=x@host/r",
        "-oProxyCommand=x:r",
        "git@-oProxyCommand=x:r",
        "--upload-pack=touch CANARY",
        "ssh://host:22x/r",
        "ssh://host:0/r",
        "ssh://host/",
        "ssh://host",
        "host:-r",
        "ssh://ho%73t/r",
        "git://-x/r",
        "git://host/r%0ahost=evil",
        "ssh://host/r%00x",
        "http://[::1",
        "http://[::1]:port/r",
        "http:///r",
        r"http:\\host\r",
        r"https://forge.example\@evil.example/r",
        "http://host/r?x=1",
        "https://host/r#x",
        "https://host/r\n",
        "https://ho\tst/r",
        "\u{1b}[2Jhttps://host/r",
        "relative/path",
        "../x",
        "/srv/../etc",
        "file://otherhost/etc",
        "file:relative",
        "ssh://git:secret@host/r",
        "",
    ] {
        assert!(!refusal(text, &AddressPolicy::LOCAL).is_empty());
    }
    assert!(RemoteAddress::parse(&format!("https://h/{}", "x".repeat(5000))).is_err());
}

#[test]
fn a3_the_policy_decides_on_files_git_and_private_hosts() {
    for text in ["file:///etc", "/etc", "git://forge.example/r"] {
        assert!(refusal(text, &AddressPolicy::TEAM).contains("not allowed"));
        assert!(RemoteAddress::parse_allowed(text, &AddressPolicy::LOCAL).is_ok());
    }
    for text in [
        "http://[::1]:8080/r",
        "http://127.0.0.1/r",
        "http://0x7f.1/r",
        "http://2130706433/r",
        "http://LOCALHOST./r",
        "http://[::ffff:10.0.0.1]/r",
        "ssh://0x7f.1/r",
        "git@10.1.2.3:r",
        "https://192.168.0.1/r",
    ] {
        refusal(text, &AddressPolicy::PUBLIC_ONLY);
        assert!(
            RemoteAddress::parse_allowed(text, &AddressPolicy::LOCAL).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn h4_metadata_and_link_local_addresses_are_never_allowed() {
    for text in [
        "http://169.254.169.254/r",
        "http://[fe80::1]/r",
        "http://0.0.0.0/r",
        "http://[::ffff:169.254.169.254]/r",
        "http://[64:ff9b::a9fe:a9fe]/r",
        "http://[fd00:ec2::254]/r",
        "ssh://169.254.169.254/r",
        "http://255.255.255.255/r",
    ] {
        refusal(text, &AddressPolicy::LOCAL);
    }
    let class = |text: &str| HostClass::of(text.parse::<IpAddr>().unwrap());
    assert_eq!(class("100.64.0.1"), HostClass::Private);
    assert_eq!(class("fd12::1"), HostClass::Private);
    assert_eq!(class("2002:0a00:0001::1"), HostClass::Private);
    assert_eq!(class("1.1.1.1"), HostClass::Public);
}

#[test]
fn a3_credentials_are_split_off_and_never_shown() {
    let address = RemoteAddress::parse("https://me:s3cr%40t@forge.example/o/r").unwrap();
    assert_eq!(address.to_string(), "https://forge.example/o/r");
    let login = address.login().unwrap();
    assert_eq!(login.user(), "me");
    assert_eq!(login.secret().expose_secret(), "s3cr@t");
    assert!(!format!("{address:?}").contains("s3cr"));
    for refused in [
        "https://me:s3crt@host/r?x",
        "ext://me:s3crt@host/r",
        "me:s3crt@host:r/x",
        "ssh://me:s3crt@h/r",
    ] {
        let error = RemoteAddress::parse(refused).unwrap_err();
        assert!(!error.to_string().contains("s3crt"), "{error}");
    }
}

#[test]
fn a_login_is_bound_to_scheme_host_and_port() {
    let origin = |text: &str| RemoteAddress::parse(text).unwrap().origin().unwrap();
    assert_eq!(origin("https://h/r"), origin("https://H:443/other"));
    assert_ne!(origin("https://h/r"), origin("http://h/r"));
    assert_ne!(origin("https://h/r"), origin("https://h:444/r"));
    assert_eq!(origin("https://h:444/r").to_string(), "https://h:444");
    assert_eq!(origin("git@h:r").to_string(), "ssh://h");
    assert!(RemoteAddress::parse("/srv/r").unwrap().origin().is_none());
}
