//! How long the cluster's own parts take, by the fake's clock.

use std::time::Duration;

/// How long the cluster's own controllers and nodes take for each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// Until a Job has its start time.
    pub job_start: Duration,
    /// Until the objects of an owner that is gone are deleted.
    pub collect: Duration,
    /// Until a pod has a node.
    pub schedule: Duration,
    /// Until a container runs.
    pub start: Duration,
    /// Until a container that must end has ended.
    pub stop: Duration,
}

impl Default for Pace {
    /// As a small, idle cluster does.
    fn default() -> Self {
        Self {
            job_start: Duration::from_millis(20),
            collect: Duration::from_millis(50),
            schedule: Duration::from_millis(10),
            start: Duration::from_millis(300),
            stop: Duration::from_millis(100),
        }
    }
}

impl Pace {
    /// Everything happens at once: for many scans in real time.
    #[must_use]
    pub fn instant() -> Self {
        Self {
            job_start: Duration::ZERO,
            collect: Duration::ZERO,
            schedule: Duration::ZERO,
            start: Duration::ZERO,
            stop: Duration::ZERO,
        }
    }

    /// With another time until a container runs.
    #[must_use]
    pub fn start(mut self, start: Duration) -> Self {
        self.start = start;
        self
    }

    /// With another time until a Job has its start time; a job queue may hold it for good.
    #[must_use]
    pub fn job_start(mut self, start: Duration) -> Self {
        self.job_start = start;
        self
    }
}
