//! What a cluster is made of, once its configuration was read and before a program gives the credential.

use kube::Config;

use super::{cluster::Cluster, error::ConnectError};
use crate::api::{
    plugin::{Answer, Login, PluginError, Renewed},
    transport::{Settings, Transport},
};

/// What a cluster is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) settings: Settings,
    /// Absent where no program gives the credential.
    pub(super) login: Option<Login>,
}

impl Parts {
    /// The cluster, with the answer of the program that gives the credential.
    ///
    /// # Errors
    ///
    /// Fails when the program gave none, and when no client can be made.
    pub(super) fn connect(
        mut self,
        answer: Option<Result<Answer, PluginError>>,
    ) -> Result<Cluster, ConnectError> {
        if let Some((login, answer)) = self.login.zip(answer) {
            let plugin = answer.and_then(|answer| Renewed::of(login, answer, &mut self.config));
            self.settings.plugin = plugin.map_err(|error| ConnectError::of_plugin(&error))?;
        }
        let transport = Transport::new(self.config, self.settings).map_err(ConnectError::Client)?;
        Ok(Cluster::new(transport))
    }
}
