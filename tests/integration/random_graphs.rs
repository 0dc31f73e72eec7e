//! Random graphs of ops: whatever the scheduler makes of them, the values are those of the ops one by one, on the
//! CPU to the last bit and on the GPU to rounding.

mod run;
mod steps;

use std::thread;

use kiln::{Device, Error, Tensor};
use kiln_tests::{device, gpu_with, values::difference};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use run::evaluate;

/// One op of a program: what it does and to which of the values so far, modulo what there is.
#[derive(Clone, Copy, Debug)]
struct Step {
    op: u8,
    x: u8,
    y: u8,
    detail: u8,
    /// The value is read at the end.
    kept: bool,
}

#[derive(Clone, Debug)]
struct Program {
    /// Of the leaves' numbers.
    seed: u64,
    /// Whether the leaves are tracked and gradients compared.
    gradients: bool,
    /// Whether there are layers among the ops.
    layers: bool,
    steps: Vec<Step>,
}

fn programs(layers: bool) -> impl Strategy<Value = Program> {
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.2))
        .prop_map(|(op, x, y, detail, kept)| Step { op, x, y, detail, kept });
    (any::<u64>(), any::<bool>(), prop::collection::vec(step, 4..28))
        .prop_map(move |(seed, gradients, steps)| Program { seed, gradients, layers, steps })
}

/// How far apart two devices may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Not at all: nothing has been rounded, so that ops with jumps give the same on every device.
    Exact,
    /// By the rounding of `F32`.
    Single,
    /// By the rounding of `F16`.
    Half,
}

#[derive(Clone)]
struct Value {
    tensor: Tensor,
    level: Level,
}

/// Threads that run programs at the same time, on the same devices.
const THREADS: u8 = 4;

/// Runs a number of programs, with layers or without, and compares what two devices make of them.
fn compare(count: u32, layers: bool, a: &Device, b: &Device, tolerance: fn(Level) -> (f64, f64)) {
    let each = count.div_ceil(THREADS.into());
    thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || compare_some(each, seed, layers, a, b, tolerance));
        }
    });
}

fn compare_some(count: u32, seed: u8, layers: bool, a: &Device, b: &Device, tolerance: fn(Level) -> (f64, f64)) {
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let result = TestRunner::new_with_rng(config, rng).run(&programs(layers), |program| {
        let fail = |why: String| TestCaseError::fail(why);
        let expected = evaluate(&program, a).map_err(|e| fail(e.to_string()))?;
        let got = match evaluate(&program, b) {
            // Tables are not worked on in pieces.
            Err(Error::TooLarge { .. }) => return Err(TestCaseError::reject("a table past the limit")),
            got => got.map_err(|e| fail(e.to_string()))?,
        };
        prop_assert_eq!(got.len(), expected.len());
        for (i, ((_, got), (level, expected))) in got.iter().zip(&expected).enumerate() {
            let (relative, absolute) = tolerance(*level);
            if let Some(why) = difference(got, expected, relative, absolute) {
                return Err(fail(format!("value {i}, {level:?}: {why}")));
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// How many programs run on the GPU, where each has kernels of its own to compile: `KILN_TEST_GRAPHS`, or a few.
fn gpu_count() -> u32 {
    std::env::var("KILN_TEST_GRAPHS").map_or(192, |count| count.parse().expect("KILN_TEST_GRAPHS is a number"))
}

fn rounding(level: Level) -> (f64, f64) {
    match level {
        Level::Exact => (0.0, 0.0),
        Level::Single => (1e-4, 1e-4),
        Level::Half => (3e-2, 3e-2),
    }
}

#[test]
fn fusion_changes_no_bit() {
    compare(2000, false, device("cpu, unfused"), device("cpu"), |_| (0.0, 0.0));
}

/// What layers gather from memory decides in which order a sum over columns runs; nothing else may differ.
#[test]
fn fusion_of_layers_reorders_sums_at_most() {
    compare(2000, true, device("cpu, unfused"), device("cpu"), |level| match level {
        Level::Exact => (0.0, 0.0),
        // One unit in the last place of a half.
        Level::Half => (2e-3, 2e-3),
        Level::Single => (1e-5, 1e-5),
    });
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn the_gpu_agrees_with_the_cpu() {
    compare(gpu_count(), true, device("cpu"), device("gpu"), rounding);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn the_gpu_agrees_with_the_cpu_op_by_op() {
    compare(gpu_count(), true, device("cpu"), device("gpu, unfused"), rounding);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn kernels_that_see_windows_agree_with_the_cpu() {
    let gpu = gpu_with(|o| o.max_binding_bytes = Some(512));
    compare(gpu_count() / 2, true, device("cpu"), &gpu, rounding);
}
