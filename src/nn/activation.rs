//! Activation functions and other layers without parameters, for use in a `Sequential`.

use super::{Forward, Module, Visit, traced};
use crate::{Error, Result, Tensor, op::BinaryOp};

macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident $($field:ident: $t:ty)? = |$s:ident, $x:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Module)]
        pub struct $name $((
            #[allow(missing_docs)]
            pub $t,
        ))?;

        impl Forward for $name {
            fn forward(&self, $x: &Tensor) -> Result<Tensor> {
                let $s = self;
                let _ = $s;
                traced(self, $body)
            }
        }
    )*};
}

layers! {
    /// [`Tensor::relu`] as a layer.
    Relu = |s, x| Ok(x.relu());
    /// [`Tensor::gelu`] as a layer.
    Gelu = |s, x| Ok(x.gelu());
    /// [`Tensor::sigmoid`] as a layer.
    Sigmoid = |s, x| Ok(x.sigmoid());
    /// [`Tensor::tanh`] as a layer.
    Tanh = |s, x| Ok(x.tanh());
    /// [`Tensor::silu`] as a layer.
    Silu = |s, x| Ok(x.silu());
    /// [`Tensor::mish`] as a layer.
    Mish = |s, x| Ok(x.mish());
    /// [`Tensor::leaky_relu`] as a layer, with its slope.
    LeakyRelu slope: f64 = |s, x| Ok(x.leaky_relu(s.0));
    /// [`Tensor::elu`] as a layer, with its alpha.
    Elu alpha: f64 = |s, x| Ok(x.elu(s.0));
    /// [`Tensor::celu`] as a layer, with its alpha.
    Celu alpha: f64 = |s, x| Ok(x.celu(s.0));
    /// [`Tensor::softmax`] as a layer, with its axis.
    Softmax axis: isize = |s, x| x.softmax(s.0);
    /// [`Tensor::log_softmax`] as a layer, with its axis.
    LogSoftmax axis: isize = |s, x| x.log_softmax(s.0);
    /// All axes but the first made one.
    Flatten = |s, x| match x.shape().dims() {
        [rows, rest @ ..] => x.reshape([*rows, rest.iter().product()]),
        [] => Err(Error::shape("flatten", x.shape(), "there is no axis to keep")),
    };
}

/// Layers with the parameters that PyTorch's have unless one says otherwise.
macro_rules! defaults {
    ($($name:ident)*) => {$(
        impl Default for $name {
            /// With PyTorch's default.
            ///
            /// ```
            #[doc = concat!("let layer = kiln::nn::", stringify!($name), "::default();")]
            #[doc = concat!("let row = kiln::op::BinaryOp::", stringify!($name), ".info();")]
            /// assert_eq!(Some(layer.0), row.parameter.map(|p| p.default));
            /// ```
            fn default() -> Self {
                const { Self(BinaryOp::$name.info().parameter.expect("a row with a parameter").default) }
            }
        }
    )*};
}
defaults! { LeakyRelu Elu Celu }

/// A function as a layer.
///
/// ```
/// # use kiln::prelude::*;
/// let net = Sequential::new().with(nn::Lambda(|x: &Tensor| Ok(x * 2.0)));
/// # let x = Tensor::ones([1], DType::F32, &Device::cpu());
/// assert_eq!(net.forward(&x)?.item::<f32>()?, 2.0);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lambda<F>(#[allow(missing_docs)] pub F);

impl<F> Module for Lambda<F> {
    fn visit(&self, _: &mut Visit<'_>) {}
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Forward for Lambda<F> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        traced(self, (self.0)(x))
    }
}
