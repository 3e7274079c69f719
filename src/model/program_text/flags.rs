//! Flags as most programs read them: clusters of letters, long names, `--`.

/// Which flags have values, and which are the last.
#[derive(Clone, Copy)]
pub(super) struct Shape<'s> {
    /// Letters with a value.
    pub(super) valued: &'s str,
    /// Letters whose value, where there is one, is the rest of the word.
    pub(super) attached: &'s str,
    /// Letters without a value.
    pub(super) bare: &'s str,
    /// Long names with a value.
    pub(super) long_valued: &'s [&'s str],
    /// Long names with two.
    pub(super) pairs: &'s [&'s str],
    /// Letters after whose value no further flags are read.
    pub(super) last: &'s str,
    /// Long names of the same kind.
    pub(super) long_last: &'s [&'s str],
}

/// One flag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flag<'a> {
    /// Its letter or long name.
    pub(super) name: &'a str,
    /// The argument that it stands in.
    pub(super) at: usize,
    /// The argument that its value stands in, where it has one.
    pub(super) value_at: Option<usize>,
}

/// The flags from one place on.
pub(super) struct Flags<'a> {
    pub(super) all: Vec<Flag<'a>>,
    /// The first argument that is none.
    pub(super) end: usize,
    /// Whether that would be none whatever it says.
    pub(super) is_closed: bool,
    /// Whether that may be the value of the flag before it, which nothing is known of.
    pub(super) is_doubtful: bool,
}

/// Beginnings of long names that have no value.
const WITHOUT_VALUE: &[&str] = &["no-", "enable-", "experimental-", "allow-", "with-", "without-"];

impl<'a> Flags<'a> {
    pub(super) fn read(argv: &[&'a str], from: usize, shape: Shape<'_>) -> Self {
        let mut flags = Self {
            all: Vec::new(),
            end: from,
            is_closed: false,
            is_doubtful: false,
        };
        while let Some(word) = argv.get(flags.end).copied() {
            if word.is_empty() {
                flags.end += 1;
            } else if word == "--" {
                flags.end += 1;
                flags.is_closed = true;
            } else if let Some(long) = long_name(word, shape) {
                flags.long(long, shape);
            } else if word.len() > 1 && word.starts_with('-') {
                flags.cluster(&word[1..], shape);
            } else {
                break;
            }
            if flags.is_closed {
                flags.is_doubtful = false;
                break;
            }
        }
        flags
    }

    /// Whether one of these letters or names is there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.all.iter().any(|flag| names.contains(&flag.name))
    }

    fn long(&mut self, long: &'a str, shape: Shape<'_>) {
        let at = self.end;
        let (name, has_value) = long
            .split_once('=')
            .map_or((long, false), |(name, _)| (name, true));
        let is_pair = !has_value && shape.pairs.contains(&name);
        let takes_next = !has_value && shape.long_valued.contains(&name);
        self.end += 1 + usize::from(takes_next) + 2 * usize::from(is_pair);
        let value_at = (has_value || takes_next).then(|| at + usize::from(takes_next));
        let is_bare = WITHOUT_VALUE.iter().any(|front| name.starts_with(front));
        self.is_doubtful = value_at.is_none() && !is_pair && !is_bare;
        self.is_closed = takes_next && shape.long_last.contains(&name);
        self.all.push(Flag { name, at, value_at });
    }

    fn cluster(&mut self, letters: &'a str, shape: Shape<'_>) {
        let at = self.end;
        self.end += 1;
        for (offset, letter) in letters.char_indices() {
            let end = offset + letter.len_utf8();
            let name = &letters[offset..end];
            let takes_value = shape.valued.contains(letter);
            let takes_rest = shape.attached.contains(letter);
            if !takes_value && !takes_rest {
                self.is_doubtful = !shape.bare.contains(letter) && !letter.is_ascii_digit();
                let value_at = None;
                self.all.push(Flag { name, at, value_at });
                continue;
            }
            self.is_doubtful = false;
            let takes_next = takes_value && end == letters.len();
            self.end += usize::from(takes_next);
            let value_at = (takes_value || end < letters.len()).then(|| at + usize::from(takes_next));
            self.all.push(Flag { name, at, value_at });
            self.is_closed = takes_value && shape.last.contains(letter);
            return;
        }
    }
}

/// The name of a long flag; some programs write theirs with one dash.
fn long_name<'a>(word: &'a str, shape: Shape<'_>) -> Option<&'a str> {
    let is_listed = |name: &&str| {
        let name = name.split('=').next().unwrap_or(name);
        name.len() > 1 && (shape.long_valued.contains(&name) || shape.pairs.contains(&name))
    };
    word.strip_prefix("--")
        .or_else(|| word.strip_prefix('-').filter(is_listed))
}
