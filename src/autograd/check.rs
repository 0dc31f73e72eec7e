//! Gradients against finite differences.

use super::{grad, no_grad};
use crate::{DType, Error, Result, Tensor};

/// Compares the gradients of a function with central differences, as PyTorch's `torch.autograd.gradcheck`.
///
/// `f` is called with tracked copies of the inputs, on their device. Its result is weighted with fixed irregular
/// numbers and summed, so that no error cancels. With `F64` inputs the step is 1e-6 and the comparison is to 1e-6
/// relative plus absolute; with `F32` 1e-2 and 2e-2, which finds wrong rules but not small errors.
///
/// # Errors
/// If a gradient differs: the message names the input, the element and both values. Also whatever `f` returns.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[0.3f64, -1.2], [2], &Device::cpu())?;
/// gradcheck(|x| Ok(x[0].sin()), &[&x])?;
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn gradcheck(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[&Tensor]) -> Result<()> {
    let tracked: Vec<Tensor> = inputs.iter().map(|x| x.requires_grad()).collect();
    let y = weigh(&f(&tracked)?)?;
    let grads = grad(&y, &tracked.iter().collect::<Vec<_>>(), false)?;
    for (i, x) in inputs.iter().enumerate() {
        let (step, tolerance) = if x.dtype() == DType::F64 { (1e-6, 1e-6) } else { (1e-2, 2e-2) };
        let values = x.to_dtype(DType::F64).to_vec::<f64>()?;
        let analytic = grads[i].to_dtype(DType::F64).to_vec::<f64>()?;
        for at in 0..values.len() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                let x = Tensor::from_vec(values, *x.shape(), x.device())?.to_dtype(x.dtype());
                let mut all: Vec<Tensor> = inputs.iter().map(|x| x.detach()).collect();
                all[i] = x;
                no_grad(|| weigh(&f(&all)?))?.to_dtype(DType::F64).item::<f64>()
            };
            let numeric = (moved(step)? - moved(-step)?) / (2.0 * step);
            let error = (numeric - analytic[at]).abs();
            if error.is_nan() || error > tolerance * (1.0 + numeric.abs()) {
                let reason = format!(
                    "gradcheck: input {i}, element {at}: the rule gives {}, central differences give {numeric}",
                    analytic[at]
                );
                return Err(Error::Gradient(reason));
            }
        }
    }
    Ok(())
}

/// Compares second derivatives with central differences of the first ones, as PyTorch's `gradgradcheck`.
///
/// # Errors
/// As [`gradcheck`].
pub fn gradgradcheck(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[&Tensor]) -> Result<()> {
    let first = |xs: &[Tensor]| {
        let tracked: Vec<Tensor> =
            xs.iter().map(|x| if x.is_tracked() { x.clone() } else { x.requires_grad() }).collect();
        let y = super::tape::set_enabled(true, || weigh(&f(&tracked)?))?;
        let grads = super::tape::set_enabled(true, || grad(&y, &tracked.iter().collect::<Vec<_>>(), true))?;
        let mut sum = weigh(&grads[0])?;
        for g in &grads[1..] {
            sum = sum.add(weigh(g)?)?;
        }
        // A function that is linear in everything has a gradient that depends on nothing.
        for x in &tracked {
            sum = sum.add((x * 0.0).sum(())?)?;
        }
        Ok(sum)
    };
    gradcheck(first, inputs)
}

/// The sum of the elements with weights between 1/2 and 3/2.
fn weigh(y: &Tensor) -> Result<Tensor> {
    let weights: Vec<f64> = (0..y.numel()).map(|i| 0.5 + (i as f64 * 0.618_033_988_75 + 0.3).fract()).collect();
    let weights = Tensor::from_vec(weights, *y.shape(), y.device())?.to_dtype(y.dtype());
    (y * &weights).sum(())
}
