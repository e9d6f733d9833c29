//! Who calls: operators with a fixed token, and service accounts with tokens that the fake issued.

mod jwt;

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    clock::stamp,
    facts::KEPT,
    rbac::Rule,
    store::{Key, Store},
};

/// How long the API server remembers a token that it accepted: `TokenSuccessCacheTTL`, with no flag for it.
const REMEMBERED: Duration = Duration::from_secs(10);
/// The audience of tokens that are for the API server itself.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// A caller, as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    /// Id of the token, where it has one.
    pub(crate) credential: Option<String>,
    /// Rights beside those of the store's roles, each in one namespace or in all.
    pub(crate) rules: Vec<(Option<String>, Rule)>,
}

impl User {
    pub(crate) fn operator(name: &str, rules: Vec<(Option<String>, Rule)>) -> Self {
        Self {
            name: name.into(),
            uid: String::new(),
            groups: vec!["system:authenticated".into()],
            credential: None,
            rules,
        }
    }
}

/// A token that the fake issued.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedToken {
    /// User name of its account, such as `system:serviceaccount:shop:web`.
    pub account: String,
    /// Its `jti`.
    pub id: String,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Kind and name of the object that it is bound to.
    pub bound_to: Option<(String, String)>,
    /// How often the server accepted it.
    pub accepted: u64,
    /// How often the server refused it.
    pub refused: u64,
    /// Whether a fresh validation would accept it now.
    pub valid: bool,
}

#[derive(Debug)]
struct Issued {
    claims: Value,
    accepted: u64,
    refused: u64,
}

/// All who may call.
pub(crate) struct Identities {
    fixed: BTreeMap<String, User>,
    /// By their ids, which follow each other.
    issued: BTreeMap<String, Issued>,
    /// How many tokens were issued in all.
    count: u64,
    /// How many of them are kept.
    kept: usize,
    /// By the spelling of the token, as the API server keeps them: until when, and who.
    remembered: BTreeMap<String, (Instant, User)>,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            fixed: BTreeMap::new(),
            issued: BTreeMap::new(),
            count: 0,
            kept: KEPT,
            remembered: BTreeMap::new(),
        }
    }
}

impl Identities {
    /// Keeps this many tokens of those that were issued.
    pub(crate) fn remember(&mut self, most: usize) {
        self.kept = most;
    }

    /// A caller with a token that never ends; one of that name is replaced.
    pub(crate) fn fix(&mut self, token: &str, user: User) {
        self.fixed.insert(token.into(), user);
    }

    pub(crate) fn fixed(&self, name: &str) -> Option<(&str, &User)> {
        let mut all = self.fixed.iter();
        all.find(|(_, user)| user.name == name)
            .map(|(token, user)| (token.as_str(), user))
    }

    /// Who sends this `Authorization` header; `None` is answered with 401.
    pub(crate) fn authenticate(
        &mut self,
        header: Option<&str>,
        store: &Store,
        now: Timestamp,
    ) -> Option<User> {
        let token = header?.strip_prefix("Bearer ")?;
        if let Some(user) = self.fixed.get(token) {
            return Some(user.clone());
        }
        let id = jwt::claims(token).as_ref().map(id_of);
        let user = self.account(token, store, now);
        if let Some(issued) = id.and_then(|id| self.issued.get_mut(&id)) {
            match user {
                Some(_) => issued.accepted += 1,
                None => issued.refused += 1,
            }
        }
        user
    }

    fn account(&mut self, token: &str, store: &Store, now: Timestamp) -> Option<User> {
        let instant = Instant::now();
        self.remembered.retain(|_, (until, _)| *until > instant);
        // Exactly this spelling: another one is validated anew. A hit does not prolong it.
        if let Some((_, user)) = self.remembered.get(token) {
            return Some(user.clone());
        }
        let claims = jwt::claims(token)?;
        let audiences = claims["aud"].as_array().cloned().unwrap_or_default();
        if !audiences.contains(&json!(AUDIENCE)) || !is_live(&claims, store, now) {
            return None;
        }
        let account = &claims["kubernetes.io"];
        let namespace = account["namespace"].as_str().unwrap_or_default();
        let user = User {
            name: claims["sub"].as_str().unwrap_or_default().into(),
            uid: account["serviceaccount"]["uid"]
                .as_str()
                .unwrap_or_default()
                .into(),
            groups: vec![
                "system:serviceaccounts".into(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".into(),
            ],
            credential: Some(format!("JTI={}", id_of(&claims))),
            rules: Vec::new(),
        };
        let kept = (instant + REMEMBERED, user.clone());
        self.remembered.insert(token.into(), kept);
        Some(user)
    }

    /// Issues a token of a service account.
    pub(crate) fn issue(
        &mut self,
        account: &Value,
        wanted: &Wanted,
        now: Timestamp,
    ) -> (String, Timestamp) {
        self.count += 1;
        let id = format!("00000000-0000-4000-9000-{:012x}", self.count);
        let seconds = SignedDuration::from_secs(wanted.seconds);
        let expires = now.checked_add(seconds).unwrap_or(now);
        let meta = &account["metadata"];
        let (namespace, name) = (&meta["namespace"], &meta["name"]);
        let mut own = json!({
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": meta["uid"]},
        });
        if let Some((kind, name, uid)) = &wanted.bound {
            own[kind.to_lowercase()] = json!({"name": name, "uid": uid});
        }
        let (namespace, name) = (
            namespace.as_str().unwrap_or_default(),
            name.as_str().unwrap_or_default(),
        );
        let claims = json!({
            "aud": wanted.audiences,
            "exp": expires.as_second(),
            "iat": now.as_second(),
            "iss": AUDIENCE,
            "jti": id,
            "kubernetes.io": own,
            "nbf": now.as_second(),
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        });
        let token = jwt::sign(&claims);
        let issued = Issued {
            claims,
            accepted: 0,
            refused: 0,
        };
        self.issued.insert(id, issued);
        while self.issued.len() > self.kept {
            self.issued.pop_first();
        }
        (token, expires)
    }

    /// Every token that was issued.
    pub(crate) fn tokens(&self, store: &Store, now: Timestamp) -> Vec<IssuedToken> {
        let all = self.issued.iter().map(|(id, issued)| {
            let claims = &issued.claims;
            let bound = ["Secret", "Pod"].into_iter().find_map(|kind| {
                let name = claims["kubernetes.io"][kind.to_lowercase()]["name"].as_str()?;
                Some((kind.to_owned(), name.to_owned()))
            });
            let expires = Timestamp::from_second(claims["exp"].as_i64().unwrap_or_default());
            IssuedToken {
                account: claims["sub"].as_str().unwrap_or_default().into(),
                id: id.clone(),
                expires: expires.unwrap_or_default(),
                bound_to: bound,
                accepted: issued.accepted,
                refused: issued.refused,
                valid: is_live(claims, store, now),
            }
        });
        all.collect()
    }
}

/// What a `TokenRequest` asks for.
pub(crate) struct Wanted {
    pub(crate) audiences: Vec<String>,
    pub(crate) seconds: i64,
    /// Kind, name and UID of the object that the token dies with.
    pub(crate) bound: Option<(String, String, String)>,
}

fn id_of(claims: &Value) -> String {
    claims["jti"].as_str().unwrap_or_default().to_owned()
}

/// Whether a token is of this time, and its account and the object that it is bound to are there.
fn is_live(claims: &Value, store: &Store, now: Timestamp) -> bool {
    let own = &claims["kubernetes.io"];
    let namespace = own["namespace"].as_str().unwrap_or_default();
    let same = |plural: &str, reference: &Value| {
        let key = Key {
            group: String::new(),
            plural: plural.into(),
            namespace: namespace.into(),
            name: reference["name"].as_str().unwrap_or_default().into(),
        };
        let found = store.get(&key);
        found.is_some_and(|object| {
            let meta = &object["metadata"];
            let ended = meta["deletionTimestamp"]
                .as_str()
                .is_some_and(|t| *t <= *stamp(now));
            meta["uid"] == reference["uid"] && !ended
        })
    };
    claims["exp"]
        .as_i64()
        .is_some_and(|end| now.as_second() < end)
        && same("serviceaccounts", &own["serviceaccount"])
        && [("secrets", "secret"), ("pods", "pod")]
            .iter()
            .all(|(plural, field)| own[*field].is_null() || same(plural, &own[*field]))
}
