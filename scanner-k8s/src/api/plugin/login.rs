//! A login by a credential plugin: which program it is, and its runs.

use std::{sync::Arc, time::Instant};

use kube::{Config, config::ExecConfig};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{answer::Answer, choice::of, error::PluginError, program, run, runs::Runs};

/// A login by a program. The program is stopped once all clones of this are gone.
#[derive(Clone)]
pub(in crate::api) struct Login {
    exec: Arc<ExecConfig>,
    wanted: Arc<()>,
    runs: Runs,
}

/// How a run of the program ended, and when.
pub(super) struct Ran {
    pub(super) at: Instant,
    pub(super) answer: Result<Answer, PluginError>,
}

impl Login {
    /// The login of a configuration, if that is by a program: the same one, by its absolute path, whenever it runs.
    ///
    /// # Errors
    ///
    /// Fails when the program is not there.
    pub(in crate::api) fn of(config: &Config) -> Result<Option<Self>, PluginError> {
        let Some(mut exec) = of(&config.auth_info).cloned() else {
            return Ok(None);
        };
        program::resolve(&mut exec, std::env::var_os("PATH").as_deref())?;
        Ok(Some(Self {
            exec: Arc::new(exec),
            wanted: Arc::new(()),
            runs: Runs::default(),
        }))
    }

    /// Runs the program. The thread waits for it.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be started, fails, takes too long, or gives no credential.
    pub(in crate::api) fn run(&self) -> Result<Answer, PluginError> {
        run::run(&self.exec, &Arc::downgrade(&self.wanted), &self.runs)
    }

    /// Runs the program without a thread of the runtime that waits.
    ///
    /// # Errors
    ///
    /// Fails as [`Login::run`] does.
    pub(in crate::api) async fn run_apart(&self) -> Result<Answer, PluginError> {
        let ran = self.begin().await;
        ran.map_err(|_| PluginError::Stopped(self.name()))?.answer
    }

    /// Begins a run, which holds up nobody.
    pub(super) fn begin(&self) -> JoinHandle<Ran> {
        let (exec, runs) = (Arc::clone(&self.exec), self.runs.clone());
        // Not a clone of the login, which would keep the program wanted.
        let wanted = Arc::downgrade(&self.wanted);
        spawn_blocking(move || {
            let answer = run::run(&exec, &wanted, &runs);
            let at = Instant::now();
            Ran { at, answer }
        })
    }

    /// The programs of this login that run.
    pub(super) fn runs(&self) -> &Runs {
        &self.runs
    }

    pub(super) fn name(&self) -> String {
        program::name(&self.exec)
    }
}
