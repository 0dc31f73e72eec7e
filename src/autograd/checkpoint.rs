//! Less memory for more work: values that the backward pass computes again.

use std::sync::Arc;

use super::{
    Rule,
    backward::{Targets, run},
    is_grad_enabled,
    recompute::{again, first},
    tape::{Mode, mode, next_order},
    track,
};
use crate::{
    Error, Result, Tensor,
    hash::{FastMap, FastSet},
};

/// Computes `f(inputs)` without keeping what lies between; the backward pass computes it again from the inputs. As
/// PyTorch's `torch.utils.checkpoint` (Chen et al. 2016, arXiv:1604.06174), without `use_reentrant`.
///
/// Results and gradients are those of `f` itself: to the last bit on the CPU, unless a tensor gets gradients from several
/// ops, which add up in another order then; on a GPU as far as its driver rounds alike in differently fused kernels.
/// The second run draws the same seeds from [`manual_seed`](crate::manual_seed)'s generator as the first, so that
/// dropout has the same mask, and leaves the generator as it was; buffers, such as the statistics of a batch norm, are
/// updated once. Parameters and other tracked tensors that `f` captures get their gradients as if they were inputs.
/// Checkpoints may stand in one another.
///
/// `f` must do the same each time: a layer that keeps a state other than in [`nn::Buffer`](crate::nn::Buffer) can ask
/// [`is_recomputing`](crate::is_recomputing). What it draws on threads of its own is not repeated.
///
/// # Errors
/// What `f` gives. The backward pass fails if the second run uses other tracked tensors than the first, finds other
/// values in them, or draws another number of seeds.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let layer = Linear::new(3, 3, &device)?;
/// let x = Tensor::ones([2, 3], DType::F32, &device);
/// let block = layer.clone();
/// let y = kiln::checkpoint(move |x| nn::functional::dropout(&block.forward(&x[0])?, 0.5), &[&x])?;
/// let grads = y.sum(())?.backward()?;
/// assert!(grads.get(&layer.weight.tensor()).is_some());
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn checkpoint(
    f: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    inputs: &[&Tensor],
) -> Result<Tensor> {
    let detached: Vec<Tensor> = inputs.iter().map(|x| x.detach()).collect();
    if mode() == Mode::Off {
        return f(&detached);
    }
    let (y, first) = first(|| f(&detached));
    let y = y?;
    let kept: Vec<Tensor> = inputs.iter().map(|&x| x.clone()).collect();
    let first = Arc::new(first);
    let used = first.clone();
    let sources: Vec<&Tensor> = inputs.iter().copied().chain(&used.used).collect();
    Ok(track(y, &sources, |_| {
        Rule::needed(move |g, needed| {
            let create_graph = is_grad_enabled();
            let start = next_order();
            let (needed_inputs, needed_used) = needed.split_at(kept.len());
            let pairs = kept.iter().zip(needed_inputs);
            let inputs: Vec<Tensor> = pairs.map(|(x, &needed)| entrance(x, needed, create_graph)).collect();
            let y = again(&first, || f(&inputs))?;
            // Gradients of what was used go on from its node on the tape, where the pass that called us takes them up.
            let mut ends = FastMap::default();
            for (x, &needed) in inputs.iter().chain(&first.used).zip(needed_inputs.iter().chain(needed_used)) {
                ends.extend(x.grad_node().map(|node| (node.order, needed)));
            }
            check_used(&y, start, &ends)?;
            if !y.is_tracked() {
                return Ok(vec![None; needed.len()]);
            }
            let found = run(&y, g.to_dtype(y.dtype()), Targets::Ends(ends), create_graph, create_graph)?;
            Ok(inputs.iter().chain(&first.used).map(|x| found.get(x).cloned()).collect())
        })
    }))
}

/// An input for another run. It has a node of its own on the tape: an input that was computed from another one must
/// not pass its gradient on to that.
fn entrance(x: &Tensor, needed: bool, create_graph: bool) -> Tensor {
    match (needed, create_graph) {
        (false, _) => x.detach(),
        (true, false) => x.requires_grad(),
        (true, true) => track(x.detach(), &[x], |_| Rule::custom(|g| Ok(vec![Some(g.clone())]))),
    }
}

/// A tracked tensor from outside that the first run has not used would lose its gradient.
fn check_used(y: &Tensor, start: u64, ends: &FastMap<u64, bool>) -> Result<()> {
    let mut stack: Vec<_> = y.grad_node().into_iter().cloned().collect();
    let mut seen = FastSet::default();
    while let Some(node) = stack.pop() {
        if ends.contains_key(&node.order) {
            continue;
        }
        if node.order < start || node.is_leaf() {
            let reason = "checkpoint: the second run of the function uses a tracked tensor that the first one did not";
            return Err(Error::Gradient(reason.into()));
        }
        stack.extend(node.parents.iter().flatten().filter(|p| seen.insert(p.order)).cloned());
    }
    Ok(())
}
