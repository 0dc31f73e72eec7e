//! `KILN_DEBUG=1`: the time of every kernel.

use std::{sync::Arc, time::Instant};

use crate::{
    Result, Scalar,
    graph::{
        debug::Cost,
        executor::{Buffer, Program},
    },
};

/// A program that prints how long each launch took.
pub(super) struct Timed {
    pub program: Arc<dyn Program>,
    pub cost: Cost,
}

impl Program for Timed {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], scalars: &[Scalar]) -> Result<()> {
        let start = Instant::now();
        let result = self.program.launch(inputs, outputs, scalars);
        self.cost.report(start.elapsed().as_nanos() as f64);
        result
    }
}
