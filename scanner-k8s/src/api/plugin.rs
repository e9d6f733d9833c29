//! The operator's credential, where a program gives it: the `exec` of a kubeconfig's user.
//!
//! The program runs once when a cluster is made, and again only when what it gave has expired. kube would run it for each
//! thing that it wants to know.

mod answer;
mod choice;
mod error;
mod kuberc;
mod run;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kube::{Config, client::Body, config::ExecConfig};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use answer::Answer;
use choice::of;
pub(super) use error::PluginError;
pub(super) use kuberc::permit;

/// How long before its end a credential is renewed, so that it does not end on its way.
const EARLY: SignedDuration = SignedDuration::from_secs(10);

/// The token that a program gave, which runs again when that has expired. Its clones share one token.
#[derive(Clone)]
pub(super) struct Renewed {
    exec: Arc<ExecConfig>,
    held: Arc<Mutex<Held>>,
}

struct Held {
    header: HeaderValue,
    expires: Option<Timestamp>,
}

impl Held {
    fn of(
        name: &str,
        token: &SecretString,
        expires: Option<Timestamp>,
    ) -> Result<Self, PluginError> {
        let header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
        let mut header = header.map_err(|_| PluginError::NoHeader(name.to_owned()))?;
        header.set_sensitive(true);
        Ok(Self { header, expires })
    }

    fn is_over(&self) -> bool {
        let soon = Timestamp::now().saturating_add(EARLY);
        let soon = soon.unwrap_or(Timestamp::MAX);
        self.expires.is_some_and(|end| end <= soon)
    }
}

impl Renewed {
    /// Puts the credential on a request.
    async fn authorize(&self, request: &mut Request<Body>) -> Result<(), PluginError> {
        let mut held = self.held.lock().await;
        if held.is_over() {
            let exec = Arc::clone(&self.exec);
            let ran = tokio::task::spawn_blocking(move || run::run(&exec)).await;
            let name = run::name(&self.exec);
            let answer = ran.map_err(|_| PluginError::Stopped(name.clone()))??;
            let Some(token) = answer.token else {
                return Err(PluginError::NoToken(name));
            };
            *held = Held::of(&name, &token, answer.expires)?;
        }
        request
            .headers_mut()
            .insert(AUTHORIZATION, held.header.clone());
        Ok(())
    }
}

/// Runs the program of `config`, if there is one, and puts the certificate that it gave into `config`, which names no program
/// from then on. The token is given back.
///
/// # Errors
///
/// Fails when the program is not there, fails, or gives no credential.
pub(super) fn log_in(config: &mut Config) -> Result<Option<Renewed>, PluginError> {
    let Some(exec) = of(&config.auth_info).cloned() else {
        return Ok(None);
    };
    let Answer {
        token,
        certificate,
        expires,
    } = run::run(&exec)?;
    config.auth_info.exec = None;
    if let Some((certificate, key)) = certificate {
        let login = &mut config.auth_info;
        login.client_certificate_data = Some(STANDARD.encode(certificate));
        login.client_key_data = Some(STANDARD.encode(key.expose_secret()).into());
    }
    let Some(token) = token else {
        return Ok(None);
    };
    let held = Held::of(&run::name(&exec), &token, expires)?;
    Ok(Some(Renewed {
        exec: Arc::new(exec),
        held: Arc::new(Mutex::new(held)),
    }))
}

/// Puts the credential of `plugin` on every request that `inner` sends.
pub(super) fn authorized<S>(
    inner: S,
    plugin: Option<Renewed>,
) -> impl Service<Request<Body>, Response = S::Response, Error = BoxError, Future: Send> + Clone + Send
where
    S: Service<Request<Body>, Error: Into<BoxError>, Future: Send, Response: Send>
        + Clone
        + Send
        + 'static,
{
    service_fn(move |mut request: Request<Body>| {
        let (inner, plugin) = (inner.clone(), plugin.clone());
        async move {
            if let Some(plugin) = plugin {
                plugin.authorize(&mut request).await?;
            }
            inner.oneshot(request).await.map_err(Into::into)
        }
    })
}
