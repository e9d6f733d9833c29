//! A YAML text as a tree whose nodes know where they stand, so that text can be added at a node
//! and everything else stays as it is.

use granit_parser::{Event, Parser, ScanError, Span, StrInput, StructureStyle};

/// One node and the bytes that it takes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// First byte.
    pub(super) start: usize,
    /// Behind the last byte of its content; comments and line ends after it are not content.
    pub(super) end: usize,
    /// Whether it has an anchor by which the same document may use it elsewhere.
    pub(super) anchored: bool,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        value: String,
        null: bool,
    },
    Map {
        flow: bool,
        entries: Vec<(Node, Node)>,
    },
    Seq {
        flow: bool,
        items: Vec<Node>,
    },
    /// Stands for another node.
    Alias,
}

impl Node {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Map { entries, .. } = &self.kind else {
            return None;
        };
        let found = entries.iter().find(|(name, _)| name.is(key));
        found.map(|(_, value)| value)
    }

    /// Whether it is that text.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(&self.kind, Kind::Scalar { value, .. } if value == text)
    }

    fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar { null: true, .. })
    }
}

/// The documents of a text, without empty ones.
///
/// # Errors
///
/// Fails when the text is not YAML. Nesting is bounded by the parser.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, ScanError> {
    let mut events = Events(Parser::new_from_str(text), text);
    let mut found = Vec::new();
    while let Some((event, span)) = events.next()? {
        if matches!(event, Event::DocumentStart(..)) {
            let Some((event, span)) = events.next()? else {
                break;
            };
            let root = events.node(&event, span)?;
            if !root.is_null() {
                found.push(root);
            }
        } else {
            debug_assert!(
                !event.is_node(),
                "a node outside a document at {:?}",
                span.start
            );
        }
    }
    Ok(found)
}

struct Events<'a>(Parser<'a, StrInput<'a>>, &'a str);

impl<'a> Events<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ScanError> {
        loop {
            match self.0.next_event().transpose()? {
                Some((Event::Comment(..), _)) => {}
                other => return Ok(other),
            }
        }
    }

    /// The node that begins with `event`.
    fn node(&mut self, event: &Event<'a>, span: Span) -> Result<Node, ScanError> {
        let bytes = span.byte_range().unwrap_or_default();
        let (mut end, mut anchored) = (bytes.end, event.anchor_id().is_some());
        let kind = match event {
            Event::Scalar(value, style, ..) => {
                let plain = *style == granit_parser::ScalarStyle::Plain;
                Kind::Scalar {
                    null: plain && matches!(&**value, "" | "~" | "null" | "Null" | "NULL"),
                    value: value.clone().into_owned(),
                }
            }
            Event::SequenceStart(style, ..) => {
                let mut items = Vec::new();
                while let Some((event, span)) = self.next()? {
                    if event == Event::SequenceEnd {
                        end = span.byte_range().unwrap_or_default().end;
                        break;
                    }
                    items.push(self.node(&event, span)?);
                }
                let flow = *style == StructureStyle::Flow;
                if !flow {
                    end = items.last().map_or(bytes.end, |item| item.end);
                }
                Kind::Seq { flow, items }
            }
            Event::MappingStart(style, ..) => {
                let mut entries: Vec<(Node, Node)> = Vec::new();
                while let Some((event, span)) = self.next()? {
                    if event == Event::MappingEnd {
                        end = span.byte_range().unwrap_or_default().end;
                        break;
                    }
                    let key = self.node(&event, span)?;
                    let Some((event, span)) = self.next()? else {
                        break;
                    };
                    let mut value = self.node(&event, span)?;
                    // A value that is not written has no place: the parser puts it at what comes next.
                    if value.start == value.end {
                        let rest = self.1.get(key.end..).unwrap_or_default();
                        value.end = key.end + rest.find(':').map_or(0, |colon| colon + 1);
                    }
                    entries.push((key, value));
                }
                let flow = *style == StructureStyle::Flow;
                if !flow {
                    end = entries.last().map_or(bytes.end, |(_, value)| value.end);
                }
                Kind::Map { flow, entries }
            }
            _ => {
                anchored = true;
                Kind::Alias
            }
        };
        Ok(Node {
            kind,
            start: bytes.start,
            end,
            anchored,
        })
    }
}
