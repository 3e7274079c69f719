//! Flags as most programs read them: clusters of letters, long names, `--`.

/// Which flags have values, and which are the last.
#[derive(Clone, Copy)]
pub(super) struct Shape<'s> {
    /// Letters with a value.
    pub(super) valued: &'s str,
    /// Long names with a value.
    pub(super) long_valued: &'s [&'s str],
    /// Letters after whose value no further flags are read.
    pub(super) last: &'s str,
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
}

impl<'a> Flags<'a> {
    pub(super) fn read(argv: &[&'a str], from: usize, shape: Shape<'_>) -> Self {
        let mut flags = Self {
            all: Vec::new(),
            end: from,
            is_closed: false,
        };
        while let Some(word) = argv.get(flags.end).copied() {
            if word == "--" {
                flags.end += 1;
                flags.is_closed = true;
            } else if let Some(long) = word.strip_prefix("--") {
                flags.long(long, shape);
            } else if word.len() > 1 && word.starts_with('-') {
                flags.cluster(&word[1..], shape);
            } else {
                break;
            }
            if flags.is_closed {
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
        let takes_next = !has_value && shape.long_valued.contains(&name);
        self.end += 1 + usize::from(takes_next);
        let value_at = (has_value || takes_next).then(|| at + usize::from(takes_next));
        self.all.push(Flag { name, at, value_at });
    }

    fn cluster(&mut self, letters: &'a str, shape: Shape<'_>) {
        let at = self.end;
        self.end += 1;
        for (offset, letter) in letters.char_indices() {
            let end = offset + letter.len_utf8();
            let name = &letters[offset..end];
            if !shape.valued.contains(letter) {
                self.all.push(Flag {
                    name,
                    at,
                    value_at: None,
                });
                continue;
            }
            let takes_next = end == letters.len();
            self.end += usize::from(takes_next);
            let value_at = Some(at + usize::from(takes_next));
            self.all.push(Flag { name, at, value_at });
            self.is_closed = shape.last.contains(letter);
            return;
        }
    }
}
