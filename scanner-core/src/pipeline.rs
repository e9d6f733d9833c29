//! The scan pipeline: from the first control put in place, release runs whatever happens.

mod panic;
mod record;
mod scan;
mod stages;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Instant};

use futures_util::{
    FutureExt,
    future::{Either, select},
};

use crate::{
    event::Event,
    report::{Failure, ScanReport},
};

use panic::{BUG, internal};
use record::Recorder;

pub use crate::stage::Stage;
pub use scan::Pipeline;

impl Pipeline<'_> {
    /// Runs the scan to its report. `interrupt` resolves to a reason when the scan must stop.
    ///
    /// Does not fail: whatever happens is in the report. When `interrupt` resolves, or a stage
    /// fails or panics, everything that was made is released and its absence verified first.
    pub async fn run(self, interrupt: impl Future<Output = String>) -> ScanReport {
        let started = Instant::now();
        let mut recorder = Recorder::new(&self);
        let mut interrupted = None;
        let failure = {
            let work = AssertUnwindSafe(stages::run(&self, &mut recorder)).catch_unwind();
            match select(pin!(work), pin!(interrupt)).await {
                Either::Left((Ok(Ok(())), _)) => None,
                Either::Left((Ok(Err(failure)), _)) => Some(failure),
                Either::Left((Err(panic), _)) => Some(Failure {
                    stage: Stage::Resolve,
                    message: internal(panic.as_ref()),
                    hint: Some(BUG.into()),
                    interrupted: false,
                }),
                Either::Right((reason, _)) => {
                    let failure = Failure {
                        stage: Stage::Resolve,
                        message: format!("interrupted by {reason}"),
                        hint: None,
                        interrupted: true,
                    };
                    interrupted = Some(Event::Interrupted { reason });
                    Some(failure)
                }
            }
        };
        recorder.must_release();
        if let Some(event) = interrupted {
            recorder.tell(&event);
        }
        if let Some(failure) = failure {
            recorder.fail(failure);
        }
        stages::release(&self, &mut recorder).await;
        recorder.into_report(self, started.elapsed())
    }
}

#[cfg(test)]
mod tests;
