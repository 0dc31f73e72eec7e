//! The lazy engine: nodes, the scheduler that merges them into kernels, and the plans that it remembers.
//!
//! An op adds a [`Node`](node::Node) to the device's [`Engine`]. A flush numbers the pending nodes, looks the whole
//! pending graph up among the known plans and, if it is new, groups nodes into kernels ([`group`]), writes each
//! group as a kernel ([`lower`]), cuts those that would bind too much ([`cut`]) and assigns buffers ([`plan`]). Then
//! it runs the plan.

mod analysis;
mod cut;
pub(crate) mod debug;
pub(crate) mod device;
mod engine;
pub(crate) mod executor;
pub(crate) mod flush;
mod group;
pub(crate) mod kernel;
pub(crate) mod kinds;
mod lower;
pub(crate) mod node;
mod pending;
mod plan;
mod plans;
pub(crate) mod pool;
pub(crate) mod release;
mod run;
mod space;
mod split;
mod submission;
#[cfg(test)]
mod tests;
mod verify;
pub(crate) mod wait;
pub(crate) mod widen;
