//! The scanner's events into nodes, within limits.
//!
//! The events are taken one at a time and put together on a stack of our own: the depth of a hostile file is a number
//! here and never the depth of the program's own stack.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::model::{Diagnostic, Place};

use super::merge::{self, Pairs};
use super::node::{Content, Node};
use super::scalar::{Scalar, ScalarTag};
use super::text::Source;

/// Levels of nesting, aliases written out.
pub(crate) const MAX_NESTING: usize = 64;

/// Nodes in one file, aliases written out.
pub(crate) const MAX_NODES: usize = 100_000;

/// Problems of one file that the parser itself collects.
const MAX_PROBLEMS: usize = super::super::problems::MAX_PROBLEMS;

const CORE_SCHEMA: &str = "tag:yaml.org,2002:";

/// The documents of a file and what is wrong with its YAML. After a problem that ends the parse there are no
/// documents: no part of such a file is used.
pub(crate) fn documents(name: &Arc<str>, bytes: &[u8]) -> (Vec<Rc<Node>>, Vec<Diagnostic>) {
    let source = match Source::new(name, bytes) {
        Ok(source) => source,
        Err(diagnostic) => return (Vec::new(), vec![diagnostic]),
    };
    let mut builder = Builder::new(&source);
    match builder.run() {
        Ok(()) => (builder.documents, builder.problems),
        Err(fatal) => {
            let mut problems = builder.problems;
            problems.push(*fatal);
            (Vec::new(), problems)
        }
    }
}

/// A single value written as YAML by this program itself, such as the default of a field.
pub(crate) fn value(text: &str) -> Option<Rc<Node>> {
    let (documents, problems) = documents(&Arc::from("default"), text.as_bytes());
    documents.into_iter().next().filter(|_| problems.is_empty())
}

/// A list or map that is not closed yet.
struct Open {
    anchor: usize,
    place: Place,
    length: u32,
    collection: Collection,
}

enum Collection {
    List(Vec<Rc<Node>>),
    Map { key: Option<Rc<Node>>, pairs: Pairs },
}

/// A problem after which nothing of the file is used.
type Fatal = Box<Diagnostic>;

struct Builder<'a> {
    source: &'a Source<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    expanded: usize,
    documents: Vec<Rc<Node>>,
    problems: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            expanded: 0,
            documents: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Fatal> {
        let mut parser = Parser::new_from_str(self.source.text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            self.take(event, span)?;
            if self.problems.len() > MAX_PROBLEMS {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(1, 0, span)?;
                let node = self.scalar(text.into_owned(), style, tag.as_deref(), span);
                self.complete(Rc::new(node), anchor);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", span);
                self.begin(anchor, span, Collection::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", span);
                let pairs = Pairs::new();
                self.begin(anchor, span, Collection::Map { key: None, pairs })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end();
                Ok(())
            }
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, collection: Collection) -> Result<(), Fatal> {
        self.grow(1, 1, span)?;
        let (place, length) = self.extent(span);
        self.open.push(Open {
            anchor,
            place,
            length,
            collection,
        });
        Ok(())
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let content = match open.collection {
            Collection::List(items) => Content::List(items),
            Collection::Map { pairs, .. } => Content::Map(merge::close(pairs, &mut self.problems)),
        };
        let (size, height) = measure(&content);
        let node = Node {
            place: open.place,
            length: open.length,
            content,
            size,
            height,
        };
        self.complete(Rc::new(node), open.anchor);
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fatal> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let (place, length) = self.extent(span);
            let message = "this alias stands inside the value it names, or names one of another document";
            return Err(Box::new(
                Diagnostic::error("invalid_alias", place, message).spanning(length),
            ));
        };
        self.grow(node.size, node.height, span)?;
        self.complete(node, 0);
        Ok(())
    }

    /// Counts what is about to be added; refuses what would pass a limit.
    fn grow(&mut self, nodes: usize, levels: usize, span: Span) -> Result<(), Fatal> {
        let refused = |code, message| {
            let (place, length) = self.extent(span);
            Err(Box::new(Diagnostic::error(code, place, message).spanning(length)))
        };
        if self.open.len() + levels > MAX_NESTING {
            return refused(
                "nested_too_deep",
                format!("lists and maps are nested deeper than {MAX_NESTING} levels"),
            );
        }
        let expanded = self.expanded.saturating_add(nodes);
        if expanded > MAX_NODES {
            let message = format!("the file has more than {MAX_NODES} values, aliases written out");
            return refused("too_many_values", message);
        }
        self.expanded = expanded;
        Ok(())
    }

    /// A finished value takes its place in what is open around it.
    fn complete(&mut self, node: Rc<Node>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.documents.push(node),
            Some(Collection::List(items)) => items.push(node),
            Some(Collection::Map { key, pairs }) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push((key.clone(), in_place_of_key(&key, node))),
            },
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let (place, length) = self.extent(span);
        if text.contains('\0') {
            let message = "a NUL character, even an escaped one, cannot stand in a goal file";
            self.problem(Diagnostic::error("nul_character", place.clone(), message));
        }
        let tag = match tag.map(|tag| (tag, core_suffix(tag).and_then(|suffix| ScalarTag::parse(&suffix)))) {
            None => None,
            Some((_, Some(known))) => Some(known),
            Some((tag, None)) => {
                self.refuse_tag(tag, span);
                Some(ScalarTag::Text)
            }
        };
        let scalar = Scalar::read(text.clone(), style, tag).unwrap_or_else(|| {
            let message = format!("`{}` is not what its tag says", text.escape_debug());
            self.problem(Diagnostic::error("tag_mismatch", place.clone(), message));
            Scalar {
                text,
                meaning: super::Meaning::Text,
                quoted: true,
            }
        });
        Node {
            place,
            length,
            content: Content::Scalar(scalar),
            size: 1,
            height: 0,
        }
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, allowed: &str, span: Span) {
        if let Some(tag) = tag
            && core_suffix(tag).as_deref() != Some(allowed)
        {
            self.refuse_tag(tag, span);
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, span: Span) {
        let written = match core_suffix(tag) {
            Some(suffix) => format!("!!{suffix}"),
            None => format!("{}{}", tag.handle, tag.suffix),
        };
        let (place, _) = self.extent(span);
        let message = format!(
            "the tag `{}` is not allowed",
            super::super::problems::shorten(&written, 100).escape_debug()
        );
        let length = u32::try_from(written.chars().count()).unwrap_or(1);
        self.problem(
            Diagnostic::error("tag_not_allowed", place, message)
                .spanning(length)
                .hint("remove it: values are plain text, numbers, booleans, lists and maps"),
        );
    }

    fn problem(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    fn syntax(&self, error: &ScanError) -> Fatal {
        let place = self.source.place(error.marker().line(), error.marker().col());
        let message = format!("this is not valid YAML: {}", error.info());
        let diagnostic = Diagnostic::error("syntax", place, message);
        Box::new(match syntax_hint(error.info()) {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        })
    }

    /// Where a span begins and how far it goes on that line.
    fn extent(&self, span: Span) -> (Place, u32) {
        let (line, column) = (span.start.line(), span.start.col());
        let rest = self.source.rest_of_line(line, column);
        let length = if span.end.line() == line {
            span.end.index().saturating_sub(span.start.index()).min(rest)
        } else {
            rest
        };
        let length = u32::try_from(length).unwrap_or(u32::MAX).max(1);
        (self.source.place(line, column), length)
    }
}

/// Nothing written after a key has no place of its own that a person would look at; the key has.
fn in_place_of_key(key: &Node, node: Rc<Node>) -> Rc<Node> {
    let is_empty = node.is_null() && node.scalar().is_some_and(|scalar| scalar.text.is_empty());
    if !is_empty {
        return node;
    }
    Rc::new(Node {
        place: key.place.clone(),
        length: key.length,
        ..(*node).clone()
    })
}

/// Size and height of a collection whose items are finished. Merged entries were counted where their alias stands.
pub(super) fn measure(content: &Content) -> (usize, usize) {
    let mut size: usize = 1;
    let mut height = 0;
    let mut add = |node: &Node| {
        size = size.saturating_add(node.size);
        height = height.max(node.height);
    };
    match content {
        Content::Scalar(_) => return (1, 0),
        Content::List(items) => items.iter().for_each(|item| add(item)),
        Content::Map(entries) => entries.iter().for_each(|entry| {
            add(&entry.key);
            add(&entry.value);
        }),
    }
    (size, height + 1)
}

fn core_suffix(tag: &Tag) -> Option<String> {
    let whole = format!("{}{}", tag.handle, tag.suffix);
    whole.strip_prefix(CORE_SCHEMA).map(str::to_owned)
}

fn syntax_hint(info: &str) -> Option<&'static str> {
    if info.contains("tab") {
        Some("indent with spaces")
    } else if info.contains("unknown anchor") {
        Some("write `&name` before the value the alias stands for, earlier in the same document")
    } else if info.contains("did not find expected") || info.contains("mapping values are not allowed") {
        Some(
            "compare the indentation of this line with the lines above; quote text that contains `: ` or ` #`",
        )
    } else if info.contains("simple key") {
        Some("a key needs `: ` after it, on its own line")
    } else {
        None
    }
}
