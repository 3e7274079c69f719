//! Versions of commits (semantics 4.6): how one is made from a version file, stripped for a release, and incremented.

use thiserror::Error;

use super::ids::BranchName;
use super::time::Timestamp;

/// The version where no file names one.
pub const NO_VERSION: &str = "0.0.0";

/// Files that hold the version of a project, the preferred one first (VE-01).
pub const VERSION_FILES: [&str; 2] = [".version", "VERSION"];

/// Longest version in bytes.
const MAX_VERSION: usize = 200;

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidVersion {
    /// Nothing there.
    #[error("there is no version in it")]
    Empty,
    /// Too long.
    #[error("it is longer than {MAX_VERSION} bytes")]
    TooLong,
    /// A character that no version has.
    #[error("it has the character {0:?}")]
    Character(char),
    /// Not three numbers.
    #[error("`{0}` does not begin with three numbers such as 1.2.3")]
    NotSemantic(String),
}

/// Checks that a text can be a version: one word of the characters versions are made of, so that it can be part of a tag.
///
/// # Errors
/// What is wrong with it.
pub fn checked_version(text: &str) -> Result<&str, InvalidVersion> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidVersion::Empty);
    }
    if text.len() > MAX_VERSION {
        return Err(InvalidVersion::TooLong);
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
    match text.chars().find(|c| !legal(*c)) {
        Some(illegal) => Err(InvalidVersion::Character(illegal)),
        None => Ok(text),
    }
}

/// `<base>-[branch-<branch>.]<UTC yyyymmddHHMMss>`; the default branch is not named (VE-02).
pub fn prerelease(base: &str, branch: Option<&BranchName>, at: Timestamp) -> String {
    let digits = |c: &char| c.is_ascii_digit();
    let stamp: String = at.rfc3339().chars().filter(digits).take(14).collect();
    match branch {
        Some(branch) => format!("{base}-branch-{}.{stamp}", identifier(branch.as_str())),
        None => format!("{base}-{stamp}"),
    }
}

/// A text as a prerelease identifier (VE-03): `_`, `.` and `/` become `-`, other illegal characters go, repeated `-` are
/// one, a number has no leading zeros, and nothing is `ZERO`.
pub fn identifier(text: &str) -> String {
    let mut cleaned = String::new();
    for c in text.chars() {
        match c {
            '_' | '.' | '/' | '-' if cleaned.ends_with('-') => {}
            '_' | '.' | '/' | '-' => cleaned.push('-'),
            c if c.is_ascii_alphanumeric() => cleaned.push(c),
            _ => {}
        }
    }
    if cleaned.chars().all(|c| c.is_ascii_digit()) {
        let number = cleaned.trim_start_matches('0');
        return if number.is_empty() { "ZERO" } else { number }.to_owned();
    }
    cleaned
}

/// The version without prerelease and build (VE-04).
pub fn release(version: &str) -> &str {
    version.split(['-', '+']).next().unwrap_or(version)
}

/// Whether a tag names a version that may be released as it is: a milestone or a release candidate (VE-04).
pub fn is_release_like(tag: &str) -> bool {
    let Some((numbers, rest)) = tag.split_once('-') else {
        return false;
    };
    let of_kind = |prefix: &str| {
        let number = rest
            .strip_prefix(prefix)
            .map(|number| number.strip_prefix('.').unwrap_or(number));
        number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    };
    numbers_of(numbers).is_ok() && (of_kind("M") || of_kind("RC"))
}

/// Which number of a version is incremented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Increment {
    /// The first.
    Major,
    /// The second.
    Minor,
    /// The third.
    Patch,
}

impl Increment {
    /// Reads `major`, `minor` or `patch`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "major" => Some(Self::Major),
            "minor" => Some(Self::Minor),
            "patch" => Some(Self::Patch),
            _ => None,
        }
    }
}

/// The next version after this one, without prerelease and build (VE-05).
///
/// # Errors
/// It does not begin with three numbers.
pub fn incremented(version: &str, increment: Increment) -> Result<String, InvalidVersion> {
    let [major, minor, patch] = numbers_of(version)?;
    let [major, minor, patch] = match increment {
        Increment::Major => [major.saturating_add(1), 0, 0],
        Increment::Minor => [major, minor.saturating_add(1), 0],
        Increment::Patch => [major, minor, patch.saturating_add(1)],
    };
    Ok(format!("{major}.{minor}.{patch}"))
}

/// Whether the numbers of one version are above those of another.
///
/// # Errors
/// One of them does not begin with three numbers.
pub fn is_ahead(version: &str, of: &str) -> Result<bool, InvalidVersion> {
    Ok(numbers_of(version)? > numbers_of(of)?)
}

fn numbers_of(version: &str) -> Result<[u64; 3], InvalidVersion> {
    let bare = release(version.trim());
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    let numbers: Vec<u64> = bare.split('.').map_while(|part| part.parse().ok()).collect();
    match (numbers.as_slice(), bare.split('.').count()) {
        ([major, minor, patch], 3) => Ok([*major, *minor, *patch]),
        _ => Err(InvalidVersion::NotSemantic(version.chars().take(60).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn ve_02_a_prerelease_names_its_branch_unless_it_is_the_default() {
        assert_eq!(prerelease("1.2.3", None, AT), "1.2.3-20231114221320");
        let branch = BranchName::parse("$some_crazy/*/branch.name-");
        // Git has no such branch; the cleaning is what counts.
        assert!(branch.is_err());
        let cleaned = identifier("$some_crazy/*/branch.name-");
        assert_eq!(
            format!("1.2.3-branch-{cleaned}.20231114221320"),
            "1.2.3-branch-some-crazy-branch-name-.20231114221320"
        );
        let branch = BranchName::parse("feature/x").unwrap();
        assert_eq!(
            prerelease("1.2.3", Some(&branch), AT),
            "1.2.3-branch-feature-x.20231114221320"
        );
    }

    #[test]
    fn ve_03_identifiers_are_cleaned() {
        for (text, cleaned) in [
            ("0", "ZERO"),
            ("0123", "123"),
            ("/._", "-"),
            ("*", "ZERO"),
            ("", "ZERO"),
            ("0a", "0a"),
        ] {
            assert_eq!(identifier(text), cleaned, "{text}");
        }
    }

    #[test]
    fn ve_04_a_release_strips_prerelease_and_build_and_knows_milestones() {
        assert_eq!(release("1.2.3-branch-x.2023+7"), "1.2.3");
        assert_eq!(release("1.2.3+b"), "1.2.3");
        for tag in ["1.2.3-M1", "1.2.3-RC.2", "1.0.0-RC1"] {
            assert!(is_release_like(tag), "{tag}");
        }
        for tag in ["1.2.3", "1.2.3-20231114221320", "1.2.3-M", "x-M1", "1.2.3-RCx"] {
            assert!(!is_release_like(tag), "{tag}");
        }
    }

    #[test]
    fn ve_05_one_number_is_incremented_and_what_is_below_begins_again() {
        for (increment, next) in [
            (Increment::Major, "2.0.0"),
            (Increment::Minor, "1.3.0"),
            (Increment::Patch, "1.2.4"),
        ] {
            assert_eq!(incremented("1.2.3-x", increment).unwrap(), next);
        }
        assert!(is_ahead("1.3.0", "1.2.9").unwrap() && !is_ahead("1.2.9", "1.3.0").unwrap());
        assert!(incremented("1.2", Increment::Patch).is_err());
    }

    #[test]
    fn ms_02_the_usual_versions_are_told_from_what_is_none() {
        for (version, next) in [
            ("1.2.3", "1.2.4"),
            ("0.0.0", "0.0.1"),
            ("v1.2.3", "1.2.4"),
            ("1.2.3-rc.1", "1.2.4"),
            ("1.2.3+build.5", "1.2.4"),
            ("1.2.3-alpha-x.7+sha.5114f85", "1.2.4"),
            ("10.20.30", "10.20.31"),
        ] {
            assert_eq!(checked_version(version), Ok(version));
            assert_eq!(incremented(version, Increment::Patch).unwrap(), next, "{version}");
        }
        for version in [
            "1",
            "1.2",
            "1.2.3.4",
            "a.b.c",
            "1.2.x",
            "1..3",
            "-1.2.3",
            "1.2.3x",
            "latest",
            "1.2.99999999999999999999",
        ] {
            assert!(incremented(version, Increment::Patch).is_err(), "{version}");
        }
    }

    #[test]
    fn a1_a_version_is_one_word_that_can_be_part_of_a_tag() {
        assert_eq!(checked_version(" 1.2.3-rc.1+5\n"), Ok("1.2.3-rc.1+5"));
        for wrong in ["", "  ", "1 2", "1\n2", "$(x)", "../1", &"1".repeat(201)] {
            assert!(checked_version(wrong).is_err(), "{wrong}");
        }
    }
}
