//! Making tensors.

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
        fails(
            Tensor::from_vec(vec![1.0f32; 3], [2], &device),
            "from_vec: shape [2]: the data has 3 elements, the shape 2",
        );
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
