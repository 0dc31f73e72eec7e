//! Modules, optimizers, loaders and the trainer.

use kiln::{
    Result,
    nn::{Buffer, Flatten, Lambda, Relu},
    optim::clip_grad_norm,
    prelude::*,
};
use kiln_tests::devices;

/// Five steps on `(p - c)^2 w + p^3 / 10` from (1, -2, 1/2).
fn descend(optimizer: &mut impl Optimizer, device: &Device) -> Result<Vec<f32>> {
    let constant = |v: [f32; 3]| Tensor::from_slice(&v, [3], device);
    let (c, w) = (constant([0.5, 1.0, -1.0])?, constant([1.0, 0.5, 2.0])?);
    let p = Param::new(constant([1.0, -2.0, 0.5])?);
    let idle = Param::new(constant([1.0, 2.0, 3.0])?);
    optimizer.bind(vec![idle.clone(), p.clone()]);
    for _ in 0..5 {
        let x = p.tensor();
        let loss = ((&x - &c).square() * &w + x.square() * &x * 0.1).sum(())?;
        optimizer.step(loss.backward()?)?;
    }
    assert_eq!(idle.tensor().to_vec::<f32>()?, [1.0, 2.0, 3.0]);
    p.tensor().to_vec()
}

#[test]
fn optimizers_agree_with_pytorch() -> Result<()> {
    for (name, device) in devices() {
        let check = |label: &str, found: Vec<f32>, wanted: [f32; 3]| {
            let near = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 3e-6 * (1.0 + b.abs()));
            assert!(near, "{label} on {name}: {found:?} is not {wanted:?}");
        };
        let sgd = || Sgd::new(0.1);
        check("sgd", descend(&mut sgd(), device)?, [0.6041486, -1.093424, -0.9156312]);
        check("decay", descend(&mut sgd().weight_decay(0.1), device)?, [0.5813348, -1.015829, -0.9015971]);
        let momentum = &mut sgd().momentum(0.9).dampening(0.2).weight_decay(0.05);
        check("momentum", descend(momentum, device)?, [0.1088365, 0.1019299, -2.46172]);
        check("nesterov", descend(&mut sgd().momentum(0.9).nesterov(), device)?, [0.2358588, 0.760208, -1.570908]);
        check("adam", descend(&mut Adam::new(0.1), device)?, [0.525845, -1.499764, 0.004593633]);
        let decay = &mut Adam::new(0.1).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1);
        check("adam, decay", descend(decay, device)?, [0.5268416, -1.500251, 0.005183868]);
        check("adamw", descend(&mut AdamW::new(0.1), device)?, [0.522298, -1.490783, 0.003118932]);
        check(
            "adamw, decay",
            descend(&mut AdamW::new(0.1).weight_decay(0.5), device)?,
            [0.3741505, -1.095074, -0.05993818],
        );
    }
    Ok(())
}

#[test]
fn optimizer_state_survives() -> Result<()> {
    let device = Device::cpu();
    let run = |steps: [usize; 2]| -> Result<Vec<f32>> {
        let p = Param::new(Tensor::from_slice(&[1.0f32, -2.0], [2], &device)?);
        let mut optimizer = AdamW::new(0.1).with([p.clone()]);
        for (i, steps) in steps.into_iter().enumerate() {
            if i == 1 {
                let state = optimizer.state();
                optimizer = AdamW::new(0.1).with([p.clone()]);
                optimizer.load_state(&state)?;
            }
            for _ in 0..steps {
                let grads = p.tensor().square().sum(())?.backward()?;
                optimizer.step(&grads)?;
            }
        }
        p.tensor().to_vec()
    };
    assert_eq!(run([3, 4])?, run([7, 0])?);
    let mut unbound = Sgd::new(0.1);
    assert!(unbound.step(Gradients::default()).is_err());
    assert!(unbound.load_state(&[("0.momentum_buffer".into(), Tensor::zeros((), DType::F32, &device))]).is_err());
    Ok(())
}

#[test]
fn gradients_are_clipped_together() -> Result<()> {
    let device = Device::cpu();
    let [a, b] = [[2], [1]].map(|shape| Param::new(Tensor::ones(shape, DType::F32, &device)));
    let weights = Tensor::from_slice(&[3.0f32, 4.0], [2], &device)?;
    let mut grads = ((a.tensor() * &weights).sum(())? + (b.tensor() * 12.0).sum(())?).backward()?;
    let norm = clip_grad_norm(&mut grads, [&a, &b], 6.5)?;
    assert_eq!(norm.item::<f32>()?, 13.0);
    let clipped = grads.get(&a.tensor()).map(Tensor::to_vec::<f32>).transpose()?.unwrap_or_default();
    assert!((clipped[0] - 1.5).abs() < 1e-5 && (clipped[1] - 2.0).abs() < 1e-5, "{clipped:?}");
    Ok(())
}

#[derive(Module)]
struct Block<A> {
    scale: Param,
    mean: Buffer,
    act: A,
    pair: (Linear, Linear),
    more: Vec<Linear>,
    none: Option<Box<Linear>>,
    width: usize,
    kind: Kind,
    #[module(skip)]
    _clock: std::time::Instant,
}

#[derive(Module)]
enum Kind {
    Plain,
    Gated { gate: Linear },
}

fn block(device: &Device, gated: bool) -> Result<Block<Relu>> {
    let linear = || Linear::new(2, 2, device);
    Ok(Block {
        scale: Param::new(Tensor::ones([2], DType::F32, device)),
        mean: Buffer::new(Tensor::zeros([2], DType::F32, device)),
        act: Relu,
        pair: (linear()?, linear()?.no_bias()),
        more: vec![linear()?.no_bias(), linear()?.no_bias()],
        none: None,
        width: 2,
        kind: if gated { Kind::Gated { gate: linear()?.no_bias() } } else { Kind::Plain },
        _clock: std::time::Instant::now(),
    })
}

#[test]
fn derived_modules_name_their_parts() -> Result<()> {
    let device = Device::cpu();
    let net = block(&device, true)?;
    let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "scale",
        "pair.0.weight",
        "pair.0.bias",
        "pair.1.weight",
        "more.0.weight",
        "more.1.weight",
        "kind.gate.weight",
    ];
    assert_eq!(names, wanted);
    assert_eq!(net.num_parameters(), 2 + 6 + 4 * 4);
    assert_eq!((net.width, net.none.is_none(), block(&device, false)?.parameters().len()), (2, true, 6));
    assert!(net.state_dict().contains_key("mean"));
    net.act.forward(&Tensor::ones([1], DType::F32, &device))?;
    Ok(())
}

#[test]
fn state_dicts_are_loaded_whole_or_not_at_all() -> Result<()> {
    let device = Device::cpu();
    let (a, b) = (block(&device, true)?, block(&device, true)?);
    let x = Tensor::ones([1, 2], DType::F32, &device);
    let out = |m: &Block<Relu>| m.pair.0.forward(&x)?.to_vec::<f32>();
    assert_ne!(out(&a)?, out(&b)?);
    b.load_state_dict(&a.state_dict())?;
    assert_eq!(out(&a)?, out(&b)?);

    let mut state = block(&device, true)?.state_dict();
    state.insert("scale".into(), Tensor::zeros([3], DType::F32, &device));
    let error = b.load_state_dict(&state).unwrap_err().to_string();
    assert!(error.contains("`scale`") && error.contains("[2] and [3]"), "{error}");
    state.remove("scale");
    state.insert("other".into(), Tensor::zeros([3], DType::F32, &device));
    let error = b.load_state_dict(&state).unwrap_err().to_string();
    assert!(error.contains("missing: `scale`; unexpected: `other`"), "{error}");
    assert_eq!(out(&a)?, out(&b)?);
    Ok(())
}

#[test]
fn modules_move_between_devices() -> Result<()> {
    let net = block(&Device::cpu(), true)?;
    for (_, device) in devices() {
        net.to_device(device)?;
        assert!(net.state_dict().values().all(|t| t.device() == device));
        let x = Tensor::ones([1, 2], DType::F32, device);
        let loss = net.pair.0.forward(&x)?.sum(())?;
        assert_eq!(loss.backward()?.len(), 2);
    }
    Ok(())
}

#[test]
fn dropout_acts_in_training_only() -> Result<()> {
    let device = Device::cpu();
    let net = Sequential::new().with(Flatten).with(Dropout::new(0.25)?).with(Lambda(|x: &Tensor| Ok(x * 3.0)));
    let x = Tensor::ones([100, 10, 10], DType::F32, &device);
    let dropped = net.forward(&x)?.to_vec::<f32>()?;
    let zeros = dropped.iter().filter(|v| **v == 0.0).count();
    assert!((2300..2700).contains(&zeros), "{zeros}");
    assert!(dropped.iter().all(|&v| v == 0.0 || v == 4.0));
    assert_ne!(net.forward(&x)?.to_vec::<f32>()?, dropped);
    net.set_training(false);
    assert_eq!(net.forward(&x)?.to_vec::<f32>()?, vec![3.0; 10_000]);
    assert!(Dropout::new(1.5).is_err());
    Ok(())
}

fn numbers(n: usize) -> Result<TensorDataset<(Tensor, Tensor)>> {
    let x = Tensor::arange(0.0, n as f64 * 2.0, 1.0, DType::F32, &Device::cpu())?.reshape([n, 2])?;
    let y = Tensor::arange(0.0, n as f64, 1.0, DType::U8, &Device::cpu())?;
    TensorDataset::new((x, y))
}

#[test]
fn loaders_deliver_every_sample_once() -> Result<()> {
    let labels = |loader: &DataLoader| -> Result<Vec<u8>> {
        let mut seen = Vec::new();
        for batch in loader {
            let (x, y) = batch?;
            let (x, y) = (x.to_vec::<f32>()?, y.to_vec::<u8>()?);
            assert!(x.chunks(2).zip(&y).all(|(x, &y)| x == [y as f32 * 2.0, y as f32 * 2.0 + 1.0]));
            seen.extend(y);
        }
        Ok(seen)
    };
    let plain = DataLoader::new(numbers(50)?).batch_size(8);
    assert_eq!((labels(&plain)?, plain.len()), ((0..50).collect(), 7));
    let [here, ahead] = [0, 3].map(|n| numbers(50).map(|d| DataLoader::new(d).batch_size(8).shuffle(5).prefetch(n)));
    let (here, ahead) = (here?, ahead?);
    let (first, second) = (labels(&here)?, labels(&here)?);
    assert_ne!(first, second);
    assert_eq!((labels(&ahead)?, labels(&ahead)?), (first.clone(), second.clone()));
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<u8>>());
    here.set_epoch(1);
    assert_eq!(labels(&here)?, second);
    assert_eq!(labels(&plain.clone().drop_last())?.len(), 48);
    // An epoch that is left early ends its thread too.
    assert!(ahead.iter().next().is_some());
    Ok(())
}

#[test]
fn loaders_pass_on_what_goes_wrong() -> Result<()> {
    struct Broken;
    impl Dataset for Broken {
        type Batch = Tensor;
        fn len(&self) -> usize {
            10
        }
        fn batch(&self, samples: &[usize]) -> Result<Tensor> {
            assert!(samples[0] < 4, "a data set that panics");
            numbers(10)?.batch(&[samples[0] * 5]).map(|(x, _)| x)
        }
    }
    let loader = DataLoader::new(Broken).batch_size(2).prefetch(2);
    let mut batches = loader.iter();
    assert!(batches.next().is_some_and(|b| b.is_ok()));
    assert!(batches.next().is_some_and(|b| b.is_err()));
    let rest = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batches.next().is_none()));
    assert!(rest.is_err(), "the panic was lost");
    assert!(DataLoader::new(numbers(3)?).batch_size(0).iter().next().is_some_and(|b| b.is_err()));
    let uneven = (Tensor::zeros([3], DType::F32, &Device::cpu()), Tensor::zeros([4], DType::F32, &Device::cpu()));
    assert!(TensorDataset::new(uneven).is_err());
    Ok(())
}

#[test]
fn trainer_options() -> Result<()> {
    let device = Device::cpu();
    let loader = DataLoader::new(numbers(16)?).batch_size(4);
    let net = Linear::new(2, 16, &device)?;
    let mut trainer = Trainer::new(&net, Sgd::new(1e-3), CrossEntropy::new())
        .epochs(9)
        .schedule(|done| 1.0 - done)
        .each_epoch(|_, epoch| Ok(epoch.get("loss").is_none()))
        .quiet();
    let history = trainer.fit(&loader)?;
    assert_eq!((history.epochs.len(), trainer.optimizer().lr()), (1, 1e-3));
    assert_eq!(trainer.predict(&Tensor::ones([3, 2], DType::F32, &device))?.shape(), &[3, 16]);

    let path = std::env::temp_dir().join(format!("kiln-plot-{}.svg", std::process::id()));
    history.plot(&path)?;
    let svg = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(svg.starts_with("<svg") && svg.contains("<polyline"), "{svg}");
    assert!(std::fs::remove_file(&path).is_ok());
    assert!(history.plot("/nowhere/at/all.svg").is_err());
    Ok(())
}

#[test]
fn memory_stays_flat_over_many_steps() -> Result<()> {
    let device = Device::cpu_with(DeviceOptions::default());
    let net = Sequential::new().with(Linear::new(8, 16, &device)?).with(Relu).with(Linear::new(16, 4, &device)?);
    let mut optimizer = Adam::new(1e-3).with(net.parameters());
    let (x, y) = (Tensor::rand([32, 8], DType::F32, 1, &device)?, Tensor::randint(0, 4, [32], DType::I64, 2, &device)?);
    let mut live = Vec::new();
    for step in 0..1000 {
        let loss = cross_entropy(&net.forward(&x)?, &y)?;
        optimizer.step(loss.backward()?)?;
        if step % 100 == 99 {
            live.push(device.memory().live);
        }
    }
    assert!(live.iter().all(|l| *l == live[0]), "{live:?}");
    let stats = device.stats();
    assert!(stats.plan_misses <= 4, "{stats:?}");
    Ok(())
}
