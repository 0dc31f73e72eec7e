//! The Python module: a thin layer over the `kiln` crate.
//!
//! Calls that compute, read or write let Python's lock go; those that only note an op for later keep it.

mod autograd;
mod cast;
mod convert;
mod create;
#[cfg(feature = "csv")]
mod csv;
mod device;
mod dlpack;
mod dtype;
mod error;
mod exchange;
mod functions;
mod index;
mod interrupt;
mod io;
mod numpy;
mod operators;
mod ops;
mod reduce;
mod scan;
mod tensor;
mod view;

use kiln::DType;
use pyo3::prelude::*;

#[pymodule]
fn _kiln(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interrupt::install();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<tensor::PyTensor>()?;
    module.add_class::<dtype::PyDType>()?;
    module.add_class::<device::PyDevice>()?;
    for dtype in DType::ALL {
        module.add(dtype.name(), dtype::PyDType(dtype))?;
    }
    ops::add_functions(module)?;
    functions::add(module)?;
    macro_rules! functions {
        ($($file:ident: $($name:ident)*;)*) => {
            $($(module.add_function(wrap_pyfunction!($file::$name, module)?)?;)*)*
        };
    }
    functions! {
        autograd: grad is_grad_enabled set_grad_enabled;
        create: tensor asarray zeros ones full zeros_like ones_like full_like arange linspace eye rand randn randint
            manual_seed cat stack _rebuild;
        device: devices best_device get_default_device set_default_device;
        dlpack: from_dlpack to_dlpack;
        io: load save;
        numpy: from_numpy;
    }
    #[cfg(feature = "csv")]
    module.add_function(wrap_pyfunction!(csv::read_csv, module)?)?;
    Ok(())
}
