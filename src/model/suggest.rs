//! "Did you mean": the legal word closest to the one somebody wrote, wherever words are written.

/// Longer words are not compared: the cost is quadratic in their length, and nobody mistypes that much.
const MAX_WORD: usize = 64;

/// Further candidates are not looked at, so that a hostile list of names cannot make hints expensive.
const MAX_CANDIDATES: usize = 500;

/// The candidate that `word` most probably was meant to be; `None` when nothing is close.
///
/// Close means a third of the letters wrong at most (swapped neighbours count once), or that one is the beginning of
/// the other. Capitals count as small letters and `-` as `_`. A word equal to a candidate is that candidate.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || word.len() > MAX_WORD {
        return None;
    }
    let word = plain(word);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter_map(|candidate| {
            distance(&word, length, &plain(candidate)).map(|distance| (distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

fn distance(word: &str, length: usize, candidate: &str) -> Option<usize> {
    let other = candidate.chars().count();
    let allowed = (length.max(other) / 3).max(1);
    let is_prefix = length.min(other) >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
    if is_prefix {
        return Some(allowed.min(length.abs_diff(other)));
    }
    if length.abs_diff(other) > allowed || length.max(other) == 1 {
        return None;
    }
    Some(strsim::damerau_levenshtein(word, candidate)).filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["approval", "pre_approval", "retry", "execute", "environment"];

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(nearest("approvl", KEYS), Some("approval"));
        assert_eq!(nearest("exeucte", KEYS), Some("execute"));
        assert_eq!(nearest("env", KEYS), Some("environment"));
        assert_eq!(nearest("rtery", KEYS), Some("retry"));
    }

    #[test]
    fn capitals_and_dashes_are_no_difference() {
        assert_eq!(nearest("Pre-Aproval", KEYS), Some("pre_approval"));
        assert_eq!(nearest("sdm_hom", ["SDM_HOME", "SDM_NAME"]), Some("SDM_HOME"));
    }

    #[test]
    fn what_is_not_close_is_not_guessed() {
        assert_eq!(nearest("image", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest(&"approval".repeat(100), KEYS), None);
    }
}
