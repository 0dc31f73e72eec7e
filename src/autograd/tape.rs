//! Nodes of the tape, and when ops write to it.

use std::{
    borrow::Cow,
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    recompute,
    rules::{self, A, B, Derivative, NONE, Y},
};
use crate::{
    DType, Error, Result, Shape, Tensor,
    op::{BinaryOp, UnaryOp},
};

/// One applied op, as the backward pass sees it.
pub(crate) struct GradNode {
    /// Grows with every node: parents have smaller numbers.
    pub order: u64,
    pub shape: Shape,
    pub dtype: DType,
    pub parents: Vec<Option<Arc<GradNode>>>,
    leaf: bool,
    /// `None` once a backward pass has used it up.
    rule: Mutex<Option<Arc<Rule>>>,
}

type Grads = Result<Vec<Option<Tensor>>>;
type Custom = Box<dyn Fn(&Tensor, &[bool]) -> Grads + Send + Sync>;
type WithOutput = Box<dyn Fn(&Tensor, &Tensor) -> Grads + Send + Sync>;

/// How the gradient of a result becomes the gradients of the inputs.
///
/// Rules need not undo broadcasting or dtype promotion: the backward pass sums and casts. For halves it takes gradients
/// in `F32` too, and rounds them once: those of elementwise ops get `F32`, other rules of several steps widen what they use.
pub(crate) enum Rule {
    /// Gradients end here: what the user asked for.
    Leaf,
    Unary(UnaryOp),
    Binary(BinaryOp),
    UnarySaved(UnaryOp, Saved),
    BinarySaved(BinaryOp, Saved),
    Custom(Custom),
    WithOutput(Tensor, WithOutput),
}

impl Rule {
    pub fn custom(rule: impl Fn(&Tensor) -> Grads + Send + Sync + 'static) -> Self {
        Rule::Custom(Box::new(move |g, _| rule(g)))
    }

    /// A rule that gets which inputs need a gradient.
    pub fn needed(rule: impl Fn(&Tensor, &[bool]) -> Grads + Send + Sync + 'static) -> Self {
        Rule::Custom(Box::new(rule))
    }

    /// A rule that uses the op's result. It must not capture it: that would be a cycle.
    pub fn with_output(y: &Tensor, rule: impl Fn(&Tensor, &Tensor) -> Grads + Send + Sync + 'static) -> Self {
        Rule::WithOutput(y.detach(), Box::new(rule))
    }
}

/// What an op of the registry keeps for its gradient rule.
pub(crate) struct Saved {
    a: Option<Tensor>,
    b: Option<Tensor>,
    y: Option<Tensor>,
}

impl Saved {
    fn get(tensor: &Option<Tensor>) -> &Tensor {
        // The gradient check of every row would find a rule that uses what it does not name.
        tensor.as_ref().unwrap_or_else(|| unreachable!("a rule names what it uses"))
    }

    /// What the rule works with, and the gradient: halves in `F32`, as a rule may take several steps. The gradients that
    /// it gives are rounded by the backward pass.
    fn widened<'a>(&self, g: &'a Tensor, attach: impl Fn(&Tensor) -> Tensor) -> (Self, Cow<'a, Tensor>) {
        let wide = |x: &Option<Tensor>| x.as_ref().map(Tensor::widened);
        let s = Saved { a: wide(&self.a), b: wide(&self.b), y: self.y.as_ref().map(|y| attach(y).widened()) };
        // A rule that saves nothing takes one step, or passes the gradient on as it is.
        let is_used = s.a.is_some() || s.b.is_some() || s.y.is_some();
        (s, g.in_dtype(if is_used { g.dtype().wide() } else { g.dtype() }))
    }

    pub fn a(&self) -> &Tensor {
        Self::get(&self.a)
    }

    pub fn b(&self) -> &Tensor {
        Self::get(&self.b)
    }

    pub fn y(&self) -> &Tensor {
        Self::get(&self.y)
    }
}

/// What becomes of the ops of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are written to the tape.
    On,
    /// They are not.
    Off,
    /// They are not, but the tracked tensors among their inputs are collected.
    Collect,
    /// They are written to the tape, for the second time.
    Recompute,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::On) };
}

/// The number of the next node of the tape.
static ORDER: AtomicU64 = AtomicU64::new(0);

/// The number that the next node of the tape will have at the least.
pub(super) fn next_order() -> u64 {
    ORDER.load(Ordering::Relaxed)
}

pub(super) fn mode() -> Mode {
    MODE.get()
}

/// Whether ops on this thread are written to the tape.
pub fn is_grad_enabled() -> bool {
    matches!(MODE.get(), Mode::On | Mode::Recompute)
}

/// Runs a function without writing to the tape, as PyTorch's `torch.no_grad()`.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::ones([2], DType::F32, &Device::cpu()).requires_grad();
/// let y = no_grad(|| &x * 2.0);
/// assert!(!y.is_tracked());
/// ```
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    set_enabled(false, f)
}

/// Says whether ops on this thread are written to the tape from now on, and returns whether they were, as PyTorch's
/// `torch.set_grad_enabled`. For callers that cannot be a closure; others use [`no_grad`], which never forgets to
/// put it back.
///
/// ```
/// let before = kiln::set_grad_enabled(false);
/// assert!(!kiln::is_grad_enabled());
/// kiln::set_grad_enabled(before);
/// ```
pub fn set_grad_enabled(enabled: bool) -> bool {
    let before = is_grad_enabled();
    // Where nothing changes, a checkpoint goes on as it is.
    if before != enabled {
        MODE.set(if enabled { Mode::On } else { Mode::Off });
    }
    before
}

pub(super) fn set_enabled<T>(enabled: bool, f: impl FnOnce() -> T) -> T {
    with_mode(if enabled { Mode::On } else { Mode::Off }, f)
}

pub(super) fn with_mode<T>(mode: Mode, f: impl FnOnce() -> T) -> T {
    struct Restore(Mode);
    impl Drop for Restore {
        fn drop(&mut self) {
            MODE.set(self.0);
        }
    }
    let _restore = Restore(MODE.replace(mode));
    f()
}

/// Puts an op on the tape if one of its inputs is tracked; `rule` is only built then.
pub(crate) fn track(y: Tensor, inputs: &[&Tensor], rule: impl FnOnce(&Tensor) -> Rule) -> Tensor {
    if inputs.iter().all(|x| x.grad_node().is_none()) || !y.dtype().is_float() {
        return y;
    }
    match MODE.get() {
        Mode::On => {}
        Mode::Recompute => recompute::compare(inputs),
        Mode::Collect => {
            recompute::collect(inputs);
            return y;
        }
        Mode::Off => return y,
    }
    let keep =
        |mask: u8, which: u8, t: Option<&&Tensor>| if mask & which != 0 { t.map(|t| (*t).clone()) } else { None };
    let saved = |mask: u8| Saved {
        a: keep(mask, A, inputs.first()),
        b: keep(mask, B, inputs.get(1)),
        y: if mask & Y != 0 { Some(y.detach()) } else { None },
    };
    let tracked = |i: usize| inputs[i].grad_node().is_some();
    let rule = match rule(&y) {
        Rule::Unary(op) => Rule::UnarySaved(op, saved(rules::unary(op).saves)),
        Rule::Binary(op) => {
            let [a, b] = rules::binary(op).map(|by| by.saves);
            Rule::BinarySaved(op, saved(if tracked(0) { a } else { NONE } | if tracked(1) { b } else { NONE }))
        }
        rule => rule,
    };
    let node = GradNode::new(&y, inputs.iter().map(|x| x.grad_node().cloned()).collect(), rule);
    y.with_grad_node(Some(node))
}

impl GradNode {
    fn new(y: &Tensor, parents: Vec<Option<Arc<GradNode>>>, rule: Rule) -> Arc<Self> {
        let order = ORDER.fetch_add(1, Ordering::Relaxed);
        let leaf = matches!(rule, Rule::Leaf);
        let rule = Mutex::new(Some(Arc::new(rule)));
        Arc::new(Self { order, shape: *y.shape(), dtype: y.dtype(), parents, leaf, rule })
    }

    pub fn leaf(y: &Tensor) -> Arc<Self> {
        Self::new(y, Vec::new(), Rule::Leaf)
    }

    pub fn is_leaf(&self) -> bool {
        self.leaf
    }

    fn rule(&self) -> Option<Arc<Rule>> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Frees what the rule holds; a leaf stays one.
    pub fn release(&self) {
        if !self.leaf {
            *self.rule.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The gradients of the inputs; only the needed ones are computed.
    pub fn apply(self: &Arc<Self>, g: &Tensor, needed: &[bool]) -> Grads {
        let Some(rule) = self.rule() else {
            let reason = "the graph has been used up by an earlier backward; use `backward_retain` there to keep it";
            return Err(Error::Gradient(reason.into()));
        };
        // The result, with its node on the tape again so that a second derivative sees it.
        let attach = |y: &Tensor| y.clone().with_grad_node(Some(self.clone()));
        match &*rule {
            Rule::Leaf | Rule::Unary(_) | Rule::Binary(_) => Ok(Vec::new()),
            Rule::UnarySaved(op, saved) => {
                let (s, g) = saved.widened(g, attach);
                Ok(vec![Some((rules::unary(*op).apply)(&s, &g))])
            }
            Rule::BinarySaved(op, saved) => {
                let (s, g) = saved.widened(g, attach);
                let [a, b] = rules::binary(*op);
                let given = |i: usize, by: Derivative| needed[i].then(|| (by.apply)(&s, &g));
                Ok(vec![given(0, a), given(1, b)])
            }
            Rule::Custom(rule) => rule(g, needed),
            Rule::WithOutput(y, rule) => rule(g, &attach(y)),
        }
    }
}

impl Drop for GradNode {
    /// Takes long tapes apart in a loop: recursion would overflow the stack.
    fn drop(&mut self) {
        let mut stack: Vec<Arc<GradNode>> = self.parents.drain(..).flatten().collect();
        // With the parents on the stack, dropping what the rule saved ends no other node's life.
        self.rule = Mutex::new(None);
        while let Some(node) = stack.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                stack.extend(node.parents.drain(..).flatten());
            }
        }
    }
}
