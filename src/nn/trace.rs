//! Which layers a forward pass went through: what [`Module::summary`](super::Module::summary) is made from.

use std::cell::RefCell;

use super::Module;
use crate::{Result, Shape, Tensor};

/// One layer that was applied.
pub(super) struct Applied {
    /// Where the layer lies in memory. Layers without fields may share an address.
    pub address: usize,
    /// Its type's name, without the path.
    pub kind: &'static str,
    pub output: Shape,
}

thread_local! {
    static APPLIED: RefCell<Option<Vec<Applied>>> = const { RefCell::new(None) };
}

/// Where a module lies in memory, and the name of its type without path and parameters.
pub(super) fn place<M: ?Sized>(module: &M) -> (usize, &'static str) {
    let name = std::any::type_name::<M>();
    let name = name.split('<').next().unwrap_or(name);
    (std::ptr::from_ref(module).cast::<()>() as usize, name.rsplit("::").next().unwrap_or(name))
}

/// Notes that a layer gave this result. Every layer of the crate does; one of your own that does so, too, has a row
/// of its own in a [summary](Module::summary).
///
/// ```
/// use kiln::prelude::*;
///
/// #[derive(Module)]
/// struct Double;
///
/// impl Forward for Double {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         nn::traced(self, Ok(x * 2.0))
///     }
/// }
///
/// let x = Tensor::ones([4, 3], DType::F32, &Device::cpu());
/// assert_eq!(Double.summary(&x)?.rows[0].kind, "Double");
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn traced<M: Module + ?Sized>(layer: &M, output: Result<Tensor>) -> Result<Tensor> {
    if let Ok(y) = &output {
        note(y, &|| layer.place());
    }
    output
}

/// Notes a result, if there is a trace.
fn note(y: &Tensor, place: &dyn Fn() -> (usize, &'static str)) {
    APPLIED.with_borrow_mut(|applied| {
        if let Some(applied) = applied {
            let (address, kind) = place();
            applied.push(Applied { address, kind, output: *y.shape() });
        }
    });
}

/// Runs something and gives what was traced in it. Ends the trace also if `f` panics.
pub(super) fn trace<T>(f: impl FnOnce() -> T) -> (T, Vec<Applied>) {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            APPLIED.set(None);
        }
    }
    let end = End;
    APPLIED.set(Some(Vec::new()));
    let result = f();
    let applied = APPLIED.take().unwrap_or_default();
    drop(end);
    (result, applied)
}
