//! The text of hooks, and addresses. Hooks under real git are tested in `tests/it/cli/hooks.rs`.

use super::clone::parse;
use super::hook_section::{EVENTS, NotOurs, new_hook, with_section, without_section};

fn added(hook: &str) -> String {
    String::from_utf8(with_section("post-commit", hook.as_bytes()).unwrap()).unwrap()
}

#[test]
fn j3_removal_gives_back_every_byte() {
    let hooks = [
        "#!/bin/sh\necho mine\n",
        "#!/bin/sh\necho mine",
        "#!/bin/sh",
        "#!/bin/sh\n",
        "#!/bin/sh\r\necho mine\r\n",
        "echo no interpreter\n",
        "",
        "\n\n#!/bin/sh\n",
        "#!/usr/bin/env -S bash -e\n\nexec lefthook run post-commit \"$@\"\n",
        "#!/bin/sh\n# >>> sdm hook >>> a lone beginning\necho mine\n",
        "#!/bin/sh\n# <<< sdm hook <<<\necho mine\n",
    ];
    for hook in hooks {
        let text = added(hook);
        assert_ne!(text, hook);
        assert_eq!(
            without_section(text.as_bytes()),
            Some(Some(hook.as_bytes().to_vec())),
            "{hook:?}"
        );
    }
}

#[test]
fn lo_05_adding_again_changes_nothing_and_sloppy_markers_are_replaced() {
    let once = added("#!/bin/sh\necho mine\n");
    assert_eq!(added(&once), once);
    let sloppy = once
        .replace("# >>> sdm hook >>>", "  #>>> SDM hook>>>")
        .replace("# <<< sdm hook <<<", "# <<<sdm hook<<<  \r");
    assert_ne!(sloppy, once);
    assert_eq!(added(&sloppy), once);
    for event in EVENTS {
        let new = new_hook(event);
        assert_eq!(with_section(event, new.as_bytes()).unwrap(), new.as_bytes());
    }
}

#[test]
fn lo_05_our_part_runs_before_managers_that_never_come_back() {
    let text = added("#!/bin/sh\nexec pre-commit hook-impl\n");
    assert!(text.find("sdm hook").unwrap() < text.find("exec pre-commit").unwrap());
    assert!(text.starts_with("#!/bin/sh\n"));
}

#[test]
fn lo_06_only_our_own_file_disappears() {
    assert_eq!(without_section(new_hook("post-commit").as_bytes()), Some(None));
    assert_eq!(without_section(b"#!/bin/sh\necho mine\n"), None);
    assert_eq!(without_section(b""), None);
    let grown = new_hook("post-commit") + "echo added later\n";
    assert_eq!(
        without_section(grown.as_bytes()),
        Some(Some(b"#!/bin/sh\necho added later\n".to_vec()))
    );
}

#[test]
fn j3_hooks_in_other_languages_are_left_alone() {
    for (hook, program) in [
        ("#!/usr/bin/env python3\n", "python3"),
        ("#!/usr/bin/node\n", "node"),
        ("#!/usr/bin/env -S deno run\n", "deno"),
    ] {
        assert_eq!(
            with_section("post-commit", hook.as_bytes()),
            Err(NotOurs::NotShell(program.to_owned()))
        );
    }
    assert_eq!(with_section("post-commit", b"\x7fELF\0\0"), Err(NotOurs::Binary));
    assert_eq!(
        with_section("post-commit", &vec![b'#'; 2 << 20]),
        Err(NotOurs::TooLarge)
    );
}

#[test]
fn lo_04_addresses_say_owner_and_name() {
    let read = |address: &str| parse(address).map(|read| format!("{}/{}", read.owner, read.name));
    for address in [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.git",
        "http://user@host:8080/acme/shop/",
        "git@github.com:acme/shop.git",
        "ssh://git@host:22/acme/shop.git",
        "host:acme/shop",
        "/srv/git/acme/shop.git",
        "../acme/shop",
        "file:///srv/acme/shop/.git",
        "https://host/group/acme/shop.git?x=y#z",
        "https://[2001:db8::1]:8443/acme/shop",
    ] {
        assert_eq!(read(address).as_deref(), Ok("acme/shop"), "{address}");
    }
    assert_eq!(read("host:shop").as_deref(), Ok("/shop"));
}

#[test]
fn a2_a3_addresses_that_are_options_or_programs_are_refused() {
    for address in [
        "ext::sh -c 'touch CANARY'",
        "EXT::sh",
        "fd::17",
        "--upload-pack=touch CANARY",
        "ssh://-oProxyCommand=touch/x/y",
        "ssh://-oProxyCommand=touch@host/x/y",
        "-oProxyCommand=touch:x/y",
        "host:-oProxyCommand=touch",
        "http://[::1/x/y",
        "http://host:port/x/y",
        "https://ada:secret@host/x/y",
        "ada:secret@host:x/y",
        "https://host/x\ny",
        "https://host",
        "file://etc/x",
        "gopher://host/x/y",
        "",
        "..",
        "https:///x/y",
    ] {
        assert!(parse(address).is_err(), "{address}");
    }
    assert!(
        !parse("https://ada:secret@host/x/y")
            .unwrap_err()
            .to_string()
            .contains("secret")
    );
}
