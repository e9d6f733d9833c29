//! The API server.

mod access;
mod answer;
mod asked;
mod delete;
mod reply;
mod request;
mod review;
mod route;
mod serve;
mod streams;
mod websocket;
mod write;

pub(crate) use serve::answer;
