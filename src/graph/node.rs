//! Nodes of the lazy graph.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use super::{executor::Buffer, submission::Submission};
use crate::{
    DType, Device, Error, Result, Scalar, Shape,
    layout::View,
    op::{BinaryOp, Op},
};

/// A value on a device: work still to do, or a contiguous buffer.
pub(crate) struct Node {
    pub device: Device,
    /// The shape, and how the elements lie in it.
    pub whole: View,
    pub dtype: DType,
    /// The value, if it was made as one number everywhere.
    constant: Option<Scalar>,
    /// Whether the memory of a constant has been lent, so that it may hold anything by now.
    lent: AtomicBool,
    state: Mutex<State>,
    /// How many others may write to the buffer.
    writers: AtomicUsize,
    /// The steps of a function of coordinates that readers compute themselves rather than have it stored; else 0.
    pub free_steps: u8,
    /// Larger than that of every node that existed before.
    pub serial: u64,
    /// The node's number in the flush that collects nodes; only the engine reads it, under its lock.
    slot: AtomicU64,
}

pub(crate) enum State {
    Lazy(Work),
    /// A flush has taken the work, and will leave the result here.
    Scheduled(Arc<Submission>),
    Ready(Buffer),
    /// The flush that should have computed it failed.
    Failed(Error),
}

/// What computes a lazy node.
#[derive(Clone)]
pub(crate) struct Work {
    pub op: Op,
    pub inputs: Inputs,
}

/// The steps of the longest function of coordinates that is not stored: those of `arange`.
const MAX_FREE_STEPS: u8 = 5;

pub(crate) type Inputs = [Option<Input>; 3];

/// What an op reads.
#[derive(Clone)]
pub(crate) enum Input {
    /// A node; without a view, all of it in its own shape.
    Node { node: Arc<Node>, view: Option<Arc<View>> },
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
            Input::Node { node, view: None } => node.whole,
            Input::Scalar { .. } => View::contiguous(Shape::SCALAR),
        }
    }
}

impl Work {
    /// The steps of a result that costs no more than reading it would, else 0: coordinates with a factor and a summand
    /// and the conversions that go with it.
    pub fn free_steps(&self) -> u8 {
        let steps = |input: &Input| match input {
            Input::Scalar { .. } => 0,
            Input::Node { node, view: None } if node.free_steps > 0 => node.free_steps,
            Input::Node { .. } => MAX_FREE_STEPS,
        };
        match self.op {
            Op::Index(_) => 1,
            Op::Cast | Op::Binary(BinaryOp::Mul | BinaryOp::Add) => {
                let most = self.inputs.iter().flatten().map(steps).max().unwrap_or_default();
                if most == 0 || most == MAX_FREE_STEPS { 0 } else { most + 1 }
            }
            _ => 0,
        }
    }

    /// The nodes among the inputs.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.inputs.iter().flatten().filter_map(Input::node)
    }
}

impl Node {
    pub fn new(device: Device, shape: Shape, dtype: DType, state: State, free_steps: u8) -> Arc<Self> {
        let constant = match &state {
            State::Lazy(Work { op: Op::Const(value), .. }) => Some(value.cast(dtype)),
            _ => None,
        };
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            device,
            whole: View::contiguous(shape),
            dtype,
            constant,
            lent: AtomicBool::new(false),
            state: Mutex::new(state),
            writers: AtomicUsize::new(0),
            free_steps,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            slot: AtomicU64::new(0),
        })
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

    /// What has come of the node's work, if anything has.
    pub fn result(&self) -> Option<Result<Buffer>> {
        match &*self.state() {
            State::Ready(buffer) => Some(Ok(buffer.clone())),
            State::Failed(error) => Some(Err(error.clone())),
            State::Lazy(_) | State::Scheduled(_) => None,
        }
    }

    pub fn is_lazy(&self) -> bool {
        matches!(&*self.state(), State::Lazy(_))
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
