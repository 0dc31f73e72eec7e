//! What optimizers remember of each parameter.

use crate::{DType, Error, Gradients, Param, Result, Tensor};

/// What is remembered of one parameter: `N` tensors.
#[derive(Clone)]
pub(super) struct Slot<const N: usize> {
    /// `None` before the first step.
    pub state: Option<[Tensor; N]>,
    /// Steps so far: only those in which the parameter had a gradient.
    pub steps: u64,
}

/// The parameters of an optimizer, with the names of their state.
pub(super) struct Slots<const N: usize> {
    names: [&'static str; N],
    pub params: Vec<Param>,
    slots: Vec<Slot<N>>,
}

impl<const N: usize> Slots<N> {
    pub fn new(names: [&'static str; N]) -> Self {
        Self { names, params: Vec::new(), slots: Vec::new() }
    }

    pub fn bind(&mut self, params: Vec<Param>) {
        self.slots = vec![Slot { state: None, steps: 0 }; params.len()];
        self.params = params;
    }

    /// Calls `f` with each slot that has a gradient, its value and the gradient; assigns what it returns. Of halves all
    /// of it is in `F32`, and so is what the slot remembers: only the new value is rounded.
    pub fn update(
        &mut self,
        grads: &Gradients,
        mut f: impl FnMut(&mut Slot<N>, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        if self.params.is_empty() {
            return Err(Error::argument(
                "optimizer",
                "there are no parameters: bind some with `with(net.parameters())`",
            ));
        }
        let mut updated = 0;
        for (param, slot) in self.params.iter().zip(&mut self.slots) {
            let value = param.tensor();
            if let Some(grad) = grads.get(&value) {
                slot.steps += 1;
                updated += 1;
                let (dtype, wide) = (value.dtype(), value.dtype().wide());
                let value = f(slot, &value.detach().in_dtype(wide), &grad.in_dtype(wide))?;
                param.set(&value.in_dtype(dtype))?;
            }
        }
        if updated == 0 {
            let frozen = self.params.iter().filter(|param| param.is_frozen()).count();
            return Err(Error::argument(
                "optimizer",
                format!(
                    "none of its {} parameters ({frozen} of them frozen) has one of the {} gradients: they are not those \
                     that the loss was computed from",
                    self.params.len(),
                    grads.len()
                ),
            ));
        }
        Ok(())
    }

    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut out = Vec::new();
        for (i, (param, slot)) in self.params.iter().zip(&self.slots).enumerate() {
            let device = param.tensor().device().clone();
            out.push((format!("{i}.step"), Tensor::filled((), slot.steps, DType::I64, &device)));
            for (name, tensor) in self.names.iter().zip(slot.state.iter().flatten()) {
                out.push((format!("{i}.{name}"), tensor.clone()));
            }
        }
        out
    }

    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let error = |name: &str, reason: &str| Error::argument("optimizer", format!("state `{name}`: {reason}"));
        let mut found: Vec<([Option<Tensor>; N], u64)> = self.params.iter().map(|_| ([const { None }; N], 0)).collect();
        for (name, tensor) in state {
            let (index, what) = name.split_once('.').ok_or_else(|| error(name, "is not `NUMBER.NAME`"))?;
            let slot = index.parse::<usize>().ok().filter(|&i| i < found.len());
            let slot = slot.ok_or_else(|| error(name, "there is no such parameter"))?;
            if what == "step" {
                found[slot].1 = tensor.to_dtype(DType::I64).item::<i64>()?.max(0) as u64;
                continue;
            }
            let at = self.names.iter().position(|n| *n == what).ok_or_else(|| error(name, "is unknown"))?;
            let value = self.params[slot].tensor();
            if tensor.shape() != value.shape() {
                return Err(error(name, "does not have the parameter's shape"));
            }
            found[slot].0[at] = Some(tensor.detach().to_device(value.device())?.to_dtype(value.dtype().wide()));
        }
        let mut slots = Vec::with_capacity(found.len());
        for (i, (tensors, steps)) in found.into_iter().enumerate() {
            let tensors: Vec<Tensor> = tensors.into_iter().flatten().collect();
            let state = match tensors.len() {
                0 => None,
                _ => Some(tensors.try_into().map_err(|_| error(&i.to_string(), "is not complete"))?),
            };
            slots.push(Slot { state, steps });
        }
        self.slots = slots;
        Ok(())
    }
}

/// The trait methods that are the same for every optimizer with fields `lr` and `slots`.
macro_rules! delegate {
    () => {
        fn params(&self) -> &[$crate::Param] {
            &self.slots.params
        }

        fn bind(&mut self, params: Vec<$crate::Param>) {
            self.slots.bind(params);
        }

        fn lr(&self) -> f64 {
            self.lr
        }

        fn set_lr(&mut self, lr: f64) {
            self.lr = lr;
        }

        fn state(&self) -> Vec<(String, $crate::Tensor)> {
            self.slots.state()
        }

        fn load_state(&mut self, state: &[(String, $crate::Tensor)]) -> $crate::Result<()> {
            self.slots.load_state(state)
        }
    };
}
pub(super) use delegate;
