//! Recording ops, and computing what has been recorded.

use super::Tensor;
use crate::{
    DType, Device, Error, Result, Scalar, Shape,
    graph::{
        executor::Buffer,
        flush,
        node::{Input, Node, State, Work},
        wait::block_on,
    },
    op::Op,
};

impl Tensor {
    /// The tensor of a new lazy node, without a gradient. Inputs have the shapes that the op asks for.
    pub(crate) fn lazy(op: Op, device: &Device, dtype: DType, shape: Shape, inputs: [Option<&Tensor>; 3]) -> Tensor {
        // What has no elements needs no work, so that kernels never see a size of 0.
        let (op, inputs) = if shape.numel() == 0 { (Op::Const(Scalar::Int(0)), [None; 3]) } else { (op, inputs) };
        let heavy = match op {
            Op::Structured(_) => shape.numel() * dtype.size(),
            _ => 0,
        };
        let from_memory = matches!(op, Op::Structured(_) | Op::Reduce { .. } | Op::Pad { .. } | Op::Gather { .. });
        let may_change = inputs.iter().flatten().any(|input| input.node.has_writers());
        let inputs = inputs.map(|i| i.map(|t| t.as_input(from_memory, &shape)));
        let work = Work { op, inputs };
        let free_steps = work.free_steps();
        let is_constant = matches!(work.op, Op::Const(_));
        let node = Node::new(device.clone(), shape, dtype, State::Lazy(work), free_steps);
        // What costs nothing is computed by those who read it.
        if is_constant || free_steps > 0 {
            return Tensor::of(node);
        }
        let is_full = device.engine().push(&node, heavy);
        let done = match () {
            // What others write from now on must not show in the result.
            () if may_change => device.flush(),
            () if is_full => flush::make_room(device),
            () => Ok(()),
        };
        match done {
            Ok(()) | Err(Error::Interrupted) => {}
            // The nodes of that flush keep the error for whoever reads them.
            Err(error) => log::error!("{error}"),
        }
        Tensor::of(node)
    }

    /// How a node of a shape reads this tensor: constants by value, unless the op reads memory.
    fn as_input(&self, from_memory: bool, shape: &Shape) -> Input {
        if let Some(value) = self.node.constant() {
            if !from_memory {
                return Input::Scalar { value, dtype: self.dtype() };
            }
            let filled = Tensor::lazy(Op::Copy, self.device(), self.dtype(), *self.shape(), [Some(self), None, None]);
            return Input::Node { node: filled.node, view: None };
        }
        if let Some(moved) = self.moved_coordinates() {
            return moved.as_input(from_memory, shape);
        }
        // A number that was a constant when its shape did not matter has been lent since, and has one now.
        let view = match from_memory || self.shape() == shape {
            true => self.view.clone(),
            false => self.with_view(self.view().expand(*shape)).view,
        };
        Input::Node { node: self.node.clone(), view }
    }

    /// Coordinates seen through a view, as coordinates of their own: a slice of huge ones computes the slice.
    fn moved_coordinates(&self) -> Option<Tensor> {
        if self.node.free_steps == 0 || self.is_whole() {
            return None;
        }
        let (op, mut inputs) = match &*self.node.state() {
            State::Lazy(Work { op: Op::Index(view), .. }) => {
                (Op::Index(Box::new(self.view().compose(view)?)), Default::default())
            }
            State::Lazy(Work { op, inputs }) => (op.clone(), inputs.clone()),
            _ => return None,
        };
        for input in inputs.iter_mut().flatten() {
            if let Input::Node { node, .. } = input {
                let seen = Tensor { node: node.clone(), view: self.view.clone(), grad: None };
                *node = seen.moved_coordinates()?.node;
            }
        }
        let (device, shape) = (self.device().clone(), *self.shape());
        let node = Node::new(device, shape, self.dtype(), State::Lazy(Work { op, inputs }), self.node.free_steps);
        Some(Tensor::of(node))
    }

    /// The buffer behind the view, computed if need be.
    pub(crate) fn realize(&self) -> Result<Buffer> {
        block_on(self.device().executor(), self.realize_async())
    }

    /// As [`realize`](Self::realize).
    pub(crate) async fn realize_async(&self) -> Result<Buffer> {
        if self.node.is_lazy() && self.node.constant().is_some() {
            return self.store_constant().await;
        }
        flush::compute(&self.node).await
    }

    /// Constants are never pending; this one is stored now, and stays so.
    async fn store_constant(&self) -> Result<Buffer> {
        let shape = self.node.whole.shape;
        let buffer = if shape.numel() == 0 {
            self.device().executor().alloc(0)?
        } else {
            let all = Tensor::of(self.node.clone());
            let filled = Tensor::lazy(Op::Copy, self.device(), self.dtype(), shape, [Some(&all), None, None]);
            flush::compute(&filled.node).await?
        };
        // Whoever comes second shares the memory of the first.
        let mut state = self.node.state();
        if let State::Ready(first) = &*state {
            return Ok(first.clone());
        }
        *state = State::Ready(buffer.clone());
        Ok(buffer)
    }
}
