//! The token that a program gave, which runs again when that has expired.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kube::{Config, client::Body};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::Mutex,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use super::{
    answer::Answer,
    error::PluginError,
    login::{Login, Ran},
    runs::Runs,
};
use crate::api::bearer::bearer;

/// How long before its end a credential is renewed, so that it does not end on its way.
const EARLY: SignedDuration = SignedDuration::from_secs(10);
/// How long a call waits for the program. It is shorter than the call's own time limit, whose error would not name the
/// program.
const PATIENCE: Duration = Duration::from_secs(13);

/// The token that a program gave. Its clones share one token, and one run.
#[derive(Clone)]
pub(in crate::api) struct Renewed {
    login: Login,
    state: Arc<Mutex<State>>,
}

struct State {
    held: Held,
    /// The run of the program, while it lasts: a caller may give up, and the next one waits for the same run.
    running: Option<JoinHandle<Ran>>,
    /// When and how it failed: a caller who already waited then does not run it again.
    failed: Option<(Instant, PluginError)>,
}

struct Held {
    header: HeaderValue,
    expires: Option<Timestamp>,
}

impl Held {
    fn of(
        login: &Login,
        token: &SecretString,
        expires: Option<Timestamp>,
    ) -> Result<Self, PluginError> {
        let header = bearer(token.expose_secret());
        let header = header.map_err(|_| PluginError::NoHeader(login.name()))?;
        Ok(Self { header, expires })
    }

    fn is_over(&self) -> bool {
        let soon = Timestamp::now().saturating_add(EARLY);
        let soon = soon.unwrap_or(Timestamp::MAX);
        self.expires.is_some_and(|end| end <= soon)
    }
}

impl Renewed {
    /// Uses what the program answered: puts its certificate into `config`, which names no program from then on, and gives
    /// back its token.
    ///
    /// # Errors
    ///
    /// Fails when the token cannot be sent.
    pub(in crate::api) fn of(
        login: Login,
        answer: Answer,
        config: &mut Config,
    ) -> Result<Option<Self>, PluginError> {
        let user = &mut config.auth_info;
        user.exec = None;
        if let Some((certificate, key)) = answer.certificate {
            user.client_certificate_data = Some(STANDARD.encode(certificate));
            user.client_key_data = Some(STANDARD.encode(key.expose_secret()).into());
        }
        let Some(token) = answer.token else {
            return Ok(None);
        };
        let state = State {
            held: Held::of(&login, &token, answer.expires)?,
            running: None,
            failed: None,
        };
        Ok(Some(Self {
            login,
            state: Arc::new(Mutex::new(state)),
        }))
    }

    /// The programs that run now.
    pub(in crate::api) fn runs(&self) -> &Runs {
        self.login.runs()
    }

    /// Puts the credential on a request.
    async fn authorize(&self, request: &mut Request<Body>) -> Result<(), PluginError> {
        let header = timeout(PATIENCE, self.header()).await;
        let header = header.map_err(|_| PluginError::Running {
            name: self.login.name(),
            seconds: PATIENCE.as_secs(),
        })??;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }

    /// The header of a credential that is not over. Whoever stops waiting for it does not stop the program.
    async fn header(&self) -> Result<HeaderValue, PluginError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if state.held.is_over() {
            let failed = state.failed.as_ref().filter(|(when, _)| *when >= asked);
            if let Some((_, error)) = failed {
                return Err(error.clone());
            }
            let renewed = self.renew(&mut state.running, asked).await;
            state.held = renewed.inspect_err(|error| {
                state.failed = Some((Instant::now(), error.clone()));
            })?;
        }
        Ok(state.held.header.clone())
    }

    /// Runs the program again, unless it runs already.
    async fn renew(
        &self,
        running: &mut Option<JoinHandle<Ran>>,
        asked: Instant,
    ) -> Result<Held, PluginError> {
        if let Some(ended) = running.take_if(|run| run.is_finished()) {
            let ran = ended.await;
            let is_awaited = ran.as_ref().is_ok_and(|ran| ran.at >= asked);
            let held = self.held(ran);
            // A result from before anybody asked may be old: a failure then says nothing about now.
            if is_awaited || held.as_ref().is_ok_and(|held| !held.is_over()) {
                return held;
            }
        }
        let ran = running.get_or_insert_with(|| self.login.begin()).await;
        *running = None;
        self.held(ran)
    }

    fn held(&self, ran: Result<Ran, JoinError>) -> Result<Held, PluginError> {
        let name = || self.login.name();
        let answer = ran.map_err(|_| PluginError::Stopped(name()))?.answer?;
        let Some(token) = answer.token else {
            return Err(PluginError::NoToken(name()));
        };
        Held::of(&self.login, &token, answer.expires)
    }
}

/// Puts the credential of `plugin` on every request that `inner` sends.
pub(in crate::api) fn authorized<S>(
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
