//! What happens during a scan, as a stream that programs can draw their own progress from.

use serde::{Deserialize, Serialize};

use crate::{
    alert::SecurityAlert, evidence::AuditCheck, gate::decision::GateResult, stage::Stage,
    verdict::Verdict,
};

/// One thing that happened. Its JSON form is what the audit log keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A stage began.
    StageStarted(Stage),
    /// A gate decided.
    GateDecided(GateResult),
    /// A control was put in place.
    ControlEnforced {
        /// Identifier of the control.
        id: String,
        /// What proves it.
        evidence: Vec<String>,
    },
    /// A control has waited long for something. The event comes again, with a longer time, while the wait lasts.
    ControlWaits {
        /// Identifier of the control.
        id: String,
        /// How long it has waited.
        seconds: u64,
        /// What it waits for: words of this program, and after them those of the cluster.
        what: String,
    },
    /// A control was shown to hold, from the server's side.
    ControlVerified {
        /// Identifier of the control.
        id: String,
        /// What proves it.
        evidence: Vec<String>,
    },
    /// A control gave the scan identity its access.
    ControlGranted {
        /// Identifier of the control.
        id: String,
        /// What proves it.
        evidence: Vec<String>,
    },
    /// A control was withdrawn because the streams that needed it are open.
    ControlRevoked {
        /// Identifier of the control.
        id: String,
        /// What proves it.
        evidence: Vec<String>,
    },
    /// What a control made was removed, or shown to be gone.
    ControlReleased {
        /// Identifier of the control.
        id: String,
        /// Which of the two.
        stage: Stage,
        /// What proves it.
        evidence: Vec<String>,
    },
    /// A stage of a control failed.
    ControlFailed {
        /// Identifier of the control.
        id: String,
        /// The stage.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// The post-scan audit verified something, or could not.
    Audited(AuditCheck),
    /// The scan could not be done.
    Failed {
        /// Stage that failed.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// A control raised an alert that somebody must investigate.
    Alert(SecurityAlert),
    /// The scan is over.
    Ended {
        /// What it amounts to.
        verdict: Verdict,
    },
    /// The scan was interrupted; what was made is now released.
    Interrupted {
        /// Why, such as the name of a signal.
        reason: String,
    },
    /// Something that an observer should know but that stops nothing.
    Note(String),
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}

/// Receives events. Called from the scan's own task: implementations return at once.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event) {}
}
