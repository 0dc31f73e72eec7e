//! What a batch is made of.

use crate::{Result, Tensor};

/// Tensors that belong together, such as inputs and targets: a tensor, a tuple of up to four, or a `Vec`.
pub trait Tensors: Clone + Send + Sync + 'static {
    /// The same with `f` applied to each tensor.
    ///
    /// # Errors
    /// What `f` returns.
    fn map(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self>;
}

impl Tensors for Tensor {
    fn map(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        f(self)
    }
}

impl Tensors for Vec<Tensor> {
    fn map(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        self.iter().map(f).collect()
    }
}

macro_rules! tuples {
    ($(($($t:ident $at:tt),*);)*) => {$(
        impl<$($t: Tensors),*> Tensors for ($($t,)*) {
            fn map(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
                Ok(($(self.$at.map(f)?,)*))
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}
