//! Indices and class ids: negative ones, those out of range, and when the error comes. Right values are NumPy's
//! (negative indices) and PyTorch 2.x's (class ids), or plain arithmetic.

mod classes;
mod faults;

use kiln::{Result, grad, nn::functional::embedding, prelude::*};
use kiln_tests::{HAS_GPU, devices, gpu_with};

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

fn ints(values: &[i64], shape: impl Into<Shape>, device: &Device) -> Tensor {
    Tensor::from_slice(values, shape, device).expect("a tensor")
}

/// The same numbers as the result of an op, so that nobody can look at them when the next op is called.
fn lazy(values: &[i64], shape: impl Into<Shape>, device: &Device) -> Tensor {
    ints(values, shape, device).add(0i64).expect("a sum")
}

fn range(shape: impl Into<Shape>, device: &Device) -> Tensor {
    let shape = shape.into();
    let x = Tensor::arange(0, shape.numel() as i64, 1, DType::F32, device).and_then(|x| x.reshape(shape));
    x.expect("a tensor")
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).to_vec::<f64>().unwrap_or_else(|error| panic!("{error}"))
}

/// Elements that may be NaN, compared.
fn same(got: &[f32], want: &[f32], what: &str) {
    let equal = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| g == w || g.is_nan() && w.is_nan());
    assert!(equal, "{what}: {got:?}, not {want:?}");
}

/// The error of an op, or of reading its result.
fn error<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error,
    }
}

fn read(result: Result<Tensor>) -> Result<Vec<f64>> {
    result?.to_dtype(DType::F32).to_vec::<f32>().map(|all| all.into_iter().map(f64::from).collect())
}

#[track_caller]
fn is_index(error: &Error, want: (&str, i128, usize, usize)) {
    match error {
        Error::Index { op, index, axis, size, .. } => assert_eq!((*op, *index, *axis, *size), want, "{error}"),
        other => panic!("{other}"),
    }
}

/// GPUs, with and without 64-bit integers, fused and not.
fn gpus() -> Vec<(&'static str, Device)> {
    if !HAS_GPU {
        return Vec::new();
    }
    vec![
        ("fused", gpu_with(|_| {})),
        ("unfused", gpu_with(|o| o.fusion = false)),
        ("no 64-bit integers", gpu_with(|o| o.int64 = false)),
        ("webgpu limits", gpu_with(|o| (o.webgpu_limits, o.immediates) = (true, false))),
    ]
}

/// Every op with an index along an axis of three, for an index of this shape.
type Indexed = (&'static str, usize, fn(&Tensor, &Tensor) -> Result<Tensor>);
const OPS: [Indexed; 6] = [
    ("gather", 0, |x, i| x.gather(0, &i.unsqueeze(1)?.expand([i.numel(), 2])?)),
    ("index_select", 0, |x, i| x.index_select(0, i)),
    ("scatter_add", 0, |x, i| {
        let src = Tensor::ones([i.numel(), 2], DType::F32, x.device());
        x.scatter_add(0, &i.unsqueeze(1)?.expand([i.numel(), 2])?, &src)
    }),
    ("embedding", 0, |x, i| embedding(i, x, None)),
    ("one_hot", 1, |_, i| i.one_hot(3)),
    ("cross_entropy", 1, |x, i| {
        let logits = x.t().unsqueeze(0)?.expand([i.numel(), 2, 3])?.mean(1)?;
        cross_entropy(&logits, i)
    }),
];

#[test]
fn negative_indices_count_from_the_end() {
    for (name, device) in devices() {
        let x = range([3, 2], device);
        for dtype in INTEGERS.into_iter().filter(|dtype| dtype.is_signed()) {
            // np.take(x, [-1, 0, -3], axis=0)
            let index = ints(&[-1, 0, -3], [3], device).to_dtype(dtype);
            assert_eq!(values(&x.index_select(0, &index).unwrap()), [4.0, 5.0, 0.0, 1.0, 0.0, 1.0], "{name} {dtype}");
            // np.take_along_axis(x, [[-1], [1], [-2]], axis=1)
            let index = ints(&[-1, 1, -2], [3, 1], device).to_dtype(dtype);
            assert_eq!(values(&x.gather(1, &index).unwrap()), [1.0, 3.0, 4.0], "{name} {dtype}");
            // np.add.at(np.zeros(3), [-1, 0, -1, -3], [0, 1, 2, 3])
            let index = ints(&[-1, 0, -1, -3], [4], device).to_dtype(dtype);
            let zeros = Tensor::zeros([3], DType::F32, device);
            assert_eq!(values(&zeros.scatter_add(0, &index, &range([4], device)).unwrap()), [4.0, 0.0, 2.0], "{name}");
        }
        let x = range([3], device).requires_grad();
        let y = x.index_select(0, &ints(&[-1, 2, 0], [3], device)).unwrap();
        let g = grad(&(y * range([3], device)).sum(()).unwrap(), &[&x], false).unwrap().remove(0);
        assert_eq!(values(&g), [2.0, 0.0, 1.0], "{name}");
    }
}

#[test]
fn no_size_makes_a_false_report() {
    for (name, device) in devices().iter().map(|(name, device)| (*name, device.clone())).chain(gpus()) {
        for n in 1..=18 {
            // What the pool hands out next holds indices out of range.
            for dtype in [DType::I32, DType::I64] {
                let dirty: Vec<Tensor> = (0..4)
                    .map(|_| Tensor::full([64], 1000, dtype, &device).and_then(|x| x.add(1)).expect("a sum"))
                    .collect();
                dirty.iter().for_each(|x| assert!(x.realized()));
                drop(dirty);
                let index: Vec<i64> = (0..n).map(|i| i % 3 - 1).collect();
                let index = ints(&index, [n as usize], &device).to_dtype(dtype);
                let x = range([2], &device);
                let want: Vec<f64> = (0..n).map(|i| [1.0, 0.0, 1.0][i as usize % 3]).collect();
                assert_eq!(values(&x.gather(0, &index).unwrap()), want, "{n} {dtype} on {name}");
                let logits = Tensor::zeros([n as usize, 2], DType::F32, &device);
                let loss = cross_entropy(&logits, &index.abs()).unwrap();
                assert!((loss.item::<f32>().unwrap() - 2f32.ln()).abs() < 1e-6, "{n} {dtype} on {name}");
            }
        }
        assert!(device.sync().is_ok());
    }
}

trait Realized {
    fn realized(&self) -> bool;
}

impl Realized for Tensor {
    fn realized(&self) -> bool {
        self.device().sync().is_ok()
    }
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn the_status_takes_one_of_few_buffers() {
    for (name, device) in gpus() {
        let index = ints(&[0, 1, 2, 3, 3], [5], &device);
        let tables: Vec<Tensor> = (0..9).map(|i| range([4], &device) + i as f64).collect();
        tables.iter().for_each(|t| assert!(t.realized()));
        let mut sum = Tensor::zeros([5], DType::F32, &device);
        for table in &tables {
            sum += table.gather(0, &index).unwrap();
        }
        assert_eq!(values(&sum), [36.0, 45.0, 54.0, 63.0, 63.0], "{name}");
    }
}

#[test]
fn axes_without_elements_and_indices_without_elements() {
    for (name, device) in devices() {
        let (none, empty) = (range([0, 2], device), ints(&[], [0], device));
        assert_eq!(none.index_select(0, &empty).unwrap().shape(), &[0, 2], "{name}");
        assert_eq!(embedding(&empty, &none, None).unwrap().shape(), &[0, 2]);
        assert_eq!(range([3, 0], device).index_select(0, &ints(&[-1], [1], device)).unwrap().shape(), &[1, 0]);
        let one = ints(&[0], [1], device);
        let message = "index_select: shape [0, 2]: axis 0 has no elements, but there are 1 indices";
        assert_eq!(error(none.index_select(0, &one)).to_string(), message);
        assert!(none.gather(0, &ints(&[0], [1, 1], device)).is_err());
        assert!(range([0], device).scatter_add(0, &one, &range([1], device)).is_err());
        assert!(one.one_hot(0).is_err() && empty.one_hot(0).is_ok());
        assert!(cross_entropy(&range([1, 0], device), &one).is_err());
        assert!(range([3], device).select(0, 3).is_err() && range([3], device).select(0, isize::MIN).is_err());
        is_index(&error(range([2, 3], device).select(-1, -4)), ("select", -4, 1, 3));
    }
}
