//! What follows from `manual_seed`.

use kiln::{Result, prelude::*};
use kiln_tests::devices;

use crate::alone;

#[test]
fn initial_weights_are_those_of_pytorch_and_the_same_everywhere() -> Result<()> {
    let _alone = alone();
    let mut first = None;
    for (name, device) in devices() {
        manual_seed(3);
        let layer = Linear::new(100, 50, device)?;
        let weight = layer.weight.tensor().to_vec::<f32>()?;
        assert!(weight.iter().all(|w| w.abs() <= 0.1));
        let variance = weight.iter().map(|w| w * w).sum::<f32>() / 5000.0;
        assert!((variance / (0.01 / 3.0) - 1.0).abs() < 0.05, "{variance}");
        assert_eq!(&weight, first.get_or_insert(weight.clone()), "{name}");
    }
    Ok(())
}

#[test]
fn the_trainer_learns_repeatably_on_every_device() -> Result<()> {
    let _alone = alone();
    let x = Tensor::rand([256, 4], DType::F32, 1, &Device::cpu())? - 0.5;
    let y = x.narrow(1, 0, 2)?.prod(-1)?.gt(0.0)?.to_dtype(DType::I64);
    let run = |device: &Device| -> Result<(Vec<f64>, f64)> {
        manual_seed(1);
        let loader = DataLoader::new(TensorDataset::new((x.clone(), y.clone()))?).batch_size(32).shuffle(1);
        let test = DataLoader::new(TensorDataset::new((x.clone(), y.clone()))?).batch_size(100);
        let net = Sequential::new().with(Linear::new(4, 32, device)?).with(nn::Tanh).with(Linear::new(32, 2, device)?);
        let history = Trainer::new(&net, AdamW::new(0.02), CrossEntropy::new())
            .metric(Accuracy::new())
            .validation(&test)
            .epochs(25)
            .quiet()
            .fit(&loader)?;
        assert_eq!((history.epochs.len(), history.losses.len()), (25, 25 * 8));
        let found = Trainer::new(&net, Sgd::new(0.0), CrossEntropy::new()).metric(Accuracy::new()).evaluate(&test)?;
        assert_eq!(Some(found.loss), history.last("val_loss"));
        Ok((history.losses.clone(), history.last("val_accuracy").unwrap_or(0.0)))
    };
    let (cpu, _) = run(&Device::cpu())?;
    for (name, device) in devices() {
        let (losses, accuracy) = run(device)?;
        assert!(accuracy > 0.95, "{accuracy} on {name}");
        assert_eq!(run(device)?.0, losses, "{name}");
        assert!(losses.iter().zip(&cpu).take(20).all(|(a, b)| (a - b).abs() < 1e-4), "{name}");
    }
    Ok(())
}
