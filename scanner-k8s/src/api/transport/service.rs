//! How kube sends a request.

use http::{Request, Response};
use kube::client::{Body, DynBody};
use tower::{BoxError, util::BoxService};

/// What a program's own layers are put around: how kube sends a request.
pub type GenericService = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;
