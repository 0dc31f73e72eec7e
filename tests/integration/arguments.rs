//! How axes, sizes and numbers may be written.

use kiln::{
    Axes, DType, Device, Error, Result, Shape, Sizes, Tensor,
    nn::{
        BatchNorm1d, Conv1d, Forward, LayerNorm, Linear, Module, MultiHeadAttention, RMSNorm,
        functional::{self as f, AttentionOptions, ConvOptions},
    },
};
use kiln_tests::devices;

fn ramp(shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    Tensor::arange(0, shape.numel() as i64, 1, DType::F32, &Device::cpu())?.reshape(shape)
}

#[test]
fn axes_are_written_in_any_integers() -> Result<()> {
    let x = ramp([2, 3, 4])?;
    let sum = |axes: &dyn Fn(&Tensor) -> Result<Tensor>| axes(&x).and_then(|y| y.to_vec::<f32>());
    let want = sum(&|x| x.sum([0, 2]))?;
    assert_eq!(want, [60.0, 92.0, 124.0]);
    macro_rules! check {
        ($want:ident; $($axes:expr),* $(,)?) => {$(
            assert_eq!(sum(&|x| x.sum($axes))?, $want, stringify!($axes));
        )*};
    }
    check!(want; [0usize, 2], [0isize, -1], [0i64, 2], [-3i32, 2], &[0usize, 2], &[0i64, -1][..], vec![0usize, 2]);
    check!(want; vec![0isize, -1], &vec![0i64, 2], &vec![0i32, 2][..], (0..3).step_by(2).collect::<Vec<usize>>());
    let want = sum(&|x| x.sum([1, 2]))?;
    check!(want; 1..3, 1..=2, 1usize..3, 1usize..=2, 1i64..3, 1isize..3, -2..0, 1..x.rank());
    let want = sum(&|x| x.sum(2))?;
    check!(want; 2usize, -1isize, 2i64, -1i32, x.rank() - 1);
    for axis in 0..x.rank() {
        assert_eq!(x.max(axis)?.rank(), 2);
    }
    let out_of_range = |axes: &dyn Fn(&Tensor) -> Result<Tensor>| assert!(axes(&x).is_err());
    out_of_range(&|x| x.sum(3usize));
    out_of_range(&|x| x.sum(usize::MAX));
    out_of_range(&|x| x.sum(i64::MIN));
    out_of_range(&|x| x.sum(0usize..usize::MAX));
    assert_eq!((0usize..usize::MAX).axes().map(|axes| axes.len()), Some(9));

    assert_eq!(x.permute([2, 0, 1])?.shape(), &[4, 2, 3]);
    assert_eq!(x.permute([2usize, 0, 1])?.shape(), &[4, 2, 3]);
    assert_eq!(x.permute((0..3usize).rev().collect::<Vec<_>>())?.shape(), &[4, 3, 2]);
    assert!(x.permute(()).is_err());
    assert_eq!(x.flip([0, 1, 2])?.to_vec::<f32>()?, x.flip(())?.to_vec::<f32>()?);
    assert_eq!(x.flip(2usize)?.to_vec::<f32>()?[..4], [3.0, 2.0, 1.0, 0.0]);
    Ok(())
}

#[test]
fn shapes_are_written_in_any_integers() -> Result<()> {
    let device = Device::cpu();
    macro_rules! check {
        ($($shape:expr),* $(,)?) => {$(
            assert_eq!(Tensor::zeros($shape, DType::F32, &device).shape(), &[2, 3], stringify!($shape));
            assert_eq!(ramp(6)?.reshape($shape)?.shape(), &[2, 3], stringify!($shape));
            assert_eq!(ramp(3)?.expand($shape)?.shape(), &[2, 3], stringify!($shape));
        )*};
    }
    check!([2, 3], [2usize, 3], [2isize, 3], [2i64, 3], [2i32, 3], &[2usize, 3], &[2i64, 3][..], vec![2usize, 3]);
    check!(
        vec![2isize, 3],
        &vec![2i64, 3],
        2..4,
        2usize..4,
        2..=3,
        2i64..=3,
        Shape::from([2, 3]),
        &Shape::from([2, 3])
    );
    assert_eq!(Tensor::zeros(5usize, DType::F32, &device).shape(), &[5]);
    assert_eq!(Tensor::zeros(5i64, DType::F32, &device).shape(), &[5]);
    assert_eq!(Tensor::zeros((), DType::F32, &device).rank(), 0);
    for (shape, message) in [(&[-1i64, 3][..], "size -1 is negative"), (&[1; 9][..], "rank 9 is above the limit of 8")]
    {
        let panic = std::panic::catch_unwind(|| Shape::from(shape)).expect_err("a panic");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains(message), "{text}");
    }
    Ok(())
}

/// The values and errors are those of PyTorch.
#[test]
fn one_size_may_follow_from_the_others() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::arange(0, 24, 1, DType::F32, device)?;
        assert_eq!(x.reshape([2, -1, 4])?.shape(), &[2, 3, 4], "{name}");
        assert_eq!(x.reshape(-1)?.shape(), &[24], "{name}");
        assert_eq!(x.reshape(vec![-1i64, 8])?.select(0, 2)?.to_vec::<f32>()?[0], 16.0, "{name}");
        assert_eq!(Tensor::zeros([0, 3], DType::F32, device).reshape([3, -1])?.shape(), &[3, 0], "{name}");
        assert_eq!(Tensor::zeros((), DType::F32, device).reshape([-1])?.shape(), &[1], "{name}");
        let message = |y: Result<Tensor>| y.unwrap_err().to_string();
        assert_eq!(message(x.reshape([-1, -1])), "reshape: shape [24]: [-1, -1] has -1 more than once");
        assert_eq!(message(x.reshape([5, -1])), "reshape: shape [24]: 24 elements cannot be reshaped to [5, -1]");
        assert_eq!(message(x.reshape([-2, 12])), "reshape: size -2 of [-2, 12] is negative and not -1");
        let empty = Tensor::zeros([0, 3], DType::F32, device);
        assert_eq!(message(empty.reshape([0, -1])), "reshape: shape [0, 3]: the -1 in [0, -1] is ambiguous");
        assert_eq!(message(x.reshape([1; 9])), "reshape: there are more than 8 sizes, the highest rank");
        assert!(x.reshape([usize::MAX, 2]).is_err() && x.reshape([i64::MAX, -1]).is_err());

        let row = Tensor::arange(0, 3, 1, DType::F32, device)?.reshape([1, 3])?;
        assert_eq!(row.expand([4, -1])?.shape(), &[4, 3], "{name}");
        assert_eq!(row.expand([2, -1, -1])?.shape(), &[2, 1, 3], "{name}");
        assert_eq!(row.expand([-1, 3])?.to_vec::<f32>()?, [0.0, 1.0, 2.0], "{name}");
        assert_eq!(
            message(row.expand([-1, 4, 3])),
            "expand: shape [1, 3]: -1 of [-1, 4, 3] stands for an axis that is new"
        );
        assert_eq!(row.squeeze(1)?.shape(), &[1, 3], "{name}");
        assert_eq!(row.squeeze(-2)?.shape(), &[3], "{name}");
        assert!(matches!(row.squeeze(2), Err(Error::Axis { .. })));
        let tracked = row.requires_grad();
        assert_eq!(tracked.squeeze(1)?.sum(())?.backward()?.get(&tracked).expect("a gradient").shape(), &[1, 3]);
    }
    assert_eq!(ramp(4)?.reshape(Sizes::from(Shape::from([2, 2])))?.shape(), &[2, 2]);
    Ok(())
}

#[test]
fn operators_take_numbers_on_either_side() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[1.0f32, 2.0], [2], device)?;
        let n = Tensor::from_slice(&[7i32, -7], [2], device)?;
        let floats = |y: Tensor| y.to_vec::<f32>();
        let k = 0.5f32;
        assert_eq!(floats(&x + 1)?, [2.0, 3.0], "{name}");
        assert_eq!(floats(2 * &x)?, [2.0, 4.0], "{name}");
        assert_eq!(floats(&x * k)?, [0.5, 1.0], "{name}");
        assert_eq!(floats(k * x.clone())?, [0.5, 1.0], "{name}");
        assert_eq!(floats(1 - &x)?, [0.0, -1.0], "{name}");
        assert_eq!(floats(2.0 / &x)?, [2.0, 1.0], "{name}");
        assert_eq!(floats(&x / x.numel())?, [0.5, 1.0], "{name}");
        assert_eq!(floats(&x % 2u8)?, [1.0, 0.0], "{name}");
        assert_eq!(floats(&x + half::f16::ONE)?, [2.0, 3.0], "{name}");
        assert_eq!(floats(&x - x.clone())?, [0.0, 0.0], "{name}");
        assert_eq!((&n + 1).to_vec::<i32>()?, [8, -6], "{name}");
        assert_eq!((10i64 - &n).to_vec::<i32>()?, [3, 17], "{name}");
        assert_eq!((&n % 4).to_vec::<i32>()?, [3, 1], "{name}");
        assert_eq!(floats(&n / 2)?, [3.5, -3.5], "{name}");
        assert_eq!(floats(&n * 0.5)?, [3.5, -3.5], "{name}");

        let mut y = x.clone();
        let before = y.clone();
        y += &x;
        y += 1;
        y -= k;
        y *= 2i64;
        y /= x.clone();
        assert_eq!(floats(y)?, [5.0, 4.5], "{name}");
        assert_eq!(floats(before)?, [1.0, 2.0], "{name}");
        let mut mask = x.gt(1.5)?;
        mask |= x.lt(1.5)?;
        mask &= true;
        mask ^= x.eq(1)?;
        assert_eq!(mask.to_vec::<bool>()?, [false, true], "{name}");
        let mut count = n.clone();
        count %= 4;
        assert_eq!(count.to_vec::<i32>()?, [3, 1], "{name}");
        let total = [1.0f32, 2.0].iter().try_fold(Tensor::zeros((), DType::F32, device), |mut total, v| {
            total += *v;
            Ok::<_, Error>(total)
        })?;
        assert_eq!(total.item::<f32>()?, 3.0, "{name}");
    }
    Ok(())
}

#[test]
#[should_panic(expected = "add: shapes [2] and [3]")]
fn assignment_panics_as_its_operator() {
    let mut x = Tensor::zeros([2], DType::F32, &Device::cpu());
    x += Tensor::zeros([3], DType::F32, &Device::cpu());
}

#[test]
#[should_panic(expected = "add: dtype uint8: 300 is out of its range, 0 to 255")]
fn operators_panic_on_numbers_out_of_range() {
    let _ = Tensor::zeros([2], DType::U8, &Device::cpu()) + 300;
}

/// As PyTorch, where every one of these is an error of the dtype.
#[test]
fn layers_refuse_floats_of_another_dtype() -> Result<()> {
    for (_, device) in devices() {
        let wide = |shape: &[usize]| Tensor::ones(shape, DType::F32, device).to_dtype(DType::BF16);
        let refuses = |what: &str, y: Result<Tensor>| {
            let error = y.expect_err(what);
            assert!(matches!(error, Error::DType { dtype: DType::BF16, .. }), "{what}: {error}");
            assert!(error.to_string().contains("to_dtype(DType::F32)"), "{what}: {error}");
        };
        let linear = Linear::new(4, 2, device)?;
        refuses("linear", linear.forward(&wide(&[3, 4])));
        refuses("conv1d", Conv1d::new(4, 2, 1, device)?.forward(&wide(&[1, 4, 5])));
        refuses("batch norm", BatchNorm1d::new(4, device).forward(&wide(&[3, 4])));
        refuses("layer norm", LayerNorm::new(4, device).forward(&wide(&[3, 4])));
        refuses("rms norm", RMSNorm::new(4, device).forward(&wide(&[3, 4])));
        refuses("attention layer", MultiHeadAttention::new(4, 2, device)?.forward(&wide(&[1, 3, 4])));
        let (x, y) = (Tensor::ones([1, 3, 4], DType::F32, device), wide(&[1, 3, 4]));
        let attend = f::scaled_dot_product_attention;
        refuses("attention", attend(&x, &y, &x, &AttentionOptions::default()));
        let options = AttentionOptions { attn_mask: Some(wide(&[3, 3])), ..Default::default() };
        refuses("attention mask", attend(&x, &x, &x, &options));
        let (ones, half) = (Tensor::ones([1, 1, 4], DType::F32, device), wide(&[2]));
        let kernel = Tensor::ones([2, 1, 1], DType::F32, device);
        assert!(f::conv1d(&ones, &kernel, Some(&half), &ConvOptions::new()).is_err());
        refuses("group norm", f::group_norm(&wide(&[1, 2, 3]), 1, Some(&half.to_dtype(DType::F32)), None, 1e-5));
        // Integers take the dtype of the weights.
        assert_eq!(linear.forward(&Tensor::ones([3, 4], DType::U8, device))?.dtype(), DType::F32);
        linear.to_dtype(DType::BF16)?;
        assert_eq!(linear.forward(&wide(&[3, 4]))?.dtype(), DType::BF16);
        assert!(linear.forward(&Tensor::ones([3, 4], DType::F32, device)).is_err());
        assert!(linear.to_dtype(DType::I32).is_err());
    }
    Ok(())
}
