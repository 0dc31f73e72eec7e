//! Joining of tensors.

use super::*;

#[test]
fn cat_along_every_axis() {
    everywhere(|| {
        let x = range([2, 3]);
        assert_eq!(values(&Tensor::cat(&[&x, &x], 0).unwrap()), [numbers(0..6), numbers(0..6)].concat());
        let wide = Tensor::cat(&[x.clone(), x.narrow(1, 0, 1).unwrap()], -1).unwrap();
        assert_eq!(values(&wide), [0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 5.0, 3.0]);
        assert_eq!(values(&Tensor::cat(&[&x.t()], 0).unwrap()), values(&x.t()));
        let with_empty = Tensor::cat(&[&x, &x.narrow(0, 0, 0).unwrap(), &x.t().reshape([2, 3]).unwrap()], 0).unwrap();
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
        assert_eq!(Tensor::cat(&[&flags, &flags], 0).unwrap().to_vec::<bool>().unwrap(), [true, false, true, false]);
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
