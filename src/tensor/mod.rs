//! The tensor, by family of methods.

mod axes;
mod cdist;
mod convert;
mod create;
mod display;
mod index;
mod join;
mod math;
mod matmul;
mod operand;
mod operators;
pub(crate) mod random;
mod reduce;
mod topk;
mod view;
pub(crate) mod window;

use std::sync::Arc;

pub use axes::Axes;
pub(crate) use math::settle;
pub use operand::{Operand, Value};
pub use random::{manual_seed, next_seed};

use crate::{
    DType, Device, Error, Result, Scalar, Shape,
    autograd::GradNode,
    graph::{
        executor::Buffer,
        flush,
        node::{Input, Node, State, Work},
    },
    layout::View,
    op::Op,
};

/// An array of numbers on a device.
///
/// Shape and dtype are values, not types. A tensor is cheap to clone: clones share their elements, and nothing ever
/// changes the elements of a tensor. Operations return at once; the work is done when a value is read, or when
/// enough of it is waiting to be handed to the device.
///
/// ```
/// use kiln::prelude::*;
/// let device = Device::cpu();
/// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], [3], &device)?;
/// let y = (&x * &x).sum(());
/// assert_eq!(y?.item::<f32>()?, 14.0);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    node: Arc<Node>,
    view: View,
    grad: Option<Arc<GradNode>>,
}

impl Tensor {
    /// The sizes, outermost first.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.view.shape
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.view.shape.rank()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.view.shape.numel()
    }

    /// The size of one axis, counted from the end if negative.
    ///
    /// # Errors
    /// If the axis is out of range.
    pub fn size(&self, axis: isize) -> Result<usize> {
        Ok(self.view.shape[self.view.shape.axis("size", axis)?])
    }

    /// The type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.node.dtype
    }

    /// The device that holds the elements.
    #[inline]
    pub fn device(&self) -> &Device {
        &self.node.device
    }

    /// The tensor of a new lazy node, without a gradient. Inputs have the shapes that the op asks for.
    pub(crate) fn lazy(op: Op, device: &Device, dtype: DType, shape: Shape, inputs: [Option<&Tensor>; 3]) -> Tensor {
        // What has no elements needs no work, so that kernels never see a size of 0.
        let (op, inputs) = if shape.numel() == 0 { (Op::Const(Scalar::Int(0)), [None; 3]) } else { (op, inputs) };
        let heavy = match op {
            Op::Matmul(_) | Op::ScatterAdd { .. } => shape.numel() * dtype.size(),
            _ => 0,
        };
        let from_memory = matches!(
            op,
            Op::Matmul(_) | Op::Reduce { .. } | Op::Pad { .. } | Op::Gather { .. } | Op::ScatterAdd { .. }
        );
        let may_change = inputs.iter().flatten().any(|input| input.node.has_writers());
        let inputs = inputs.map(|i| i.map(|t| t.as_input(from_memory, &shape)));
        let is_constant = matches!(op, Op::Const(_));
        let node = Node::new(device.clone(), shape, dtype, State::Lazy(Work { op, inputs }));
        if is_constant {
            return Tensor { node, view: View::contiguous(shape), grad: None };
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
        Tensor { node, view: View::contiguous(shape), grad: None }
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
        // A number that was a constant when its shape did not matter has been lent since, and has one now.
        let view = if from_memory || self.view.shape == *shape { self.view } else { self.view.expand(*shape) };
        let whole = view.shape == self.node.shape && view.is_identity(self.node.shape.numel());
        Input::Node { node: self.node.clone(), view: (!whole).then(|| Box::new(view)) }
    }

    /// A tensor over a filled buffer.
    pub(crate) fn ready(buffer: Buffer, device: &Device, dtype: DType, shape: Shape) -> Tensor {
        let node = Node::new(device.clone(), shape, dtype, State::Ready(buffer));
        Tensor { node, view: View::contiguous(shape), grad: None }
    }

    /// Says that others may write to the tensor's buffer, until [`remove_writer`](Self::remove_writer).
    pub(crate) fn add_writer(&self) {
        self.node.add_writer();
    }

    pub(crate) fn remove_writer(&self) {
        self.node.remove_writer();
    }

    /// Says that the elements lie in memory that others may change: they are no one number any more.
    pub(crate) fn forget_constant(&self) {
        self.node.forget_constant();
    }

    /// The same elements as another view, without a gradient.
    pub(crate) fn with_view(&self, view: View) -> Tensor {
        Tensor { node: self.node.clone(), view, grad: None }
    }

    /// Whether both are the same elements, seen alike, at the same place of the tape.
    pub(crate) fn is_same(&self, other: &Tensor) -> bool {
        let grads = self.grad.as_ref().map(Arc::as_ptr) == other.grad.as_ref().map(Arc::as_ptr);
        Arc::ptr_eq(&self.node, &other.node) && self.view == other.view && grads
    }

    /// Whether both are of one node, whatever they see of it.
    pub(crate) fn is_same_value(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn grad_node(&self) -> Option<&Arc<GradNode>> {
        self.grad.as_ref()
    }

    pub(crate) fn with_grad_node(mut self, grad: Option<Arc<GradNode>>) -> Tensor {
        self.grad = grad;
        self
    }

    /// The step along each axis, in elements: 0 along axes that repeat, negative along those that walk backwards.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::zeros([2, 3], DType::F32, &Device::cpu());
    /// assert_eq!((x.strides(), x.t().strides()), (&[3, 1][..], &[1, 3][..]));
    /// ```
    pub fn strides(&self) -> &[isize] {
        &self.view.strides[..self.rank()]
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.view.is_dense()
    }

    /// The buffer behind the view, computed if need be.
    pub(crate) fn realize(&self) -> Result<Buffer> {
        if let Some(buffer) = self.node.buffer() {
            return Ok(buffer);
        }
        if self.node.constant().is_some() {
            // Constants are never pending; this one is stored now, and stays so.
            let shape = self.node.shape;
            let buffer = if shape.numel() == 0 {
                self.device().executor().alloc(0)?
            } else {
                let all = self.with_view(View::contiguous(shape));
                Tensor::lazy(Op::Copy, self.device(), self.dtype(), shape, [Some(&all), None, None]).realize()?
            };
            // Whoever comes second shares the memory of the first.
            let mut state = self.node.state();
            if let State::Ready(first) = &*state {
                return Ok(first.clone());
            }
            *state = State::Ready(buffer.clone());
            return Ok(buffer);
        }
        // An error of this flush is found in the node, if it concerns it.
        let flushed = self.device().flush();
        // Who asked for the end of the wait may have computed the value meanwhile.
        if matches!(flushed, Err(Error::Interrupted)) {
            return Err(Error::Interrupted);
        }
        match &*self.node.state() {
            State::Ready(buffer) => Ok(buffer.clone()),
            State::Failed(error) => Err(error.clone()),
            State::Lazy(_) | State::Taken => Err(flushed
                .err()
                .unwrap_or_else(|| Error::argument("read", "the value was lost in a flush that panicked"))),
        }
    }

    pub(crate) fn same_device(&self, other: &Tensor, op: &'static str) -> Result<()> {
        if self.device() == other.device() {
            return Ok(());
        }
        Err(Error::Devices { op, lhs: self.device().to_string(), rhs: other.device().to_string() })
    }
}
