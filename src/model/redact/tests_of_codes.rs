//! Secrets in hex and base64 that are broken into lines and groups (threat E1).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::*;

/// A text in base64, broken after so many characters.
fn wrapped(code: &str, width: usize) -> String {
    let lines: Vec<_> = code
        .as_bytes()
        .chunks(width)
        .map(String::from_utf8_lossy)
        .collect();
    lines.join("\n")
}

/// What is left of lines that are masked one after the other, as a log is.
fn log(secret: &str, text: &str) -> String {
    let redactor = Redactor::new(&[secret.to_owned()]);
    let mut tails = Tails::default();
    let line = |line: &str| {
        let spans = redactor.spans(line.as_bytes(), 0, &mut tails);
        String::from_utf8(masked(line.as_bytes(), &spans)).unwrap() + "\n"
    };
    text.lines().map(line).collect()
}

/// A dump as `xxd` makes it, with its plain text beside it.
fn dump(text: &str) -> String {
    let row = |(at, row): (usize, &[u8])| {
        let words: Vec<String> = row.chunks(2).map(hex::encode).collect();
        let plain = String::from_utf8_lossy(row).replace(|c: char| c.is_control(), ".");
        format!("{:08x}: {:<40} {plain}\n", at * 16, words.join(" "))
    };
    text.as_bytes().chunks(16).enumerate().map(row).collect()
}

const TOKEN: &str = "ghp_wJ4nV8tRq2LzX0cKbY7mPdE5sUaH3gTfQ9i";

#[test]
fn e1_hex_in_groups_and_lines_is_masked_and_so_is_what_stands_beside_it() {
    let bytes = |form: &dyn Fn(u8) -> String| TOKEN.bytes().map(form).collect::<Vec<_>>();
    let mut forms = vec![
        wrapped(&hex::encode(TOKEN), 60),
        wrapped(&hex::encode_upper(TOKEN), 60),
        dump(TOKEN),
        bytes(&|byte| format!("{byte:02X}")).join(":"),
        bytes(&|byte| format!("0x{byte:02x}")).join(", "),
        bytes(&|byte| format!("\\x{byte:02x}")).concat(),
        bytes(&|byte| format!("%{byte:02X}")).concat(),
    ];
    let od = bytes(&|byte| format!("{byte:02x}"));
    let od = od.chunks(16).enumerate();
    forms.push(
        od.map(|(at, row)| format!("{:07o} {}\n", at * 16, row.join(" ")))
            .collect(),
    );
    for form in forms {
        let seen = log(TOKEN, &form);
        let digits: String = seen.chars().filter(char::is_ascii_hexdigit).collect();
        for piece in hex::encode(TOKEN)
            .as_bytes()
            .chunks(8)
            .map(String::from_utf8_lossy)
        {
            assert!(!digits.to_lowercase().contains(&*piece), "{form} -> {seen}");
        }
        for piece in TOKEN.as_bytes().windows(4) {
            assert!(
                !seen.contains(&*String::from_utf8_lossy(piece)),
                "{form} -> {seen}"
            );
        }
    }
    assert_eq!(log(TOKEN, &wrapped(&hex::encode(TOKEN), 60)), "***\n***\n");
    assert_eq!(log(TOKEN, &wrapped(&hex::encode(TOKEN), 76)), "***\n***\n");
}

#[test]
fn e1_what_is_no_secret_stays_in_dumps_and_codes() {
    let text = "the quick brown fox jumps over the lazy dog, and 0123456789 abcdef deadbeef";
    for form in [
        text.to_owned(),
        dump(text),
        wrapped(&hex::encode(text), 60),
        BASE64_STANDARD.encode(text),
    ] {
        assert_eq!(log(TOKEN, &form).trim_end(), form.trim_end());
    }
    let blank = "a secret with          much room";
    assert_eq!(log(blank, "20 20 20 20 20 20 20 20"), "20 20 20 20 20 20 20 20\n");
}

#[test]
fn e1_the_rest_of_a_secret_is_masked_on_the_line_after_it_only() {
    let lines = format!("{}\n{}", hex::encode(&TOKEN[..37]), hex::encode(&TOKEN[37..]));
    assert_eq!(log(TOKEN, &lines), "***\n***\n");
    let between = format!(
        "{}\nbetween\n{}",
        hex::encode(&TOKEN[..37]),
        hex::encode(&TOKEN[37..])
    );
    assert_eq!(log(TOKEN, &between), "***\nbetween\n3969\n");
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..Default::default()
    })]
    #[test]
    fn e1_of_base64_no_line_shows_a_window(
        secret in "[a-zA-Z0-9_/+=\n.-]{12,120}",
        before in "[a-z :\n]{0,90}",
        after in "[a-z :\n]{0,90}",
        width in 8_usize..200,
        is_log: bool,
    ) {
        let code = wrapped(&BASE64_STANDARD.encode(format!("{before}{secret}{after}")), width);
        let seen = if is_log { log(&secret, &code) } else { Redactor::new(std::slice::from_ref(&secret)).redact(&code) };
        for before in 0..3 {
            let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
            let own = BASE64_STANDARD.encode(&bytes);
            let own = &own[(before * 8).div_ceil(6)..bytes.len() * 8 / 6];
            for (at, window) in own.as_bytes().windows(8).enumerate() {
                let from = ((before * 8).div_ceil(6) + at) * 6 / 8;
                let different: BTreeSet<u8> = bytes[from..from + 6].iter().copied().collect();
                let window = std::str::from_utf8(window).unwrap();
                prop_assert!(different.len() < 3 || !seen.contains(window), "{}\n{}", code, seen);
            }
        }
    }

    #[test]
    fn e1_of_hex_no_line_shows_a_window(
        secret in "[a-zA-Z0-9_/+=.-]{12,120}",
        before in "[a-z :\n]{0,90}",
        after in "[a-z :\n]{0,90}",
        width in 12_usize..200,
        is_upper: bool,
        between in "(|:| |, 0x)",
    ) {
        let bytes = format!("{before}{secret}{after}").into_bytes();
        let code = |byte: &u8| if is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        let rows = bytes.chunks(width / 2).map(|row| row.iter().map(code).collect::<Vec<_>>().join(&between));
        let seen = log(&secret, &rows.collect::<Vec<_>>().join("\n"));
        for window in secret.as_bytes().windows(6) {
            let different: BTreeSet<u8> = window.iter().copied().collect();
            let window = window.iter().map(code).collect::<Vec<_>>().join(&between);
            prop_assert!(different.len() < 3 || !seen.contains(&window), "{}", seen);
        }
    }
}
