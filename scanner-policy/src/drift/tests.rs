//! What drift says of small images and containers.

mod depth;
mod fixed;
mod kinds;
mod support;
mod trees;
mod unread;
