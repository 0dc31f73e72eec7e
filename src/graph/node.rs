//! Nodes of the lazy graph.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use super::executor::Buffer;
use crate::{DType, Device, Error, Scalar, Shape, layout::View, op::Op};

/// A value on a device: work still to do, or a contiguous buffer.
pub(crate) struct Node {
    pub device: Device,
    pub shape: Shape,
    pub dtype: DType,
    /// The value, if it was made as one number everywhere.
    constant: Option<Scalar>,
    /// Whether the memory of a constant has been lent, so that it may hold anything by now.
    lent: AtomicBool,
    state: Mutex<State>,
    /// How many others may write to the buffer.
    writers: AtomicUsize,
    /// The node's number in the flush that is under way; only the engine reads it, under its lock.
    slot: AtomicU64,
}

pub(crate) enum State {
    Lazy(Work),
    Ready(Buffer),
    /// The flush that should have computed it failed.
    Failed(Error),
    /// Nobody could reach the value any more, so that a flush has taken its buffer.
    Taken,
}

/// What computes a lazy node.
pub(crate) struct Work {
    pub op: Op,
    pub inputs: Inputs,
}

pub(crate) type Inputs = [Option<Input>; 3];

/// What an op reads.
pub(crate) enum Input {
    /// A node; without a view, all of it in its own shape.
    Node { node: Arc<Node>, view: Option<Box<View>> },
    /// One number for every element.
    Scalar { value: Scalar, dtype: DType },
}

impl Input {
    pub fn node(&self) -> Option<&Arc<Node>> {
        match self {
            Input::Node { node, .. } => Some(node),
            Input::Scalar { .. } => None,
        }
    }

    pub fn dtype(&self) -> DType {
        match self {
            Input::Node { node, .. } => node.dtype,
            Input::Scalar { dtype, .. } => *dtype,
        }
    }

    /// The view of a node; a number has the shape of nothing.
    pub fn view(&self) -> View {
        match self {
            Input::Node { view: Some(view), .. } => **view,
            Input::Node { node, view: None } => View::contiguous(node.shape),
            Input::Scalar { .. } => View::contiguous(Shape::SCALAR),
        }
    }
}

impl Work {
    /// The nodes among the inputs.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.inputs.iter().flatten().filter_map(Input::node)
    }
}

impl Node {
    pub fn new(device: Device, shape: Shape, dtype: DType, state: State) -> Arc<Self> {
        let constant = match &state {
            State::Lazy(Work { op: Op::Const(value), .. }) => Some(value.cast(dtype)),
            _ => None,
        };
        let (state, writers, slot) = (Mutex::new(state), AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(Self { device, shape, dtype, constant, lent: AtomicBool::new(false), state, writers, slot })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves the state whole: it is replaced in one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a node that is one number everywhere.
    #[inline]
    pub fn constant(&self) -> Option<Scalar> {
        self.constant.filter(|_| !self.lent.load(Ordering::Acquire))
    }

    /// Makes a constant that has been stored a value like any other.
    pub fn forget_constant(&self) {
        self.lent.store(true, Ordering::Release);
    }

    /// The buffer of a node that has been computed.
    pub fn buffer(&self) -> Option<Buffer> {
        match &*self.state() {
            State::Ready(buffer) => Some(buffer.clone()),
            _ => None,
        }
    }

    /// Whether this node holds the only handle to a buffer that kernels may write to.
    pub fn is_writable(&self) -> bool {
        matches!(&*self.state(), State::Ready(buffer) if buffer.is_writable() && Arc::strong_count(buffer) == 1)
    }

    /// Says that one more outside of Kiln may write to the buffer, until [`remove_writer`](Self::remove_writer).
    pub fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::Relaxed);
    }

    pub fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the elements may change, so that who reads them must not wait.
    #[inline]
    pub fn has_writers(&self) -> bool {
        self.writers.load(Ordering::Relaxed) > 0
    }

    pub fn set_slot(&self, epoch: u32, slot: u32) {
        self.slot.store((epoch as u64) << 32 | slot as u64, Ordering::Relaxed);
    }

    /// The number set in this epoch, if one was.
    pub fn slot(&self, epoch: u32) -> Option<u32> {
        let packed = self.slot.load(Ordering::Relaxed);
        (packed >> 32 == epoch as u64).then_some(packed as u32)
    }
}

impl Drop for Node {
    /// A long chain of lazy nodes is taken apart in a loop: recursion would overflow the stack.
    fn drop(&mut self) {
        let mut stack = Vec::new();
        let detach = |state: &mut State, stack: &mut Vec<Arc<Node>>| {
            if let State::Lazy(work) = state {
                let nodes = work.inputs.iter_mut().filter_map(|input| match input.take() {
                    Some(Input::Node { node, .. }) => Some(node),
                    _ => None,
                });
                stack.extend(nodes);
            }
        };
        detach(self.state.get_mut().unwrap_or_else(PoisonError::into_inner), &mut stack);
        while let Some(node) = stack.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                detach(node.state.get_mut().unwrap_or_else(PoisonError::into_inner), &mut stack);
            }
        }
    }
}
