//! YAML as a tree in which every value knows its place.
//!
//! The parser is saphyr's; here its events become nodes. Anchors and aliases work, within a budget;
//! merge keys, tags and several documents in a file do not exist.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use tidegate_model::Diagnostic;

use crate::Source;

/// Values in a file at most, aliases counted as often as they are used.
const NODES_MAX: usize = 200_000;
const DEPTH_MAX: usize = 64;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// Byte range in the text.
    pub(crate) range: Range<usize>,
    /// Counts up through the tree; tells nodes apart.
    pub(crate) id: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Entries),
}

/// What a map holds, in the order of the file.
pub(crate) type Entries = Vec<(Key, Node)>;

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
    pub(crate) id: usize,
}

impl Node {
    /// Whether it is nothing: an empty plain scalar, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { plain: true, .. } => "a value",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value under a key of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.text == name)
                .map(|(_, node)| node),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }
}

/// Parses a file's text. What is wrong is pushed to `problems`; without a tree there is nothing
/// more to find in this file.
pub(crate) fn parse(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        source,
        parser: Parser::new_from_str(&source.text),
        offsets: char_offsets(&source.text),
        anchors: BTreeMap::new(),
        nodes: 0,
        problems,
    };
    match builder.file() {
        Ok(node) => Some(node),
        Err(problem) => {
            builder.problems.push(*problem);
            None
        }
    }
}

/// The parser counts characters, we count bytes. `None` where both are the same.
fn char_offsets(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| {
        text.char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect()
    })
}

struct Builder<'s, 'p> {
    source: &'s Source,
    parser: Parser<'s, saphyr_parser::StrInput<'s>>,
    offsets: Option<Vec<usize>>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    problems: &'p mut Vec<Diagnostic>,
}

type Problem = Box<Diagnostic>;

impl<'s> Builder<'s, '_> {
    fn offset(&self, chars: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets
                .get(chars)
                .copied()
                .unwrap_or(self.source.text.len()),
            None => chars.min(self.source.text.len()),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start.index());
        let end = self.offset(span.end.index()).max(start);
        // A block ends where the next begins; the white space between belongs to neither.
        start..start + self.source.text[start..end].trim_end().len()
    }

    fn problem(&self, message: &str, range: Range<usize>, label: &str) -> Problem {
        Box::new(Diagnostic::error(message, self.source.span(range), label))
    }

    fn next(&mut self) -> Result<(Event<'s>, Range<usize>), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.range(span))),
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                // Often the scanner notices at the end of a line, or of the file, what is
                // wrong before it.
                let text = &self.source.text;
                let at_end = text[at..].chars().next().is_none_or(|c| c == '\n');
                let start = if at_end {
                    text[..at].trim_end().len().saturating_sub(1)
                } else {
                    at
                };
                let start = text.floor_char_boundary(start);
                let end = text.ceil_char_boundary((start + 1).min(text.len()));
                let problem = self.problem("this is not YAML", start..end, error.info());
                Err(Box::new(problem.hint(
                    "look at the indentation, at colons without a space after them, and at unclosed quotes and brackets",
                )))
            }
            None => Err(self.problem(
                "the file ends too early",
                self.source.text.len()..self.source.text.len(),
                "",
            )),
        }
    }

    fn file(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => {
                    let nothing = Value::Scalar {
                        text: String::new(),
                        plain: true,
                    };
                    let empty = Node {
                        value: nothing,
                        range: 0..0,
                        id: 0,
                    };
                    return Ok(root.unwrap_or(empty));
                }
                (Event::DocumentStart(_), range) => {
                    if root.is_some() {
                        return Err(self.problem(
                            "a file holds one document",
                            range,
                            "a second one starts here",
                        ));
                    }
                    let (event, range) = self.next()?;
                    root = Some(self.node(event, range, 0)?);
                }
                (_, range) => {
                    return Err(self.problem("this is not YAML", range, "unexpected here"));
                }
            }
        }
    }

    fn count(&mut self, more: usize, range: &Range<usize>) -> Result<usize, Problem> {
        self.nodes += more;
        if self.nodes > NODES_MAX {
            let label =
                format!("more than {NODES_MAX} values, aliases counted as often as they are used");
            return Err(self.problem("the file is too large", range.clone(), &label));
        }
        Ok(self.nodes)
    }

    fn node(
        &mut self,
        event: Event<'s>,
        range: Range<usize>,
        depth: usize,
    ) -> Result<Node, Problem> {
        if depth > DEPTH_MAX {
            return Err(self.problem(
                "the file is nested too deeply",
                range,
                "more than 64 levels",
            ));
        }
        let id = self.count(1, &range)?;
        let (value, end, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                (
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                    range.end,
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => {
                let (items, end) = self.list(depth)?;
                (Value::List(items), end.unwrap_or(range.end), anchor)
            }
            Event::MappingStart(anchor, _) => {
                let (entries, end) = self.map(depth)?;
                (Value::Map(entries), end.unwrap_or(range.end), anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, range),
            _ => return Err(self.problem("this is not YAML", range, "unexpected here")),
        };
        let node = Node {
            value,
            range: range.start..end.max(range.start),
            id,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) -> Result<Node, Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(self.problem(
                "this alias contains itself",
                range,
                "used within its own anchor",
            ));
        };
        self.count(size(&node), &range)?;
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, Option<usize>), Problem> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if event == Event::SequenceEnd {
                let end = if range.is_empty() {
                    items.last().map(|item| item.range.end)
                } else {
                    Some(range.end)
                };
                return Ok((items, end));
            }
            items.push(self.node(event, range, depth + 1)?);
        }
    }

    /// The entries, and where the last of them ends.
    fn map(&mut self, depth: usize) -> Result<(Entries, Option<usize>), Problem> {
        let mut entries = Entries::new();
        loop {
            let (event, range) = self.next()?;
            if event == Event::MappingEnd {
                let end = if range.is_empty() {
                    entries.last().map(|(_, node)| node.range.end)
                } else {
                    Some(range.end)
                };
                return Ok((entries, end));
            }
            let Event::Scalar(text, ..) = event else {
                return Err(self.problem("a key is a plain word", range, "not a word"));
            };
            let key = Key {
                text: text.into_owned(),
                range,
                id: self.count(1, &(0..0))?,
            };
            let (event, range) = self.next()?;
            let node = self.node(event, range, depth + 1)?;
            if let Some((first, _)) = entries.iter().find(|(known, _)| known.text == key.text) {
                let line = self.source.text[..first.range.start].matches('\n').count() + 1;
                let message = format!("`{}` stands here twice", key.text);
                let problem = self.problem(&message, key.range, &format!("first on line {line}"));
                self.problems
                    .push(problem.hint("remove or rename one of them"));
            } else {
                entries.push((key, node));
            }
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| 1 + size(node)).sum(),
    }
}
