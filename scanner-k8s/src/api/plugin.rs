//! The operator's credential, where a program gives it: the `exec` of a kubeconfig's user.
//!
//! The program runs once when a cluster is made, and again only when what it gave has expired. kube would run it for each
//! thing that it wants to know.

mod answer;
mod child;
mod choice;
mod error;
mod kuberc;
mod program;
mod run;

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kube::{Config, client::Body, config::ExecConfig};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::Mutex,
    task::{JoinHandle, spawn_blocking},
};
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use answer::Answer;
use choice::of;
pub(super) use error::PluginError;
pub(super) use kuberc::permit;

/// How long before its end a credential is renewed, so that it does not end on its way.
const EARLY: SignedDuration = SignedDuration::from_secs(10);

/// The token that a program gave, which runs again when that has expired. Its clones share one token, and one run.
#[derive(Clone)]
pub(super) struct Renewed {
    exec: Arc<ExecConfig>,
    state: Arc<Mutex<State>>,
    /// Once nobody holds it any more, the program is stopped.
    wanted: Arc<()>,
}

struct State {
    held: Held,
    /// The program, while it runs: who waits for it may give up, and who comes next waits for the same run.
    running: Option<JoinHandle<Result<Answer, PluginError>>>,
    /// When it failed, and how: who waited for it then does not run it again.
    failed: Option<(Instant, PluginError)>,
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
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if state.held.is_over() {
            let failed = state.failed.as_ref().filter(|(when, _)| *when >= asked);
            if let Some((_, error)) = failed {
                return Err(error.clone());
            }
            let renewed = self.renew(&mut state.running).await;
            state.held = renewed.inspect_err(|error| {
                state.failed = Some((Instant::now(), error.clone()));
            })?;
        }
        request
            .headers_mut()
            .insert(AUTHORIZATION, state.held.header.clone());
        Ok(())
    }

    /// Runs the program again, unless it runs already.
    async fn renew(
        &self,
        running: &mut Option<JoinHandle<Result<Answer, PluginError>>>,
    ) -> Result<Held, PluginError> {
        let ran = running
            .get_or_insert_with(|| apart(&self.exec, Arc::downgrade(&self.wanted)))
            .await;
        *running = None;
        let name = program::name(&self.exec);
        let answer = ran.map_err(|_| PluginError::Stopped(name.clone()))??;
        let Some(token) = answer.token else {
            return Err(PluginError::NoToken(name));
        };
        Held::of(&name, &token, answer.expires)
    }
}

/// Runs the program where it holds up nobody else.
fn apart(exec: &Arc<ExecConfig>, wanted: Weak<()>) -> JoinHandle<Result<Answer, PluginError>> {
    let exec = Arc::clone(exec);
    spawn_blocking(move || run::run(&exec, &wanted))
}

/// Runs the program of `config`, if there is one, and puts the certificate that it gave into `config`, which names no program
/// from then on. The token is given back. The thread waits for the program.
///
/// # Errors
///
/// Fails when the program is not there, fails, takes too long, or gives no credential.
pub(super) fn log_in(config: &mut Config) -> Result<Option<Renewed>, PluginError> {
    let Some(exec) = program_of(config)? else {
        return Ok(None);
    };
    let wanted = Arc::new(());
    let answer = run::run(&exec, &Arc::downgrade(&wanted))?;
    logged_in(config, exec, answer)
}

/// The same without a thread that waits. The program is stopped when nobody waits for it any more.
///
/// # Errors
///
/// Fails as [`log_in`] does.
pub(super) async fn log_in_apart(config: &mut Config) -> Result<Option<Renewed>, PluginError> {
    let Some(exec) = program_of(config)? else {
        return Ok(None);
    };
    let wanted = Arc::new(());
    let ran = apart(&exec, Arc::downgrade(&wanted)).await;
    let answer = ran.map_err(|_| PluginError::Stopped(program::name(&exec)))??;
    logged_in(config, exec, answer)
}

/// The program to run, by its absolute path: the same one whenever it runs.
fn program_of(config: &Config) -> Result<Option<Arc<ExecConfig>>, PluginError> {
    let Some(mut exec) = of(&config.auth_info).cloned() else {
        return Ok(None);
    };
    program::resolve(&mut exec, std::env::var_os("PATH").as_deref())?;
    Ok(Some(Arc::new(exec)))
}

/// Uses what the program answered.
fn logged_in(
    config: &mut Config,
    exec: Arc<ExecConfig>,
    answer: Answer,
) -> Result<Option<Renewed>, PluginError> {
    config.auth_info.exec = None;
    if let Some((certificate, key)) = answer.certificate {
        let login = &mut config.auth_info;
        login.client_certificate_data = Some(STANDARD.encode(certificate));
        login.client_key_data = Some(STANDARD.encode(key.expose_secret()).into());
    }
    let Some(token) = answer.token else {
        return Ok(None);
    };
    let held = Held::of(&program::name(&exec), &token, answer.expires)?;
    let state = State {
        held,
        running: None,
        failed: None,
    };
    Ok(Some(Renewed {
        exec,
        state: Arc::new(Mutex::new(state)),
        wanted: Arc::new(()),
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
