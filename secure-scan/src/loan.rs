//! Runs a program with a short-lived kubeconfig for one pod, surrounded by the controls of a scan.

use std::sync::{Arc, OnceLock};

use scanner_core::{ScanPlan, audit::AuditLog, event::Observer};
use scanner_k8s::{Segment, credential_loan as loan};

use crate::running::Running;

pub use loan::{LoanError, LoanRequest, Tool, ToolError};
pub use secrecy;

/// A loan that was planned and has written nothing yet.
pub struct PreparedLoan {
    inner: loan::PreparedLoan,
    observer: Option<Arc<dyn Observer>>,
}

/// The exit code of a program that was run with a loan. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ToolExit(Arc<OnceLock<i32>>);

impl ToolExit {
    /// The exit code, once the program has ended by itself.
    pub fn code(&self) -> Option<i32> {
        self.0.get().copied()
    }
}

impl PreparedLoan {
    /// Resolves the pod, asks whether the operator may do all of it, and plans.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a right is missing, or an admission guard would refuse all that the
    /// program can do.
    pub async fn new(
        segment: Segment,
        request: &LoanRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, LoanError> {
        let inner = loan::PreparedLoan::within(segment, request, tool);
        Ok(Self {
            inner: Box::pin(inner).await?,
            observer: None,
        })
    }

    /// Also hands every event to `observer`.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Everything that would be created, granted and run.
    pub fn plan(&self) -> &ScanPlan {
        self.inner.plan()
    }

    /// The log of what is decided and done.
    pub fn audit(&self) -> Arc<AuditLog> {
        self.inner.audit()
    }

    /// Runs the program in a task of its own, while the controls hold; stopping it ends the program.
    pub fn spawn(self) -> (Running, ToolExit) {
        let (exit, plan) = (ToolExit::default(), self.plan().clone());
        let log = self.audit();
        let code = exit.clone();
        let running = Running::start(plan, self.observer, move |tap, interrupt| async move {
            let ended = Box::pin(self.inner.run(tap.as_ref(), interrupt.wait())).await;
            let (mut report, ended) = ended;
            log.bind(&mut report);
            if let Some(ended) = ended {
                let _ = code.0.set(ended);
            }
            report
        });
        (running, exit)
    }
}
