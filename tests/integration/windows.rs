//! Windows over an axis: convolution and pooling stand on them.

use kiln::{DType, Tensor};
use kiln_tests::devices;

#[test]
fn unfold_and_its_gradient() {
    for (name, device) in devices() {
        // (length, size, step): apart, side by side, overlapping, and with a rest that no window reaches.
        for (len, size, step) in [(7, 2, 3), (8, 2, 2), (9, 3, 1), (10, 3, 2), (5, 5, 1), (4, 1, 1)] {
            let x = Tensor::arange(0, 2 * len as i64 * 3, 1, DType::F32, device).unwrap();
            let x = x.reshape([2, len, 3]).unwrap().requires_grad();
            let y = x.unfold(1, size, step).unwrap();
            let count = (len - size) / step + 1;
            assert_eq!(y.shape(), &[2, count, 3, size], "{name}");
            let (mut want, mut slope) = (Vec::new(), vec![0.0f32; 2 * len * 3]);
            for (b, w, c, k) in iproduct([2, count, 3, size]) {
                let at = (b * len + w * step + k) * 3 + c;
                slope[at] += want.len() as f32;
                want.push(at as f32);
            }
            assert_eq!(y.to_vec::<f32>().unwrap(), want, "{name}: {len} {size} {step}");
            let weights = Tensor::arange(0, want.len() as i64, 1, DType::F32, device).unwrap();
            let loss = (y.reshape(want.len()).unwrap() * weights).sum(()).unwrap();
            let grads = loss.backward().unwrap();
            assert_eq!(grads.get(&x).unwrap().to_vec::<f32>().unwrap(), slope, "{name}: {len} {size} {step}");
        }
        let x = Tensor::zeros([3], DType::F32, device);
        for (axis, size, step) in [(1, 1, 1), (0, 4, 1), (0, 0, 1), (0, 1, 0)] {
            assert!(x.unfold(axis, size, step).is_err());
        }
    }
}

/// All indices of four axes, the last one fastest.
fn iproduct(sizes: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let [a, b, c, d] = sizes;
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}
