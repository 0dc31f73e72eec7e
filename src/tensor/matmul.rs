//! Matrix products.

use super::Tensor;
use crate::{
    DType, Error, Result, Shape,
    autograd::{self, Rule},
    op::{Combine, Op, StructuredOp},
};

impl Tensor {
    /// The matrix product, by NumPy's `matmul`: of two vectors their dot product, of a matrix and a vector a vector,
    /// of two matrices a matrix, of higher ranks one product per batch index, the batch axes broadcast.
    ///
    /// Floats up to 32 bits accumulate in `F32`. Integers wrap.
    ///
    /// # Errors
    /// If the inner sizes differ, the batch axes do not broadcast, an operand is a scalar or `Bool`, or the devices
    /// differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let a = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2], &device)?;
    /// let b = Tensor::from_slice(&[1.0f32, 1.0], [2], &device)?;
    /// assert_eq!(a.matmul(&b)?.to_vec::<f32>()?, [3.0, 7.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn matmul(&self, rhs: &Tensor) -> Result<Tensor> {
        let y = self.matmul_wide(rhs)?;
        let dtype = DType::promote(self.dtype(), rhs.dtype());
        Ok(if y.dtype() == dtype { y } else { y.to_dtype(dtype) })
    }

    /// [`matmul`](Self::matmul) whose result is in the dtype of its sums, `F32` for halves: for what goes on from there
    /// and is rounded once.
    pub(crate) fn matmul_wide(&self, rhs: &Tensor) -> Result<Tensor> {
        let op = "matmul";
        self.same_device(rhs, op)?;
        let mismatch = |reason: String| Error::shapes(op, self.shape(), rhs.shape(), reason);
        if self.rank() == 0 || rhs.rank() == 0 {
            return Err(mismatch("a scalar has no inner axis; multiply with `*`".into()));
        }
        let dtype = DType::promote(self.dtype(), rhs.dtype());
        if dtype == DType::Bool {
            return Err(Error::dtype(op, dtype, "convert to a number first"));
        }
        let inner = (self.shape()[self.rank() - 1], rhs.shape()[rhs.rank().saturating_sub(2)]);
        if inner.0 != inner.1 {
            return Err(mismatch(format!("inner sizes {} and {} differ", inner.0, inner.1)));
        }
        let promoted = |x: &Tensor| (x.dtype() != dtype).then(|| x.to_dtype(dtype));
        let (a, b) = (promoted(self), promoted(rhs));
        let (a, b) = (a.as_ref().unwrap_or(self), b.as_ref().unwrap_or(rhs));
        match (a.rank(), b.rank()) {
            (1, 1) => a.unsqueeze(0)?.product(&b.unsqueeze(1)?)?.reshape(()),
            (1, _) => a.unsqueeze(0)?.product(b)?.squeeze(-2),
            (_, 1) => a.product(&b.unsqueeze(1)?)?.squeeze(-1),
            // One product of many rows rather than many products.
            (r, 2) if r > 2 && a.numel() > 0 => {
                let mut shape = *a.shape();
                let rows = a.numel() / inner.0;
                shape[r - 1] = b.shape()[1];
                a.reshape([rows, inner.0])?.product(b)?.reshape(shape)
            }
            _ => a.product(b),
        }
    }

    /// Every row with every column, and what `third` has at their position, the batch axes broadcast, without a
    /// gradient. All have rank 2 or more and one dtype, rows and columns one inner size. Of halves the result is `F32`.
    pub(super) fn combined(
        &self,
        columns: &Tensor,
        third: Option<&Tensor>,
        combine: Combine,
        op: &'static str,
    ) -> Result<Tensor> {
        let (ra, rb) = (self.rank(), columns.rank());
        let (m, k, n) = (self.shape()[ra - 2], self.shape()[ra - 1], columns.shape()[rb - 1]);
        let head = |s: &Shape| Shape::from(&s[..s.rank() - 2]);
        let batch = head(self.shape()).broadcast(&head(columns.shape()), op)?;
        let with = |a: usize, b: usize| {
            let axis = batch.rank();
            batch.insert(axis, a).insert(axis + 1, b)
        };
        let shape = with(m, n);
        if k == 0 {
            return Ok(Tensor::zeros(shape, self.dtype().wide(), self.device()));
        }
        let expanded = |x: &Tensor, to: Shape| (*x.shape() != to).then(|| x.with_view(x.view().expand(to)));
        let (a, b) = (expanded(self, with(m, k)), expanded(columns, with(k, n)));
        let third = third.map(|x| x.with_view(x.view().expand(shape)));
        let inputs = [Some(a.as_ref().unwrap_or(self)), Some(b.as_ref().unwrap_or(columns)), third.as_ref()];
        Ok(Tensor::lazy(
            Op::Structured(StructuredOp::Matmul(combine)),
            self.device(),
            self.dtype().wide(),
            shape,
            inputs,
        ))
    }

    /// The product of two tensors of rank 2 or more and of one dtype, of halves in `F32`.
    fn product(&self, rhs: &Tensor) -> Result<Tensor> {
        let y = self.combined(rhs, None, Combine::Product, "matmul")?;
        Ok(autograd::track(y, &[self, rhs], |_| {
            let (a, b) = (self.clone(), rhs.clone());
            Rule::needed(move |g, needed| {
                let g = &*g.in_dtype(a.dtype());
                // The gradient of a transposed matrix is computed in the order in which that lies in memory.
                let da = match needed[0] {
                    true if is_transposed(&a) => Some(b.product(&g.t())?.t()),
                    true => Some(g.product(&b.t())?),
                    false => None,
                };
                let db = match needed[1] {
                    true if is_transposed(&b) => Some(g.t().product(&a)?.t()),
                    true => Some(a.t().product(g)?),
                    false => None,
                };
                Ok(vec![da, db])
            })
        }))
    }
}

/// Whether the columns of a matrix lie in memory one after another.
fn is_transposed(x: &Tensor) -> bool {
    let [.., row, column] = x.view().strides[..x.rank()] else { return false };
    row.unsigned_abs() < column.unsigned_abs()
}
