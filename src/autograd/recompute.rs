//! The two runs of a checkpointed function: what it uses besides its inputs, and the same random numbers again.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use super::tape::{Mode, with_mode};
use crate::{Error, Result, Tensor, hash::FastMap, tensor::random};

thread_local! {
    /// For each first run that is under way, the tracked tensors that it has met.
    static MET: RefCell<Vec<FastMap<u64, Tensor>>> = const { RefCell::new(Vec::new()) };
    /// For each second run that is under way, the tensors that the first one had used, and whether it uses others.
    static EXPECTED: RefCell<Vec<Expected>> = const { RefCell::new(Vec::new()) };
    static RECOMPUTING: Cell<usize> = const { Cell::new(0) };
}

struct Expected {
    run: Arc<FirstRun>,
    differs: bool,
}

/// What the second run of a function needs to know of the first one.
#[derive(Default)]
pub(super) struct FirstRun {
    /// The tracked tensors that it used and that were not its inputs, by their number on the tape.
    pub used: Vec<Tensor>,
    /// The indices into `used` by the number of their node.
    indices: FastMap<u64, usize>,
    /// The seeds that it drew.
    seeds: Arc<[u64]>,
}

/// Whether a checkpointed function runs for the second time on this thread, so that the backward pass finds what the
/// forward pass has not kept. What a layer counts or averages has been updated by then: [`nn::Buffer::set`]
/// leaves it alone, and so must a layer that keeps a state of another kind.
///
/// [`nn::Buffer::set`]: crate::nn::Buffer::set
///
/// ```
/// assert!(!kiln::is_recomputing());
/// ```
pub fn is_recomputing() -> bool {
    RECOMPUTING.get() > 0
}

/// Runs a closure when dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs a function off the tape, and notes what the second run needs.
pub(super) fn first(f: impl FnOnce() -> Result<Tensor>) -> (Result<Tensor>, FirstRun) {
    MET.with_borrow_mut(|all| all.push(FastMap::default()));
    let mut met = FastMap::default();
    let (y, seeds) = {
        let _end = Finally(|| met = MET.with_borrow_mut(Vec::pop).unwrap_or_default());
        let noted = || {
            let y = f()?;
            // What it returns may be what it used.
            collect(&[&y]);
            Ok(y.detach())
        };
        with_mode(Mode::Collect, || random::record(noted))
    };
    let mut used: Vec<(u64, Tensor)> = met.into_iter().collect();
    used.sort_unstable_by_key(|(order, _)| *order);
    let indices = used.iter().enumerate().map(|(at, (order, _))| (*order, at)).collect();
    (y, FirstRun { used: used.into_iter().map(|(_, x)| x).collect(), indices, seeds })
}

/// Runs a function on the tape as it ran for the first time.
pub(super) fn again<T>(run: &Arc<FirstRun>, f: impl FnOnce() -> Result<T>) -> Result<T> {
    let differ = |what| Err(Error::Gradient(format!("checkpoint: the second run of the function {what}")));
    EXPECTED.with_borrow_mut(|all| all.push(Expected { run: run.clone(), differs: false }));
    RECOMPUTING.set(RECOMPUTING.get() + 1);
    let mut differs = false;
    let (y, drawn) = {
        let _end = Finally(|| {
            RECOMPUTING.set(RECOMPUTING.get() - 1);
            differs = EXPECTED.with_borrow_mut(Vec::pop).is_some_and(|expected| expected.differs);
        });
        with_mode(Mode::Recompute, || random::replay(&run.seeds, f))
    };
    let y = y?;
    if differs {
        return differ("finds another value in a parameter: assign to it after the backward pass".to_owned());
    }
    if drawn != run.seeds.len() {
        return differ(format!("draws {drawn} random seeds, the first one {}", run.seeds.len()));
    }
    Ok(y)
}

/// Notes the tracked tensors among the inputs of an op of a first run.
#[cold]
pub(super) fn collect(inputs: &[&Tensor]) {
    MET.with_borrow_mut(|all| {
        let Some(met) = all.last_mut() else { return };
        for x in inputs {
            if let Some(node) = x.grad_node() {
                met.entry(node.order).or_insert_with(|| (*x).clone());
            }
        }
    });
}

/// Notes whether an op of a second run has an input with another value than the first run had.
#[cold]
pub(super) fn compare(inputs: &[&Tensor]) {
    EXPECTED.with_borrow_mut(|all| {
        let Some(Expected { run, differs }) = all.last_mut() else { return };
        for x in inputs {
            let at = x.grad_node().and_then(|node| run.indices.get(&node.order));
            *differs |= at.is_some_and(|&at| !x.is_same_value(&run.used[at]));
        }
    });
}
