//! Adam and AdamW.

use super::{
    Optimizer, check_numbers,
    slots::{Slot, Slots, delegate},
};
use crate::{DType, Device, Gradients, Param, Result, Tensor, no_grad};

macro_rules! adam {
    ($($(#[$doc:meta])* $name:ident decoupled $decoupled:literal decay $decay:literal;)*) => {$(
        $(#[$doc])*
        pub struct $name {
            lr: f64,
            betas: (f64, f64),
            eps: f64,
            weight_decay: f64,
            slots: Slots<2>,
        }

        impl $name {
            /// PyTorch's defaults but for the learning rate; 1e-3 is a usual one.
            pub fn new(lr: f64) -> Self {
                Self {
                    lr,
                    betas: (0.9, 0.999),
                    eps: 1e-8,
                    weight_decay: $decay,
                    slots: Slots::new(["exp_avg", "exp_avg_sq"]),
                }
            }

            /// Binds it to parameters.
            pub fn with(mut self, params: impl IntoIterator<Item = Param>) -> Self {
                self.bind(params.into_iter().collect());
                self
            }

            /// How slowly the means of the gradient and of its square change; at first 0.9 and 0.999.
            pub fn betas(mut self, gradient: f64, square: f64) -> Self {
                self.betas = (gradient, square);
                self
            }

            /// What keeps the quotient finite; at first 1e-8.
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            #[doc = concat!("The weight decay; at first ", stringify!($decay), ".")]
            pub fn weight_decay(mut self, decay: f64) -> Self {
                self.weight_decay = decay;
                self
            }
        }

        impl Optimizer for $name {
            delegate!();

            fn update(&mut self, grads: &Gradients) -> Result<()> {
                check_numbers(
                    stringify!($name),
                    &[("learning rate", self.lr), ("eps", self.eps), ("weight decay", self.weight_decay)],
                    &[("first beta", self.betas.0), ("second beta", self.betas.1)],
                )?;
                let (lr, betas, eps) = (self.lr, self.betas, self.eps);
                let rule = Rule { lr, betas, eps, weight_decay: self.weight_decay, decoupled: $decoupled };
                rule.update(&mut self.slots, grads)
            }
        }
    )*};
}

adam! {
    /// [Adam](https://arxiv.org/abs/1412.6980), by PyTorch's formulas. Weight decay is added to the gradient.
    Adam decoupled false decay 0.0;
    /// [Adam with decoupled weight decay](https://arxiv.org/abs/1711.05101), by PyTorch's formulas.
    AdamW decoupled true decay 0.01;
}

struct Rule {
    lr: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
}

/// The numbers of one step as tensors. They are made once for all parameters, so that a step has few nodes.
struct Constants {
    /// For which step, and for parameters like which.
    key: (u64, DType, Device),
    /// `1 - beta1`, `beta2`, `1 - beta2`, `eps * c` and `-lr * c / (1 - beta1^t)` for `c = sqrt(1 - beta2^t)`: PyTorch
    /// divides the root by `c`, which is one op more for each parameter.
    values: [Tensor; 5],
    decay: Option<Tensor>,
}

impl Rule {
    fn constants(&self, p: &Tensor, steps: u64) -> Constants {
        let (beta1, beta2) = self.betas;
        let t = steps as f64;
        let constant = |value: f64| Tensor::filled((), value, p.dtype(), p.device());
        let corrected = (1.0 - beta2.powf(t)).sqrt();
        let rate = -self.lr * corrected / (1.0 - beta1.powf(t));
        let decay = if self.decoupled { 1.0 - self.lr * self.weight_decay } else { self.weight_decay };
        Constants {
            key: (steps, p.dtype(), p.device().clone()),
            values: [1.0 - beta1, beta2, 1.0 - beta2, self.eps * corrected, rate].map(constant),
            decay: (self.weight_decay != 0.0).then(|| constant(decay)),
        }
    }

    fn update(&self, slots: &mut Slots<2>, grads: &Gradients) -> Result<()> {
        let mut known: Option<Constants> = None;
        no_grad(|| {
            slots.update(grads, |slot, p, g| {
                let fits = |c: &Constants| c.key.0 == slot.steps && c.key.1 == p.dtype() && c.key.2 == *p.device();
                let constants = known.take().filter(fits).unwrap_or_else(|| self.constants(p, slot.steps));
                let p = self.apply(slot, p, g, &constants);
                known = Some(constants);
                Ok(p)
            })
        })
    }

    fn apply(&self, slot: &mut Slot<2>, p: &Tensor, g: &Tensor, constants: &Constants) -> Tensor {
        let [rest1, beta2, rest2, eps, rate] = &constants.values;
        let (mut p, mut g) = (p.clone(), g.clone());
        match &constants.decay {
            Some(decay) if self.decoupled => p *= decay,
            Some(decay) => g += &p * decay,
            None => {}
        }
        let [m, v] = slot.state.take().unwrap_or_else(|| [p.zeros_like(), p.zeros_like()]);
        let m = &m + (&g - &m) * rest1;
        let v = &v * beta2 + g.square() * rest2;
        let p = p + &m * rate / (v.sqrt() + eps);
        slot.state = Some([m, v]);
        p
    }
}
