//! Random numbers.

use super::*;

fn moments(x: &Tensor) -> (f64, f64) {
    let x = x.to_device(&Device::cpu()).unwrap().to_dtype(DType::F64);
    (x.mean(()).unwrap().item().unwrap(), x.std((), 1.0).unwrap().item().unwrap())
}

#[test]
fn uniform_numbers_fill_the_unit_interval() {
    everywhere(|| {
        for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
            let x = Tensor::rand([200, 100], dtype, 3, &here()).unwrap();
            let (mean, std) = moments(&x);
            assert!((mean - 0.5).abs() < 0.01 && (std - 12f64.sqrt().recip()).abs() < 0.01, "{dtype} {mean} {std}");
            assert!(values(&x).iter().all(|v| (0.0..1.0).contains(v)), "{dtype}");
        }
        fails(Tensor::rand([2], DType::I32, 0, &here()), "rand: dtype int32: needs a float");
    });
}

#[test]
fn normal_numbers_have_their_moments() {
    everywhere(|| {
        let x = Tensor::randn([20_000], DType::F32, 3, &here()).unwrap();
        let (mean, std) = moments(&x);
        assert!(mean.abs() < 0.02 && (std - 1.0).abs() < 0.02, "{mean} {std}");
        let kurtosis = moments(&x.square().square()).0;
        assert!((kurtosis - 3.0).abs() < 0.2, "{kurtosis}");
        assert!(values(&x).iter().all(|v| v.is_finite()));
    });
}

#[test]
fn a_seed_is_a_stream() {
    everywhere(|| {
        let draw = |seed| Tensor::rand([3, 5], DType::F32, seed, &here()).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1), draw(1 + (1 << 32)));
        let longer = Tensor::rand([20], DType::F32, 1, &here()).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(draw(1), longer[..15]);
        // The first word of Philox4x32-10 at counter 0 with key 0 is 0x6627e8d5.
        let first = Tensor::rand((), DType::F32, 0, &here()).unwrap().item::<f32>().unwrap();
        assert_eq!(first, 0x27e8d5 as f32 / (1 << 24) as f32);
    });
}

#[test]
fn integers_stay_in_range() {
    everywhere(|| {
        let x = Tensor::randint(-3, 4, [7000], DType::I8, 5, &here()).unwrap();
        let mut counts = [0; 7];
        x.to_vec::<i8>().unwrap().iter().for_each(|v| counts[(v + 3) as usize] += 1);
        assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
        let wide = Tensor::randint(0, 1 << 32, [1000], DType::U32, 5, &here()).unwrap().to_vec::<u32>().unwrap();
        assert!(wide.iter().any(|v| *v > i32::MAX as u32));
        let bytes = Tensor::randint(-128, 128, [1000], DType::I8, 5, &here()).unwrap();
        assert!(bytes.min(()).unwrap().item::<i8>().unwrap() < -100);
        fails(Tensor::randint(2, 2, [1], DType::I32, 0, &here()), "randint: 2..2 has 0 integers, not 1 to 2^32");
        fails(Tensor::randint(0, 257, [1], DType::U8, 0, &here()), "randint: dtype uint8: does not hold all of 0..257");
        fails(Tensor::randint(0, 2, [1], DType::Bool, 0, &here()), "randint: dtype bool: does not hold all of 0..2");
    });
}

#[test]
fn bernoulli_has_its_probability() {
    everywhere(|| {
        let draw = |p| Tensor::bernoulli(p, [10_000], 5, &here()).unwrap().sum(()).unwrap().item::<i64>().unwrap();
        assert_eq!((draw(0.0), draw(1.0)), (0, 10_000));
        assert!((2850..3150).contains(&draw(0.3)), "{}", draw(0.3));
        fails(Tensor::bernoulli(1.5, [1], 0, &here()), "bernoulli: 1.5 is not a probability");
    });
}
