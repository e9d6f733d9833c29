//! Reads an answer as it arrives: every section but the files is kept until it is complete; a file is passed on at once.

use std::collections::VecDeque;

use super::{
    files::FilesReader,
    section::{all_seen, gaps_of, max_lines, note_unreadable},
    sections::{nothing_answered, put, put_process_env},
};
use crate::{
    changes::{self, Changes},
    collected::{Collected, Coverage},
    collector,
    gap::Gap,
    inventory::{AgentInfo, Inventory},
    model::FileEntry,
    request::{InventoryRequest, Section},
    sink::{FilesEnd, InventorySink},
    wire::{self, Ending, Frames, PartSink, Parts, RawSection, WireError},
};

/// Most MiB of all sections but the files; each is kept until it is complete.
const MAX_SECTIONS: usize = 16;
/// Bytes of an answer that are read at once.
const STEP: usize = 32 * 1024;

/// Reads the answer of one agent and passes it on as it arrives.
///
/// Every payload is verified by its checksum before it is read. Only the end shows whether the answer is complete:
/// everything that was passed on before an error must be discarded. Memory does not grow with the number of files, except
/// for contents that an agent sends before them.
pub struct AnswerReader {
    frames: Option<Frames>,
    parts: Parts,
    content: Content,
    bytes: u64,
}

/// What an answer gives before its end.
pub(super) enum Item {
    /// Every section but the files.
    Sections(Box<Inventory>),
    /// One file.
    File(FileEntry),
}

impl AnswerReader {
    /// A reader of the answer to `request` of the agent of that name.
    pub fn new(agent: &str, nonce: &str, request: &InventoryRequest) -> Self {
        Self {
            frames: Some(Frames::new(nonce)),
            parts: Parts::new(nonce),
            content: Content::new(agent, request),
            bytes: 0,
        }
    }

    /// Takes bytes of the answer, and passes what they complete to `sink`.
    ///
    /// # Errors
    ///
    /// Fails when they are forged or malformed.
    pub async fn feed(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn InventorySink,
    ) -> Result<(), WireError> {
        for step in bytes.chunks(STEP) {
            self.push(step)?;
            self.hand_on(sink).await;
        }
        Ok(())
    }

    /// Whether the trailer came: then the agent has nothing more to say, and nothing on the way can get lost.
    pub fn is_whole(&self) -> bool {
        self.frames.as_ref().is_some_and(Frames::is_whole)
    }

    /// The same for an answer whose collector waits for its reader, see [`SHORT`](crate::collector::SHORT). It counts frame
    /// headers too, so it is also true of answers that are slightly shorter than that.
    pub fn is_long_and_whole(&self) -> bool {
        self.bytes > crate::collector::SHORT && self.is_whole()
    }

    /// Passes the rest to `sink`. Returns the end of the files to the caller, who passes it on if nothing else fails.
    ///
    /// # Errors
    ///
    /// Fails when the answer is not whole.
    pub async fn end(mut self, sink: &mut dyn InventorySink) -> Result<FilesEnd, WireError> {
        let end = self.finish()?;
        self.hand_on(sink).await;
        Ok(end)
    }

    async fn hand_on(&mut self, sink: &mut dyn InventorySink) {
        for item in self.take() {
            match item {
                Item::Sections(inventory) => sink.sections(*inventory).await,
                Item::File(file) => sink.file(file).await,
            }
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let Some(frames) = &mut self.frames else {
            return Err(WireError::Trailer);
        };
        self.bytes += bytes.len() as u64;
        let (parts, content) = (&mut self.parts, &mut self.content);
        frames.push(bytes, &mut |payload| parts.push(payload, content))
    }

    pub(super) fn take(&mut self) -> VecDeque<Item> {
        std::mem::take(&mut self.content.items)
    }

    pub(super) fn finish(&mut self) -> Result<FilesEnd, WireError> {
        let proven = self.frames.take().ok_or(WireError::Trailer)?.finish()?;
        if !self.parts.is_done() {
            return Err(WireError::Incomplete);
        }
        self.content.hand_on_sections();
        let agent = AgentInfo {
            name: self.content.agent.clone(),
            protocol: wire::PROTOCOL,
            bytes: self.bytes,
            frames: proven.frames,
            digests: proven.digests,
        };
        let mut end = FilesEnd::new(self.content.coverage.clone(), self.content.listed);
        end.agent = Some(agent);
        end.changes = std::mem::take(&mut self.content.changes);
        Ok(end)
    }
}

/// Collects the parts of an answer.
struct Content {
    agent: String,
    request: InventoryRequest,
    items: VecDeque<Item>,
    /// Every section but the files, until the files begin.
    sections: Option<Box<Inventory>>,
    /// Processes that were there while the sections were read.
    present: Option<Changes>,
    changes: Collected<Changes>,
    coverage: Coverage,
    listed: bool,
    open: Option<Open>,
    /// Bytes of sections so far.
    kept: usize,
}

/// A part that has not ended yet.
enum Open {
    Section(Section, Kept),
    ProcessEnv(Kept),
    Present(Kept),
    Changes(Kept),
    Files(Box<FilesReader>),
}

/// Lines of a part.
struct Kept {
    bytes: Vec<u8>,
    lines: usize,
    most: usize,
    over: u64,
}

impl Kept {
    const fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            lines: 0,
            most,
            over: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        if self.lines == self.most {
            self.over += 1;
            return;
        }
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.lines += 1;
    }

    fn section(&self, gaps: Vec<Gap>, ending: Ending) -> RawSection<'_> {
        let lines = self.bytes.strip_suffix(b"\n");
        let lines = lines.map(|bytes| bytes.split(|byte| *byte == b'\n').collect());
        RawSection {
            lines: lines.unwrap_or_default(),
            gaps,
            ending,
        }
    }
}

impl Content {
    fn new(agent: &str, request: &InventoryRequest) -> Self {
        let changes = if request.changes {
            changes::read(None)
        } else {
            Collected::NotRequested
        };
        let sections = nothing_answered(agent, request);
        Self {
            agent: agent.into(),
            request: request.clone(),
            items: VecDeque::new(),
            coverage: sections.files.coverage(),
            sections: Some(Box::new(sections)),
            present: None,
            changes,
            listed: false,
            open: None,
            kept: 0,
        }
    }

    fn hand_on_sections(&mut self) {
        let Some(mut inventory) = self.sections.take() else {
            return;
        };
        let processes = std::mem::take(&mut inventory.processes);
        inventory.processes = all_seen(processes, self.present.take().as_ref());
        inventory.files = Collected::NotRequested;
        inventory.agent.name.clone_from(&self.agent);
        self.items.push_back(Item::Sections(inventory));
    }

    fn files_end(&mut self, files: FilesReader, gaps: Vec<Gap>, ending: Ending) {
        let (last, unreadable, contents) = files.finish();
        self.items.extend(last.map(Item::File));
        let mut gaps = match gaps_of(gaps, ending, 0) {
            Ok(gaps) => gaps,
            Err(reason) => {
                self.coverage = Coverage::Unavailable { reason };
                return;
            }
        };
        note_unreadable(unreadable, &mut gaps);
        self.listed = gaps.total() == 0;
        gaps.join(contents);
        self.coverage = Collected::with_gaps((), gaps).coverage();
    }
}

impl PartSink for Content {
    fn begin(&mut self, name: &str) -> Result<(), WireError> {
        let requested = |section: &Section| self.request.sections.contains(section);
        self.open = match Section::from_name(name) {
            Some(Section::Files) if requested(&Section::Files) => {
                // Checks of single files also read the sections, so these come first; and files come once.
                if self.sections.is_none() {
                    return Err(WireError::Incomplete);
                }
                self.hand_on_sections();
                Some(Open::Files(Box::new(FilesReader::new(&self.request))))
            }
            Some(section) if requested(&section) && section != Section::Pod => {
                if self.sections.is_none() {
                    return Err(WireError::Incomplete);
                }
                Some(Open::Section(section, Kept::new(max_lines(section))))
            }
            None if requested(&Section::Env)
                && name == collector::PROCESS_ENV
                && self.agent == collector::NAME =>
            {
                Some(Open::ProcessEnv(Kept::new(max_lines(Section::Env))))
            }
            None if self.request.changes && name == changes::PART => {
                Some(Open::Changes(Kept::new(changes::MAX_LINES + 1)))
            }
            None if self.request.changes && name == changes::PRESENT => {
                Some(Open::Present(Kept::new(changes::MAX_LINES + 1)))
            }
            _ => None,
        };
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), WireError> {
        match &mut self.open {
            Some(Open::Files(files)) => self.items.extend(files.line(line).map(Item::File)),
            Some(
                Open::Section(_, kept)
                | Open::ProcessEnv(kept)
                | Open::Present(kept)
                | Open::Changes(kept),
            ) => {
                self.kept += line.len() + 1;
                if self.kept > MAX_SECTIONS << 20 {
                    return Err(WireError::TooLong(MAX_SECTIONS));
                }
                kept.line(line);
            }
            None => {}
        }
        Ok(())
    }

    fn end(&mut self, gaps: Vec<Gap>, ending: Option<Ending>) -> Result<(), WireError> {
        let (Some(open), Some(ending)) = (self.open.take(), ending) else {
            return Ok(());
        };
        match open {
            Open::Files(files) => self.files_end(*files, gaps, ending),
            Open::Section(section, kept) => {
                if let Some(inventory) = &mut self.sections {
                    put(inventory, section, kept.section(gaps, ending), kept.over);
                }
            }
            Open::ProcessEnv(kept) => {
                if let Some(inventory) = &mut self.sections {
                    put_process_env(inventory, kept.section(gaps, ending), kept.over);
                }
            }
            Open::Present(kept) => {
                let seen = changes::read(Some(kept.section(gaps, ending)));
                self.present = seen.data().cloned();
            }
            Open::Changes(kept) => {
                self.changes = changes::read(Some(kept.section(gaps, ending)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
