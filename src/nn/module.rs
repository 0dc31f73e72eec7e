//! What every layer and every network is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Part, Summary, Visit, summary::summary, trace};
use crate::{DType, Device, Error, Param, Result, Tensor, nearest::nearest};

/// Something with parameters: a layer, or a network of layers.
///
/// Derive it for a struct of modules. Parameters are named as in PyTorch, by the path of fields that leads to them.
/// Numbers, strings and the like may stand among the fields; `#[module(skip)]` leaves out anything else.
///
/// ```
/// use kiln::prelude::*;
///
/// #[derive(Module)]
/// struct Net {
///     hidden: Linear,
///     heads: Vec<Linear>,
///     slope: f64,
/// }
///
/// let device = Device::cpu();
/// let heads = vec![Linear::new(8, 1, &device)?, Linear::new(8, 1, &device)?];
/// let net = Net { hidden: Linear::new(4, 8, &device)?, heads, slope: 0.1 };
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[..3], ["hidden.weight", "hidden.bias", "heads.0.weight"]);
/// assert_eq!(net.num_parameters(), 40 + 2 * 9);
/// # Ok::<(), kiln::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    note = "derive it with `#[derive(Module)]`, or mark the field `#[module(skip)]`",
    note = "a tensor in a module is a `Param`, if it is trained, or a `Buffer`"
)]
pub trait Module {
    /// Passes each part to the visitor, with [`Visit::field`].
    fn visit(&self, visit: &mut Visit<'_>);

    /// Where the module lies in memory, and the name of its type; of a pointer, what it points at.
    #[doc(hidden)]
    fn place(&self) -> (usize, &'static str) {
        trace::place(self)
    }

    /// What each layer makes of an input like `x`, and how many parameters it has, as Keras's `summary`. Nothing is
    /// computed; only shapes are followed.
    ///
    /// # Errors
    /// If the input does not suit the module.
    ///
    /// ```
    /// use kiln::prelude::*;
    ///
    /// let device = Device::cpu();
    /// let net = Sequential::new().with(Linear::new(4, 8, &device)?).with(nn::Relu).with(Linear::new(8, 2, &device)?);
    /// let summary = net.summary(&Tensor::zeros([1, 4], DType::F32, &device))?;
    /// println!("{summary}");
    /// assert_eq!((summary.rows[2].name.as_str(), summary.rows[2].parameters, summary.total), ("2", 18, 58));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    fn summary(&self, x: &Tensor) -> Result<Summary>
    where
        Self: Forward + Sized,
    {
        summary(self, x)
    }

    /// The parameters with their names, in the order of the fields. One that is used twice has its first name.
    fn named_parameters(&self) -> Vec<(String, Param)> {
        let (mut out, mut seen) = (Vec::new(), HashSet::new());
        self.visit(&mut Visit::new(&mut |name, part| {
            if let Part::Param(param) = part
                && seen.insert(param.id())
            {
                out.push((name.to_owned(), param.clone()));
            }
        }));
        out
    }

    /// The parameters.
    fn parameters(&self) -> Vec<Param> {
        self.named_parameters().into_iter().map(|(_, param)| param).collect()
    }

    /// How many numbers are trained.
    fn num_parameters(&self) -> usize {
        self.parameters().iter().filter(|p| !p.is_frozen()).map(|p| p.shape().numel()).sum()
    }

    /// All parameters and buffers by name, as PyTorch's `state_dict`.
    fn state_dict(&self) -> BTreeMap<String, Tensor> {
        let mut out = BTreeMap::new();
        self.visit(&mut Visit::new(&mut |name, part| {
            let value = match part {
                Part::Param(param) => param.tensor().detach(),
                Part::Buffer(buffer) => buffer.tensor(),
                Part::Training(_) => return,
            };
            out.insert(name.to_owned(), value);
        }));
        out
    }

    /// Assigns all parameters and buffers from a map such as [`state_dict`](Self::state_dict) gives. The values are
    /// moved to the module's device and converted to its dtypes.
    ///
    /// # Errors
    /// If a name is missing or unexpected, or a shape differs; the error names it, and nothing is assigned.
    fn load_state_dict(&self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let have = self.state_dict();
        let missing = strangers(&have, state, "the state has");
        let unexpected = strangers(state, &have, "the module has");
        if missing.is_some() || unexpected.is_some() {
            let part = |what: &str, names: Option<String>| names.map(|names| format!("{what}: {names}"));
            let parts = [part("missing", missing), part("unexpected", unexpected)];
            let reason = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
            return Err(Error::argument("load_state_dict", reason));
        }
        let mut values = HashMap::new();
        for (name, old) in &have {
            let value = &state[name];
            if value.shape() != old.shape() {
                let reason = format!("`{name}` has the first shape in the module and the second in the state");
                return Err(Error::shapes("load_state_dict", old.shape(), value.shape(), reason));
            }
            values.insert(name.as_str(), value.to_device(old.device())?.to_dtype(old.dtype()));
        }
        assign(self, |name, _| Ok(values[name].clone()))
    }

    /// Moves all parameters and buffers to a device.
    ///
    /// # Errors
    /// If the device lacks memory.
    fn to_device(&self, device: &Device) -> Result<()> {
        assign(self, |_, old| old.to_device(device))
    }

    /// Converts all parameters and buffers of floats to another float dtype, such as `F16`.
    ///
    /// Parameters stay the same to an optimizer that is bound to them, but gradients that were computed before do not
    /// belong to them any more.
    ///
    /// # Errors
    /// If the dtype is not a float.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let net = Linear::new(2, 1, &Device::cpu())?;
    /// net.to_dtype(DType::F64)?;
    /// assert_eq!(net.forward(&Tensor::ones([1, 2], DType::F64, &Device::cpu()))?.dtype(), DType::F64);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    fn to_dtype(&self, dtype: DType) -> Result<()> {
        if !dtype.is_float() {
            return Err(Error::dtype("to_dtype", dtype, "parameters are floats"));
        }
        self.visit(&mut Visit::new(&mut |_, part| match part {
            Part::Param(param) => param.convert(dtype),
            Part::Buffer(buffer) if buffer.tensor().dtype().is_float() => buffer.convert(dtype),
            Part::Buffer(_) | Part::Training(_) => {}
        }));
        Ok(())
    }

    /// Switches between training (the state at first) and evaluation: dropout acts only in training.
    fn set_training(&self, training: bool) {
        self.visit(&mut Visit::new(&mut |_, part| {
            if let Part::Training(switch) = part {
                switch.set(training);
            }
        }));
    }

    /// Freezes all parameters, or lets them train again.
    fn set_frozen(&self, frozen: bool) {
        self.parameters().iter().for_each(|p| p.set_frozen(frozen));
    }
}

/// The states of all switches between training and evaluation, in the order of the traversal.
pub(crate) fn training_modes(module: &(impl Module + ?Sized)) -> Vec<bool> {
    let mut modes = Vec::new();
    module.visit(&mut Visit::new(&mut |_, part| {
        if let Part::Training(switch) = part {
            modes.push(switch.get());
        }
    }));
    modes
}

/// Restores what [`training_modes`] returned.
pub(crate) fn set_training_modes(module: &(impl Module + ?Sized), modes: &[bool]) {
    let mut modes = modes.iter();
    module.visit(&mut Visit::new(&mut |_, part| {
        if let Part::Training(switch) = part
            && let Some(&training) = modes.next()
        {
            switch.set(training);
        }
    }));
}

/// Runs a function with every layer of a module in evaluation, and restores their modes, also after a panic.
pub(crate) fn in_evaluation<T>(module: &(impl Module + ?Sized), f: impl FnOnce() -> T) -> T {
    struct Restore<'a, M: Module + ?Sized>(&'a M, Vec<bool>);
    impl<M: Module + ?Sized> Drop for Restore<'_, M> {
        fn drop(&mut self) {
            set_training_modes(self.0, &self.1);
        }
    }
    let _restore = Restore(module, training_modes(module));
    module.set_training(false);
    f()
}

/// Lists at most this many names in an error.
const LISTED: usize = 8;

/// The names that one state has and the other lacks, each with the name that it may be there.
fn strangers(names: &BTreeMap<String, Tensor>, other: &BTreeMap<String, Tensor>, has: &str) -> Option<String> {
    let lacking = || names.keys().filter(|name| !other.contains_key(*name));
    let count = lacking().count();
    let mut list: Vec<String> = Vec::new();
    for name in lacking().take(LISTED) {
        // A name that both have means itself.
        let others = other.keys().filter(|name| !names.contains_key(*name)).map(String::as_str);
        list.push(match nearest(name, others) {
            Some(near) => format!("`{name}` ({has} `{near}`)"),
            None => format!("`{name}`"),
        });
    }
    if count > LISTED {
        list.push(format!("and {} more", count - LISTED));
    }
    (count > 0).then(|| list.join(", "))
}

/// Replaces every parameter and buffer.
fn assign(module: &(impl Module + ?Sized), value: impl Fn(&str, &Tensor) -> Result<Tensor>) -> Result<()> {
    let mut result = Ok(());
    module.visit(&mut Visit::new(&mut |name, part| {
        if result.is_ok() {
            result = match part {
                Part::Param(param) => value(name, &param.tensor().detach()).and_then(|v| param.set(&v)),
                Part::Buffer(buffer) => value(name, &buffer.tensor()).and_then(|v| buffer.set(&v)),
                Part::Training(_) => Ok(()),
            };
        }
    }));
    result
}

/// A module that makes one tensor out of one tensor.
pub trait Forward {
    /// Applies the module.
    ///
    /// # Errors
    /// If the input does not suit it.
    fn forward(&self, x: &Tensor) -> Result<Tensor>;
}

macro_rules! transparent {
    ($($t:ty),*) => {$(
        impl<F: Forward + ?Sized> Forward for $t {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                (**self).forward(x)
            }
        }
    )*};
}
transparent!(&F, Box<F>, std::sync::Arc<F>);
