//! Gradients: a tape of the ops that were applied, traversed in reverse.
//!
//! The tape hangs on the tensors themselves: a tensor that depends on a tracked one holds a [`GradNode`] with the
//! rule of its op and the nodes of the inputs. There is no global list; what is no longer reachable is freed.

mod backward;
mod check;
mod checkpoint;
mod param;
mod recompute;
mod rules;
mod tape;

pub use backward::{Gradients, grad};
pub use check::{gradcheck, gradgradcheck};
pub use checkpoint::checkpoint;
pub use param::Param;
pub use recompute::is_recomputing;
pub(crate) use tape::{GradNode, Rule, track};
pub use tape::{is_grad_enabled, no_grad, set_grad_enabled};
