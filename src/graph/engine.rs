//! A device's queues of lazy nodes, one for each thread, and the plans known so far.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{
    node::Node,
    pending::{Pending, Scratch},
    plan::Plan,
    plans::Plans,
    release::Locked,
    submission::Submission,
};
use crate::{DeviceOptions, device::Stats, threads};

/// What the threads that use a device share. Its lock is held for microseconds: never while a kernel is planned,
/// compiled or run.
#[derive(Default)]
pub(crate) struct Engine {
    queues: Vec<Queue>,
    /// The place of the queue that was used last.
    last: usize,
    plans: Plans,
    key: Vec<u64>,
    scratch: Scratch,
    pub stats: Stats,
}

/// What one thread has recorded.
struct Queue {
    thread: u64,
    pending: Vec<Weak<Node>>,
    bytes: usize,
    /// Submissions that were left unfinished, the oldest first.
    paused: Vec<Arc<Submission>>,
}

/// An engine behind its lock.
#[derive(Default)]
pub(crate) struct SharedEngine(Mutex<Engine>);

/// A device's engine, for this thread alone.
pub(crate) struct EngineGuard<'a> {
    engine: MutexGuard<'a, Engine>,
    _locked: Locked,
}

impl SharedEngine {
    pub fn lock(&self) -> EngineGuard<'_> {
        let locked = Locked::new();
        // A panic leaves nodes in a state of their own; the queues themselves are whole.
        EngineGuard { engine: self.0.lock().unwrap_or_else(PoisonError::into_inner), _locked: locked }
    }
}

impl Deref for EngineGuard<'_> {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for EngineGuard<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

/// Whose queues a flush takes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scope {
    Thread,
    AllThreads,
}

/// What a flush has to do next.
pub(super) enum Next {
    Nothing,
    /// The oldest submission that was left unfinished.
    Unfinished(Arc<Submission>),
    Start(Start),
}

/// A flush's nodes, and what to do with them.
pub(super) struct Start {
    pub submission: Arc<Submission>,
    pub pending: Pending,
    pub planned: Planned,
}

pub(super) enum Planned {
    Known(Arc<Plan>),
    /// Not planned yet, with the key of the plan.
    New(Box<[u64]>),
}

impl Engine {
    /// This thread's queue.
    fn queue(&mut self) -> &mut Queue {
        let thread = threads::id();
        if self.queues.get(self.last).is_none_or(|queue| queue.thread != thread) {
            self.last = match self.queues.iter().position(|queue| queue.thread == thread) {
                Some(place) => place,
                None => self.add_queue(thread),
            };
        }
        &mut self.queues[self.last]
    }

    fn add_queue(&mut self, thread: u64) -> usize {
        // Threads that have ended leave queues behind.
        for queue in &mut self.queues {
            queue.pending.retain(|node| node.strong_count() > 0);
            queue.paused.retain(|submission| !submission.is_over());
        }
        self.queues.retain(|queue| !queue.pending.is_empty() || !queue.paused.is_empty());
        self.queues.push(Queue { thread, pending: Vec::new(), bytes: 0, paused: Vec::new() });
        self.queues.len() - 1
    }

    /// Adds a lazy node, and says whether enough is pending to hand it to the device.
    pub fn push(&mut self, node: &Arc<Node>, heavy_bytes: usize) -> bool {
        let options = node.device.options();
        let queue = self.queue();
        queue.pending.push(Arc::downgrade(node));
        queue.bytes += heavy_bytes;
        if queue.pending.len() < options.max_pending && queue.bytes < options.max_pending_bytes {
            return false;
        }
        queue.pending.retain(|n| n.strong_count() > 0);
        queue.pending.len() >= options.max_pending || queue.bytes >= options.max_pending_bytes
    }

    /// Remembers a submission that was left unfinished.
    pub(super) fn leave(&mut self, submission: &Arc<Submission>) {
        self.queue().paused.push(submission.clone());
    }

    /// Takes out of the queues what someone can still reach, and the wanted node with all that it needs, unless something
    /// older is unfinished.
    pub(super) fn next(&mut self, scope: Scope, wanted: Option<&Arc<Node>>) -> Next {
        let mut nodes = Vec::new();
        self.queue();
        let queues = match scope {
            Scope::Thread => &mut self.queues[self.last..=self.last],
            Scope::AllThreads => &mut self.queues[..],
        };
        for queue in &mut *queues {
            queue.paused.retain(|submission| !submission.is_over());
            if let Some(oldest) = queue.paused.first() {
                return Next::Unfinished(oldest.clone());
            }
        }
        for queue in queues {
            queue.bytes = 0;
            nodes.extend(queue.pending.drain(..).filter_map(|node| node.upgrade()));
        }
        nodes.extend(wanted.cloned());
        if nodes.is_empty() {
            return Next::Nothing;
        }
        let submission = Submission::new();
        let pending = Pending::collect(nodes.into_iter(), &submission, &mut self.scratch);
        if pending.nodes.is_empty() {
            return Next::Nothing;
        }
        self.stats.flushes += 1;
        pending.write_key(&mut self.key);
        let planned = match self.plans.get(&self.key) {
            Some(plan) => {
                self.stats.plan_hits += 1;
                self.stats.kernels += plan.steps.len() as u64;
                Planned::Known(plan)
            }
            None => {
                self.stats.plan_misses += 1;
                Planned::New(self.key.as_slice().into())
            }
        };
        Next::Start(Start { submission, pending, planned })
    }

    /// Keeps a new plan.
    pub(super) fn remember(&mut self, key: Box<[u64]>, plan: &Arc<Plan>, options: &DeviceOptions) {
        self.stats.kernels += plan.steps.len() as u64;
        self.plans.insert(key, plan.clone(), options.max_planned_kernels);
    }
}
