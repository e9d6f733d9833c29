//! Lets a program run the planned commands in one pod, and nothing else, surrounded by the controls of a scan.
//!
//! The program gets the kubeconfig of a proxy in this process, and no token of the cluster. The proxy lets through what the
//! [`LoanTerms`] allow, logs what the program calls, and closes every stream when the loan ends.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use secure_scan::{
//!     Cluster, ObjectMetadata,
//!     loan::{
//!         AllowedCommand, LoanRequest, LoanTerms, PreparedLoan, Tool, ToolError,
//!         secrecy::SecretString,
//!     },
//!     target::{PodSelection, TargetRequest},
//! };
//!
//! struct Inspector;
//!
//! #[async_trait::async_trait]
//! impl Tool for Inspector {
//!     fn name(&self) -> String {
//!         "inspector".into()
//!     }
//!
//!     async fn run(&self, kubeconfig: SecretString) -> Result<i32, ToolError> {
//!         // Any client of Kubernetes takes it; the loan ends when this returns.
//!         drop(kubeconfig);
//!         Ok(0)
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::kubeconfig(None, None).await?;
//! let request = LoanRequest {
//!     target: TargetRequest {
//!         namespace: "shop".parse()?,
//!         pod: PodSelection::Name("web-0".parse()?),
//!         container: None,
//!     },
//!     terms: LoanTerms {
//!         commands: vec![AllowedCommand::once(["id", "-u"])],
//!         ..LoanTerms::default()
//!     },
//!     lease_seconds: 60,
//!     object_metadata: ObjectMetadata::default(),
//!     identity_namespace: None,
//! };
//! let loan = PreparedLoan::new(cluster.begin(), &request, Arc::new(Inspector)).await?;
//! let (running, exit) = loan.spawn();
//! let report = running.await;
//! println!("{report:?} {:?}", exit.code());
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, OnceLock};

use scanner_core::{ScanPlan, audit::AuditLog, event::Observer};
use scanner_k8s::{Segment, credential_loan as loan};

use crate::running::Running;

pub use loan::{AllowedCommand, LoanError, LoanRequest, LoanTerms, Tool, ToolError};
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
    /// Fails when there is no such running container, a right is missing, the terms allow nothing, or an admission guard
    /// would refuse what they allow.
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

    /// Also passes every event to `observer`.
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
