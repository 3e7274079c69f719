//! What is known of an event before there is one: its parts, and what is below each.

use super::EventType;

/// What stands at a place in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value: text, a number, true or false. It may be absent.
    Value,
    /// Parts with names, and no others. It may be absent.
    Parts(&'static [Part]),
    /// A list of things of one shape.
    List(&'static Self),
    /// Whatever its source tells; nothing is known of it.
    Open,
}

/// One part of an event, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub shape: Shape,
}

/// One value under a name.
pub(super) const fn value(name: &'static str) -> Part {
    part(name, Shape::Value)
}

/// Something under a name.
pub(super) const fn part(name: &'static str, shape: Shape) -> Part {
    Part { name, shape }
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// How far it leads, without the part that is not there; empty for the event itself.
    pub reached: String,
    /// The part that is not there.
    pub part: String,
    /// What stands where it leads.
    pub found: Shape,
}

impl Shape {
    /// What stands at a dotted path below; all of it for no path.
    ///
    /// # Errors
    /// Where it leads no further.
    pub fn at(self, path: &str) -> Result<Self, Stray> {
        let mut found = self;
        let mut reached = String::new();
        for name in path.split('.').filter(|_| !path.is_empty()) {
            let below = match found {
                Self::Open => return Ok(Self::Open),
                Self::Parts(parts) => parts.iter().find(|part| part.name == name),
                Self::Value | Self::List(_) => None,
            };
            let Some(below) = below else {
                let part = name.to_owned();
                return Err(Stray { reached, part, found });
            };
            found = below.shape;
            if !reached.is_empty() {
                reached.push('.');
            }
            reached.push_str(name);
        }
        Ok(found)
    }

    /// What it is, for messages.
    pub fn what(self) -> &'static str {
        match self {
            Self::Value => "one value",
            Self::Parts(_) => "a map",
            Self::List(_) => "a list",
            Self::Open => "whatever it is told",
        }
    }

    /// Names of its parts.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Parts(parts) => parts.iter().map(|part| part.name).collect(),
            Self::Value | Self::List(_) | Self::Open => Vec::new(),
        }
    }

    /// Paths of the lists in it, with `prefix` before each.
    fn lists(self, prefix: &str) -> Vec<String> {
        match self {
            Self::List(_) => vec![prefix.to_owned()],
            Self::Parts(parts) => parts
                .iter()
                .flat_map(|part| part.shape.lists(&joined(prefix, part.name)))
                .collect(),
            Self::Value | Self::Open => Vec::new(),
        }
    }
}

fn joined(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_owned(),
        prefix => format!("{prefix}.{name}"),
    }
}

impl EventType {
    /// All of it.
    pub fn shape(&self) -> Shape {
        Shape::Parts(self.parts)
    }

    /// Paths of the lists in it.
    pub fn lists(&self) -> Vec<String> {
        self.shape().lists("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goals_set() -> &'static EventType {
        EventType::named("GoalsSet").unwrap()
    }

    #[test]
    fn a_path_leads_to_what_stands_there_or_says_how_far_it_leads() {
        let shape = goals_set().shape();
        assert_eq!(shape.at("push.after.author.email"), Ok(Shape::Value));
        assert!(matches!(shape.at("push.authors"), Ok(Shape::List(_))));
        assert_eq!(shape.at(""), Ok(shape));
        let stray = shape.at("push.after.auhtor.email").unwrap_err();
        assert_eq!(
            (stray.reached.as_str(), stray.part.as_str()),
            ("push.after", "auhtor")
        );
        assert!(stray.found.names().contains(&"author"));
        for (path, found) in [("push.branch.x", "one value"), ("push.authors.email", "a list")] {
            assert_eq!(shape.at(path).unwrap_err().found.what(), found, "{path}");
        }
        assert_eq!(Shape::Open.at("anything.at.all"), Ok(Shape::Open));
    }

    #[test]
    fn the_lists_of_an_event_are_known() {
        assert_eq!(goals_set().lists(), ["push.authors", "goal_set.tags", "goals"]);
        assert_eq!(EventType::named("Tag").unwrap().lists(), [""; 0]);
    }
}
