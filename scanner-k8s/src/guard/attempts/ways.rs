//! Other ways into a pod than exec.

use http::Method;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Resource as _, api::AttachParams};

use super::{
    planned::Planned,
    request::{Attempt, at, attempt, built, spelt},
};

impl Planned {
    /// Attach, port forward and proxy.
    pub(in crate::guard) fn ways(&self) -> Vec<Attempt> {
        let pod = self.target.pod.as_str();
        let namespace = &self.target.namespace;
        let pods = Pod::url_path(&(), Some(namespace.as_str()));
        let container = self.command.container.as_str();
        let into = |method, rest: &str| spelt(method, &format!("{pods}/{pod}/{rest}"), vec![]);
        let attach = AttachParams::default();
        let mut all = vec![
            attempt("attach", built(at::<Pod>(namespace).attach(pod, &attach))),
            attempt(
                "attach by POST",
                into(
                    Method::POST,
                    &format!("attach?container={container}&stdin=true&stdout=true"),
                ),
            ),
            attempt(
                "attach to the planned container, then another",
                into(
                    Method::GET,
                    &format!("attach?container={container}&container=other&stdout=true"),
                ),
            ),
            attempt("attach without parameters", into(Method::GET, "attach")),
            attempt(
                "attach: the word encoded in the path",
                into(Method::GET, "%61ttach?stdout=true"),
            ),
            attempt(
                "port forward",
                built(at::<Pod>(namespace).portforward(pod, &[80])),
            ),
            attempt("port forward by POST", into(Method::POST, "portforward")),
            attempt(
                "port forward of two ports",
                into(Method::GET, "portforward?ports=80&ports=443"),
            ),
            attempt(
                "port forward under a capitalised name",
                into(Method::GET, "portforward?Ports=80"),
            ),
        ];
        all.extend(self.proxies());
        all
    }

    /// To a pod and a service that do not exist: admission comes before they are looked up, and a proxy that the guard lets
    /// pass would reach the target, whose answer could pose as the server's.
    fn proxies(&self) -> Vec<Attempt> {
        let namespace = self.target.namespace.as_str();
        let pods = Pod::url_path(&(), Some(namespace));
        let services = Service::url_path(&(), Some(namespace));
        let account = &self.account;
        let proxy = |what, method, uri: String| attempt(what, spelt(method, &uri, vec![]));
        let pod = format!("{pods}/{account}/proxy/");
        vec![
            proxy("proxy", Method::GET, pod.clone()),
            proxy("proxy by POST", Method::POST, pod.clone()),
            proxy("proxy by PUT", Method::PUT, pod.clone()),
            proxy("proxy by PATCH", Method::PATCH, pod.clone()),
            proxy("proxy by DELETE", Method::DELETE, pod.clone()),
            proxy(
                "proxy with a query",
                Method::GET,
                format!("{pod}?path=exec&command=sh"),
            ),
            proxy("proxy to a path", Method::GET, format!("{pod}exec/..%2f")),
            proxy(
                "proxy to a service",
                Method::GET,
                format!("{services}/{account}/proxy/"),
            ),
            proxy(
                "proxy to a service by POST",
                Method::POST,
                format!("{services}/{account}/proxy/"),
            ),
        ]
    }
}
