//! Which dtype a result has, and what becomes of numbers that a dtype does not hold.

use kiln::{DType, Device, Error, Result, Scalar, Tensor, op::BinaryOp};
use kiln_tests::devices;
use serde_json::Value;

fn dtype(name: &str) -> DType {
    DType::ALL.into_iter().find(|dtype| dtype.name() == name).unwrap_or_else(|| panic!("no dtype {name}"))
}

fn number(name: &str) -> Scalar {
    match name {
        "bool" => Scalar::Bool(true),
        "int" => Scalar::Int(1),
        "float" => Scalar::Float(1.0),
        _ => panic!("no number {name}"),
    }
}

/// The rows are torch.result_type's, those that PyTorch lacks NumPy's: tests/goldens/promotion.py.
#[test]
fn dtypes_are_promoted_as_by_pytorch() -> Result<()> {
    let device = Device::cpu();
    let rank = |value: &Value| value.as_i64().expect("a rank");
    let name = |value: &Value| value.as_str().expect("a name").to_owned();
    let mut count = 0;
    for line in include_str!("../goldens/promotion.jsonl").lines() {
        let row: Value = serde_json::from_str(line).expect("a row");
        let want = dtype(&name(&row[4]));
        let ones = |name: &str, rank: i64| Tensor::ones(vec![1; rank as usize], dtype(name), &device);
        let a = ones(&name(&row[0]), rank(&row[1]));
        let (b, places) = (name(&row[2]), Tensor::ones([1], DType::Bool, &device));
        count += 1;
        if rank(&row[3]) < 0 {
            let b = number(&b);
            assert_eq!(a.result_type(b), want, "{line}");
            assert_eq!(a.add(b)?.dtype(), want, "{line}");
            assert_eq!(a.binary_reflected(BinaryOp::Mul, b)?.dtype(), want, "{line}");
            assert_eq!(places.where_(b, &a)?.dtype(), want, "{line}");
        } else {
            let b = ones(&b, rank(&row[3]));
            assert_eq!(a.result_type(&b), want, "{line}");
            assert_eq!(a.mul(&b)?.dtype(), want, "{line}");
            assert_eq!(a.maximum(&b)?.dtype(), want, "{line}");
            assert_eq!(places.where_(&a, &b)?.dtype(), want, "{line}");
            assert_eq!(places.where_(&b, &a)?.dtype(), want, "{line}");
        }
    }
    assert_eq!(count, 833);
    Ok(())
}

#[test]
fn rank_zero_yields_however_it_came_about() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[1.0f32, 2.0], [2], device)?;
        let mean = Tensor::from_slice(&[1.0f32, 4.0], [2], device)?.to_dtype(DType::F16).mean(())?;
        let y = &x * &mean;
        assert_eq!((y.dtype(), y.to_vec::<f32>()?), (DType::F32, vec![2.5, 5.0]), "{name}");
        let k = Tensor::scalar(3i64, device);
        let bytes = Tensor::from_slice(&[1u8, 2], [2], device)?;
        assert_eq!((&bytes + &k).to_vec::<u8>()?, [4, 5], "{name}");
        // With axes it is an operand like any other.
        assert_eq!((&bytes + k.expand([2])?).dtype(), DType::I64, "{name}");
        assert_eq!((&bytes + k.reshape([1])?).dtype(), DType::I64, "{name}");
        assert_eq!((&bytes * &x.sum(())?).dtype(), DType::F32, "{name}");
        let grads = {
            let (x, scale) = (x.requires_grad(), Tensor::scalar(2.0f32, device).to_dtype(DType::F16).requires_grad());
            let grads = (&x * &scale).sum(())?.backward()?;
            [grads.get(&x).cloned(), grads.get(&scale).cloned()]
        };
        let [gx, gk] = grads.map(|g| g.expect("a gradient"));
        assert_eq!((gx.dtype(), gx.to_vec::<f32>()?), (DType::F32, vec![2.0, 2.0]), "{name}");
        assert_eq!((gk.dtype(), gk.to_dtype(DType::F32).item::<f32>()?), (DType::F16, 3.0), "{name}");
    }
    Ok(())
}

#[test]
fn logic_takes_truth_values_and_bitwise_ops_take_bits() -> Result<()> {
    for (name, device) in devices() {
        let a = Tensor::from_slice(&[0i32, 1, 2, 6], [4], device)?;
        let b = Tensor::from_slice(&[0i32, 0, 4, 3], [4], device)?;
        let flags = |y: Tensor| y.to_vec::<bool>();
        assert_eq!(flags(a.logical_and(&b)?)?, [false, false, true, true], "{name}");
        assert_eq!(flags(a.logical_or(&b)?)?, [false, true, true, true], "{name}");
        assert_eq!(flags(a.logical_xor(&b)?)?, [false, true, false, false], "{name}");
        assert_eq!(flags(a.logical_not())?, [true, false, false, false], "{name}");
        let x = Tensor::from_slice(&[0.0f32, -0.0, 0.5, f32::NAN], [4], device)?;
        assert_eq!(flags(x.logical_not())?, [true, true, false, false], "{name}");
        assert_eq!(flags(x.logical_and(&a)?)?, [false, false, true, true], "{name}");
        assert_eq!(flags(a.logical_or(0.5)?)?, [true; 4], "{name}");
        for dtype in DType::ALL {
            let y = a.to_dtype(dtype).logical_xor(b.to_dtype(dtype))?;
            assert_eq!(flags(y)?, [false, true, false, false], "{dtype} on {name}");
        }

        let bits = |y: Tensor| y.to_vec::<i32>();
        assert_eq!(bits(&a & &b)?, [0, 0, 0, 2], "{name}");
        assert_eq!(bits(&a | 8)?, [8, 9, 10, 14], "{name}");
        assert_eq!(bits(3 ^ &a)?, [3, 2, 1, 5], "{name}");
        assert_eq!(bits(!&a)?, [-1, -2, -3, -7], "{name}");
        assert_eq!((!a.to_dtype(DType::U8)).to_vec::<u8>()?, [255, 254, 253, 249], "{name}");
        let (p, q) = (a.to_dtype(DType::Bool), b.to_dtype(DType::Bool));
        assert_eq!(flags(&p & &q)?, [false, false, true, true], "{name}");
        assert_eq!(flags(!&p | false)?, [true, false, false, false], "{name}");
        // PyTorch: bools add to `or`, multiply to `and`, and compare by size.
        assert_eq!(flags(&p + &q)?, [false, true, true, true], "{name}");
        assert_eq!(flags(&p * &q)?, [false, false, true, true], "{name}");
        assert_eq!(flags(p.maximum(&q)?)?, [false, true, true, true], "{name}");
        assert_eq!(flags(p.minimum(&q)?)?, [false, false, true, true], "{name}");
        assert_eq!((&p + 1).to_vec::<i64>()?, [1, 2, 2, 2], "{name}");
        assert_eq!((&p * 0.5).to_vec::<f32>()?, [0.0, 0.5, 0.5, 0.5], "{name}");
        assert_eq!(flags(p.gt(0)?)?, [false, true, true, true], "{name}");
        assert!(p.sub(&q).unwrap_err().to_string().contains("logical_xor"));
        assert!(p.neg().unwrap_err().to_string().contains("logical_not"));
        for error in [x.bitwise_and(&x).unwrap_err(), x.bitwise_or(1).unwrap_err(), x.bitwise_not().unwrap_err()] {
            assert!(matches!(error, Error::DType { dtype: DType::F32, .. }), "{error}");
        }
    }
    Ok(())
}

#[test]
fn comparisons_are_those_of_the_numbers() -> Result<()> {
    for (name, device) in devices() {
        let flags = |y: Result<Tensor>| y.and_then(|y| y.to_vec::<bool>());
        let bytes = Tensor::from_slice(&[0u8, 44, 255], [3], device)?;
        // -1 and 300 would be 255 and 44 as bytes.
        for (below, above) in [(Scalar::Int(-1), Scalar::Int(300)), (Scalar::Float(-0.5), Scalar::Float(f64::INFINITY))]
        {
            assert_eq!(flags(bytes.lt(above))?, [true; 3], "{name}");
            assert_eq!(flags(bytes.le(below))?, [false; 3], "{name}");
            assert_eq!(flags(bytes.gt(below))?, [true; 3], "{name}");
            assert_eq!(flags(bytes.ge(above))?, [false; 3], "{name}");
            assert_eq!(flags(bytes.eq(above))?, [false; 3], "{name}");
            assert_eq!(flags(bytes.ne(below))?, [true; 3], "{name}");
            assert_eq!(flags(bytes.binary_reflected(BinaryOp::Lt, above))?, [false; 3], "{name}");
        }
        let x = Tensor::from_slice(&[-2i32, 1, 2, 16_777_217], [4], device)?;
        assert_eq!(flags(x.lt(1.5))?, [true, true, false, false], "{name}");
        assert_eq!(flags(x.ge(1.5))?, [false, false, true, true], "{name}");
        assert_eq!(flags(x.le(-1.5))?, [true, false, false, false], "{name}");
        assert_eq!(flags(x.gt(-2.5))?, [true; 4], "{name}");
        assert_eq!(flags(x.eq(1.0))?, [false, true, false, false], "{name}");
        assert_eq!(flags(x.eq(1.5))?, [false; 4], "{name}");
        assert_eq!(flags(x.ne(f64::NAN))?, [true; 4], "{name}");
        assert_eq!(flags(x.lt(f64::NAN))?, [false; 4], "{name}");
        // F32 does not hold this integer.
        assert_eq!(flags(x.gt(16_777_216.0))?, [false, false, false, true], "{name}");
        // Another integer dtype of rank 0 is not cut to that of the tensor: 257 is no byte.
        assert_eq!(
            flags(Tensor::from_slice(&[1u8], [1], device)?.eq(Tensor::scalar(257i32, device)))?,
            [false],
            "{name}"
        );
        let halves = Tensor::from_slice(&[1.0f32, f32::INFINITY, f32::NAN], [3], device)?.to_dtype(DType::F16);
        assert_eq!(flags(halves.le(1e6))?, [true, false, false], "{name}");
        assert_eq!(flags(halves.gt(1e6))?, [false, true, false], "{name}");
        assert_eq!(flags(halves.ge(-1e6))?, [true, true, false], "{name}");
        assert_eq!(flags(halves.eq(1e6))?, [false; 3], "{name}");
        assert_eq!(flags(halves.ne(1e6))?, [true; 3], "{name}");
        assert_eq!(flags(halves.eq(f64::INFINITY))?, [false, true, false], "{name}");
    }
    let x = Tensor::from_slice(&[i64::MAX, (1 << 53) + 1], [2], &Device::cpu())?;
    assert_eq!(x.lt(u64::MAX)?.to_vec::<bool>()?, [true, true]);
    assert_eq!(x.eq((1i64 << 53) as f64)?.to_vec::<bool>()?, [false, false]);
    Ok(())
}

/// PyTorch has these values and errors for `clamp`, `where`, `full`, NumPy 2 for arithmetic.
#[test]
fn numbers_out_of_range_do_not_wrap() -> Result<()> {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[0u8, 1, 255], [3], device)?;
        assert_eq!(x.clamp(-1, 300)?.to_vec::<u8>()?, [0, 1, 255], "{name}");
        assert_eq!(x.clamp(1, 300)?.to_vec::<u8>()?, [1, 1, 255], "{name}");
        assert_eq!(x.clamp(-1, 254)?.to_vec::<u8>()?, [0, 1, 254], "{name}");
        assert_eq!(x.clamp(0.5, 2.5)?.to_vec::<f32>()?, [0.5, 1.0, 2.5], "{name}");
        assert_eq!(x.maximum(-5)?.to_vec::<u8>()?, [0, 1, 255], "{name}");
        assert_eq!(x.minimum(1000)?.to_vec::<u8>()?, [0, 1, 255], "{name}");
        let error = x.clamp(300, 400).unwrap_err().to_string();
        assert_eq!(error, "clamp: dtype uint8: 300 is out of its range, 0 to 255");
        let flags = x.gt(0)?;
        for error in [
            x.clamp(-9, -1),
            x.maximum(300),
            x.minimum(-1),
            x.add(300),
            x.sub(-1),
            x.mul(-1),
            x.binary_reflected(BinaryOp::Sub, 256),
            x.remainder(256),
            x.bitwise_and(-1),
            flags.where_(300, &x),
            flags.where_(&x, -1),
            x.masked_fill(&flags, 300),
            x.full_like(300),
            Tensor::full([1], 300, DType::U8, device),
            Tensor::full([1], f64::NAN, DType::I32, device),
            Tensor::full([1], 1e10, DType::I32, device),
            Tensor::full([1], 1e300, DType::F32, device),
            Tensor::full([1], -1, DType::U64, device),
            Tensor::arange(0, 300, 1, DType::U8, device),
            Tensor::arange(-1.5, 2.0, 1.0, DType::U8, device),
            Tensor::linspace(0.0, 256.0, 3, DType::U8, device),
        ] {
            assert!(matches!(error, Err(Error::DType { .. })), "{error:?} on {name}");
        }
        // What is computed in floats has no such range.
        assert_eq!(x.div(300)?.to_vec::<f32>()?, [0.0, 1.0 / 300.0, 0.85], "{name}");
        assert_eq!((Tensor::ones([1], DType::F32, device) * 1e300).to_vec::<f32>()?, [f32::INFINITY], "{name}");
        assert_eq!(Tensor::full([2], 2.5, DType::I32, device)?.to_vec::<i32>()?, [2, 2], "{name}");
        assert_eq!(Tensor::full([1], u64::MAX, DType::U64, device)?.to_vec::<u64>()?, [u64::MAX], "{name}");
        assert_eq!(flags.where_(1, 0)?.to_vec::<i64>()?, [0, 1, 1], "{name}");
    }
    Ok(())
}

#[test]
fn long_ranges_are_exact() -> Result<()> {
    let device = Device::cpu();
    let far = 1i64 << 60;
    assert_eq!(Tensor::arange(far, far + 3, 1, DType::I64, &device)?.to_vec::<i64>()?, [far, far + 1, far + 2]);
    let top = u64::MAX - 2;
    assert_eq!(Tensor::arange(top, u64::MAX, 1, DType::U64, &device)?.to_vec::<u64>()?, [top, top + 1]);
    assert_eq!(Tensor::arange(5, 0, -2, DType::U64, &device)?.to_vec::<u64>()?, [5, 3, 1]);
    assert_eq!(
        Tensor::arange(0, 5_000_000_000i64, 2_000_000_000, DType::I64, &device)?.to_vec::<i64>()?,
        [0, 2_000_000_000, 4_000_000_000]
    );
    assert_eq!(Tensor::arange(3, 3, 1, DType::U8, &device)?.numel(), 0);
    assert!(Tensor::arange(0, 3, 0, DType::I32, &device).is_err());
    assert!(Tensor::arange(0, f64::INFINITY, 1, DType::F32, &device).is_err());
    Ok(())
}
