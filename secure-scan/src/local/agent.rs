//! The strategy of local scans: the probe's own reading, in a thread of this process.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, FailureKind, OpenContext, ScanStrategy, StrategyError, TargetAccess,
    inventory::Section,
};

use super::{reader::Reader, source::Opened};

/// Sections that a directory or an image does not have.
const ABSENT: [Section; 1 + Section::OF_PROCESSES.len()] = {
    let mut all = [Section::Pod; 1 + Section::OF_PROCESSES.len()];
    let mut index = 0;
    while index < Section::OF_PROCESSES.len() {
        all[index + 1] = Section::OF_PROCESSES[index];
        index += 1;
    }
    all
};

/// Reads with the code of the probe, in this process.
pub(super) struct Agent {
    opened: Mutex<Option<Opened>>,
    has_processes: bool,
    limit: Duration,
}

impl Agent {
    pub(super) fn new(opened: Opened, limit: Duration) -> Self {
        Self {
            has_processes: opened.has_processes(),
            opened: Mutex::new(Some(opened)),
            limit,
        }
    }
}

#[async_trait]
impl ScanStrategy for Agent {
    fn name(&self) -> &'static str {
        "local"
    }

    fn trust(&self) -> &'static str {
        "read by this program itself, on this machine; no control surrounded the scan"
    }

    fn absent(&self) -> &[Section] {
        if self.has_processes {
            &ABSENT[..1]
        } else {
            &ABSENT
        }
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        _: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.take().ok_or_else(|| {
            StrategyError::new(FailureKind::Internal, "what is scanned was opened before")
        })?;
        Ok(Box::new(Reader::new(opened, self.limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::source::Source;

    #[test]
    fn a_directory_has_neither_a_pod_nor_processes_and_a_process_has_no_pod() {
        assert_eq!(ABSENT[1..], Section::OF_PROCESSES);
        let absent = |source: Source| {
            let agent = Agent::new(source.open(false).unwrap(), Duration::ZERO);
            agent.absent().to_vec()
        };
        assert_eq!(absent(Source::Directory("/".into())), ABSENT);
        let own = Source::Process(std::process::id());
        assert_eq!(absent(own), [Section::Pod]);
    }
}
