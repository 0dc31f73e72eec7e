//! The trainer: what it measures, what it leaves behind, and which errors it finds.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use kiln::{
    Result,
    nn::{BatchNorm1d, Relu},
    prelude::*,
};
use kiln_tests::{child, devices, run_alone};

/// `y = 2 x` for x = 1, 2, ..
fn line(samples: usize) -> Result<TensorDataset<(Tensor, Tensor)>> {
    let x = Tensor::arange(1, samples as i64 + 1, 1, DType::F32, &Device::cpu())?.reshape([-1, 1])?;
    TensorDataset::new((x.clone(), x * 2))
}

fn loader(samples: usize, batch: usize) -> Result<DataLoader> {
    Ok(DataLoader::new(line(samples)?).batch_size(batch))
}

/// One weight, at 1 at first.
fn slope(device: &Device) -> Result<Linear> {
    let net = Linear::new(1, 1, device)?.no_bias();
    net.weight.set(&Tensor::ones([1, 1], DType::F32, device))?;
    Ok(net)
}

/// Counts the samples that it has seen.
#[derive(Default)]
struct Count(usize);

impl Metric for Count {
    fn name(&self) -> &str {
        "count"
    }

    fn update(&mut self, prediction: &Tensor, _: &Tensor) -> Result<()> {
        self.0 += prediction.shape()[0];
        Ok(())
    }

    fn reset(&mut self) {
        self.0 = 0;
    }

    fn compute(&mut self) -> Result<f64> {
        Ok(std::mem::take(&mut self.0) as f64)
    }
}

/// Samples of [`line`], but an error or a panic for one of them.
struct Broken {
    at: usize,
    panics: bool,
}

impl Dataset for Broken {
    type Batch = (Tensor, Tensor);

    fn len(&self) -> usize {
        8
    }

    fn batch(&self, samples: &[usize]) -> Result<(Tensor, Tensor)> {
        if samples.contains(&self.at) {
            assert!(!self.panics, "a data set that panics");
            return Err(Error::Argument { op: "data set", reason: "broken".into() });
        }
        line(8)?.batch(samples)
    }
}

#[test]
fn metrics_start_anew_after_a_failure_and_the_history_stays() -> Result<()> {
    let net = slope(&Device::cpu())?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.0), Mse::new()).metric(Count::default()).quiet();
    for prefetch in [0, 2] {
        let broken = DataLoader::new(Broken { at: 5, panics: false }).batch_size(2).prefetch(prefetch);
        assert!(trainer.fit(&broken).unwrap_err().to_string().contains("broken"));
        // The loss of a slope of 1 is the mean of x^2.
        assert_eq!(trainer.history().losses, [2.5, 12.5]);
        assert!(trainer.history().epochs.is_empty());
        let history = trainer.fit(&loader(3, 2)?)?;
        assert_eq!((history.last("count"), &history), (Some(3.0), trainer.history()));
        assert!(trainer.evaluate(&broken).is_err());
        assert_eq!(trainer.evaluate(&loader(3, 2)?)?.metrics, [("count".to_owned(), 3.0)]);
    }
    Ok(())
}

#[test]
fn a_failed_validation_keeps_its_epoch() -> Result<()> {
    let net = slope(&Device::cpu())?;
    let broken = DataLoader::new(Broken { at: 5, panics: false }).batch_size(2);
    let mut trainer =
        Trainer::new(&net, Sgd::new(0.0), Mse::new()).metric(Count::default()).validation(&broken).quiet();
    assert!(trainer.fit(&loader(2, 2)?).is_err());
    let history = trainer.history();
    assert_eq!((history.values("loss"), history.values("count")), (vec![2.5], vec![2.0]));
    assert!(history.values("val_loss").is_empty());
    Ok(())
}

/// The losses of the samples 1, 2, 3 are 1, 4, 9: their mean is 14 / 3, that of the batches (2.5 + 9) / 2.
#[test]
fn losses_are_means_over_samples() -> Result<()> {
    for (name, device) in devices() {
        let net = slope(device)?;
        let mut trainer = Trainer::new(&net, Sgd::new(0.0), Mse::new()).validation(&loader(3, 2)?).quiet();
        let history = trainer.fit(&loader(3, 2)?)?;
        assert_eq!(history.losses, [2.5, 9.0], "{name}");
        assert!((history.epochs[0].loss - 14.0 / 3.0).abs() < 1e-12, "{history:?} on {name}");
        assert!((history.last("val_loss").expect("a loss") - 14.0 / 3.0).abs() < 1e-12, "{history:?} on {name}");
    }
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_ends_the_training_at_its_step() -> Result<()> {
    for (name, device) in devices() {
        for (bad, batches) in [(3usize, 5usize), (70, 200)] {
            // The loss is infinite in one step of the second epoch.
            let calls = Rc::new(Cell::new(0));
            let count = calls.clone();
            let loss = move |p: &Tensor, y: &Tensor| {
                count.set(count.get() + 1);
                let loss = mse(p, y)?;
                if count.get() == batches + bad { loss.add(f64::INFINITY) } else { Ok(loss) }
            };
            let net = slope(device)?;
            let mut trainer = Trainer::new(&net, Sgd::new(0.0), loss).epochs(3).quiet();
            let error = trainer.fit(&loader(batches, 1)?).unwrap_err();
            let Error::NonFiniteLoss { epoch, step, loss } = error else { panic!("{error} on {name}") };
            assert_eq!((epoch, step, loss), (2, bad, f64::INFINITY), "{name}");
            assert!(error.to_string().contains(&format!("step {bad} of epoch 2 is inf")), "{error}");
            // Found when losses are read, not at once, and the steps after it do not count.
            assert!(calls.get() <= batches + bad + 64, "{}", calls.get());
            let history = trainer.history();
            assert_eq!((history.epochs.len(), history.losses.len()), (1, batches + bad), "{name}");
            assert!(history.losses[..batches + bad - 1].iter().all(|loss| loss.is_finite()), "{name}");

            calls.set(0);
            trainer = trainer.terminate_on_nan(false);
            let history = trainer.fit(&loader(batches, 1)?)?;
            assert_eq!((history.epochs.len(), history.losses.len()), (3, 3 * batches), "{name}");
            assert!(history.epochs[0].loss.is_finite() && !history.epochs[1].loss.is_finite(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn losses_of_f64_are_read_whole() -> Result<()> {
    let net = slope(&Device::cpu())?;
    let loss = |p: &Tensor, y: &Tensor| mse(p, y)?.to_dtype(DType::F64).mul(1e300);
    let history = Trainer::new(&net, Sgd::new(0.0), loss).quiet().fit(&loader(2, 2)?)?;
    assert_eq!(history.losses, [2.5e300]);
    Ok(())
}

#[test]
fn loaders_without_batches_are_errors() -> Result<()> {
    let net = slope(&Device::cpu())?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.1), Mse::new()).quiet();
    let (empty, short) = (loader(0, 4)?, loader(3, 4)?.drop_last());
    let message = |error: Error| error.to_string();
    assert_eq!(
        trainer.fit(&empty).map_err(message),
        Err("fit: the loader has no batches: its data set is empty".into())
    );
    let text = trainer.fit(&short).map_err(message).unwrap_err();
    assert!(text.contains("3 samples do not fill one, and `drop_last` leaves it out"), "{text}");
    assert!(trainer.evaluate(&short).is_err() && trainer.evaluate(&empty).is_err());
    let mut trainer = trainer.validation(&short);
    let text = trainer.fit(&loader(4, 4)?).map_err(message).unwrap_err();
    assert!(text.starts_with("fit: the validation: the loader has no batches"), "{text}");
    // A batch that is larger than the data is all of it.
    assert_eq!(Trainer::new(&net, Sgd::new(0.1), Mse::new()).quiet().fit(&loader(3, 100)?)?.losses.len(), 1);
    assert!(Trainer::new(&net, Sgd::new(0.1), Mse::new()).epochs(0).quiet().fit(&loader(3, 1)?)?.epochs.is_empty());
    Ok(())
}

#[derive(Module)]
struct Net {
    first: Linear,
    norm: BatchNorm1d,
    dropout: Dropout,
    last: Linear,
}

impl Net {
    fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            first: Linear::new(1, 4, device)?,
            norm: BatchNorm1d::new(4, device),
            dropout: Dropout::new(0.5)?,
            last: Linear::new(4, 1, device)?,
        })
    }

    /// Whether the statistics move, and whether dropout acts.
    fn acts(&self) -> Result<(bool, bool)> {
        let device = Device::cpu();
        let statistics = || self.norm.running_mean.tensor().to_vec::<f32>();
        let before = statistics()?;
        self.norm.forward(&Tensor::rand([8, 4], DType::F32, 1, &device)?.mul(100)?)?;
        let dropped = self.dropout.forward(&Tensor::ones([64], DType::F32, &device))?;
        Ok((statistics()? != before, dropped.ne(1)?.any(())?.item::<bool>()?))
    }
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.last.forward(&self.dropout.forward(&self.norm.forward(&self.first.forward(x)?)?.relu())?)
    }
}

#[test]
fn modes_are_left_as_they_were() -> Result<()> {
    let net = Net::new(&Device::cpu())?;
    let data = loader(8, 4)?;
    let mut trainer = Trainer::new(&net, Sgd::new(1e-3), Mse::new()).validation(&data).epochs(2).quiet();
    let x = Tensor::ones([4, 1], DType::F32, &Device::cpu());
    assert_eq!(net.acts()?, (true, true));
    trainer.fit(&data)?;
    assert_eq!(net.acts()?, (true, true));
    trainer.evaluate(&data)?;
    trainer.predict(&x)?;
    net.summary(&x)?;
    assert_eq!(net.acts()?, (true, true));

    // A batch norm that is to keep its statistics keeps them through the training too.
    net.norm.set_training(false);
    let statistics = || net.norm.running_mean.tensor().to_vec::<f32>();
    let before = statistics()?;
    trainer.fit(&data)?;
    trainer.evaluate(&data)?;
    trainer.predict(&x)?;
    assert_eq!((statistics()?, net.acts()?), (before, (false, true)));
    assert!(trainer.fit(&DataLoader::new(Broken { at: 5, panics: false }).batch_size(2)).is_err());
    assert!(trainer.predict(&Tensor::ones([4, 2], DType::F32, &Device::cpu())).is_err());
    assert_eq!(net.acts()?, (false, true));
    net.set_training(false);
    trainer.predict(&x)?;
    trainer.fit(&data)?;
    assert_eq!(net.acts()?, (false, false));
    Ok(())
}

#[test]
fn panics_leave_nothing_changed() -> Result<()> {
    let net = Net::new(&Device::cpu())?;
    net.norm.set_training(false);
    let panics = |trainer: &mut Trainer<&Net, Sgd, Mse>, data: &DataLoader| {
        catch_unwind(AssertUnwindSafe(|| trainer.fit(data).map(drop))).is_err()
    };
    let new = || Trainer::new(&net, Sgd::new(1e-3), Mse::new()).schedule(|done| 1.0 - done / 2.0).quiet();
    let mut trainer = new().each_epoch(|_, _| panic!("a callback that panics"));
    assert!(panics(&mut trainer, &loader(4, 1)?), "the panic was lost");
    assert_eq!((trainer.optimizer().lr(), trainer.history().epochs.len(), net.acts()?), (1e-3, 1, (false, true)));
    for prefetch in [0, 2] {
        let mut trainer = new().validation(&loader(2, 1)?);
        let data = DataLoader::new(Broken { at: 5, panics: true }).batch_size(2).prefetch(prefetch);
        assert!(panics(&mut trainer, &data), "the panic was lost");
        assert_eq!((trainer.optimizer().lr(), net.acts()?), (1e-3, (false, true)));
        assert_eq!(trainer.fit(&loader(4, 2)?)?.losses.len(), 2);
    }
    let mut trainer = new().each_epoch(|_, _| Err(Error::Argument { op: "callback", reason: "fails".into() }));
    assert!(trainer.fit(&loader(4, 2)?).is_err());
    assert_eq!(trainer.history().epochs.len(), 1);
    Ok(())
}

#[test]
fn learning_rates_are_checked() -> Result<()> {
    let p = Param::new(Tensor::ones([2], DType::F32, &Device::cpu()));
    let gradients = || p.tensor().square().sum(())?.backward();
    for lr in [f64::NAN, -0.1, f64::INFINITY, f64::NEG_INFINITY] {
        let optimizers: [Box<dyn Optimizer>; 3] =
            [Box::new(Sgd::new(lr)), Box::new(Adam::new(lr)), Box::new(AdamW::new(lr))];
        for mut optimizer in optimizers {
            optimizer.bind(vec![p.clone()]);
            let error = optimizer.step(gradients()?).unwrap_err().to_string();
            assert!(error.contains(&format!("the learning rate is {lr}")), "{error}");
            optimizer.set_lr(0.0);
            optimizer.step(gradients()?)?;
            optimizer.set_lr(lr);
            assert!(optimizer.step(gradients()?).is_err());
        }
        let net = slope(&Device::cpu())?;
        assert!(Trainer::new(&net, Sgd::new(lr), Mse::new()).quiet().fit(&loader(2, 1)?).is_err());
        let mut trainer =
            Trainer::new(&net, Sgd::new(0.1), Mse::new()).schedule(move |d| if d > 0.4 { lr } else { 1.0 }).quiet();
        let error = trainer.fit(&loader(4, 1)?).unwrap_err().to_string();
        assert!(error.contains("the schedule makes the learning rate") && error.contains("at 0.5 of"), "{error}");
        assert_eq!((trainer.history().losses.len(), trainer.optimizer().lr()), (2, 0.1));
    }
    assert_eq!(p.tensor().to_vec::<f32>()?, [1.0, 1.0]);
    for mut optimizer in [
        Box::new(Adam::new(0.1).betas(1.0, 0.9)) as Box<dyn Optimizer>,
        Box::new(Adam::new(0.1).eps(-1.0)),
        Box::new(AdamW::new(0.1).weight_decay(f64::NAN)),
        Box::new(Sgd::new(0.1).momentum(-0.5)),
    ] {
        optimizer.bind(vec![p.clone()]);
        assert!(optimizer.step(gradients()?).is_err());
    }
    Ok(())
}

#[test]
fn parameters_without_gradients_are_found() -> Result<()> {
    let device = Device::cpu();
    let (net, other) = (Net::new(&device)?, Net::new(&device)?);
    let data = loader(4, 2)?;
    let fit = |optimizer: Sgd| Trainer::new(&net, optimizer, Mse::new()).quiet().fit(&data);
    let error = fit(Sgd::new(0.1).with(other.parameters())).unwrap_err().to_string();
    assert!(
        error.contains("6 of the 6 parameters") && error.contains("shape [4, 1] that is not the model's"),
        "{error}"
    );
    let both = net.parameters().into_iter().chain([other.first.weight.clone()]);
    let error = fit(Sgd::new(0.1).with(both)).unwrap_err().to_string();
    assert!(error.contains("1 of the 7 parameters"), "{error}");

    // A part of the model that the loss does not reach.
    let part = |net: &Net, x: &Tensor| net.norm.forward(&net.first.forward(x)?)?.sum_keepdim(1);
    struct Part<'a, F>(&'a Net, F);
    impl<F> Module for Part<'_, F> {
        fn visit(&self, visit: &mut kiln::nn::Visit<'_>) {
            self.0.visit(visit);
        }
    }
    impl<F: Fn(&Net, &Tensor) -> Result<Tensor>> Forward for Part<'_, F> {
        fn forward(&self, x: &Tensor) -> Result<Tensor> {
            (self.1)(self.0, x)
        }
    }
    let model = Part(&net, part);
    let error = Trainer::new(&model, Sgd::new(0.1), Mse::new()).quiet().fit(&data).unwrap_err().to_string();
    assert!(error.contains("2 of the 6 parameters") && error.contains("`last.weight`, `last.bias`"), "{error}");
    Trainer::new(&model, Sgd::new(1e-6), Mse::new()).allow_unused().quiet().fit(&data)?;
    net.last.set_frozen(true);
    Trainer::new(&model, Sgd::new(1e-6), Mse::new()).quiet().fit(&data)?;

    let mut optimizer = Sgd::new(0.1).with(other.parameters());
    let error = optimizer.step(net.first.weight.tensor().sum(())?.backward()?).unwrap_err().to_string();
    assert!(error.contains("none of its 6 parameters (0 of them frozen) has one of the 1 gradients"), "{error}");
    Ok(())
}

#[test]
fn optimizers_may_be_boxed_and_lent() -> Result<()> {
    for (name, device) in devices() {
        let train = |optimizer: &mut dyn Optimizer| -> Result<f32> {
            let net = slope(device)?;
            optimizer.bind(net.parameters());
            let x = Tensor::ones([1, 1], DType::F32, device);
            optimizer.step(mse(&net.forward(&x)?, &(&x * 2))?.backward()?)?;
            net.weight.tensor().item()
        };
        let boxed: [Box<dyn Optimizer>; 2] = [Box::new(Sgd::new(0.25)), Box::new(Adam::new(0.25))];
        for mut optimizer in boxed {
            // One step against the gradient 2 (1 - 2) = -2, or by Adam's learning rate.
            let weight = train(optimizer.as_mut())?;
            assert!((weight - 1.5).abs() < 1e-6 || (weight - 1.25).abs() < 1e-6, "{weight} on {name}");
            let net = slope(device)?;
            optimizer.bind(Vec::new());
            let mut trainer = Trainer::new(&net, optimizer, Mse::new()).epochs(20).quiet();
            let losses = trainer.fit(&loader(1, 1)?)?.losses;
            assert!(losses[19] < losses[0], "{losses:?} on {name}");
            let boxed: &mut Box<dyn Optimizer> = trainer.optimizer();
            assert!(boxed.lr() == 0.25 && boxed.params().len() == 1);
        }
        let mut lent = Sgd::new(0.25);
        let net = slope(device)?;
        Trainer::new(&net, &mut lent, Mse::new()).quiet().fit(&loader(1, 1)?)?;
        // One step along the gradient 2 (1 - 2) = -2.
        assert_eq!((lent.params().len(), net.weight.tensor().item::<f32>()?), (1, 1.5), "{name}");
    }
    Ok(())
}

#[test]
fn metrics_that_are_nan_train_on() -> Result<()> {
    struct Nan;
    impl Metric for Nan {
        fn name(&self) -> &str {
            "nan"
        }
        fn update(&mut self, _: &Tensor, _: &Tensor) -> Result<()> {
            Ok(())
        }
        fn reset(&mut self) {}
        fn compute(&mut self) -> Result<f64> {
            Ok(f64::NAN)
        }
    }
    let net = slope(&Device::cpu())?;
    let metric: Box<dyn Metric> = Box::new(Nan);
    let history =
        Trainer::new(&net, Sgd::new(1e-3), Mse::new()).metric(metric).epochs(2).quiet().fit(&loader(2, 1)?)?;
    assert!(history.values("nan").iter().all(|v| v.is_nan()) && history.epochs.len() == 2);
    Ok(())
}

#[test]
fn a_line_for_each_epoch_off_a_terminal() -> Result<()> {
    if let Some(quiet) = child() {
        let net = Sequential::new().with(slope(&Device::cpu())?).with(Relu);
        let trainer = Trainer::new(&net, Sgd::new(0.0), Mse::new()).metric(Count::default()).epochs(2);
        let mut trainer = if quiet == "quiet" { trainer.quiet() } else { trainer };
        trainer.fit(&loader(2, 1)?)?;
        return Ok(());
    }
    let run = |quiet: &str| {
        let text = run_alone("trainer::a_line_for_each_epoch_off_a_terminal", quiet);
        text.lines().filter(|line| line.starts_with("epoch")).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = run("");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (i, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("epoch {}/2  loss 2.5000  count 2.0000  ", i + 1)), "{line}");
        assert!(line.ends_with(" s"), "{line}");
    }
    assert!(run("quiet").is_empty());
    Ok(())
}
