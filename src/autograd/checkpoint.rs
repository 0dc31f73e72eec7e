//! Less memory for more work: values that the backward pass computes again.

use super::{
    Rule,
    backward::{Targets, run},
    is_grad_enabled, no_grad,
    tape::{GradNode, set_enabled},
    track,
};
use crate::{Error, Result, Tensor};

/// Computes `f(inputs)` without keeping what lies between; the backward pass computes it again from the inputs. As
/// PyTorch's `torch.utils.checkpoint` (Chen et al. 2016, arXiv:1604.06174).
///
/// `f` must give the same result each time: random numbers in it need a seed of their own. Every tensor whose gradient
/// is wanted must be among `inputs`: what `f` captures counts as constant.
///
/// # Errors
/// What `f` gives. The backward pass fails if `f` uses a tracked tensor that is not among its inputs.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[0.5f32], [1], &Device::cpu())?.requires_grad();
/// let y = kiln::checkpoint(|x| Ok(x[0].exp().sin()), &[&x])?;
/// let g = y.sum(())?.backward()?.remove(&x).unwrap().item::<f32>()?;
/// assert!((g - 0.5f32.exp() * 0.5f32.exp().cos()).abs() < 1e-6);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn checkpoint(
    f: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    inputs: &[&Tensor],
) -> Result<Tensor> {
    let detached: Vec<Tensor> = inputs.iter().map(|x| x.detach()).collect();
    let y = no_grad(|| f(&detached))?;
    let kept: Vec<Tensor> = inputs.iter().map(|&x| x.clone()).collect();
    Ok(track(y, inputs, |_| {
        Rule::needed(move |g, needed| {
            let create_graph = is_grad_enabled();
            let inputs: Vec<Tensor> =
                kept.iter().zip(needed).map(|(x, &needed)| entrance(x, needed, create_graph)).collect();
            let y = set_enabled(true, || f(&inputs))?;
            if !create_graph {
                check_captured(&y, &inputs)?;
            }
            let wanted = inputs.iter().zip(needed).filter(|(_, needed)| **needed);
            let targets = wanted.filter_map(|(x, _)| Some(x.grad_node()?.order)).collect();
            if !y.is_tracked() {
                return Ok(vec![None; inputs.len()]);
            }
            let mut found = run(&y, g.clone(), Targets::These(targets), create_graph, create_graph)?;
            Ok(inputs.iter().map(|x| found.remove(x)).collect())
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

/// A tracked tensor that came into `f` another way would lose its gradient.
fn check_captured(y: &Tensor, inputs: &[Tensor]) -> Result<()> {
    let known = |node: &GradNode| inputs.iter().any(|x| x.grad_node().is_some_and(|n| n.order == node.order));
    let mut stack: Vec<_> = y.grad_node().into_iter().cloned().collect();
    let mut seen = crate::hash::FastSet::default();
    while let Some(node) = stack.pop() {
        if node.is_leaf() && !known(&node) {
            return Err(Error::Gradient("checkpoint: the function uses a tracked tensor that is not an input".into()));
        }
        stack.extend(node.parents.iter().flatten().filter(|p| seen.insert(p.order)).cloned());
    }
    Ok(())
}
