//! Text of strangers on a page: nothing in it is markup, and nothing hides, reorders or imitates what people read (threats A4,
//! A5, E7, H2).

use maud::{Markup, PreEscaped, Render, html};

use crate::model::deceptive::is_deceptive;

/// Longest text of one value that is shown, in characters.
const LONGEST: usize = 4_000;

/// Puts a character on a page.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c if c.is_control() || is_deceptive(c) => push_mark(out, c),
        c => out.push(c),
    }
}

/// Puts the number of a character in its place, so that people see that it is there.
fn push_mark(out: &mut String, c: char) {
    out.push_str("<span class=\"odd\">");
    out.extend(c.escape_unicode());
    out.push_str("</span>");
}

/// Text for people to read. Line ends and tabs are spaces, what is too long is cut with a mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a>(pub(super) &'a str);

impl Render for Shown<'_> {
    fn render_to(&self, out: &mut String) {
        for c in self.0.chars().take(LONGEST) {
            match c {
                '\n' | '\t' => out.push(' '),
                '\r' => {}
                c => push_escaped(out, c),
            }
        }
        if self.0.chars().nth(LONGEST).is_some() {
            out.push_str("<span class=\"odd\">… (cut)</span>");
        }
    }
}

/// Text of several lines, at most so many bytes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'a>(pub(super) &'a str, pub(super) usize);

impl Render for Lines<'_> {
    fn render_to(&self, out: &mut String) {
        for (at, c) in self.0.char_indices() {
            if at >= self.1 {
                out.push_str("<span class=\"odd\">… (cut)</span>");
                return;
            }
            match c {
                '\n' | '\t' => out.push(c),
                '\r' => {}
                c => push_escaped(out, c),
            }
        }
    }
}

/// A name that decides something: of a branch, a repository, a goal. Characters beyond ASCII are marked with their number, because
/// two names that look alike are two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a>(pub(super) &'a str);

impl Render for Name<'_> {
    fn render_to(&self, out: &mut String) {
        for c in self.0.chars().take(LONGEST) {
            if c.is_ascii() || c.is_control() || is_deceptive(c) {
                push_escaped(out, c);
            } else {
                let number = u32::from(c);
                out.push_str(&format!(
                    "<span class=\"foreign\" title=\"U+{number:04X}\">{c}</span>"
                ));
            }
        }
        if self.0.chars().nth(LONGEST).is_some() {
            out.push_str("<span class=\"odd\">… (cut)</span>");
        }
    }
}

/// The same text where no markup can be: in titles and attributes.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(LONGEST) {
        match c {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            c if c.is_control() || is_deceptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// The first line of a text, at most so many characters of it.
pub(super) fn first_line(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().nth(most).is_none() {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(most).collect();
    cut.push('…');
    cut
}

/// An address that a page may point at; `None` for anything but http and https.
pub(super) fn web_address(text: &str) -> Option<&str> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
    (!rest.is_empty() && text.len() <= 2_000 && rest.chars().all(is_plain)).then_some(text)
}

/// A link to an address of strangers, or the text alone when a page may not point there.
pub(super) fn link(address: &str, label: &dyn Render) -> Markup {
    match web_address(address) {
        Some(address) => {
            html! { a href=(address) rel="noopener noreferrer nofollow" { (label) } }
        }
        None => html! { (label) },
    }
}

/// A step of a path, with everything escaped that could be taken for something else.
pub(super) fn step(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                path.push(char::from(byte));
            }
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    path
}

/// A line of a log: colours that programs choose stay, addresses of the web become links, everything else is text.
pub(super) fn log_line(line: &str) -> Markup {
    let mut out = String::with_capacity(line.len() + 32);
    let mut look = Look::default();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((parameters, length)) = select_graphic_rendition(rest) {
            look = look.after(parameters);
            rest = &rest[length..];
            continue;
        }
        if let Some(length) = other_sequence(rest) {
            rest = &rest[length..];
            continue;
        }
        let end = rest.find('\x1b').filter(|end| *end > 0).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(if c == '\x1b' { 1 } else { end });
        look.open(&mut out);
        push_run(&mut out, run);
        look.close(&mut out);
        rest = behind;
    }
    PreEscaped(out)
}

/// Text without sequences: tabs stay, addresses become links.
fn push_run(out: &mut String, run: &str) {
    let mut rest = run;
    while let Some(start) = rest.find("http") {
        let (before, from) = rest.split_at(start);
        push_text(out, before);
        let end = from
            .find(|c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\'))
            .unwrap_or(from.len());
        let address = from[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
        let taken = match web_address(address) {
            Some(address) => {
                out.push_str(&link(address, &Shown(address)).into_string());
                address.len()
            }
            None => {
                push_text(out, &from[..4]);
                4
            }
        };
        rest = &from[taken..];
    }
    push_text(out, rest);
}

fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => out.push('\t'),
            '\r' => {}
            c => push_escaped(out, c),
        }
    }
}

/// The colour sequence `ESC [ digits and ; m` at the beginning of a text: its parameters, and its length.
fn select_graphic_rendition(text: &str) -> Option<(&str, usize)> {
    let parameters = text.strip_prefix("\x1b[")?;
    let length = parameters
        .bytes()
        .take(64)
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'))
        .count();
    parameters[length..]
        .starts_with('m')
        .then(|| (&parameters[..length], length + 3))
}

/// Length of another control sequence at the beginning: one that would move the cursor, clear, or point somewhere.
fn other_sequence(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\x1b')?;
    if let Some(parameters) = rest.strip_prefix('[') {
        let length = parameters
            .bytes()
            .take(64)
            .take_while(|byte| (0x20..0x40).contains(byte))
            .count();
        let is_whole = matches!(parameters.as_bytes().get(length), Some(0x40..=0x7e));
        return is_whole.then_some(length + 3);
    }
    let address = rest.strip_prefix(']')?;
    let ends = [
        address.find('\x07').map(|at| at + 1),
        address.find("\x1b\\").map(|at| at + 2),
    ];
    ends.into_iter().flatten().min().map(|length| length + 2)
}

/// How text of a log looks at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
    colour: Option<u8>,
}

impl Look {
    fn after(self, parameters: &str) -> Self {
        let mut look = self;
        let mut numbers = parameters
            .split([';', ':'])
            .map(|number| number.parse::<u8>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => look = Self::default(),
                1 => look.is_bold = true,
                2 => look.is_dim = true,
                4 => look.is_underlined = true,
                22 => (look.is_bold, look.is_dim) = (false, false),
                24 => look.is_underlined = false,
                30..=37 => look.colour = Some(number - 30),
                90..=97 => look.colour = Some(number - 90),
                39 => look.colour = None,
                38 | 48 => skip_colour(&mut numbers),
                _ => {}
            }
        }
        look
    }

    fn open(self, out: &mut String) {
        if self == Self::default() {
            return;
        }
        out.push_str("<span class=\"");
        let words = [
            (self.is_bold, "b "),
            (self.is_dim, "d "),
            (self.is_underlined, "u "),
        ];
        for (_, word) in words.iter().filter(|(is_so, _)| *is_so) {
            out.push_str(word);
        }
        if let Some(colour) = self.colour {
            out.push_str(&format!("c{colour}"));
        }
        out.push_str("\">");
    }

    fn close(self, out: &mut String) {
        if self != Self::default() {
            out.push_str("</span>");
        }
    }
}

/// Colours of a palette or of three numbers are not told apart here.
fn skip_colour(numbers: &mut impl Iterator<Item = u8>) {
    let parts = match numbers.next() {
        Some(5) => 1,
        Some(2) => 3,
        Some(_) | None => 0,
    };
    for _ in 0..parts {
        numbers.next();
    }
}

/// `1 command`, `2 commands`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Shown(text).render().into_string()
    }

    #[test]
    fn h2_markup_is_text() {
        assert_eq!(
            shown("<script>alert('1')</script>&\""),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"
        );
        let name = Name("<img src=x onerror=alert(1)>").render().into_string();
        assert!(!name.contains('<') && !name.contains('>'), "{name}");
    }

    #[test]
    fn a4_control_and_direction_characters_are_visible_and_long_text_is_cut() {
        assert_eq!(
            shown("a\u{202e}b\u{1b}[2J"),
            "a<span class=\"odd\">\\u{202e}</span>b<span class=\"odd\">\\u{1b}</span>[2J"
        );
        let long = shown(&"x".repeat(5 * 1024 * 1024));
        assert!(long.len() < LONGEST + 100 && long.contains("(cut)"));
        assert_eq!(plain("a\u{202e}b\nc"), "a\\u{202e}b c");
    }

    #[test]
    fn a4_lines_stay_lines() {
        let lines = |text: &str, most: usize| Lines(text, most).render().into_string();
        assert_eq!(
            lines("a\n\t<b>\u{202e}", 100),
            "a\n\t&lt;b&gt;<span class=\"odd\">\\u{202e}</span>"
        );
        assert_eq!(lines("abc", 2), "ab<span class=\"odd\">… (cut)</span>");
    }

    #[test]
    fn a5_names_that_look_alike_are_told_apart() {
        let name = |text: &str| Name(text).render().into_string();
        assert_eq!(name("main"), "main");
        assert_eq!(
            name("\u{217f}ain"),
            "<span class=\"foreign\" title=\"U+217F\">\u{217f}</span>ain"
        );
        assert_eq!(name("main\u{200d}"), "main<span class=\"odd\">\\u{200d}</span>");
    }

    #[test]
    fn h2_only_addresses_of_the_web_are_links() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil",
            "https://",
            "https://a\"b",
            "http://a b",
            " https://a",
            "HTTPS://a",
        ] {
            assert_eq!(web_address(bad), None, "{bad}");
        }
        assert!(link("javascript:alert(1)", &Shown("x")).into_string() == "x");
        assert!(
            link("https://example.org/a?b=1&c", &Shown("x"))
                .into_string()
                .contains("href=\"https://example.org/a?b=1&amp;c\"")
        );
    }

    #[test]
    fn e7_a_log_is_text_with_colours_and_links_and_nothing_else() {
        let line = |text: &str| log_line(text).into_string();
        assert_eq!(
            line("\u{1b}[1;31mred\u{1b}[0m plain"),
            "<span class=\"b c1\">red</span> plain"
        );
        assert_eq!(
            line("\u{1b}[2J\u{1b}[1;1Hgone\r\n"),
            "gone<span class=\"odd\">\\u{a}</span>"
        );
        assert_eq!(
            line("\u{1b}]8;;javascript:alert(1)\u{7}click\u{1b}]8;;\u{7}"),
            "click"
        );
        assert_eq!(line("\u{1b}[38;5;200;4mx"), "<span class=\"u \">x</span>");
        assert_eq!(line("\u{1b}"), "<span class=\"odd\">\\u{1b}</span>");
        assert_eq!(
            line("see https://example.org/x). <b>"),
            "see <a href=\"https://example.org/x\" rel=\"noopener noreferrer nofollow\">https://example.org/x</a>). &lt;b&gt;"
        );
        assert_eq!(line("http:// httpx"), "http:// httpx");
    }

    #[test]
    fn steps_of_paths_hold_no_separators() {
        assert_eq!(step("0-code/ä?#%"), "0-code%2F%C3%A4%3F%23%25");
    }
}
