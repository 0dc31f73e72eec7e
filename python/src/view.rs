//! The same elements under another shape, order or selection.

use kiln::{Shape, Tensor};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyTuple};

use crate::{
    create::{integers, shape},
    error::exception,
    tensor::{PyTensor, wrap},
};

/// Sizes of which one may be -1: what is left for it.
fn fill(x: &Tensor, sizes: &[isize]) -> PyResult<Shape> {
    let known =
        sizes.iter().filter(|&&n| n != -1).try_fold(1usize, |product, &n| product.checked_mul(n.try_into().ok()?));
    let open = sizes.iter().filter(|&&n| n == -1).count();
    let left = match (known, open) {
        (Some(_), 0) => 0,
        (Some(known), 1) if known > 0 && x.numel().is_multiple_of(known) => x.numel() / known,
        _ => {
            let reason = format!("reshape: shape {} does not become {sizes:?}", x.shape());
            return Err(PyValueError::new_err(reason));
        }
    };
    let sizes: Vec<usize> = sizes.iter().map(|&n| usize::try_from(n).unwrap_or(left)).collect();
    Shape::try_new(&sizes).map_err(exception)
}

fn all(result: kiln::Result<Vec<Tensor>>) -> PyResult<Vec<PyTensor>> {
    Ok(result.map_err(exception)?.into_iter().map(PyTensor::from).collect())
}

#[pymethods]
impl PyTensor {
    /// The elements in row-major order under another shape; one size may be -1.
    #[pyo3(signature = (*shape))]
    fn reshape(&self, shape: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let x = self.tensor();
        wrap(x.reshape(fill(&x, &integers(shape)?)?))
    }

    /// The elements in row-major order under another shape; one size may be -1.
    #[pyo3(signature = (*shape))]
    fn view(&self, shape: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.reshape(shape)
    }

    /// The elements as a vector.
    fn ravel(&self) -> PyResult<Self> {
        let x = self.tensor();
        wrap(x.reshape([x.numel()]))
    }

    /// The axes from `start_dim` to `end_dim`, both included, made one.
    #[pyo3(signature = (start_dim=0, end_dim=-1))]
    fn flatten(&self, start_dim: isize, end_dim: isize) -> PyResult<Self> {
        wrap(self.tensor().flatten(start_dim, end_dim))
    }

    /// The axes in another order.
    #[pyo3(signature = (*dims))]
    fn permute(&self, dims: &Bound<'_, PyTuple>) -> PyResult<Self> {
        wrap(self.tensor().permute(&integers(dims)?))
    }

    /// Two axes exchanged, as in PyTorch; without arguments all axes reversed, as in NumPy.
    #[pyo3(signature = (dim0=None, dim1=None))]
    fn transpose(&self, dim0: Option<isize>, dim1: Option<isize>) -> PyResult<Self> {
        match (dim0, dim1) {
            (Some(a), Some(b)) => wrap(self.tensor().transpose(a, b)),
            (None, None) => self.reversed(),
            _ => Err(PyValueError::new_err("transpose: two axes are exchanged, or none is named")),
        }
    }

    /// The axes in reverse order, as in NumPy.
    #[getter(T)]
    fn reversed(&self) -> PyResult<Self> {
        let x = self.tensor();
        wrap(x.permute((0..x.rank() as isize).rev().collect::<Vec<_>>()))
    }

    /// The last two axes exchanged.
    #[getter]
    #[allow(non_snake_case)]
    fn mT(&self) -> Self {
        self.tensor().t().into()
    }

    /// The transpose of a matrix.
    fn t(&self) -> PyResult<Self> {
        let x = self.tensor();
        if x.rank() > 2 {
            return Err(PyValueError::new_err(format!("t: shape {} is no matrix: use mT or permute()", x.shape())));
        }
        Ok(x.t().into())
    }

    /// An axis moved to another place.
    fn movedim(&self, source: isize, destination: isize) -> PyResult<Self> {
        wrap(self.tensor().movedim(source, destination))
    }

    /// The tensor without an axis of size 1, or without all of them. An axis of another size stays.
    #[pyo3(signature = (dim=None))]
    fn squeeze(&self, dim: Option<isize>) -> PyResult<Self> {
        let x = self.tensor();
        let Some(dim) = dim else { return Ok(x.squeeze_all().into()) };
        if x.size(dim).map_err(exception)? == 1 { wrap(x.squeeze(dim)) } else { Ok(x.into()) }
    }

    /// A new axis of size 1.
    fn unsqueeze(&self, dim: isize) -> PyResult<Self> {
        wrap(self.tensor().unsqueeze(dim))
    }

    /// Axes of size 1 repeated, and axes added in front; -1 leaves a size as it is.
    #[pyo3(signature = (*sizes))]
    fn expand(&self, sizes: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let (x, sizes) = (self.tensor(), integers(sizes)?);
        let lead = sizes.len().saturating_sub(x.rank());
        let size = |(axis, &n): (usize, &isize)| match (n, axis.checked_sub(lead)) {
            (-1, Some(own)) if own < x.rank() => Some(x.shape()[own]),
            _ => usize::try_from(n).ok(),
        };
        let full: Option<Vec<usize>> = sizes.iter().enumerate().map(size).collect();
        let full = full
            .ok_or_else(|| PyValueError::new_err(format!("expand: shape {} does not become {sizes:?}", x.shape())))?;
        wrap(x.expand(Shape::try_new(&full).map_err(exception)?))
    }

    /// The tensor repeated along each axis.
    #[pyo3(signature = (*repeats))]
    fn repeat(&self, repeats: &Bound<'_, PyTuple>) -> PyResult<Self> {
        wrap(self.tensor().repeat(&shape(repeats)?))
    }

    /// The elements along some axes, or all of them, in reverse order.
    #[pyo3(signature = (*dims))]
    fn flip(&self, dims: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let x = self.tensor();
        let all = || (0..x.rank() as isize).collect();
        wrap(x.flip(&if dims.is_empty() { all() } else { integers(dims)? }))
    }

    /// The elements moved along an axis; what leaves at one end comes back at the other.
    fn roll(&self, shift: isize, dim: isize) -> PyResult<Self> {
        wrap(self.tensor().roll(dim, shift))
    }

    /// `length` elements of an axis from `start` on.
    fn narrow(&self, dim: isize, start: usize, length: usize) -> PyResult<Self> {
        wrap(self.tensor().narrow(dim, start, length))
    }

    /// One position of an axis, which goes away.
    fn select(&self, dim: isize, index: isize) -> PyResult<Self> {
        wrap(self.tensor().select(dim, index))
    }

    /// The tensors along an axis.
    #[pyo3(signature = (dim=0))]
    fn unbind(&self, dim: isize) -> PyResult<Vec<Self>> {
        all(self.tensor().unbind(dim))
    }

    /// Pieces of `split_size` elements along an axis; the last may be smaller.
    #[pyo3(signature = (split_size, dim=0))]
    fn split(&self, split_size: usize, dim: isize) -> PyResult<Vec<Self>> {
        all(self.tensor().split(dim, split_size))
    }

    /// So many pieces along an axis.
    #[pyo3(signature = (chunks, dim=0))]
    fn chunk(&self, chunks: usize, dim: isize) -> PyResult<Vec<Self>> {
        all(self.tensor().chunk(dim, chunks))
    }

    /// The lower triangle of matrices.
    #[pyo3(signature = (diagonal=0))]
    fn tril(&self, diagonal: isize) -> PyResult<Self> {
        wrap(self.tensor().tril(diagonal))
    }

    /// The upper triangle of matrices.
    #[pyo3(signature = (diagonal=0))]
    fn triu(&self, diagonal: isize) -> PyResult<Self> {
        wrap(self.tensor().triu(diagonal))
    }

    /// Elements chosen along an axis by their positions.
    fn gather(&self, dim: isize, index: PyRef<'_, Self>) -> PyResult<Self> {
        wrap(self.tensor().gather(dim, &index.tensor()))
    }

    /// Slices chosen along an axis by a vector of positions.
    fn index_select(&self, dim: isize, index: PyRef<'_, Self>) -> PyResult<Self> {
        wrap(self.tensor().index_select(dim, &index.tensor()))
    }

    /// This tensor plus the elements of `src`, each added at its position along an axis.
    fn scatter_add(&self, dim: isize, index: PyRef<'_, Self>, src: PyRef<'_, Self>) -> PyResult<Self> {
        wrap(self.tensor().scatter_add(dim, &index.tensor(), &src.tensor()))
    }
}
