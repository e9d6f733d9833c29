//! Asks a cluster for its version and for the name by which it knows the operator.

use http::Request;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use scanner_core::{
    cause::chain,
    report::{KnownBy, OperatorName, Origin},
};
use serde::Deserialize;

use crate::api::{
    call::{CallError, call},
    client::OperatorClient,
    segment::Segment,
};

/// What `/version` answers, of which a report needs one field.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "gitVersion")]
    git: String,
}

/// Where a scan of `segment` is made and by whom. Asks the server only if `ask` is set: two calls at once. An unanswered
/// call is recorded and does not stop the scan.
pub(crate) async fn origin(segment: &Segment, ask: bool) -> Origin {
    let mut origin = segment.origin().clone();
    if !ask {
        return origin;
    }
    let operator = segment.operator();
    let (version, user) = tokio::join!(version(operator), user(operator));
    origin = match version {
        Ok(version) => origin.with_version(&version),
        Err(why) => origin.with_unanswered(&format!("version of the cluster: {why}")),
    };
    match user {
        Ok(name) => origin.with_operator(OperatorName::new(&name, KnownBy::Server)),
        Err(why) => origin.with_unanswered(&format!("name of the operator: {why}")),
    }
}

async fn version(operator: &OperatorClient) -> Result<String, String> {
    let request = Request::get("/version").body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = call("ask for the version", operator.request::<Version>(request)).await;
    answer
        .map(|version| version.git)
        .map_err(|error| words(&error))
}

async fn user(operator: &OperatorClient) -> Result<String, String> {
    let api = operator.everywhere::<SelfSubjectReview>();
    let (params, review) = (PostParams::default(), SelfSubjectReview::default());
    let answer = call("ask who the operator is", api.create(&params, &review)).await;
    let status = answer.map_err(|error| words(&error))?.status;
    let name = status.and_then(|status| status.user_info?.username);
    name.ok_or_else(|| "the server gave no name".to_owned())
}

fn words(error: &CallError) -> String {
    chain(error)
}
