//! The backward pass.

use std::sync::Arc;

use super::tape::{GradNode, set_enabled};
use crate::{
    Error, Result, Shape, Tensor,
    hash::{FastMap, FastSet},
};

/// The gradients that a backward pass found, by the tensor or parameter they belong to.
#[derive(Default)]
pub struct Gradients {
    grads: FastMap<u64, Tensor>,
}

impl Gradients {
    /// The gradient of a tensor that [`requires_grad`](Tensor::requires_grad) made, or of `param.tensor()`.
    ///
    /// `None` if the differentiated value does not depend on it.
    pub fn get(&self, tensor: &Tensor) -> Option<&Tensor> {
        self.grads.get(&tensor.grad_node()?.order)
    }

    /// The same, taken out.
    pub fn remove(&mut self, tensor: &Tensor) -> Option<Tensor> {
        self.grads.remove(&tensor.grad_node()?.order)
    }

    /// Replaces the gradient for `tensor`; the optimizer will use the new one.
    ///
    /// # Errors
    /// If `tensor` is not tracked or the shapes differ.
    pub fn insert(&mut self, tensor: &Tensor, grad: Tensor) -> Result<()> {
        let Some(node) = tensor.grad_node() else {
            return Err(Error::Gradient("the tensor is not tracked".into()));
        };
        if grad.shape() != tensor.shape() {
            return Err(Error::shapes(
                "gradient",
                tensor.shape(),
                grad.shape(),
                "a gradient has the shape of its tensor",
            ));
        }
        self.grads.insert(node.order, grad);
        Ok(())
    }

    /// How many gradients there are.
    pub fn len(&self) -> usize {
        self.grads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.grads.is_empty()
    }
}

impl Tensor {
    /// This tensor as a leaf, where gradients end: ops on the result are tracked, and [`backward`](Self::backward)
    /// gives its gradient.
    ///
    /// # Panics
    /// If the dtype is not a float.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[3.0f32], [1], &Device::cpu())?.requires_grad();
    /// let grads = (&x * &x).sum(())?.backward()?;
    /// assert_eq!(grads.get(&x).unwrap().item::<f32>()?, 6.0);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[track_caller]
    pub fn requires_grad(&self) -> Tensor {
        assert!(self.dtype().is_float(), "requires_grad: dtype {}: only floats have gradients", self.dtype());
        let leaf = GradNode::leaf(self);
        self.detach().with_grad_node(Some(leaf))
    }

    /// Whether the tensor is on the tape.
    pub fn is_tracked(&self) -> bool {
        self.grad_node().is_some()
    }

    /// The same elements, off the tape.
    pub fn detach(&self) -> Tensor {
        self.with_view(*self.view())
    }

    /// The gradients of this scalar with respect to everything that it was computed from.
    ///
    /// What the tape saved is freed on the way, as in PyTorch: a second call is an error unless the first was
    /// [`backward_retain`](Self::backward_retain).
    ///
    /// # Errors
    /// If this is not a tracked float of one element, or the tape is used up.
    pub fn backward(&self) -> Result<Gradients> {
        self.start("backward")?;
        run(self, self.ones_like(), Targets::Leaves, false, false)
    }

    /// [`backward`](Self::backward) that keeps the tape for another one.
    ///
    /// # Errors
    /// As there.
    pub fn backward_retain(&self) -> Result<Gradients> {
        self.start("backward")?;
        run(self, self.ones_like(), Targets::Leaves, true, false)
    }

    /// [`backward`](Self::backward) of a tensor of any shape, from the gradient of something else with respect to it.
    ///
    /// # Errors
    /// As there, or if the shapes differ.
    pub fn backward_from(&self, gradient: &Tensor) -> Result<Gradients> {
        if gradient.shape() != self.shape() {
            return Err(Error::shapes(
                "backward",
                self.shape(),
                gradient.shape(),
                "a gradient has the shape of its tensor",
            ));
        }
        self.same_device(gradient, "backward")?;
        run(self, gradient.to_dtype(self.dtype()), Targets::Leaves, false, false)
    }

    fn start(&self, op: &'static str) -> Result<()> {
        if self.numel() != 1 {
            return Err(Error::shape(
                op,
                self.shape(),
                "only a single number has a gradient; use `backward_from`, or sum",
            ));
        }
        Ok(())
    }
}

/// The gradients of the scalar `y` with respect to each of `xs`, as PyTorch's `torch.autograd.grad`.
///
/// With `create_graph` the gradients are themselves on the tape, so that they can be differentiated again; the tape
/// of `y` is kept in any case.
///
/// # Errors
/// If `y` is not a tracked float of one element, or does not depend on one of `xs`.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[2.0f32], [1], &Device::cpu())?.requires_grad();
/// let y = (&x * &x * &x).sum(())?;
/// let first = grad(&y, &[&x], true)?.remove(0); // 3 x^2
/// let second = grad(&first.sum(())?, &[&x], false)?.remove(0); // 6 x
/// assert_eq!((first.item::<f32>()?, second.item::<f32>()?), (12.0, 12.0));
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn grad(y: &Tensor, xs: &[&Tensor], create_graph: bool) -> Result<Vec<Tensor>> {
    y.start("grad")?;
    let mut wanted = FastSet::default();
    for (i, x) in xs.iter().enumerate() {
        match x.grad_node() {
            Some(node) => wanted.insert(node.order),
            None => return Err(Error::Gradient(format!("tensor {i} is not tracked: make it with `requires_grad`"))),
        };
    }
    let found = run(y, y.ones_like(), Targets::These(wanted), true, create_graph)?;
    let missing = |i: usize| Error::Gradient(format!("the value does not depend on tensor {i}"));
    xs.iter().enumerate().map(|(i, x)| found.get(x).cloned().ok_or_else(|| missing(i))).collect()
}

pub(super) enum Targets {
    /// Everything that a leaf marks.
    Leaves,
    /// The nodes of these numbers.
    These(FastSet<u64>),
    /// The nodes of these numbers, where the pass ends; those that are marked are wanted.
    Ends(FastMap<u64, bool>),
}

pub(super) fn run(y: &Tensor, seed: Tensor, targets: Targets, retain: bool, create_graph: bool) -> Result<Gradients> {
    let Some(root) = y.grad_node() else {
        return Err(Error::Gradient("the tensor does not depend on anything that requires a gradient".into()));
    };
    let wanted = |node: &GradNode| match &targets {
        Targets::Leaves => node.is_leaf(),
        Targets::These(orders) => orders.contains(&node.order),
        Targets::Ends(ends) => ends.get(&node.order) == Some(&true),
    };
    let is_end = |node: &GradNode| matches!(&targets, Targets::Ends(ends) if ends.contains_key(&node.order));
    // In the order of creation, parents stand before children; `useful` marks what leads to a target.
    let mut nodes: Vec<Arc<GradNode>> = Vec::new();
    let mut seen = FastSet::from_iter([root.order]);
    let mut stack = vec![root.clone()];
    while let Some(node) = stack.pop() {
        if !is_end(&node) {
            stack.extend(node.parents.iter().flatten().filter(|p| seen.insert(p.order)).cloned());
        }
        nodes.push(node);
    }
    nodes.sort_unstable_by_key(|n| n.order);
    let index: FastMap<u64, usize> = nodes.iter().enumerate().map(|(i, n)| (n.order, i)).collect();
    let mut useful = vec![false; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        let leads = || node.parents.iter().flatten().any(|p| useful[index[&p.order]]);
        useful[i] = wanted(node) || !is_end(node) && leads();
    }

    let mut grads: Vec<Option<Tensor>> = vec![None; nodes.len()];
    grads[nodes.len() - 1] = Some(seed);
    let mut out = Gradients::default();
    for i in (0..nodes.len()).rev() {
        let (node, Some(g)) = (&nodes[i], grads[i].take()) else { continue };
        let g = if g.dtype() == node.dtype { g } else { set_enabled(create_graph, || g.to_dtype(node.dtype)) };
        if wanted(node) {
            out.grads.insert(node.order, g.clone());
        }
        if is_end(node) {
            continue;
        }
        let needed: Vec<bool> =
            node.parents.iter().map(|p| p.as_ref().is_some_and(|p| useful[index[&p.order]])).collect();
        if needed.contains(&true) {
            let found = set_enabled(create_graph, || node.apply(&g, &needed))?;
            for (parent, grad) in node.parents.iter().zip(found).filter_map(|(p, g)| p.as_ref().zip(g)) {
                let at = index[&parent.order];
                if !useful[at] {
                    continue;
                }
                let so_far = grads[at].take();
                grads[at] = Some(set_enabled(create_graph, || collect(so_far, grad, parent))?);
            }
        }
        if !retain {
            node.release();
        }
    }
    Ok(out)
}

/// Adds what one reader of a value gives it to what others have given. Halves are added up in `F32`; the traversal
/// rounds the whole sum once, when it reaches the node.
fn collect(so_far: Option<Tensor>, grad: Tensor, node: &GradNode) -> Result<Tensor> {
    let is_whole = so_far.is_none() && *grad.shape() == node.shape;
    if is_whole && (grad.dtype() == node.dtype || grad.dtype() == node.dtype.wide()) {
        return Ok(grad);
    }
    let wide = node.dtype.wide();
    let grad = sum_to(&grad.in_dtype(wide), &node.shape)?;
    match so_far {
        Some(so_far) => so_far.in_dtype(wide).add(&grad),
        None => Ok(grad),
    }
}

/// Undoes broadcasting: sums over the axes along which `shape` was repeated.
fn sum_to(grad: &Tensor, shape: &Shape) -> Result<Tensor> {
    if grad.shape() == shape {
        return Ok(grad.clone());
    }
    // A gradient may itself be smaller, where a rule gave one value for all.
    let grad = grad.expand(grad.shape().broadcast(shape, "backward")?)?;
    let lead = grad.rank() - shape.rank();
    let repeated = |&axis: &usize| axis < lead || shape[axis - lead] == 1 && grad.shape()[axis] != 1;
    let axes: Vec<isize> = (0..grad.rank()).filter(repeated).map(|a| a as isize).collect();
    if axes.is_empty() {
        return Ok(grad);
    }
    grad.sum_keepdim(&axes[..])?.reshape(*shape)
}
