//! Faults: what goes wrong at the nth call, or at the nth call of a kind.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    FakeCluster,
    call::Call,
    state::{Action, Effect, Strike, Striker},
};

/// What goes wrong, and at which calls.
///
/// Without an effect, a fault only runs the action of [`Fault::doing`]. A fault without a number strikes every call that it
/// matches.
///
/// ```
/// use std::time::Duration;
/// use secure_scan_testing::Fault;
///
/// let _ = Fault::at(7).status(503);
/// let _ = Fault::on("create", "rolebindings").nth(1).lose_answer();
/// let _ = Fault::on("watch", "*").by("system:serviceaccount:shop:web").delay(Duration::from_secs(20)).hang();
/// ```
#[derive(Clone)]
#[must_use]
pub struct Fault {
    number: Option<u64>,
    verb: String,
    resource: String,
    name: Option<String>,
    user: Option<String>,
    from: u64,
    most: Option<u64>,
    matched: u64,
    delay: Duration,
    effect: Effect,
    action: Option<Action>,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("number", &self.number)
            .field("verb", &self.verb)
            .field("resource", &self.resource)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// A fault of the nth call of the fake, counted from 1, whatever it is.
    pub fn at(number: u64) -> Self {
        Self {
            number: Some(number),
            ..Self::on("*", "*")
        }
    }

    /// A fault of every call with this verb and resource, such as `create` and `pods/exec` or `jobs.batch`; `*` is
    /// any, and a resource without its group is that of any group.
    pub fn on(verb: &str, resource: &str) -> Self {
        Self {
            number: None,
            verb: verb.into(),
            resource: resource.into(),
            name: None,
            user: None,
            from: 1,
            most: None,
            matched: 0,
            delay: Duration::ZERO,
            effect: Effect::None,
            action: None,
        }
    }

    /// Only for objects of this name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only for calls of this user.
    pub fn by(mut self, user: &str) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only for the nth of the calls that match, counted from 1.
    pub fn nth(mut self, number: u64) -> Self {
        (self.from, self.most) = (number, Some(1));
        self
    }

    /// Only for the first `count` of the calls that match.
    pub fn times(mut self, count: u64) -> Self {
        self.most = Some(count);
        self
    }

    /// Waits before anything else is done, by the fake's clock.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers with this code and the server's usual words for it; nothing is done.
    pub fn status(self, code: u16) -> Self {
        let message = match code {
            403 => "forbidden by a fault",
            404 => "the server could not find the requested resource",
            409 => "Operation cannot be fulfilled: the object has been modified",
            429 => "the server has received too many requests and has asked us to try again later",
            500 => "Internal error occurred: etcdserver: leader changed",
            503 => "the server is currently unable to handle the request",
            _ => "a fault",
        };
        self.status_with(code, message)
    }

    /// Answers with this code and these words; nothing is done.
    pub fn status_with(mut self, code: u16, message: &str) -> Self {
        self.effect = Effect::Status(code, message.into());
        self
    }

    /// Answers 200 with a body that is cut off in the middle of its JSON; nothing is done.
    pub fn malformed(mut self) -> Self {
        self.effect = Effect::Malformed;
        self
    }

    /// Never answers; nothing is done.
    pub fn hang(mut self) -> Self {
        self.effect = Effect::Hang;
        self
    }

    /// Cuts the connection; nothing is done.
    pub fn cut(mut self) -> Self {
        self.effect = Effect::Cut;
        self
    }

    /// Does what was asked for, and cuts the connection before the answer.
    pub fn lose_answer(mut self) -> Self {
        self.effect = Effect::LoseAnswer;
        self
    }

    /// Does something to the cluster before the call is handled, for example replaces the target meanwhile.
    pub fn doing(mut self, action: impl Fn(&FakeCluster) + Send + Sync + 'static) -> Self {
        self.action = Some(Arc::new(action));
        self
    }

    /// The function that a cluster calls for each call.
    pub(crate) fn striker(mut self) -> Striker {
        Box::new(move |call| self.strike(call))
    }

    /// Whether it strikes this call.
    fn strike(&mut self, call: &Call) -> Option<Strike> {
        let same = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has);
        let qualified = format!("{}.{}", call.resource, call.group);
        let matches = self.number.is_none_or(|number| number == call.number)
            && (self.verb == "*" || self.verb == call.verb)
            && (self.resource == "*"
                || self.resource == call.resource
                || self.resource == qualified)
            && same(&self.name, &call.name)
            && same(&self.user, &call.user);
        if !matches {
            return None;
        }
        self.matched += 1;
        let over = self
            .most
            .is_some_and(|most| self.matched >= self.from + most);
        (self.matched >= self.from && !over).then(|| Strike {
            delay: self.delay,
            effect: self.effect.clone(),
            action: self.action.clone(),
        })
    }
}
