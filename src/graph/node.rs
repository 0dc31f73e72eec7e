//! Nodes of the lazy graph.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::executor::Buffer;
use crate::{DType, Device, Error, Shape, layout::View, op::Op};

/// A value on a device: work still to do, or a contiguous buffer.
pub(crate) struct Node {
    pub device: Device,
    pub shape: Shape,
    pub dtype: DType,
    state: Mutex<State>,
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

/// A node as an op reads it.
pub(crate) struct Input {
    pub node: Arc<Node>,
    pub view: View,
}

impl Node {
    pub fn new(device: Device, shape: Shape, dtype: DType, state: State) -> Arc<Self> {
        Arc::new(Self { device, shape, dtype, state: Mutex::new(state), slot: AtomicU64::new(0) })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves the state whole: it is replaced in one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffer of a node that has been computed.
    pub fn buffer(&self) -> Option<Buffer> {
        match &*self.state() {
            State::Ready(buffer) => Some(buffer.clone()),
            _ => None,
        }
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
        let mut detach = |state: &mut State, stack: &mut Vec<Arc<Node>>| {
            if let State::Lazy(work) = state {
                stack.extend(work.inputs.iter_mut().filter_map(|i| i.take()).map(|i| i.node));
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
