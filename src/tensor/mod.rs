//! The tensor, by family of methods.

mod axes;
mod cdist;
mod convert;
mod create;
mod display;
mod index;
mod join;
mod lazy;
mod math;
mod matmul;
mod operand;
mod operators;
pub(crate) mod random;
mod reduce;
mod scan;
mod topk;
mod view;
pub(crate) mod window;

use std::sync::Arc;

pub use axes::Axes;
pub(crate) use math::settle;
pub use operand::{Operand, Value};
pub use random::{manual_seed, next_seed};

use crate::{
    DType, Device, Error, Result, Shape,
    autograd::GradNode,
    graph::{
        executor::Buffer,
        node::{Node, State},
    },
    layout::View,
};

/// An array of numbers on a device.
///
/// Shape and dtype are values, not types. A tensor is cheap to clone: clones share their elements, and nothing ever
/// changes the elements of a tensor. Operations return at once; the work is done when a value is read, or when
/// enough of it is waiting to be submitted to the device.
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
    /// Which elements of the node in which order; `None` for all as they lie.
    view: Option<Arc<View>>,
    grad: Option<Arc<GradNode>>,
}

impl Tensor {
    /// The sizes, outermost first.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.view().shape
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.shape().rank()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.shape().numel()
    }

    /// The size of one axis, counted from the end if negative.
    ///
    /// # Errors
    /// If the axis is out of range.
    pub fn size(&self, axis: isize) -> Result<usize> {
        Ok(self.shape()[self.shape().axis("size", axis)?])
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

    /// A tensor over a filled buffer.
    pub(crate) fn ready(buffer: Buffer, device: &Device, dtype: DType, shape: Shape) -> Tensor {
        let node = Node::new(device.clone(), shape, dtype, State::Ready(buffer), 0);
        Tensor::of(node)
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
        let whole = &self.node.whole.shape;
        let is_whole = view.shape == *whole && view.is_identity(whole.numel());
        let view = (!is_whole).then(|| Arc::new(view));
        Tensor { node: self.node.clone(), view, grad: None }
    }

    /// Whether both are the same elements, seen alike, at the same node of the tape.
    pub(crate) fn is_same(&self, other: &Tensor) -> bool {
        let grads = self.grad.as_ref().map(Arc::as_ptr) == other.grad.as_ref().map(Arc::as_ptr);
        Arc::ptr_eq(&self.node, &other.node) && self.view() == other.view() && grads
    }

    /// Whether both are of one node, whatever they see of it.
    pub(crate) fn is_same_value(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    #[inline]
    pub(crate) fn view(&self) -> &View {
        self.view.as_deref().unwrap_or(&self.node.whole)
    }

    /// Whether the view shows the node as it is.
    fn is_whole(&self) -> bool {
        self.view.is_none()
    }

    /// All of a node.
    fn of(node: Arc<Node>) -> Tensor {
        Tensor { node, view: None, grad: None }
    }

    pub(crate) fn grad_node(&self) -> Option<&Arc<GradNode>> {
        self.grad.as_ref()
    }

    pub(crate) fn with_grad_node(mut self, grad: Option<Arc<GradNode>>) -> Tensor {
        self.grad = grad;
        self
    }

    /// The step along each axis, in elements: 0 along axes that repeat, negative along those that run backwards.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::zeros([2, 3], DType::F32, &Device::cpu());
    /// assert_eq!((x.strides(), x.t().strides()), (&[3, 1][..], &[1, 3][..]));
    /// ```
    pub fn strides(&self) -> &[isize] {
        &self.view().strides[..self.rank()]
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.view().is_dense()
    }

    pub(crate) fn same_device(&self, other: &Tensor, op: &'static str) -> Result<()> {
        if self.device() == other.device() {
            return Ok(());
        }
        Err(Error::Devices { op, lhs: self.device().to_string(), rhs: other.device().to_string() })
    }
}
