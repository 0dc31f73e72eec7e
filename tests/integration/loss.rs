//! Losses and their gradients against PyTorch 2.15, on every device.

use approx::assert_abs_diff_eq;
use kiln::{
    Result, grad, gradcheck, gradgradcheck,
    loss::{L1, Nll, Reduction, SmoothL1},
    prelude::*,
};
use kiln_tests::devices;

const LOGITS: [f32; 12] = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 0.0, 1.0, 3.0, -0.5, 0.5];
const CLASSES: [i64; 4] = [2, 0, 1, 0];
const WEIGHT: [f32; 3] = [0.5, 2.0, 1.5];
const SOFT: [f32; 12] = [0.2, 0.3, 0.5, 1.0, 0.0, 0.0, 0.1, 0.8, 0.1, 0.25, 0.25, 0.5];
const BINARY: [f32; 12] = [1.0, 0.0, 1.0, 0.0, 0.3, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5];

/// A loss, its target, and PyTorch's value and gradient.
type Row<'a> = (&'a str, &'a dyn Loss, &'a Tensor, &'a [f32], [f32; 12]);

fn check(device: &Device, name: &str, rows: &[Row<'_>]) -> Result<()> {
    for (loss, f, target, value, gradient) in rows {
        let x = Tensor::from_slice(&LOGITS, [4, 3], device)?.requires_grad();
        let y = f.loss(&x, target)?;
        let g = grad(&y.sum(())?, &[&x], false)?.remove(0);
        let (y, g) = (y.to_vec::<f32>()?, g.to_vec::<f32>()?);
        for (found, wanted) in y.iter().zip(*value).chain(g.iter().zip(gradient)) {
            assert!(
                (found - wanted).abs() < 2e-6 * (1.0 + wanted.abs()),
                "{loss} on {name}: {found} is not {wanted}\n{y:?} {g:?}"
            );
        }
        assert_eq!(y.len(), value.len(), "{loss} on {name}");
    }
    Ok(())
}

#[test]
#[rustfmt::skip]
fn cross_entropies() -> Result<()> {
    for (name, device) in devices() {
        let t = &Tensor::from_slice(&CLASSES, [4], device)?;
        let q = &Tensor::from_slice(&SOFT, [4, 3], device)?;
        let w = &Tensor::from_slice(&WEIGHT, [3], device)?;
        let ce = CrossEntropy::new;
        let plain = [0.0438226, 0.009778143, -0.05360074, -0.07038991, 0.05145915, 0.01893076,
            0.008779756, -0.1851259, 0.1763461, -0.02523693, 0.006787257, 0.01844968];
        let whole = plain.map(|g| 4.0 * g);
        check(device, name, &[
            ("mean", &ce(), t, &[0.5068526], plain),
            ("function", &cross_entropy, t, &[0.5068526], plain),
            ("sum", &ce().reduction(Reduction::Sum), t, &[2.02741], whole),
            ("none", &ce().reduction(Reduction::None), t, &[0.2413113, 0.3306726, 1.349012, 0.1064141], whole),
            ("smoothing", &ce().label_smoothing(0.1), t, &[0.6318526], [
                0.03548926, 0.001444809, -0.03693408, -0.05372325, 0.04312582, 0.01059743,
                0.000446422, -0.1684592, 0.1680128, -0.008570269, -0.001546077, 0.01011634]),
            ("weight", &ce().weight(w), t, &[0.7285634], [
                0.05843013, 0.01303752, -0.07146766, -0.03128441, 0.02287073, 0.008413673,
                0.01560846, -0.3291127, 0.3135042, -0.01121642, 0.003016559, 0.008199857]),
            ("ignore", &ce().ignore_index(0), t, &[0.7951618], [
                0.0876452, 0.01955629, -0.1072015, 0.0, 0.0, 0.0, 0.01755951, -0.3702518, 0.3526922, 0.0, 0.0, 0.0]),
            ("all", &ce().weight(w).ignore_index(1).label_smoothing(0.2), t, &[0.8814592], [
                0.08950369, -0.03038729, -0.05911641, 0.01825075, 0.001556421, -0.01980718,
                0.0, 0.0, 0.0, 0.06641392, -0.04609359, -0.02032034]),
            ("soft", &ce(), q, &[1.363103], [
                -0.006177403, -0.06522186, 0.07139926, -0.07038991, 0.05145915, 0.01893076,
                -0.01622025, -0.1351259, 0.1513461, 0.1622631, -0.05571274, -0.1065503]),
            ("soft, weight", &ce().weight(w).label_smoothing(0.1), q, &[2.196531], [
                0.03636483, -0.1376024, 0.1012376, -0.01189411, 0.01335117, -0.001457054,
                -2.28284e-05, -0.2629207, 0.2629435, 0.275821, -0.1198625, -0.1559586]),
            ("nll", &|x: &Tensor, t: &Tensor| Nll::new().loss(&x.log_softmax(1)?, t), t, &[0.5068526], plain),
        ])?;
    }
    Ok(())
}

#[test]
#[rustfmt::skip]
fn binary_and_regression() -> Result<()> {
    for (name, device) in devices() {
        let y = &Tensor::from_slice(&BINARY, [4, 3], device)?;
        let w = &Tensor::from_slice(&WEIGHT, [3], device)?;
        let plain = [-0.03146172, 0.02241179, -0.009933581, 0.06813121, 0.02184804, -0.05659823,
            -0.07339976, -0.04166667, 0.06092155, 0.07938118, -0.05187161, 0.01020495];
        let (a, b) = (1.0 / 6.0, 1.0 / 12.0);
        check(device, name, &[
            ("bce", &|x: &Tensor, y: &Tensor| bce(&x.sigmoid(), y), y, &[1.115297], plain),
            ("bce_with_logits", &bce_with_logits, y, &[1.115297], plain),
            ("pos_weight", &BceWithLogits::new().pos_weight(w), y, &[1.222791], [
                -0.01573086, 0.02241179, -0.01490037, 0.0681312, 0.01090245, -0.08489734,
                -0.03669988, -0.08333334, 0.06092155, 0.07938118, -0.1037432, 0.002339517]),
            ("mse", &mse, y, &[2.484583], [
                -b, -a, a, 0.25, -0.008333336, -0.2916667, -0.5, -a, a, 0.5, -0.25, 0.0]),
            ("l1", &L1::new(), y, &[1.275], [-b, -b, b, b, -b, -b, -b, -b, b, b, -b, 0.0]),
            ("smooth_l1", &SmoothL1::new().beta(0.7), y, &[0.9816964], [
                -0.05952381, -b, b, b, -0.005952382, -b, -b, -b, b, b, -b, 0.0]),
        ])?;
    }
    Ok(())
}

#[test]
fn labels_of_every_integer_dtype() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&LOGITS, [4, 3], device)?;
        let host = Tensor::from_slice(&CLASSES, [4], &Device::cpu())?;
        for dtype in DType::ALL.into_iter().filter(|d| d.is_int()) {
            let t = host.to_dtype(dtype).to_device(device)?;
            assert_abs_diff_eq!(cross_entropy(&x, &t)?.item::<f32>()?, 0.5068526, epsilon = 1e-6);
        }
        let t = Tensor::from_slice(&[2i64, 0, 1, -1], [4], device)?;
        let loss = CrossEntropy::new().ignore_index(-1).loss(&x, &t)?.item::<f32>()?;
        assert_abs_diff_eq!(loss, 0.640332, epsilon = 1e-6);
        let t = Tensor::from_slice(&[2i64, 0, 1, 3], [4], device)?;
        match cross_entropy(&x, &t).and_then(|loss| loss.item::<f32>()) {
            Err(Error::Index { op: "cross_entropy", index: 3, axis: 1, size: 3, .. }) => {}
            other => panic!("{other:?} on {name}"),
        }
    }
    Ok(())
}

#[test]
fn extreme_logits() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[1000.0f32, -1000.0, 0.0, f32::NEG_INFINITY], [2, 2], device)?.requires_grad();
        let t = Tensor::from_slice(&[0u8, 0], [2], device)?;
        let y = cross_entropy(&x, &t)?;
        let g = y.backward()?.get(&x).map(|g| g.to_vec::<f32>()).transpose()?;
        assert_eq!((y.item::<f32>()?, g), (0.0, Some(vec![0.0; 4])), "{name}");
    }
    Ok(())
}

#[test]
fn classes_on_axis_one() -> Result<()> {
    let device = Device::cpu();
    let x = Tensor::rand([2, 3, 5], DType::F32, 1, &device)?;
    let t = Tensor::randint(0, 3, [2, 5], DType::I64, 2, &device)?;
    let flat = x.permute([0, 2, 1])?.reshape([10, 3])?;
    let wanted = cross_entropy(&flat, &t.reshape([10])?)?.item::<f32>()?;
    assert_abs_diff_eq!(cross_entropy(&x, &t)?.item::<f32>()?, wanted, epsilon = 1e-6);
    let one = cross_entropy(&x.select(0, 0)?.select(1, 0)?, &t.select(0, 0)?.select(0, 0)?)?;
    assert!(one.item::<f32>()?.is_finite());
    Ok(())
}

#[test]
fn derivatives_of_first_and_second_order() -> Result<()> {
    let device = Device::cpu();
    let x = Tensor::from_slice(&LOGITS.map(f64::from), [4, 3], &device)?;
    let t = Tensor::from_slice(&CLASSES, [4], &device)?;
    let y = Tensor::from_slice(&BINARY.map(f64::from), [4, 3], &device)?;
    let smooth = CrossEntropy::new().label_smoothing(0.1);
    type Function<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
    let losses: [Function<'_>; 5] = [
        &|x| cross_entropy(x, &t),
        &|x| smooth.loss(x, &t),
        &|x| bce(&x.sigmoid(), &y),
        &|x| bce_with_logits(x, &y),
        &|x| mse(x, &y),
    ];
    for loss in losses {
        gradcheck(|x| loss(&x[0]), &[&x])?;
        gradgradcheck(|x| loss(&x[0]), &[&x])?;
    }
    Ok(())
}

#[test]
fn training_needs_one_row_kernel_and_a_mean() -> Result<()> {
    let device = Device::cpu_with(DeviceOptions::default());
    let x = Tensor::from_slice(&LOGITS, [4, 3], &device)?.requires_grad();
    let t = Tensor::from_slice(&CLASSES, [4], &device)?;
    let loss = cross_entropy(&x, &t)?;
    let grads = loss.backward()?;
    device.sync()?;
    assert_eq!(device.stats().kernels, 2);
    drop(grads);
    Ok(())
}

#[test]
fn misuse_is_an_error() -> Result<()> {
    let device = Device::cpu();
    let x = Tensor::from_slice(&LOGITS, [4, 3], &device)?;
    let message = |result: Result<Tensor>| result.err().map(|e| e.to_string()).unwrap_or_default();
    let floats = Tensor::zeros([4], DType::F32, &device);
    assert!(message(cross_entropy(&x, &floats)).contains("class ids are integers"));
    let short = Tensor::zeros([3], DType::I64, &device);
    assert!(message(cross_entropy(&x, &short)).starts_with("cross_entropy: shapes [4, 3] and [3]"));
    assert!(message(mse(&x, &floats)).contains("the same shape"));
    assert!(message(cross_entropy(&x, &x.requires_grad())).contains("detach"));
    Ok(())
}
