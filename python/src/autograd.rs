//! Gradients as PyTorch has them: gathered in the leaves, or returned.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use kiln::Tensor;
use pyo3::{
    exceptions::{PyRuntimeError, PyTypeError},
    prelude::*,
    types::PyTuple,
};

use crate::{
    error::exception,
    tensor::{PyTensor, Value},
};

/// Where the gradients of a leaf are added up.
pub struct Leaf {
    tensor: Tensor,
    grad: Mutex<Option<Tensor>>,
}

/// The leaves that Python holds.
static LEAVES: Mutex<Vec<Weak<Leaf>>> = Mutex::new(Vec::new());

impl Leaf {
    fn new(tensor: &Tensor) -> Arc<Self> {
        let leaf = Arc::new(Self { tensor: tensor.clone(), grad: Mutex::new(None) });
        let mut leaves = LEAVES.lock().unwrap_or_else(PoisonError::into_inner);
        // So that the list is swept when half of it may be dead.
        if leaves.len() == leaves.capacity() {
            leaves.retain(|leaf| leaf.strong_count() > 0);
            let alive = leaves.len();
            leaves.reserve(alive + 16);
        }
        leaves.push(Arc::downgrade(&leaf));
        leaf
    }

    /// Those that are alive. None of them is dropped while the list is locked.
    fn all() -> Vec<Arc<Self>> {
        LEAVES.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }

    pub fn grad(&self) -> Option<Tensor> {
        self.grad.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_grad(&self, grad: Option<Tensor>) {
        let before = std::mem::replace(&mut *self.grad.lock().unwrap_or_else(PoisonError::into_inner), grad);
        drop(before);
    }

    fn add(&self, grad: &Tensor) -> kiln::Result<()> {
        let sum = match self.grad() {
            Some(before) => before.add(grad)?,
            None => grad.clone(),
        };
        self.set_grad(Some(sum));
        Ok(())
    }
}

impl PyTensor {
    /// Makes the tensor a leaf of the tape, or takes it off.
    pub fn track(&self, requires_grad: bool) -> PyResult<()> {
        let Value { tensor, leaf } = self.value();
        match (requires_grad, tensor.is_tracked()) {
            (true, false) if !tensor.dtype().is_float() => {
                Err(PyTypeError::new_err(format!("only floats have gradients, not {}", tensor.dtype())))
            }
            (true, false) => {
                let tensor = tensor.requires_grad();
                let leaf = Some(Leaf::new(&tensor));
                self.set(Value { tensor, leaf });
                Ok(())
            }
            (false, true) if leaf.is_none() => Err(PyRuntimeError::new_err(
                "only of leaves can be said that they require no gradient: use detach() instead",
            )),
            (false, true) => {
                self.set(Value { tensor: tensor.detach(), leaf: None });
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[pymethods]
impl PyTensor {
    /// Whether gradients of the tensor, or of what it was computed from, are tracked.
    #[getter]
    pub fn requires_grad(&self) -> bool {
        self.tensor().is_tracked()
    }

    #[setter]
    fn set_requires_grad(&self, requires_grad: bool) -> PyResult<()> {
        self.track(requires_grad)
    }

    /// Makes the tensor one whose gradient `backward` gathers, and returns it.
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(slf: Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        slf.get().track(requires_grad)?;
        Ok(slf)
    }

    /// Whether the tensor is not the result of an op that is tracked.
    #[getter]
    fn is_leaf(&self) -> bool {
        let value = self.value();
        value.leaf.is_some() || !value.tensor.is_tracked()
    }

    /// The same elements, off the tape.
    fn detach(&self) -> Self {
        self.tensor().detach().into()
    }

    /// The sum of the gradients that `backward` has found, if it has.
    #[getter]
    fn grad(&self) -> Option<Self> {
        self.value().leaf?.grad().map(Self::from)
    }

    #[setter]
    fn set_grad(&self, grad: Option<PyRef<'_, Self>>) -> PyResult<()> {
        let Value { tensor, leaf } = self.value();
        let Some(leaf) = leaf else {
            return Err(PyRuntimeError::new_err("only tensors that require_grad, and are no results, have a grad"));
        };
        let grad = grad.map(|grad| grad.tensor().detach());
        if let Some(grad) = grad.as_ref().filter(|grad| grad.shape() != tensor.shape()) {
            let (have, want) = (grad.shape(), tensor.shape());
            return Err(PyRuntimeError::new_err(format!("a gradient of shape {have} for a tensor of shape {want}")));
        }
        leaf.set_grad(grad);
        Ok(())
    }

    /// Adds the gradients of this number to the `grad` of everything that it was computed from. Of a tensor of
    /// another shape, `gradient` is the gradient of something else with respect to it.
    #[pyo3(signature = (gradient=None, retain_graph=false))]
    fn backward(&self, py: Python<'_>, gradient: Option<PyRef<'_, Self>>, retain_graph: bool) -> PyResult<()> {
        let y = self.tensor();
        let gradient = gradient.map(|gradient| gradient.tensor());
        py.detach(|| {
            let gradients = match &gradient {
                None if retain_graph => y.backward_retain()?,
                None => y.backward()?,
                // The sum of the products has the gradient that is asked for, and one element.
                Some(gradient) if retain_graph => y.mul(gradient)?.sum(())?.backward_retain()?,
                Some(gradient) => y.backward_from(gradient)?,
            };
            let leaves = Leaf::all();
            leaves.iter().try_for_each(|leaf| gradients.get(&leaf.tensor).map_or(Ok(()), |grad| leaf.add(grad)))
        })
        .map_err(exception)
    }
}

/// The gradients of a number with respect to some tensors, which need not be leaves. With `create_graph` they can be
/// differentiated again.
#[pyfunction]
#[pyo3(signature = (y, xs, create_graph=false))]
pub fn grad<'py>(py: Python<'py>, y: PyRef<'_, PyTensor>, xs: Xs, create_graph: bool) -> PyResult<Bound<'py, PyTuple>> {
    let y = y.tensor();
    let grads = py.detach(|| kiln::grad(&y, &xs.0.iter().collect::<Vec<_>>(), create_graph)).map_err(exception)?;
    PyTuple::new(py, grads.into_iter().map(PyTensor::from))
}

/// A tensor or several.
pub struct Xs(Vec<Tensor>);

impl<'py> FromPyObject<'_, 'py> for Xs {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(one) = object.cast::<PyTensor>() {
            return Ok(Self(vec![one.get().tensor()]));
        }
        let several: Vec<PyRef<'_, PyTensor>> = object.extract()?;
        Ok(Self(several.iter().map(|x| x.tensor()).collect()))
    }
}

/// Whether ops of this thread are tracked.
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    kiln::is_grad_enabled()
}

/// Says whether ops of this thread are tracked from now on, and returns whether they were.
#[pyfunction]
pub fn set_grad_enabled(enabled: bool) -> bool {
    kiln::set_grad_enabled(enabled)
}
