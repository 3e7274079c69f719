//! Goals as a graph: each behind those that it comes after, from left to right.

use maud::{Markup, html};

use super::object::Standing;

/// Most goals of a drawing; a list tells of more.
const MOST: usize = 200;

/// Most lines of a drawing.
const MOST_LINES: usize = 600;

const WIDTH: usize = 184;
const HEIGHT: usize = 42;
const BETWEEN_COLUMNS: usize = 46;
const BETWEEN_ROWS: usize = 12;
const MARGIN: usize = 4;

/// Longest name in characters.
const NAME: usize = 22;

/// A goal to draw.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Id of the element that tells of it.
    pub(super) anchor: String,
    /// Its name, for people.
    pub(super) name: String,
    /// How it stands.
    pub(super) standing: Standing,
    /// The goals that it comes after, by their number in the list.
    pub(super) after: Vec<usize>,
}

/// A drawing; nothing when there is nothing to see in one.
pub(super) fn draw(goals: &[Drawn]) -> Option<Markup> {
    if goals.len() < 2 || goals.len() > MOST || goals.iter().all(|goal| goal.after.is_empty()) {
        return None;
    }
    let places = places(goals);
    let columns = places.iter().map(|(column, _)| column + 1).max().unwrap_or(1);
    let rows = places.iter().map(|(_, row)| row + 1).max().unwrap_or(1);
    let width = 2 * MARGIN + columns * WIDTH + (columns - 1) * BETWEEN_COLUMNS;
    let height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * BETWEEN_ROWS;
    let lines = lines(goals, &places);
    Some(html! {
        svg.drawing viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="group"
            aria-label="goals, each behind those that it comes after" {
            @for line in lines.iter().take(MOST_LINES) { path.line d=(line) {} }
            @for (goal, place) in goals.iter().zip(&places) { (placed(goal, *place)) }
        }
    })
}

/// Column and row of each goal: behind the last of those that it comes after.
fn places(goals: &[Drawn]) -> Vec<(usize, usize)> {
    let mut columns = vec![0_usize; goals.len()];
    // A machine may tell of goals that wait for each other; they move to the right no longer than there are goals.
    for _ in 0..goals.len() {
        let mut is_settled = true;
        for (number, goal) in goals.iter().enumerate() {
            let behind = goal.after.iter().filter_map(|after| columns.get(*after)).max();
            let column = behind.map_or(0, |column| column + 1).min(goals.len() - 1);
            is_settled &= columns[number] == column;
            columns[number] = column;
        }
        if is_settled {
            break;
        }
    }
    let mut used = columns.clone();
    used.sort_unstable();
    used.dedup();
    let mut rows = vec![0_usize; used.len()];
    let place = |column: usize| {
        let column = used.binary_search(&column).unwrap_or(0);
        rows[column] += 1;
        (column, rows[column] - 1)
    };
    columns.into_iter().map(place).collect()
}

fn corner((column, row): (usize, usize)) -> (usize, usize) {
    (
        MARGIN + column * (WIDTH + BETWEEN_COLUMNS),
        MARGIN + row * (HEIGHT + BETWEEN_ROWS),
    )
}

fn lines(goals: &[Drawn], places: &[(usize, usize)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (goal, place) in goals.iter().zip(places) {
        for before in goal.after.iter().filter_map(|after| places.get(*after)) {
            let ((x, y), (end, low)) = (corner(*before), corner(*place));
            let (x, y, low) = (x + WIDTH, y + HEIGHT / 2, low + HEIGHT / 2);
            let bend = BETWEEN_COLUMNS / 2;
            lines.push(format!(
                "M{x} {y}C{} {y} {} {low} {end} {low}",
                x + bend,
                end.saturating_sub(bend)
            ));
        }
    }
    lines
}

fn placed(goal: &Drawn, place: (usize, usize)) -> Markup {
    let (x, y) = corner(place);
    let name: String = match goal.name.chars().nth(NAME) {
        None => goal.name.clone(),
        Some(_) => goal.name.chars().take(NAME - 1).chain(['…']).collect(),
    };
    html! {
        a.node.(goal.standing.role) href={ "#" (goal.anchor) } {
            title { (goal.name) ": " (goal.standing.word) }
            rect x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="6" {}
            text.sign x=(x + 12) y=(y + 26) aria-hidden="true" { (goal.standing.symbol) }
            text.name x=(x + 30) y=(y + 18) { (name) }
            text.word x=(x + 30) y=(y + 33) { (goal.standing.word) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(name: &str, after: &[usize]) -> Drawn {
        Drawn {
            anchor: format!("goal-{name}"),
            name: name.to_owned(),
            standing: Standing::of_goal("planned"),
            after: after.to_vec(),
        }
    }

    #[test]
    fn goals_stand_behind_those_that_they_come_after() {
        let goals = [
            goal("build", &[]),
            goal("deploy", &[2, 3]),
            goal("test", &[0]),
            goal("lint", &[]),
        ];
        assert_eq!(places(&goals), [(0, 0), (2, 0), (1, 0), (0, 1)]);
        let drawing = draw(&goals).unwrap().into_string();
        assert_eq!(drawing.matches("class=\"line\"").count(), 3);
        assert!(!drawing.contains("style="), "the policy forbids styles in markup");
    }

    #[test]
    fn d10_goals_that_wait_for_each_other_are_drawn_too() {
        let goals = [goal("a", &[1]), goal("b", &[0]), goal("c", &[7])];
        assert!(draw(&goals).is_some());
        let many: Vec<Drawn> = (0..300).map(|number| goal(&number.to_string(), &[0])).collect();
        assert!(draw(&many).is_none());
        assert!(draw(&[goal("alone", &[])]).is_none());
    }
}
