//! Which lines of a text differ from those of another: the fewest that must go and come, in their order.

/// Most lines of both texts that are compared one by one; of longer ones everything between their common beginning and end differs.
const MOST: usize = 2_000;

/// A line that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed<'a> {
    /// It stands in the text before alone.
    Gone(&'a str),
    /// It stands in the text after alone.
    Come(&'a str),
}

/// The lines that differ.
pub(super) fn changed_lines<'a>(before: &'a str, after: &'a str) -> Vec<Changed<'a>> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = before
        .iter()
        .zip(&after)
        .take_while(|(one, other)| one == other)
        .count();
    let (before, after) = (&before[start..], &after[start..]);
    let ends = before.iter().rev().zip(after.iter().rev());
    let end = ends.take_while(|(one, other)| one == other).count();
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    if before.len().max(after.len()) > MOST {
        let gone = before.iter().map(|line| Changed::Gone(line));
        return gone.chain(after.iter().map(|line| Changed::Come(line))).collect();
    }
    walk(before, after, &common(before, after))
}

/// How many lines the rests of both texts have in common at most, from every place in both.
fn common(before: &[&str], after: &[&str]) -> Vec<Vec<u16>> {
    let mut rest = vec![vec![0_u16; after.len() + 1]; before.len() + 1];
    for (at, line) in before.iter().enumerate().rev() {
        for (other, same) in after.iter().enumerate().rev() {
            rest[at][other] = match line == same {
                true => rest[at + 1][other + 1] + 1,
                false => rest[at + 1][other].max(rest[at][other + 1]),
            };
        }
    }
    rest
}

fn walk<'a>(before: &[&'a str], after: &[&'a str], rest: &[Vec<u16>]) -> Vec<Changed<'a>> {
    let (mut at, mut other, mut changed) = (0, 0, Vec::new());
    while at < before.len() || other < after.len() {
        if at < before.len() && other < after.len() && before[at] == after[other] {
            (at, other) = (at + 1, other + 1);
        } else if other == after.len() || (at < before.len() && rest[at + 1][other] >= rest[at][other + 1]) {
            changed.push(Changed::Gone(before[at]));
            at += 1;
        } else {
            changed.push(Changed::Come(after[other]));
            other += 1;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(before: &str, after: &str) -> String {
        let changed = changed_lines(before, after);
        let one = |line: &Changed<'_>| match line {
            Changed::Gone(text) => format!("-{text}"),
            Changed::Come(text) => format!("+{text}"),
        };
        changed.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_fewest_lines_go_and_come() {
        assert_eq!(told("a\nb\nc\n", "a\nb\nc\n"), "");
        assert_eq!(told("a\nb\nc\n", "a\nx\nc\n"), "-b +x");
        assert_eq!(told("a\nb\nc\nd", "b\nc\ne\nd"), "-a +e");
        assert_eq!(told("", "a\nb"), "+a +b");
        assert_eq!(told("a\nb", ""), "-a -b");
    }

    #[test]
    fn texts_without_an_end_are_compared_at_their_ends_alone() {
        let long: String = (0..3 * MOST).map(|number| format!("{number}\n")).collect();
        assert_eq!(changed_lines(&long, &format!("{long}x\n")), [Changed::Come("x")]);
        assert_eq!(changed_lines(&long, "x\n").len(), 3 * MOST + 1);
    }

    proptest! {
        #[test]
        fn what_goes_and_comes_makes_one_text_of_the_other(
            before in "([ab]\n){0,12}", after in "([abc]\n){0,12}",
        ) {
            let changed = changed_lines(&before, &after);
            let gone = changed.iter().filter(|line| matches!(line, Changed::Gone(_))).count();
            let come = changed.len() - gone;
            prop_assert_eq!(before.lines().count() - gone, after.lines().count() - come);
            prop_assert_eq!(changed.is_empty(), before == after);
        }
    }
}
