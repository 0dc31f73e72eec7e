//! Parameters: the tensors that training changes.

use std::sync::{Arc, PoisonError, RwLock};

use super::GradNode;
use crate::{DType, Error, Result, Shape, Tensor};

/// A tensor that an optimizer may assign to. Clones are the same parameter.
///
/// ```
/// # use kiln::prelude::*;
/// let w = Param::new(Tensor::ones([2], DType::F32, &Device::cpu()));
/// let grads = (w.tensor() * 3.0).sum(())?.backward()?;
/// w.set(&(w.tensor().detach() - grads.get(&w.tensor()).unwrap() * 0.1))?;
/// assert_eq!(w.tensor().to_vec::<f32>()?, [0.7, 0.7]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct Param(Arc<RwLock<Inner>>);

struct Inner {
    value: Tensor,
    frozen: bool,
}

impl Param {
    /// A parameter with this value.
    ///
    /// # Panics
    /// If the dtype is not a float.
    #[track_caller]
    pub fn new(value: Tensor) -> Self {
        Self(Arc::new(RwLock::new(Inner { value: value.requires_grad(), frozen: false })))
    }

    fn read<T>(&self, f: impl FnOnce(&Inner) -> T) -> T {
        // Assignments are single moves, so a poisoned lock still guards a whole value.
        f(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, f: impl FnOnce(&mut Inner)) {
        f(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The value, tracked unless the parameter is frozen.
    pub fn tensor(&self) -> Tensor {
        self.read(|p| if p.frozen { p.value.detach() } else { p.value.clone() })
    }

    /// The sizes.
    pub fn shape(&self) -> Shape {
        self.read(|p| *p.value.shape())
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.read(|p| p.value.dtype())
    }

    /// Assigns a value; gradients that are computed later still belong to this parameter.
    ///
    /// # Errors
    /// If the shape or the dtype differs.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        let (shape, dtype) = (self.shape(), self.dtype());
        if *value.shape() != shape {
            return Err(Error::shapes("param", &shape, value.shape(), "a parameter keeps its shape"));
        }
        if value.dtype() != dtype {
            return Err(Error::dtype("param", value.dtype(), format!("the parameter holds {dtype}")));
        }
        self.write(|p| {
            let leaf = p.value.grad_node().cloned();
            p.value = value.detach().with_grad_node(leaf);
        });
        Ok(())
    }

    /// Gives the value another float dtype.
    pub(crate) fn convert(&self, dtype: DType) {
        self.write(|p| {
            if p.value.dtype() != dtype {
                p.value = p.value.detach().to_dtype(dtype).requires_grad();
            }
        });
    }

    /// Whether the parameter is left as it is: its value is not tracked.
    pub fn is_frozen(&self) -> bool {
        self.read(|p| p.frozen)
    }

    /// Freezes the parameter, or lets it train again.
    pub fn set_frozen(&self, frozen: bool) {
        self.write(|p| p.frozen = frozen);
    }

    /// A number that tells parameters apart: clones have the same.
    pub fn id(&self) -> u64 {
        self.read(|p| p.value.grad_node().map_or(0, |n: &Arc<GradNode>| n.order))
    }
}
