//! Stochastic gradient descent.

use super::{
    Optimizer, check_numbers,
    slots::{Slots, delegate},
};
use crate::{Error, Gradients, Param, Result, no_grad};

/// Stochastic gradient descent, by PyTorch's formulas: with momentum, Nesterov's if asked for.
pub struct Sgd {
    lr: f64,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    slots: Slots<1>,
}

impl Sgd {
    /// Plain descent at this learning rate.
    pub fn new(lr: f64) -> Self {
        let slots = Slots::new(["momentum_buffer"]);
        Self { lr, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0, slots }
    }

    /// Binds it to parameters.
    pub fn with(mut self, params: impl IntoIterator<Item = Param>) -> Self {
        self.bind(params.into_iter().collect());
        self
    }

    /// How much of the last step goes into the next; at first 0.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// How much less than all of the gradient goes into the momentum; at first 0.
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.dampening = dampening;
        self
    }

    /// Nesterov's momentum. It needs a momentum and no dampening.
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    /// The weight decay, added to the gradient; at first 0.
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = decay;
        self
    }
}

impl Optimizer for Sgd {
    delegate!();

    fn update(&mut self, grads: &Gradients) -> Result<()> {
        let sizes = [("learning rate", self.lr), ("momentum", self.momentum), ("weight decay", self.weight_decay)];
        check_numbers("Sgd", &sizes, &[])?;
        if self.nesterov && (self.momentum <= 0.0 || self.dampening != 0.0) {
            return Err(Error::argument("Sgd", "nesterov needs a momentum and no dampening"));
        }
        no_grad(|| {
            self.slots.update(grads, |slot, p, g| {
                let mut g = if self.weight_decay == 0.0 { g.clone() } else { g + p * self.weight_decay };
                if self.momentum != 0.0 {
                    let b = match slot.state.take() {
                        Some([b]) => b * self.momentum + &g * (1.0 - self.dampening),
                        None => g.clone(),
                    };
                    g = if self.nesterov { g + &b * self.momentum } else { b.clone() };
                    slot.state = Some([b]);
                }
                Ok(p + g * -self.lr)
            })
        })
    }
}
