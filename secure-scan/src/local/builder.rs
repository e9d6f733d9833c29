//! Builds a local scan.

use std::{path::PathBuf, sync::Arc, time::Duration};

use scanner_core::{
    ScanEngine, ScanStrategy, Subject,
    engine::Evaluation,
    engines::EngineHost,
    finding::Severity,
    look::{Look, request_of},
    report::LocalReport,
};

use super::{agent::Agent, error::LocalError, scan::LocalScan, source::Source};
use crate::host::{ThreadHost, in_thread};

/// Time that a local scan has by default to read what it scans.
const DEFAULT_LIMIT: Duration = Duration::from_mins(10);

/// Builds a [`LocalScan`].
#[must_use]
pub struct LocalScanBuilder {
    subject: Subject,
    way: Option<Way>,
    engines: Vec<Arc<dyn ScanEngine>>,
    host: Arc<dyn EngineHost>,
    threshold: Severity,
    limit: Duration,
}

/// How the subject is reached.
enum Way {
    Agent(Source),
    Strategy(Box<dyn ScanStrategy>),
}

impl LocalScanBuilder {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            way: None,
            engines: Vec::new(),
            host: Arc::new(ThreadHost::default()),
            threshold: Severity::FAIL_ON,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Adds an engine: a profile, or one of your own. An `Arc`, a `Box` and a `&'static` of one are engines too.
    pub fn engine(mut self, engine: impl ScanEngine + 'static) -> Self {
        self.engines.push(Arc::new(engine));
        self
    }

    /// Reaches the subject with a strategy of your own, which must limit its own time.
    pub fn strategy(mut self, strategy: impl ScanStrategy + 'static) -> Self {
        self.way = Some(Way::Strategy(Box::new(strategy)));
        self
    }

    /// Reads a directory as a root filesystem.
    pub fn root(mut self, path: impl Into<PathBuf>) -> Self {
        self.way = Some(Way::Agent(Source::Directory(path.into())));
        self
    }

    /// Reads a process of this machine.
    pub fn process(mut self, pid: u32) -> Self {
        self.way = Some(Way::Agent(Source::Process(pid)));
        self
    }

    /// Reads an image in a tar file.
    pub fn oci_archive(mut self, file: impl Into<PathBuf>) -> Self {
        self.way = Some(Way::Agent(Source::Archive(file.into())));
        self
    }

    /// Lowest severity at which a failed check makes the verdict `findings`; [`Severity::FAIL_ON`] by default.
    pub fn threshold(mut self, severity: Severity) -> Self {
        self.threshold = severity;
        self
    }

    /// Time for reading what is scanned. A filesystem whose server hangs cannot be interrupted: its thread then stays
    /// until the program ends, and the scan does not wait for it.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs engines on `host` instead of in threads of their own.
    pub fn host(mut self, host: impl EngineHost + 'static) -> Self {
        self.host = Arc::new(host);
        self
    }

    /// Finds and opens what is to be scanned.
    ///
    /// # Errors
    ///
    /// Fails when it is not there or may not be read, and without an engine.
    pub async fn prepare(self) -> Result<LocalScan, LocalError> {
        if self.engines.is_empty() {
            return Err(LocalError::NoEngine);
        }
        let request = request_of(&self.engines);
        let (strategy, image_digest): (Box<dyn ScanStrategy>, _) = match self.way {
            None => return Err(LocalError::NoStrategy(Box::new(self.subject))),
            Some(Way::Strategy(strategy)) => (strategy, None),
            Some(Way::Agent(source)) => {
                let digests = request.files.iter().any(|files| files.digest);
                let opened = in_thread("open", move || source.open(digests));
                let opened = opened.map_err(|error| LocalError::of(&self.subject, error))?;
                let opened = match tokio::time::timeout(self.limit, opened).await {
                    Ok(Ok(opened)) => opened,
                    Ok(Err(_)) => Err(std::io::Error::other("its reader panicked")),
                    Err(_) => {
                        return Err(LocalError::TooLate {
                            subject: Box::new(self.subject),
                            seconds: self.limit.as_secs(),
                        });
                    }
                };
                let opened = opened.map_err(|error| LocalError::of(&self.subject, error))?;
                let digest = opened.image_digest().map(str::to_owned);
                (Box::new(Agent::new(opened, self.limit)), digest)
            }
        };
        let evaluation = Evaluation::on(today());
        let look = Look::new(self.subject, strategy, self.engines, self.host, evaluation);
        let threshold = self.threshold;
        Ok(LocalScan::new(look, request, image_digest, threshold))
    }

    /// Finds, opens and scans it.
    ///
    /// # Errors
    ///
    /// Fails as [`LocalScanBuilder::prepare`] does; what fails later is in the report.
    pub async fn run(self) -> Result<LocalReport, LocalError> {
        Ok(self.prepare().await?.run().await)
    }
}

/// The day in UTC.
pub(crate) fn today() -> jiff::civil::Date {
    let now = jiff::Timestamp::now();
    jiff::tz::Offset::UTC.to_datetime(now).date()
}
