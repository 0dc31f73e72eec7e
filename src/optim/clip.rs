//! Limiting gradients.

use crate::{Error, Gradients, Param, Result, Tensor, no_grad};

/// Scales the gradients of these parameters so that their norm, taken together, is at most `max_norm`, as PyTorch's
/// `clip_grad_norm_`. Returns the norm before, of halves in `F32`, in whose range it lies; nothing is read back from the
/// device.
///
/// # Errors
/// If no parameter has a gradient.
pub fn clip_grad_norm<'a>(
    grads: &mut Gradients,
    params: impl IntoIterator<Item = &'a Param>,
    max_norm: f64,
) -> Result<Tensor> {
    no_grad(|| {
        let values: Vec<Tensor> = params.into_iter().map(Param::tensor).filter(|p| grads.get(p).is_some()).collect();
        let mut squares: Option<Tensor> = None;
        for grad in values.iter().filter_map(|p| grads.get(p)) {
            let sum = grad.widened().square().sum(())?;
            squares = Some(match squares {
                Some(so_far) => so_far.add(&sum)?,
                None => sum,
            });
        }
        let norm = squares.ok_or_else(|| Error::Gradient("no parameter has a gradient to clip".into()))?.sqrt();
        let scale = (max_norm / (&norm + 1e-6)).minimum(1.0)?;
        for value in &values {
            if let Some(grad) = grads.remove(value) {
                grads.insert(value, (grad.widened() * &scale).to_dtype(grad.dtype()))?;
            }
        }
        Ok(norm)
    })
}
