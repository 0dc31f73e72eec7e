//! The engine's promises: what fuses, what is cached, what memory is held, and that no value is ever overwritten.

use kiln::{DType, Device, DeviceOptions, Gradients, Param, Result, Stats, Tensor, no_grad};
use kiln_tests::{devices, draw::Draw, fresh, gpu_with};

fn fused() -> impl Iterator<Item = &'static Device> {
    devices().iter().filter(|(name, _)| !name.contains("unfused")).map(|(_, device)| device)
}

fn ramp(shape: &[usize], device: &Device) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| i as f32 * 0.125 - 1.0).collect();
    Tensor::from_vec(values, shape, device).expect("a tensor")
}

/// What a function launched.
fn spent(device: &Device, f: impl FnOnce() -> Result<()>) -> Stats {
    device.sync().expect("sync");
    let before = device.stats();
    f().expect("the work succeeds");
    device.sync().expect("sync");
    let mut after = device.stats();
    after.kernels -= before.kernels;
    after.flushes -= before.flushes;
    after.plan_hits -= before.plan_hits;
    after.plan_misses -= before.plan_misses;
    after.pipelines -= before.pipelines;
    after
}

#[test]
fn a_chain_of_elementwise_ops_is_one_kernel() {
    let chain = |x: &Tensor| (0..10).fold(x.clone(), |y, _| (y * 0.5).sin());
    for device in fresh() {
        let x = ramp(&[1000], &device);
        let stats = spent(&device, || chain(&x).to_vec::<f32>().map(drop));
        assert_eq!(stats.kernels, 1, "20 ops on {device}");
    }
    let mut options = DeviceOptions::default();
    options.fusion = false;
    let device = Device::cpu_with(options);
    let x = ramp(&[1000], &device);
    assert_eq!(spent(&device, || chain(&x).to_vec::<f32>().map(drop)).kernels, 20, "fusion is off");
}

#[test]
fn a_reduction_takes_in_what_stands_before_and_behind() {
    for device in fresh() {
        let x = ramp(&[8, 32], &device);
        let stats = spent(&device, || (x.square() + 1.0).log().sum(1)?.sqrt().to_vec::<f32>().map(drop));
        assert_eq!(stats.kernels, 1, "elementwise, sum, elementwise on {device}");
        let stats = spent(&device, || x.softmax(1)?.to_vec::<f32>().map(drop));
        assert_eq!(stats.kernels, 1, "softmax on {device}");
        let (w, b) = (ramp(&[32, 16], &device), ramp(&[16], &device));
        let stats = spent(&device, || (x.matmul(&w)? + &b).relu().to_vec::<f32>().map(drop));
        assert_eq!(stats.kernels, 1, "matmul, bias, relu on {device}");
    }
}

#[test]
fn a_value_that_is_kept_comes_out_of_the_kernel_that_passes_it() {
    for device in fresh() {
        let x = ramp(&[100], &device);
        let before = x.to_vec::<f32>().expect("values");
        let (mut inner, mut end) = (x.clone(), x.clone());
        let stats = spent(&device, || {
            inner = &x * 2.0;
            end = -(&inner + 1.0);
            Ok(())
        });
        assert_eq!(stats.kernels, 1, "two outputs on {device}");
        assert_eq!(inner.to_vec::<f32>().expect("values"), before.iter().map(|v| v * 2.0).collect::<Vec<_>>());
        assert_eq!(end.to_vec::<f32>().expect("values"), before.iter().map(|v| -(v * 2.0 + 1.0)).collect::<Vec<_>>());
    }
}

/// A perceptron of two layers, written out.
struct Mlp {
    w1: Param,
    b1: Param,
    w2: Param,
    b2: Param,
}

impl Mlp {
    fn new(device: &Device) -> Mlp {
        let mut draw = Draw(7);
        let mut param = |shape: &[usize]| {
            let count = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|_| draw.float(-0.4, 0.4) as f32).collect();
            Param::new(Tensor::from_vec(values, shape, device).expect("a tensor"))
        };
        Mlp { w1: param(&[8, 16]), b1: param(&[16]), w2: param(&[16, 4]), b2: param(&[4]) }
    }

    fn loss(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let hidden = (x.matmul(&self.w1.tensor())? + self.b1.tensor()).relu();
        let logits = hidden.matmul(&self.w2.tensor())? + self.b2.tensor();
        Ok(-(logits.log_softmax(1)? * y).sum(1)?.mean(())?)
    }

    fn descend(&self, grads: &Gradients) -> Result<()> {
        for param in [&self.w1, &self.b1, &self.w2, &self.b2] {
            let value = param.tensor();
            let grad = grads.get(&value).expect("every parameter has a gradient");
            no_grad(|| param.set(&(value.detach() - grad * 0.1)))?;
        }
        Ok(())
    }
}

/// Rows and their one-hot classes: which quarter of the row has the largest first number.
fn batch(rows: usize, seed: u64, device: &Device) -> (Tensor, Tensor) {
    let mut draw = Draw(seed);
    let x: Vec<f32> = (0..rows * 8).map(|_| draw.float(-1.0, 1.0) as f32).collect();
    let class = |row: &[f32]| (0..4).max_by(|&a, &b| row[2 * a].total_cmp(&row[2 * b])).unwrap_or(0);
    let y: Vec<f32> = x.chunks(8).flat_map(|row| (0..4).map(move |c| f32::from(u8::from(c == class(row))))).collect();
    (Tensor::from_vec(x, [rows, 8], device).expect("x"), Tensor::from_vec(y, [rows, 4], device).expect("y"))
}

#[test]
fn a_thousand_steps_hold_no_more_memory_than_ten() {
    for device in fresh() {
        let net = Mlp::new(&device);
        let mut losses = Vec::new();
        let mut early = Stats::default();
        for step in 0..1000 {
            let (x, y) = batch(32, step, &device);
            let loss = net.loss(&x, &y).expect("loss");
            let grads = loss.backward().expect("gradients");
            net.descend(&grads).expect("assignment");
            drop(grads);
            let loss = loss.item::<f32>().expect("a number");
            assert!(loss.is_finite());
            losses.push(loss);
            drop((x, y));
            if step == 3 {
                early = device.stats();
            }
            let now = device.stats();
            if step > 3 {
                assert_eq!(now.plan_misses, early.plan_misses, "step {step} was planned anew on {device}");
                assert_eq!(now.pipelines, early.pipelines, "step {step} built a pipeline on {device}");
                assert_eq!(now.memory.live, early.memory.live, "live bytes after step {step} on {device}");
            }
        }
        let mean = |l: &[f32]| l.iter().sum::<f32>() / l.len() as f32;
        let (first, last) = (mean(&losses[..20]), mean(&losses[980..]));
        assert!(last < 0.6 * first, "the loss fell from {first} to {last} on {device}");
        drop(net);
        assert_eq!(device.memory().live, 0, "live bytes when nothing is left on {device}");
    }
}

// The CPU's programs are made for their sizes, and cost next to nothing.
#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn another_batch_size_builds_no_elementwise_pipeline() {
    let device = gpu_with(|_| {});
    let run = |rows: usize| {
        let (x, b) = (ramp(&[rows, 24], &device), ramp(&[24], &device));
        ((&x + &b).tanh() * 0.5 + &x).to_vec::<f32>().map(drop)
    };
    run(16).expect("first");
    let stats = spent(&device, || run(48));
    assert_eq!(stats.pipelines, 0, "on {device}");
    assert_eq!(stats.kernels, 1, "on {device}");
}

#[test]
fn other_scalars_need_no_plan() {
    for device in fresh() {
        let x = ramp(&[64], &device);
        for (i, scale) in [2.0, 3.0, -1.5].into_iter().enumerate() {
            let mut first = 0.0;
            let stats = spent(&device, || {
                first = (&x * scale + scale).to_vec::<f32>()?[0];
                Ok(())
            });
            assert_eq!(first, 0.0, "{scale} * -1 + {scale} on {device}");
            assert_eq!(stats.plan_misses, u64::from(i == 0), "scalar {scale} on {device}");
        }
    }
}

#[test]
fn plans_of_inputs_of_one_size_and_different_shapes_are_not_confused() {
    for (name, device) in devices() {
        let padded = |shape: [usize; 2], widths: [(usize, usize); 2]| {
            let x = Tensor::from_slice(&[1f32; 12], shape, device).expect("x");
            x.pad(&widths).and_then(|y| y.to_vec::<f32>()).expect("padded")
        };
        let wide = padded([2, 6], [(0, 2), (0, 0)]);
        let tall = padded([3, 4], [(0, 1), (0, 2)]);
        assert_eq!(wide, [[1.0; 12], [0.0; 12]].concat(), "[2, 6] on {name}");
        assert_eq!(
            tall,
            [1.0, 1.0, 1.0, 1.0, 0.0, 0.0].repeat(3).into_iter().chain([0.0; 6]).collect::<Vec<_>>(),
            "[3, 4] on {name}"
        );

        let scattered = |shape: [usize; 2]| {
            let src = Tensor::from_vec((0..12).map(|i| i as f32).collect(), shape, device).expect("src");
            let index = Tensor::from_vec(vec![1i64; 12], shape, device).expect("index");
            let zeros = Tensor::zeros([4, 6], DType::F32, device);
            zeros.scatter_add(0, &index, &src).and_then(|y| y.to_vec::<f32>()).expect("scattered")
        };
        let (wide, tall) = (scattered([2, 6]), scattered([3, 4]));
        assert_eq!(wide[6..12], [6.0, 8.0, 10.0, 12.0, 14.0, 16.0], "[2, 6] on {name}");
        assert_eq!(tall[6..12], [12.0, 15.0, 18.0, 21.0, 0.0, 0.0], "[3, 4] on {name}");
    }
}

#[test]
fn a_long_chain_runs_and_is_dropped_without_deep_recursion() {
    let device = Device::cpu();
    let mut x = Tensor::zeros([4], DType::F32, &device);
    for _ in 0..1_000_000 {
        x += 1.0;
    }
    assert_eq!(x.to_vec::<f32>().expect("values"), [1e6; 4]);

    let mut options = DeviceOptions::default();
    options.max_pending = usize::MAX;
    let device = Device::cpu_with(options);
    let mut x = Tensor::zeros([4], DType::F32, &device);
    for _ in 0..300_000 {
        x += 1.0;
    }
    drop(x);
}

#[test]
fn a_long_tape_is_traversed_and_dropped_without_deep_recursion() {
    let x = Tensor::ones([2], DType::F32, &Device::cpu()).requires_grad();
    let long = |ops: usize| (0..ops).fold(x.clone(), |y, _| y.tanh() + 0.1);
    drop(long(300_000));
    let y = (0..50_000).fold(x.clone(), |y, _| y + 0.5).sum(()).expect("sum");
    let grads = y.backward().expect("gradients");
    assert_eq!(grads.get(&x).expect("a gradient").to_vec::<f32>().expect("values"), [1.0, 1.0]);
}

#[test]
fn nothing_that_somebody_holds_is_overwritten() {
    type Hold = fn(&Tensor) -> Tensor;
    let holds: [(&str, Hold); 5] = [
        ("a clone", |x| x.clone()),
        ("a view of it", |x| x.slice(0, 1, 3, 1).expect("slice")),
        ("its transpose", |x| x.t()),
        ("it detached", |x| x.detach()),
        ("it reshaped", |x| x.reshape([24]).expect("reshape")),
    ];
    for (name, device) in devices() {
        for (what, hold) in holds {
            for computed in [false, true] {
                // A leaf from memory, and one that a flush computed.
                let mut x = ramp(&[4, 6], device);
                if computed {
                    x = &x * 1.0;
                    device.sync().expect("sync");
                }
                let held = hold(&x);
                let before = held.to_vec::<f32>().expect("values");
                let y = (&x + 1.0).exp();
                drop(x);
                let y = y * 2.0;
                y.to_vec::<f32>().expect("values");
                let z = (y - 3.0).sqrt();
                z.to_vec::<f32>().expect("values");
                assert_eq!(held.to_vec::<f32>().expect("values"), before, "{what} on {name}, computed: {computed}");
            }
        }
    }
}

#[test]
fn a_buffer_is_not_reused_while_other_elements_are_still_read() {
    // Larger than what a kernel loads before it stores.
    const N: usize = 100;
    let base: Vec<f32> = (0..N * N).map(|i| i as f32).collect();
    for (name, device) in devices() {
        let x = || {
            let x = Tensor::from_slice(&base, [N, N], device).expect("x") + 0.0;
            device.sync().expect("sync");
            x
        };
        let check = |what: &str, y: Tensor, expected: &dyn Fn(usize, usize) -> f32| {
            let got = y.to_vec::<f32>().expect("values");
            let wrong = (0..N * N).find(|&i| got[i] != expected(i / N, i % N));
            assert_eq!(wrong, None, "{what} on {name}");
        };
        let at = |i: usize, j: usize| (N * i + j) as f32;
        // The operand is gone when its sum is computed.
        let with = |f: &dyn Fn(&Tensor) -> Tensor| {
            let x = x();
            &x + &f(&x)
        };
        check("flip", with(&|x| x.flip([0, 1]).expect("flip")), &|_, _| (N * N - 1) as f32);
        check("transpose", with(&|x| x.t()), &|i, j| at(i, j) + at(j, i));
        check("row", with(&|x| x.slice(0, 3, 4, 1).expect("slice")), &|i, j| at(i, j) + at(3, j));
        // The first result is stored before the second reads.
        let x = x();
        let first = &x * 10.0;
        let second = x.t() + 0.5;
        drop(x);
        check("first", first, &|i, j| at(i, j) * 10.0);
        check("second", second, &|i, j| at(j, i) + 0.5);
    }
}

#[test]
fn what_the_tape_saved_is_still_there_for_the_backward_pass() {
    for (name, device) in devices() {
        let x = ramp(&[3, 5], device).requires_grad();
        let loss = {
            let y = x.exp();
            let z = y.tanh() * &y;
            z.sum(()).expect("sum")
        };
        loss.item::<f32>().expect("a number");
        // Work in between that could take the buffers.
        let other = (0..20).fold(ramp(&[3, 5], device), |y, _| y * 1.5 + 1.0);
        other.to_vec::<f32>().expect("values");
        let grads = loss.backward().expect("gradients");
        let got = grads.get(&x).expect("a gradient").to_vec::<f32>().expect("values");
        for (i, g) in got.iter().enumerate() {
            let y = (i as f64 * 0.125 - 1.0).exp();
            let expected = y * (y.tanh() + y * (1.0 - y.tanh().powi(2)));
            assert!((*g as f64 - expected).abs() < 1e-5 * expected.abs() + 1e-6, "{g} instead of {expected} on {name}");
        }
    }
}

#[test]
fn threads_share_tensors() {
    for device in fused() {
        let x = ramp(&[16, 16], device);
        // Not yet computed when the threads start.
        let shared = x.square() + 1.0;
        let expected = (&shared * 3.0).sum(1).and_then(|y| y.to_vec::<f32>()).expect("values");
        let lazy = x.square() + 1.0;
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (lazy, x, expected) = (lazy.clone(), x.clone(), &expected);
                scope.spawn(move || {
                    for _ in 0..25 {
                        let y = (&lazy * 3.0).sum(1).expect("sum");
                        assert_eq!(&y.to_vec::<f32>().expect("values"), expected, "thread {thread} on {device}");
                        let own = (&x * thread as f64).sum(()).and_then(|y| y.item::<f32>()).expect("a number");
                        let whole = x.sum(()).and_then(|y| y.item::<f32>()).expect("a number");
                        assert_eq!(own, whole * thread as f32, "thread {thread} on {device}");
                    }
                });
            }
        });
    }
}

#[test]
fn memory_is_counted_and_given_back() {
    for device in fresh() {
        let x = ramp(&[1024], &device) + 1.0;
        device.sync().expect("sync");
        assert!(device.memory().live >= 4096, "{:?} on {device}", device.memory());
        let y = (&x + 1.0).to_vec::<f32>().expect("values");
        assert_eq!(y.len(), 1024);
        drop(x);
        device.sync().expect("sync");
        assert_eq!(device.memory().live, 0, "on {device}");
        assert!(device.memory().peak >= 4096, "on {device}");
        device.empty_cache();
        assert_eq!(device.memory().cached, 0, "on {device}");
    }
}

#[test]
fn a_slice_of_huge_coordinates_computes_the_slice() -> Result<()> {
    for device in fresh() {
        let n = 1usize << 34;
        let huge = Tensor::arange(0.0, n as f64, 1.0, DType::F64, &device)?;
        let part = huge.slice(0, 1 << 33, (1 << 33) + 3, 1)?;
        let start = (1u64 << 33) as f64;
        if device.is_cpu() {
            assert_eq!(part.to_vec::<f64>()?, [start, start + 1.0, start + 2.0]);
            assert_eq!((&part * 2.0).to_vec::<f64>()?[1], 2.0 * start + 2.0);
        }
        device.sync()?;
        assert!(device.memory().peak < 1 << 20, "{:?} on {device}", device.memory());
        let small = Tensor::arange(0.0, 10.0, 1.0, DType::I64, &device)?;
        assert_eq!(small.slice(0, 9, isize::MIN, -3)?.to_vec::<i64>()?, [9, 6, 3, 0]);
        assert_eq!(small.to_vec::<i64>()?, (0..10).collect::<Vec<_>>());
        assert_eq!((&small + &small.flip([0])?).to_vec::<i64>()?, [9; 10]);
    }
    Ok(())
}

#[test]
fn a_thousand_lengths_are_planned_once_each() -> Result<()> {
    let step = |n: usize, device: &Device| {
        let x = ramp(&[n, 4], device);
        (x.matmul(&x.t())?.softmax(1)?.sum(0)? * 2.0).to_vec::<f32>().map(drop)
    };
    let device = Device::cpu_with(DeviceOptions::default());
    for round in 0..2 {
        let stats = spent(&device, || (1..=1000).step_by(3).chain(1..=1000).try_for_each(|n| step(n, &device)));
        assert_eq!(stats.plan_misses, if round == 0 { 1000 } else { 0 });
    }
    let mut options = DeviceOptions::default();
    options.max_planned_kernels = 12;
    let device = Device::cpu_with(options);
    let stats = spent(&device, || {
        // The one that is used again and again stays, whatever comes between.
        (1..=20).try_for_each(|n| step(n, &device).and_then(|()| step(50, &device)))
    });
    assert_eq!(stats.plan_misses, 21);
    Ok(())
}
