//! Checkpoints against the same network without them: the same losses, gradients, statistics and random numbers, to
//! the bit, in less memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kiln::{
    Result, checkpoint, grad, gradcheck, gradgradcheck, is_recomputing,
    nn::functional::{AttentionOptions, dropout, scaled_dot_product_attention},
    prelude::*,
};
use kiln_tests::{HAS_GPU, devices, gpu_with};

use crate::alone;

/// A block with everything that could differ the second time.
#[derive(Module)]
struct Block {
    first: Linear,
    norm: nn::BatchNorm1d,
    drop: nn::Dropout,
    second: Linear,
}

impl Block {
    fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            first: Linear::new(8, 16, device)?,
            norm: nn::BatchNorm1d::new(16, device),
            drop: nn::Dropout::new(0.4)?,
            second: Linear::new(16, 8, device)?,
        })
    }
}

impl Forward for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.drop.forward(&self.norm.forward(&self.first.forward(x)?)?.relu())?;
        self.second.forward(&dropout(&hidden, 0.2)?)
    }
}

fn blocks(device: &Device) -> Vec<Arc<Block>> {
    kiln::manual_seed(5);
    (0..3).map(|_| Arc::new(Block::new(device).expect("a block"))).collect()
}

/// Whether the numbers are the same to the bit; or near, on a GPU whose driver contracts what kernels fuse differently.
fn equal(name: &str, want: &[Vec<u32>], got: &[Vec<u32>]) -> bool {
    if name != "gpu" {
        return want == got;
    }
    let largest = |all: &[u32]| all.iter().fold(0f32, |most, &v| most.max(f32::from_bits(v).abs()));
    want.iter().zip(got).all(|(want, got)| {
        // Some gradients, such as that of a bias in front of a batch norm, are nothing but rounding.
        let near = 1e-6 + 1e-4 * largest(want);
        want.iter().zip(got).all(|(w, g)| w == g || (f32::from_bits(*w) - f32::from_bits(*g)).abs() <= near)
    })
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec::<f32>().expect("floats").into_iter().map(f32::to_bits).collect()
}

/// What two training steps leave: losses, gradients, buffers, and the seed that comes next.
fn trained(device: &Device, run: impl Fn(&[Arc<Block>], &Tensor) -> Result<Tensor>) -> Vec<Vec<u32>> {
    let blocks = blocks(device);
    let x = Tensor::randn([32, 8], DType::F32, 9, device).expect("x").requires_grad();
    let mut found = Vec::new();
    for _ in 0..2 {
        let loss = run(&blocks, &x).and_then(|y| y.square().mean(())).expect("a loss");
        let grads = loss.backward().expect("gradients");
        found.push(bits(&loss));
        found.push(bits(grads.get(&x).expect("of the input")));
        for param in blocks.iter().flat_map(|block| block.parameters()) {
            found.push(bits(grads.get(&param.tensor()).expect("of a parameter")));
        }
        for block in &blocks {
            found.push(bits(&block.norm.running_mean.tensor()));
            found.push(bits(&block.norm.running_var.tensor()));
            let batches = block.norm.num_batches_tracked.tensor().item::<i64>().expect("a number");
            found.push(vec![batches as u32]);
        }
    }
    let next = kiln::next_seed();
    found.push(vec![next as u32, (next >> 32) as u32]);
    found
}

fn plain(blocks: &[Arc<Block>], x: &Tensor) -> Result<Tensor> {
    blocks.iter().try_fold(x.clone(), |x, block| block.forward(&x))
}

#[test]
fn a_network_trains_as_without_checkpoints() {
    let _alone = alone();
    for (name, device) in devices() {
        let want = trained(device, plain);
        let each = trained(device, |blocks, x| {
            blocks.iter().try_fold(x.clone(), |x, block| {
                let block = block.clone();
                checkpoint(move |x| block.forward(&x[0]), &[&x])
            })
        });
        assert!(equal(name, &want, &each), "every block, on {name}");
        let whole = trained(device, |blocks, x| {
            let blocks = blocks.to_vec();
            checkpoint(move |x| plain(&blocks, &x[0]), &[x])
        });
        assert!(equal(name, &want, &whole), "all blocks, on {name}");
        let nested = trained(device, |blocks, x| {
            let blocks = blocks.to_vec();
            let outer = move |x: &[Tensor]| {
                let inner = blocks[1].clone();
                let x = checkpoint(move |x| inner.forward(&x[0]), &[&blocks[0].forward(&x[0])?])?;
                let last = blocks[2].clone();
                checkpoint(move |x| last.forward(&x[0]), &[&x])
            };
            checkpoint(outer, &[x])
        });
        assert!(equal(name, &want, &nested), "blocks in a block, on {name}");
    }
}

#[test]
fn every_gradient_has_the_mask_of_its_loss() {
    let _alone = alone();
    for (name, device) in devices() {
        let x = Tensor::ones([1000], DType::F32, device).requires_grad();
        let y = checkpoint(|x| dropout(&x[0], 0.5), &[&x]).expect("dropped");
        let kept = y.to_vec::<f32>().expect("values");
        let later = kiln::next_seed();
        let g = y.sum(()).and_then(|y| y.backward()).expect("gradients").remove(&x).expect("of x");
        assert_eq!(kept, g.to_vec::<f32>().expect("values"), "{name}");
        assert!(kept.contains(&0.0) && kept.contains(&2.0));
        assert_ne!(later, kiln::next_seed());
    }
    // On the thread that goes back, others may have drawn in between.
    let device = &Device::cpu();
    let x = Tensor::ones([1000], DType::F32, device).requires_grad();
    let y = checkpoint(|x| dropout(&dropout(&x[0], 0.5)?, 0.5), &[&x]).expect("dropped");
    let kept = y.to_vec::<f32>().expect("values");
    let back = std::thread::spawn(move || {
        kiln::manual_seed(77);
        let found = y.sum(()).and_then(|y| y.backward()).and_then(|g| g.get(&x).expect("of x").to_vec::<f32>());
        (found, kiln::next_seed())
    });
    let (g, seed) = back.join().expect("the thread ends well");
    assert_eq!(kept, g.expect("values"));
    kiln::manual_seed(77);
    assert_eq!(seed, kiln::next_seed());
    // A seed that the function sets itself is set once.
    let reseeding = |x: &[Tensor]| {
        kiln::manual_seed(3);
        dropout(&x[0], 0.5)
    };
    let x = Tensor::ones([1000], DType::F32, device).requires_grad();
    let y = checkpoint(reseeding, &[&x]).expect("dropped");
    kiln::manual_seed(4);
    let g = y.sum(()).and_then(|y| y.backward()).expect("gradients").remove(&x).expect("of x");
    assert_eq!(y.to_vec::<f32>().expect("values"), g.to_vec::<f32>().expect("values"));
    let next = kiln::next_seed();
    kiln::manual_seed(4);
    assert_eq!(next, kiln::next_seed());
}

#[test]
fn attention_drops_the_same_weights_twice() {
    let _alone = alone();
    let device = &Device::cpu();
    let q = Tensor::randn([2, 6, 4], DType::F32, 1, device).expect("q").requires_grad();
    let attend = |q: &Tensor| {
        let options = AttentionOptions { dropout_p: 0.3, ..Default::default() };
        scaled_dot_product_attention(q, q, q, &options)
    };
    let found = |y: Result<Tensor>| {
        let loss = y.and_then(|y| y.square().sum(())).expect("a loss");
        let g = grad(&loss, &[&q], false).expect("gradients").remove(0);
        [bits(&loss), bits(&g)]
    };
    kiln::manual_seed(1);
    let want = found(attend(&q));
    kiln::manual_seed(1);
    assert_eq!(want, found(checkpoint(move |x| attend(&x[0]), &[&q])));
}

#[test]
fn memory_is_that_of_the_inputs() {
    let _alone = alone();
    let mut all = vec![Device::cpu_with(DeviceOptions::default())];
    if HAS_GPU {
        all.push(gpu_with(|_| {}));
    }
    for device in &all {
        // Eight layers of eight steps, each of which keeps what it made for its gradient.
        let held = |checkpointed: bool| {
            let w = Param::new(Tensor::full([1 << 16], 0.98, DType::F32, device).expect("w").contiguous());
            let mut x = (Tensor::rand([1 << 16], DType::F32, 1, device).expect("x") + 0.1).requires_grad();
            let before = {
                device.sync().expect("done");
                device.memory().live
            };
            for _ in 0..8 {
                let w = w.clone();
                let layer =
                    move |x: &[Tensor]| (0..8).try_fold(x[0].clone(), |x, _| x.mul(w.tensor()).map(|x| x.sqrt()));
                x = if checkpointed { checkpoint(layer, &[&x]) } else { layer(&[x]) }.expect("a layer");
            }
            device.sync().expect("done");
            let held = device.memory().live - before;
            let grads = x.sum(()).and_then(|y| y.backward()).expect("gradients");
            (held, bits(grads.get(&w.tensor()).expect("of the parameter")))
        };
        let ((plain, want), (less, got)) = (held(false), held(true));
        // What the layers give to their one parameter is added up in another order.
        assert!(equal("gpu", &[want], &[got]));
        // Eight values are left of 64 and more.
        assert!(less * 6 < plain, "{less} bytes of {plain}");
    }
}

#[test]
fn higher_orders_and_what_is_captured() {
    let device = &Device::cpu();
    let x = Tensor::from_slice(&[0.3f64, -1.2, 0.7], [3], device).expect("x");
    let w = Tensor::from_slice(&[1.5f64, 0.2, -0.4], [3], device).expect("w");
    // Captured by the function rather than given: a leaf, something computed from it, and both inside of one another.
    let f = |x: &[Tensor]| {
        let (w, squared) = (x[1].clone(), x[1].square());
        let inner = move |x: &[Tensor]| {
            let (w, deeper) = (w.clone(), squared.clone());
            let y = checkpoint(move |x| x[0].mul(&deeper)?.mul(&w), &[&x[0].sin()])?;
            y.mul(&squared)
        };
        checkpoint(inner, &[&x[0].exp()])
    };
    gradcheck(f, &[&x, &w]).expect("first order");
    gradgradcheck(f, &[&x, &w]).expect("second order");
    // The input twice, and captured besides: y = x * x * x.
    let x = x.requires_grad();
    let captured = x.clone();
    let y = checkpoint(move |x| x[0].mul(&x[1])?.mul(&captured), &[&x, &x]).and_then(|y| y.sum(())).expect("a sum");
    let g = grad(&y, &[&x], false).expect("a gradient").remove(0).to_vec::<f64>().expect("values");
    for (g, x) in g.iter().zip([0.3f64, -1.2, 0.7]) {
        assert!((g - 3.0 * x * x).abs() < 1e-12);
    }
    // Nothing is lost where the function gives back what it has captured, or leaves an input alone.
    let p = Param::new(Tensor::ones([2], DType::F32, device));
    let same = p.clone();
    let y = checkpoint(move |_| Ok(same.tensor()), &[&x]).and_then(|y| y.sum(())).expect("a sum");
    assert_eq!(
        y.backward().expect("a gradient").get(&p.tensor()).expect("of p").to_vec::<f32>().expect("values"),
        [1.0; 2]
    );
}

#[test]
fn the_tape_outside_is_traversed_once() {
    let device = &Device::cpu();
    let x = Tensor::from_slice(&[2.0f32], [1], device).expect("x").requires_grad();
    let outside = x.square();
    let captured = outside.clone();
    let y = checkpoint(move |x| x[0].mul(&captured), &[&outside]).expect("y");
    // y = x^4; what the function has captured is also used outside.
    let z = (y + &outside).sum(()).expect("z");
    for _ in 0..2 {
        let g = z.backward_retain().expect("a gradient").remove(&x).expect("of x");
        assert_eq!(g.item::<f32>().expect("a number"), 4.0 * 8.0 + 2.0 * 2.0);
    }
    let g = z.backward().expect("a gradient").remove(&x).expect("of x");
    assert_eq!(g.item::<f32>().expect("a number"), 36.0);
    assert!(matches!(z.backward(), Err(Error::Gradient(_))));
}

#[test]
fn a_second_run_that_differs_is_an_error() {
    let _alone = alone();
    let device = &Device::cpu();
    let x = Tensor::ones([2], DType::F32, device).requires_grad();
    let failed = |y: Tensor| match y.sum(()).and_then(|y| y.backward()) {
        Err(Error::Gradient(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no error"),
    };
    // A parameter that was assigned to in between.
    let w = Param::new(Tensor::ones([2], DType::F32, device));
    let own = w.clone();
    let y = checkpoint(move |x| x[0].mul(own.tensor()), &[&x]).expect("y");
    w.set(&(w.tensor() * 2.0)).expect("set");
    assert!(failed(y).contains("another value in a parameter"));
    // Another number of seeds.
    let calls = Arc::new(AtomicUsize::new(0));
    for (first, second) in [(0, 1), (2, 1)] {
        let calls = calls.clone();
        calls.store(0, Ordering::Relaxed);
        let draws = move |x: &[Tensor]| {
            let count = if calls.fetch_add(1, Ordering::Relaxed) == 0 { first } else { second };
            (0..count).try_fold(x[0].exp(), |x, _| dropout(&x, 0.5))
        };
        let reason = failed(checkpoint(draws, &[&x]).expect("y"));
        assert!(reason.contains(&format!("draws {second} random seeds, the first one {first}")), "{reason}");
    }
    // A parameter that the first run did not use.
    let (w, calls) = (w.clone(), Arc::new(AtomicUsize::new(0)));
    let turns = move |x: &[Tensor]| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 { Ok(x[0].exp()) } else { x[0].mul(w.tensor()) }
    };
    assert!(failed(checkpoint(turns, &[&x]).expect("y")).contains("did not"));
    // An error of the second run, or a panic, leaves the thread as it was.
    for panics in [false, true] {
        let calls = Arc::new(AtomicUsize::new(0));
        let fails = move |x: &[Tensor]| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(x[0].exp()),
            _ if panics => panic!("as planned"),
            _ => x[0].reshape([7]),
        };
        let y = checkpoint(fails, &[&x]).and_then(|y| y.sum(())).expect("y");
        let back = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| y.backward().is_err()));
        assert_eq!(back.ok(), if panics { None } else { Some(true) });
        assert!(!is_recomputing() && kiln::is_grad_enabled());
        kiln::manual_seed(1);
        let seed = kiln::next_seed();
        kiln::manual_seed(1);
        assert_eq!(seed, kiln::next_seed());
    }
}

#[test]
fn without_gradients_it_is_the_function() {
    let _alone = alone();
    let device = &Device::cpu();
    let layer = Linear::new(3, 2, device).expect("a layer");
    let x = Tensor::ones([4, 3], DType::F32, device);
    let want = layer.forward(&x).and_then(|y| y.to_vec::<f32>()).expect("values");
    let block = layer.clone();
    let y = no_grad(|| checkpoint(move |x| block.forward(&x[0]), &[&x])).expect("y");
    assert!(!y.is_tracked() && y.to_vec::<f32>().expect("values") == want);
    let frozen = layer.clone();
    frozen.parameters().iter().for_each(|p| p.set_frozen(true));
    let y = checkpoint(move |x| frozen.forward(&x[0]), &[&x]).expect("y");
    assert!(!y.is_tracked());
}
