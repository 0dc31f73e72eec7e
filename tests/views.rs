//! Making, moving, cutting, joining and indexing of tensors.

mod common;

use std::cell::RefCell;

use kiln::prelude::*;

thread_local! {
    static HERE: RefCell<Device> = RefCell::new(Device::cpu());
}

/// The device that the test is run on at the moment.
fn here() -> Device {
    HERE.with_borrow(Device::clone)
}

/// Runs a test on every device, fused and unfused.
fn everywhere(test: impl Fn()) {
    for (name, device) in common::devices() {
        println!("on {name}");
        HERE.set(device.clone());
        test();
    }
}

fn range(shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    Tensor::arange(0, shape.numel() as i64, 1, DType::F32, &here()).unwrap().reshape(shape).unwrap()
}

/// The same for gradient checks: in double precision where every device has it.
fn precise(shape: impl Into<Shape>) -> Tensor {
    range(shape).to_dtype(if here().is_cpu() { DType::F64 } else { DType::F32 })
}

/// Whether the device computes with 64-bit integers.
fn has_int64() -> bool {
    here().is_cpu() || here().info().features.contains(&"int64")
}

fn ints(data: &[i64], shape: impl Into<Shape>) -> Tensor {
    Tensor::from_slice(data, shape, &here()).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_device(&Device::cpu()).unwrap().to_dtype(DType::F64).to_vec().unwrap()
}

fn numbers(range: std::ops::Range<i32>) -> Vec<f64> {
    range.map(f64::from).collect()
}

#[track_caller]
fn fails(result: Result<impl Sized>, message: &str) {
    let Err(error) = result else { panic!("no error: {message}") };
    assert_eq!(error.to_string(), message);
}

mod making {
    use super::*;

    #[test]
    fn arange_counts_as_numpy_does() {
        everywhere(|| {
            let device = here();
            assert_eq!(values(&Tensor::arange(5, 0, -2, DType::I32, &device).unwrap()), [5.0, 3.0, 1.0]);
            assert_eq!(values(&Tensor::arange(0.5, 2.0, 0.5, DType::F16, &device).unwrap()), [0.5, 1.0, 1.5]);
            assert_eq!(values(&Tensor::arange(-2, 2, 1, DType::I8, &device).unwrap()), [-2.0, -1.0, 0.0, 1.0]);
            assert_eq!(Tensor::arange(3, 3, 1, DType::F32, &device).unwrap().shape(), &[0]);
            assert_eq!(Tensor::arange(3, 0, 1, DType::F32, &device).unwrap().shape(), &[0]);
            if has_int64() {
                let far = Tensor::arange(1i64 << 40, (1i64 << 40) + 3, 1, DType::I64, &device).unwrap();
                assert_eq!(far.to_vec::<i64>().unwrap(), [1 << 40, (1 << 40) + 1, (1 << 40) + 2]);
            }
            fails(Tensor::arange(0, 1, 0, DType::F32, &device), "arange: 0..1 in steps of 0 does not end");
            fails(
                Tensor::arange(0.0, f64::INFINITY, 1.0, DType::F32, &device),
                "arange: 0..inf in steps of 1 does not end",
            );
            fails(Tensor::arange(0, 2, 1, DType::Bool, &device), "arange: dtype bool: needs a number");
        });
    }

    #[test]
    fn linspace_has_both_ends() {
        everywhere(|| {
            let device = here();
            let x = Tensor::linspace(0.1, 0.7, 7, DType::F32, &device).unwrap().to_vec::<f32>().unwrap();
            assert_eq!((x[0], x[6]), (0.1, 0.7));
            assert!(x.iter().enumerate().all(|(i, v)| (v - 0.1 * (i + 1) as f32).abs() < 1e-6), "{x:?}");
            assert_eq!(values(&Tensor::linspace(3.0, 9.0, 1, DType::F32, &device).unwrap()), [3.0]);
            assert_eq!(values(&Tensor::linspace(3.0, 9.0, 0, DType::F32, &device).unwrap()), [0.0; 0]);
            assert_eq!(values(&Tensor::linspace(4.0, 0.0, 3, DType::I32, &device).unwrap()), [4.0, 2.0, 0.0]);
        });
    }

    #[test]
    fn identity_matrices_and_fills() {
        everywhere(|| {
            let device = here();
            let eye = Tensor::eye_rect(2, 3, DType::U8, &device);
            assert_eq!(values(&eye), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
            assert_eq!(values(&eye.full_like(7).unwrap()), [7.0; 6]);
            assert_eq!(values(&Tensor::eye(0, DType::F32, &device)), [0.0; 0]);
            assert!(Tensor::scalar(true, &device).item::<bool>().unwrap());
            fails(Tensor::from_vec(vec![1.0f32; 3], [2], &device), "from_vec: shape [2]: 3 elements do not fill it");
        });
    }

    #[test]
    fn single_elements_of_every_dtype_are_stored() {
        everywhere(|| {
            for dtype in DType::ALL {
                let one = Tensor::ones([1], dtype, &here());
                here().flush().unwrap();
                assert_eq!(values(&one), [1.0], "{dtype}");
            }
        });
    }

    #[test]
    fn a_cast_does_not_take_over_memory_of_another_dtype() {
        everywhere(|| {
            let x = Tensor::from_slice(&[1i32, -2, 3, -4], [4], &here()).unwrap().to_dtype(DType::F32);
            assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, -2.0, 3.0, -4.0]);
        });
    }

    #[test]
    fn vectors_keep_their_memory() {
        everywhere(|| {
            let device = Device::cpu_with(DeviceOptions::default());
            let x = Tensor::from_vec(vec![1u8; 1 << 20], [1 << 20], &device).unwrap();
            assert!(device.memory().live < 1 << 20);
            // One byte in, the elements are not aligned to anything.
            let y = x.narrow(0, 1, 1000).unwrap().to_dtype(DType::I32) + 1.0;
            assert_eq!(y.sum(()).unwrap().item::<f32>().unwrap(), 2000.0);
        });
    }
}

mod random {
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
            fails(
                Tensor::randint(0, 257, [1], DType::U8, 0, &here()),
                "randint: dtype uint8: does not hold all of 0..257",
            );
            fails(
                Tensor::randint(0, 2, [1], DType::Bool, 0, &here()),
                "randint: dtype bool: does not hold all of 0..2",
            );
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
}

mod moving {
    use super::*;

    #[test]
    fn flatten_and_squeeze() {
        everywhere(|| {
            let x = range([2, 3, 4]);
            assert_eq!(x.flatten(0, 1).unwrap().shape(), &[6, 4]);
            assert_eq!(x.flatten(0, -1).unwrap().shape(), &[24]);
            assert_eq!(values(&x.permute([2, 0, 1]).unwrap().flatten(1, 2).unwrap())[..4], [0.0, 4.0, 8.0, 12.0]);
            assert_eq!(range(()).flatten(0, -1).unwrap().shape(), &[1]);
            assert_eq!(range([0, 3]).flatten(0, 1).unwrap().shape(), &[0]);
            fails(x.flatten(2, 1), "flatten: shape [2, 3, 4]: axis 1 stands before axis 2");
            assert_eq!(range([1, 3, 1, 2, 1]).squeeze_all().shape(), &[3, 2]);
            assert_eq!(range([1, 1]).squeeze_all().rank(), 0);
        });
    }

    #[test]
    fn movedim_keeps_the_others_in_order() {
        everywhere(|| {
            let x = range([2, 3, 4]);
            assert_eq!(x.movedim(0, -1).unwrap().shape(), &[3, 4, 2]);
            assert_eq!(x.movedim(2, 0).unwrap().shape(), &[4, 2, 3]);
            assert_eq!(values(&x.movedim(2, 0).unwrap())[..6], [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]);
            assert!(x.movedim(3, 0).is_err());
        });
    }

    #[test]
    fn parts_cover_the_whole() {
        everywhere(|| {
            let x = range([7, 2]);
            let sizes = |parts: Vec<Tensor>| parts.iter().map(|p| p.shape()[0]).collect::<Vec<_>>();
            assert_eq!(sizes(x.split(0, 3).unwrap()), [3, 3, 1]);
            assert_eq!(sizes(x.chunk(0, 3).unwrap()), [3, 3, 1]);
            assert_eq!(sizes(x.chunk(0, 9).unwrap()), [1; 7]);
            assert_eq!(sizes(x.split_with_sizes(0, &[2, 0, 5]).unwrap()), [2, 0, 5]);
            assert_eq!(values(&x.split(-1, 1).unwrap()[1])[..3], [1.0, 3.0, 5.0]);
            assert_eq!(sizes(range([0, 2]).split(0, 3).unwrap()), [0]);
            fails(x.split_with_sizes(0, &[2, 2]), "split_with_sizes: shape [7, 2]: sizes [2, 2] do not add up to 7");
            fails(x.split(0, 0), "split: the size must not be 0");
            fails(x.chunk(0, 0), "chunk: the count must not be 0");
            let rows = x.unbind(0).unwrap();
            assert_eq!((rows.len(), values(&rows[6])), (7, vec![12.0, 13.0]));
            assert_eq!(values(&x.select(1, -1).unwrap())[..2], [1.0, 3.0]);
            fails(x.select(1, 2), "select: index 2 is out of range for axis 1 of size 2");
        });
    }

    #[test]
    fn roll_and_repeat() {
        everywhere(|| {
            let x = range([2, 3]);
            assert_eq!(values(&x.roll(1, -1).unwrap()), [1.0, 2.0, 0.0, 4.0, 5.0, 3.0]);
            assert_eq!(values(&x.roll(0, 5).unwrap()), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
            assert_eq!(range([0]).roll(0, 3).unwrap().shape(), &[0]);
            assert_eq!(
                values(&x.repeat(&[1, 2]).unwrap()),
                [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0]
            );
            assert_eq!(x.repeat(&[4, 3, 2]).unwrap().shape(), &[4, 6, 6]);
            assert_eq!(x.repeat(&[0, 1]).unwrap().shape(), &[0, 3]);
            assert_eq!(range([1; 8]).repeat(&[2; 8]).unwrap().numel(), 256);
            fails(x.repeat(&[2]), "repeat: shape [2, 3]: [2] does not name every axis");
        });
    }
}

mod joining {
    use super::*;

    #[test]
    fn cat_along_every_axis() {
        everywhere(|| {
            let x = range([2, 3]);
            assert_eq!(values(&Tensor::cat(&[&x, &x], 0).unwrap()), [numbers(0..6), numbers(0..6)].concat());
            let wide = Tensor::cat(&[x.clone(), x.narrow(1, 0, 1).unwrap()], -1).unwrap();
            assert_eq!(values(&wide), [0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 5.0, 3.0]);
            assert_eq!(values(&Tensor::cat(&[&x.t()], 0).unwrap()), values(&x.t()));
            let with_empty =
                Tensor::cat(&[&x, &x.narrow(0, 0, 0).unwrap(), &x.t().reshape([2, 3]).unwrap()], 0).unwrap();
            assert_eq!(values(&with_empty), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
            assert_eq!(Tensor::cat(&[range([0, 2]), range([0, 2])], 1).unwrap().shape(), &[0, 4]);
        });
    }

    #[test]
    fn cat_of_many() {
        everywhere(|| {
            for count in [4, 5, 16, 17, 70] {
                let part = |i| Tensor::full([2, 1 + i % 2], i as i64, DType::I16, &here()).unwrap();
                let parts: Vec<Tensor> = (0..count).map(part).collect();
                let expected: Vec<f64> = (0..count).flat_map(|i| vec![i as f64; 1 + i % 2]).collect();
                assert_eq!(values(&Tensor::cat(&parts, 1).unwrap()), [&expected[..], &expected].concat(), "{count}");
            }
            let rows: Vec<Tensor> = range([9, 4]).unbind(0).unwrap();
            assert_eq!(values(&Tensor::stack(&rows, 0).unwrap()), numbers(0..36));
            assert_eq!(values(&Tensor::stack(&rows, 1).unwrap()), values(&range([9, 4]).t()));
        });
    }

    #[test]
    fn cat_keeps_what_is_not_a_number() {
        everywhere(|| {
            let x = Tensor::from_slice(&[f32::NAN, -0.0, f32::INFINITY], [3], &here()).unwrap();
            let y: Vec<f32> = Tensor::cat(&[&x, &x], 0).unwrap().to_vec().unwrap();
            assert!(y[3].is_nan() && y[4].is_sign_negative() && y[5] == f32::INFINITY);
            let flags = Tensor::from_slice(&[true, false], [2], &here()).unwrap();
            assert_eq!(
                Tensor::cat(&[&flags, &flags], 0).unwrap().to_vec::<bool>().unwrap(),
                [true, false, true, false]
            );
        });
    }

    #[test]
    fn dtypes_are_promoted() {
        everywhere(|| {
            let of = |dtype| Tensor::ones([1], dtype, &here());
            assert_eq!(Tensor::cat(&[of(DType::U8), of(DType::I8)], 0).unwrap().dtype(), DType::I16);
            assert_eq!(Tensor::stack(&[of(DType::I64), of(DType::F32)], 0).unwrap().dtype(), DType::F32);
        });
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        everywhere(|| {
            let (a, b) = (range([2, 3]), range([2, 4]));
            let message = "cat: shapes [2, 3] and [2, 4]: tensor 1 has size 4 along axis 1, the first 3";
            fails(Tensor::cat(&[&a, &b], 0), message);
            fails(Tensor::cat(&[&a, &range([3])], 0), "cat: shapes [2, 3] and [3]: tensor 1 has rank 1, the first 2");
            fails(Tensor::cat(&[] as &[Tensor], 0), "cat: there are no tensors");
            fails(Tensor::stack(&[] as &[Tensor], 0), "stack: there are no tensors");
            let message = "stack: shapes [2, 3] and [2, 4]: tensor 1 has size 4 along axis 1, the first 3";
            fails(Tensor::stack(&[&a, &b], 0), message);
            assert!(matches!(Tensor::cat(&[&a, &a], 2), Err(Error::Axis { .. })));
            let other = Device::cpu_with(DeviceOptions::default());
            let there = Tensor::zeros([2, 3], DType::F32, &other);
            assert!(matches!(Tensor::cat(&[&a, &there], 0), Err(Error::Devices { .. })));
        });
    }

    #[test]
    fn gradients() {
        everywhere(|| {
            let (a, b) = (precise([2, 3]), precise([2, 1]));
            gradcheck(|x| Tensor::cat(&[&x[0], &x[1], &x[0]], 1)?.square().roll(1, 2), &[&a, &b]).unwrap();
            gradcheck(|x| Ok(Tensor::stack(&[&x[0], &x[0]], 1)?.sin()), &[&a]).unwrap();
            gradcheck(|x| x[0].repeat(&[2, 2])?.movedim(0, 1)?.flatten(0, 1), &[&a]).unwrap();
            gradcheck(|x| Ok(x[0].split(1, 2)?[0].square()), &[&a]).unwrap();
        });
    }
}

mod indexing {
    use super::*;

    #[test]
    fn gather_takes_from_one_axis() {
        everywhere(|| {
            let x = range([3, 4]);
            let index = ints(&[0, 2, 1, 1], [1, 4]);
            assert_eq!(values(&x.gather(0, &index).unwrap()), [0.0, 9.0, 6.0, 7.0]);
            assert_eq!(values(&x.gather(1, &ints(&[3, 0, 2], [3, 1])).unwrap()), [3.0, 4.0, 10.0]);
            assert_eq!(values(&x.t().gather(0, &ints(&[3, 0, 2], [1, 3])).unwrap()), [3.0, 4.0, 10.0]);
            assert_eq!(x.gather(1, &ints(&[], [3, 0])).unwrap().shape(), &[3, 0]);
            let message = "gather: shape [0]: axis 0 has no elements, but there are 2 indices";
            fails(range([0]).gather(0, &ints(&[0, 1], [2])), message);
        });
    }

    #[test]
    fn every_integer_is_an_index() {
        everywhere(|| {
            let x = range([300]) + 1.0;
            for dtype in DType::ALL.into_iter().filter(|d| d.is_int()) {
                let index = ints(&[2, 0, 2], [3]).to_dtype(dtype);
                assert_eq!(values(&x.index_select(0, &index).unwrap()), [3.0, 1.0, 3.0], "{dtype}");
            }
        });
    }

    #[test]
    fn slices_are_selected() {
        everywhere(|| {
            let x = range([2, 3, 2]);
            let out = x.index_select(1, &ints(&[2, 2, 0], [3])).unwrap();
            assert_eq!(values(&out), [4.0, 5.0, 4.0, 5.0, 0.0, 1.0, 10.0, 11.0, 10.0, 11.0, 6.0, 7.0]);
            assert_eq!(x.index_select(1, &ints(&[], [0])).unwrap().shape(), &[2, 0, 2]);
            fails(x.index_select(1, &ints(&[1], ())), "index_select: shape []: the index is not a vector");
            fails(x.index_select(1, &range([1])), "index_select: dtype float32: an index holds integers");
        });
    }

    #[test]
    fn scatter_adds_up() {
        everywhere(|| {
            let zeros = Tensor::zeros([3, 2], DType::F32, &here());
            let out = zeros.scatter_add(0, &ints(&[0, 2, 0, 2, 1, -1], [3, 2]), &(range([3, 2]) + 1.0)).unwrap();
            assert_eq!(values(&out), [4.0, 0.0, 5.0, 0.0, 0.0, 12.0]);
            let some = range([3, 2])
                .scatter_add(1, &ints(&[1], [1, 1]), &Tensor::full([1, 1], 10.0, DType::F32, &here()).unwrap())
                .unwrap();
            assert_eq!(values(&some), [0.0, 11.0, 2.0, 3.0, 4.0, 5.0]);
            let none = range([2]).scatter_add(0, &ints(&[], [0]), &range([0])).unwrap();
            assert_eq!(values(&none), [0.0, 1.0]);
            let mixed =
                ints(&[1, 1], [2]).scatter_add(0, &ints(&[0, 0], [2]), &Tensor::ones([2], DType::U8, &here())).unwrap();
            assert_eq!((mixed.dtype(), values(&mixed)), (DType::I64, vec![3.0, 1.0]));
        });
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        everywhere(|| {
            let x = range([3, 4]);
            let message = "gather: shapes [3, 4] and [4, 1]: the index is larger along axis 0";
            fails(x.gather(1, &ints(&[0; 4], [4, 1])), message);
            fails(x.gather(1, &ints(&[0], [1])), "gather: shapes [3, 4] and [1]: the index has rank 1, the tensor 2");
            fails(
                x.scatter_add(0, &ints(&[0], [1, 1]), &range([1, 2])),
                "scatter_add: shapes [1, 1] and [1, 2]: index and source differ",
            );
            assert!(matches!(x.gather(2, &ints(&[0], [1, 1])), Err(Error::Axis { .. })));
        });
    }

    #[test]
    fn masks_triangles_and_one_hot() {
        everywhere(|| {
            let x = range([2, 3]);
            let mask = x.gt(3.0).unwrap();
            assert_eq!(values(&x.masked_fill(&mask, -1.0).unwrap()), [0.0, 1.0, 2.0, 3.0, -1.0, -1.0]);
            let column = Tensor::from_slice(&[true, false], [2, 1], &here()).unwrap();
            assert_eq!(values(&x.masked_fill(&column, 9).unwrap()), [9.0, 9.0, 9.0, 3.0, 4.0, 5.0]);
            assert_eq!(x.to_dtype(DType::I8).masked_fill(&mask, 7).unwrap().dtype(), DType::I8);
            assert_eq!(mask.masked_fill(&mask, false).unwrap().dtype(), DType::Bool);
            fails(x.masked_fill(&x, 0.0), "masked_fill: dtype float32: the mask must be bool");
            assert!(range([3]).masked_fill(&mask, 0.0).is_err());

            let x = range([3, 3]) + 1.0;
            assert_eq!(values(&x.tril(0).unwrap()), [1.0, 0.0, 0.0, 4.0, 5.0, 0.0, 7.0, 8.0, 9.0]);
            assert_eq!(values(&x.triu(1).unwrap()), [0.0, 2.0, 3.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0]);
            assert_eq!(values(&x.tril(-1).unwrap()), [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 7.0, 8.0, 0.0]);
            let flags = Tensor::ones([2, 2, 3], DType::Bool, &here()).triu(0).unwrap();
            assert_eq!(
                (flags.dtype(), values(&flags)[6..].to_vec()),
                (DType::Bool, vec![1.0, 1.0, 1.0, 0.0, 1.0, 1.0])
            );
            fails(range([3]).tril(0), "tril: shape [3]: a matrix has two axes");

            let hot = ints(&[1, 0, 1], [3]).one_hot(2).unwrap();
            assert_eq!((hot.shape().dims(), values(&hot)), (&[3, 2][..], vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0]));
            assert_eq!(ints(&[0], ()).one_hot(3).unwrap().shape(), &[3]);
            assert!(range([2]).one_hot(2).is_err());
        });
    }

    #[test]
    fn gradients() {
        everywhere(|| {
            let x = precise([3, 4]);
            let index = ints(&[0, 2, 2, -3], [1, 4]);
            gradcheck(|x| Ok(x[0].gather(0, &index)?.square()), &[&x]).unwrap();
            let lines = ints(&[2, 0, 2, -1], [4]);
            gradcheck(|x| Ok(x[0].index_select(0, &lines)?.square()), &[&x]).unwrap();
            gradgradcheck(|x| Ok(x[0].index_select(0, &lines)?.square()), &[&x]).unwrap();
            let (base, src) = (precise([3, 4]), precise([1, 4]));
            gradcheck(|x| Ok(x[0].scatter_add(0, &index, &x[1])?.square()), &[&base, &src]).unwrap();
            gradgradcheck(|x| Ok(x[0].scatter_add(0, &index, &x[1])?.square()), &[&base, &src]).unwrap();
            gradcheck(|x| x[0].masked_fill(&x[0].detach().gt(3.5)?, 0.0), &[&x]).unwrap();
            gradcheck(|x| Ok(x[0].tril(0)?.square()), &[&x]).unwrap();
            gradcheck(|x| x[0].select(0, 1)?.mul(x[0].select(0, -1)?), &[&x]).unwrap();
        });
    }
}

#[test]
fn tensors_move_between_devices() {
    everywhere(|| {
        let other = Device::cpu_with(DeviceOptions::default());
        let x = range([2, 3]).requires_grad();
        let y = x.t().to_device(&other).unwrap();
        assert_eq!((y.device(), values(&y)), (&other, vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        let grads = y.square().sum(()).unwrap().backward().unwrap();
        let grad = grads.get(&x).unwrap();
        assert_eq!((grad.device(), values(grad)), (&here(), vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
        assert!(x.add(&y).is_err());
        assert_eq!(x.to_device(&here()).unwrap().device(), &here());
        assert_eq!(range([0, 2]).to_device(&other).unwrap().shape(), &[0, 2]);
    });
}
