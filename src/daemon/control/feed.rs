//! Where the past of a feed begins that somebody asks for by a number of entries.

use std::sync::Arc;

use crate::model::Cursor;
use crate::ports::Store;
use crate::ports::store::StoreError;

/// Entries looked at in one go.
const PAGE: u32 = 1000;

/// Pages gone back at most: what happened before counts as long ago.
const MOST_PAGES: u32 = 20;

/// The cursor after which the last `back` entries come; what the feed does not show, such as phases of goals, counts only where
/// everything is asked for.
pub(super) async fn before_last(
    store: &Arc<dyn Store>,
    back: u32,
    phases: bool,
) -> Result<Cursor, StoreError> {
    let mut end = store.last_cursor().await?;
    let mut missing = back;
    for _ in 0..MOST_PAGES {
        if missing == 0 || end.0 == 0 {
            break;
        }
        let begin = Cursor(end.0.saturating_sub(u64::from(PAGE)));
        let page = store.feed(begin, PAGE).await?;
        let counted = page
            .iter()
            .filter(|entry| entry.cursor <= end && (phases || entry.news.is_noteworthy()));
        let cursors: Vec<Cursor> = counted.map(|entry| entry.cursor).collect();
        end = go_back(&cursors, begin, &mut missing);
    }
    Ok(end)
}

/// Before which of these entries, oldest first, the missing ones begin; `begin` when they begin earlier.
fn go_back(cursors: &[Cursor], begin: Cursor, missing: &mut u32) -> Cursor {
    let here = cursors.len().min(*missing as usize);
    *missing -= u32::try_from(here).unwrap_or(u32::MAX);
    match (*missing, cursors.len().checked_sub(here.max(1))) {
        (0, Some(first)) => Cursor(cursors[first].0 - 1),
        _ => begin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_from_the_end_over_gaps_and_pages() {
        let cursors = [11, 12, 40, 77].map(Cursor);
        let back = |missing: u32| {
            let mut missing = missing;
            (go_back(&cursors, Cursor(10), &mut missing), missing)
        };
        assert_eq!(back(1), (Cursor(76), 0));
        assert_eq!(back(3), (Cursor(11), 0));
        assert_eq!(back(4), (Cursor(10), 0));
        assert_eq!(back(6), (Cursor(10), 2));
        assert_eq!(go_back(&[], Cursor(10), &mut 5), Cursor(10));
    }
}
