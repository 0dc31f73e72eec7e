//! Indices and class ids: negative ones, those out of range, and when the error comes. Right values are NumPy's
//! (negative indices) and PyTorch 2.x's (class ids), or plain arithmetic.

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};

use common::devices;
use kiln::{
    Result, grad,
    loss::{Nll, Reduction},
    nn::functional::embedding,
    prelude::*,
};

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// A GPU gives an error with the next value that is read, so that only one test may use it at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    if devices().len() == 2 {
        return Vec::new();
    }
    let open = |change: fn(&mut DeviceOptions)| {
        let mut options = DeviceOptions::default();
        change(&mut options);
        Device::gpu_with(0, options).expect("opened before")
    };
    vec![
        ("fused", open(|_| {})),
        ("unfused", open(|o| o.fusion = false)),
        ("no 64-bit integers", open(|o| o.int64 = false)),
        ("webgpu limits", open(|o| (o.webgpu_limits, o.immediates) = (true, false))),
    ]
}

#[test]
fn negative_indices_count_from_the_end() {
    let _turn = turn();
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
fn out_of_range_is_an_error_with_all_it_takes_to_find_it() {
    let _turn = turn();
    let all = devices().iter().map(|(name, device)| (*name, device.clone())).chain(gpus());
    for (name, device) in all {
        let x = range([3, 2], &device);
        for (op, axis, f) in OPS {
            for wrong in [3, -4, 127, 1 << 31, -(1 << 31) - 1, 1 << 32, (1 << 32) + 1, i64::MAX, i64::MIN] {
                // Of fewer numbers than four, a kernel computes four.
                for count in [1, 2, 5] {
                    let mut index = vec![1; count];
                    index[count / 2] = wrong;
                    let error = error(read(f(&x, &ints(&index, [count], &device))));
                    is_index(&error, (op, wrong.into(), axis, 3));
                    assert!(matches!(error, Error::Index { delayed, .. } if delayed != device.is_cpu()), "{name}");
                }
            }
            for (dtype, wrong) in [(DType::U8, 255), (DType::I8, -128), (DType::U32, u32::MAX.into())] {
                let index = ints(&[0, wrong, 1], [3], &device).to_dtype(dtype);
                is_index(&error(read(f(&x, &index))), (op, wrong.into(), axis, 3));
            }
            let index = Tensor::from_slice(&[u64::MAX, 0], [2], &device).unwrap();
            is_index(&error(read(f(&x, &index))), (op, u64::MAX.into(), axis, 3));
            // The device goes on.
            assert_eq!(values(&x.index_select(0, &ints(&[2], [1], &device)).unwrap()), [4.0, 5.0], "{op} on {name}");
        }
        for (op, f) in [("embedding", OPS[3].2), ("one_hot", OPS[4].2), ("cross_entropy", OPS[5].2)] {
            let axis = usize::from(op != "embedding");
            is_index(&error(read(f(&x, &ints(&[0, -1], [2], &device)))), (op, -1, axis, 3));
        }
    }
}

#[test]
fn the_cpu_looks_at_the_call_or_computes_nothing_wrong() {
    let _turn = turn();
    for (name, device) in devices().iter().filter(|(_, device)| device.is_cpu()) {
        let x = range([3, 2], device);
        for (op, axis, f) in OPS.into_iter().filter(|(op, ..)| !matches!(*op, "gather" | "scatter_add")) {
            is_index(&error(f(&x, &ints(&[0, 3], [2], device))), (op, 3, axis, 3));
        }
        for (op, axis, f) in OPS {
            // An index that is computed is found by the kernel.
            let (fine, index) = (x.exp(), lazy(&[0, 3], [2], device));
            let y = f(&x, &index).unwrap();
            let after = y.to_dtype(DType::F32) * 2.0;
            is_index(&error(device.flush()), (op, 3, axis, 3));
            is_index(&error(y.to_dtype(DType::F32).to_vec::<f32>()), (op, 3, axis, 3));
            is_index(&error(after.to_vec::<f32>()), (op, 3, axis, 3));
            assert_eq!(fine.to_vec::<f32>().unwrap()[0], 1.0, "{name}");
            assert!(device.sync().is_ok());
        }
        // What shares a kernel with the op but does not depend on it is right.
        let big = range([4], device);
        let shared = big.exp();
        let picked = big.gather(0, &lazy(&[0, 1, 2, 9], [4], device)).unwrap() + &shared;
        is_index(&error(picked.to_vec::<f32>()), ("gather", 9, 0, 4));
        assert_eq!(shared.to_vec::<f32>().unwrap()[0], 1.0, "{name}");
    }
}

#[test]
fn a_gpu_marks_what_is_wrong_and_tells_it_once() {
    let _turn = turn();
    let nan = f32::NAN;
    for (name, device) in gpus() {
        let x = range([3, 2], &device);
        let index = ints(&[1, 3, -1, 1 << 32], [4], &device);
        let y = x.index_select(0, &index).unwrap();
        device.flush().unwrap();
        let other = range([2], &device) + 1.0;
        let first = error(other.to_vec::<f32>());
        assert!(
            matches!(first, Error::Index { op: "index_select", index: 3 | 0x1_0000_0000, delayed: true, .. }),
            "{first}"
        );
        assert!(first.to_string().contains("earlier call"), "{first}");
        assert_eq!(other.to_vec::<f32>().unwrap(), [1.0, 2.0], "{name}");
        same(&y.to_vec::<f32>().unwrap(), &[2.0, 3.0, nan, nan, 4.0, 5.0, nan, nan], name);

        let whole = Tensor::arange(0, 6, 1, DType::I32, &device).unwrap().index_select(0, &index).unwrap();
        is_index(&error(device.sync()), ("index_select", 1 << 32, 0, 6));
        assert!(device.sync().is_ok());
        assert_eq!(whole.to_vec::<i32>().unwrap(), [1, 3, 5, -1], "{name}");
        let flags = Tensor::zeros([3], DType::Bool, &device).index_select(0, &ints(&[7, 0], [2], &device)).unwrap();
        is_index(&error(flags.to_vec::<bool>()), ("index_select", 7, 0, 3));
        assert_eq!(flags.to_vec::<bool>().unwrap(), [true, false], "{name}");
        let bytes = range([3], &device).to_dtype(DType::U8).gather(0, &ints(&[7, 2], [2], &device)).unwrap();
        is_index(&error(bytes.to_vec::<u8>()), ("gather", 7, 0, 3));
        assert_eq!(bytes.to_vec::<u8>().unwrap(), [255, 2], "{name}");

        // A sum that has lost an element is marked along its line, others are not.
        let (zeros, src) = (Tensor::zeros([3, 2], DType::F32, &device), Tensor::ones([2, 2], DType::F32, &device));
        let sums = zeros.scatter_add(0, &ints(&[0, 0, 2, 5], [2, 2], &device), &src).unwrap();
        is_index(&error(device.sync()), ("scatter_add", 5, 0, 3));
        same(&sums.to_vec::<f32>().unwrap(), &[1.0, nan, 0.0, nan, 1.0, nan], name);
        let halves = zeros.to_dtype(DType::F16).scatter_add(0, &ints(&[0, 0, 2, 5], [2, 2], &device), &src).unwrap();
        is_index(&error(device.sync()), ("scatter_add", 5, 0, 3));
        same(&halves.to_dtype(DType::F32).to_vec::<f32>().unwrap(), &[1.0, nan, 0.0, nan, 1.0, nan], name);
        let bytes = Tensor::zeros([3], DType::I8, &device)
            .scatter_add(0, &ints(&[0, 3], [2], &device), &Tensor::ones([2], DType::I8, &device))
            .unwrap();
        is_index(&error(device.sync()), ("scatter_add", 3, 0, 3));
        assert_eq!(bytes.to_vec::<i8>().unwrap(), [-1; 3], "{name}");

        let hot = ints(&[1, 3], [2], &device).one_hot(3).unwrap();
        is_index(&error(device.sync()), ("one_hot", 3, 1, 3));
        assert_eq!(hot.to_vec::<i64>().unwrap(), [0, 1, 0, -1, -1, -1], "{name}");
    }
}

#[test]
fn a_plan_that_is_known_names_the_op_that_was_called() {
    let _turn = turn();
    for (name, device) in devices() {
        let x = range([5, 2], device);
        for _ in 0..2 {
            // One structure, three names.
            let wrong = || lazy(&[0, 5], [2], device);
            is_index(&error(read(x.index_select(0, &wrong()))), ("index_select", 5, 0, 5));
            is_index(&error(read(embedding(&wrong(), &x, None))), ("embedding", 5, 0, 5));
            let column = wrong().unsqueeze(1).and_then(|i| i.expand([2, 2]));
            is_index(&error(read(column.and_then(|i| x.gather(0, &i)))), ("gather", 5, 0, 5));
            assert_eq!(
                values(&x.index_select(0, &lazy(&[0, 4], [2], device)).unwrap()),
                [0.0, 1.0, 8.0, 9.0],
                "{name}"
            );
        }
        // Several in one kernel: the one that is wrong is named.
        let right = lazy(&[0, 1, 2, 3], [4], device);
        for wrong in 0..3 {
            let size = |i: usize| if i == wrong { 3 } else { 4 + i };
            let parts: Vec<Tensor> =
                (0..3).map(|i| range([size(i)], device).gather(0, &right).unwrap() * (i as f64 + 1.0)).collect();
            let sum = &parts[0] + &parts[1] + &parts[2];
            is_index(&error(sum.to_vec::<f32>()), ("gather", 3, 0, 3));
        }
    }
}

#[test]
fn rows_and_products_check_too() {
    let _turn = turn();
    for (name, device) in devices() {
        let table = range([4], device);
        let index = lazy(&[0, 1, 2, 3, -1, 0, 1, 2, 3, 3, 2, 1], [4, 3], device);
        let wrong = lazy(&[0, 1, 2, 3, -1, 0, 1, 4, 3, 3, 2, 1], [4, 3], device);
        let wide = |index: &Tensor| table.unsqueeze(1)?.expand([4, 3])?.gather(0, index);
        // Behind, inside and in front of a reduction, along and across the memory.
        for axis in [0, 1] {
            let sum = wide(&index).and_then(|y| y.exp().sum(axis)).unwrap();
            assert!(values(&sum).iter().all(|v| v.is_finite()), "{name}");
            is_index(&error(read(wide(&wrong).and_then(|y| y.exp().sum(axis)))), ("gather", 4, 0, 4));
            let picked = |index: &Tensor| {
                let sums = (index.to_dtype(DType::F32) * 0.0).sum(axis)?;
                table.gather(0, &(sums.to_dtype(DType::I64).add(index.select(axis, 0)?)?))
            };
            assert!(picked(&index).is_ok_and(|y| y.to_vec::<f32>().is_ok()), "{name}");
            is_index(&error(read(picked(&wrong.add(4i64).unwrap()))), ("gather", 4, 0, 4));
        }
        let (a, b) = (range([4, 5], device), range([5, 3], device));
        let product = |index: &Tensor| a.matmul(&b)?.add(wide(index)?);
        let want: Vec<f64> = values(&a.matmul(&b).unwrap())
            .iter()
            .zip([0.0, 1.0, 2.0, 3.0, 3.0, 0.0, 1.0, 2.0, 3.0, 3.0, 2.0, 1.0])
            .map(|(x, y)| x + y)
            .collect();
        assert_eq!(values(&product(&index).unwrap()), want, "{name}");
        is_index(&error(read(product(&wrong))), ("gather", 4, 0, 4));
    }
}

#[test]
fn no_size_makes_a_false_report() {
    let _turn = turn();
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
fn pieces_of_a_kernel_check_their_part() {
    let _turn = turn();
    if devices().len() == 2 {
        return;
    }
    let mut options = DeviceOptions::default();
    options.max_binding_bytes = Some(1024);
    let device = Device::gpu_with(0, options).expect("opened before");
    let x = range([3], &device);
    let mut index = vec![2; 2000];
    for at in [0, 700, 1999] {
        index[at] = 7;
        let y = x.gather(0, &ints(&index, [2000], &device)).unwrap();
        is_index(&error(y.to_vec::<f32>()), ("gather", 7, 0, 3));
        let found = y.to_vec::<f32>().unwrap();
        assert!(found.iter().enumerate().all(|(i, v)| if i == at { v.is_nan() } else { *v == 2.0 }));
        let sum = x.gather(0, &ints(&index, [2000], &device)).and_then(|y| y.sum(())).unwrap();
        is_index(&error(sum.item::<f32>()), ("gather", 7, 0, 3));
        index[at] = 2;
    }
}

#[test]
fn the_status_takes_one_of_few_buffers() {
    let _turn = turn();
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
fn many_threads_find_one_error() {
    let _turn = turn();
    for (_, device) in devices() {
        let n = 1 << 20;
        let index = Tensor::arange(0, n, 1, DType::I64, device).unwrap();
        let x = range([1000], device);
        let found = error(x.gather(0, &index).and_then(|y| y.to_vec::<f32>()));
        assert!(
            matches!(found, Error::Index { op: "gather", index: 1000..0x10_0000, axis: 0, size: 1000, .. }),
            "{found}"
        );
        assert!(x.gather(0, &index.remainder(1000).unwrap()).and_then(|y| y.to_vec::<f32>()).is_ok());
    }
}

#[test]
fn axes_without_elements_and_indices_without_elements() {
    let _turn = turn();
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

/// torch.nn.functional.cross_entropy and its gradient for logits [[1, 2, 3], [0.5, -1, 0], [2, 0, 1], [-1, 1, 0]]:
/// ids [2, -100, 1, 0], then the same with reduction="sum"; then all ids -100.
#[test]
fn the_ignored_class_is_minus_hundred() {
    let _turn = turn();
    const LOGITS: [f32; 12] = [1.0, 2.0, 3.0, 0.5, -1.0, 0.0, 2.0, 0.0, 1.0, -1.0, 1.0, 0.0];
    const GRADIENT: [f32; 12] = [
        0.030010192,
        0.081576176,
        -0.11158635,
        0.0,
        0.0,
        0.0,
        0.22174697,
        -0.30332315,
        0.08157616,
        -0.30332315,
        0.22174697,
        0.08157616,
    ];
    for (name, device) in devices() {
        let x = Tensor::from_slice(&LOGITS, [4, 3], device).unwrap().requires_grad();
        for dtype in [DType::I8, DType::I16, DType::I32, DType::I64] {
            let ids = ints(&[2, -100, 1, 0], [4], device).to_dtype(dtype);
            let nll = |x: &Tensor, ids: &Tensor| Nll::new().loss(&x.log_softmax(1)?, ids);
            for (what, loss) in [("cross_entropy", cross_entropy(&x, &ids)), ("nll", nll(&x, &ids))] {
                let loss = loss.unwrap();
                let g = grad(&loss, &[&x], false).unwrap().remove(0);
                let value = loss.item::<f32>().unwrap();
                assert!((value - 1.7409394).abs() < 1e-6, "{what} {dtype} on {name}: {value}");
                for (g, want) in g.to_vec::<f32>().unwrap().into_iter().zip(GRADIENT) {
                    assert!((g - want).abs() < 1e-6, "{what} {dtype} on {name}: {g}, not {want}");
                }
            }
            let sum = CrossEntropy::new().reduction(Reduction::Sum).loss(&x, &ids).unwrap().item::<f32>().unwrap();
            assert!((sum - 5.222818).abs() < 2e-6, "{sum}");
            // Another ignored id makes -100 wrong.
            let other = CrossEntropy::new().ignore_index(1).loss(&x, &ids.add(0).unwrap());
            is_index(&error(read(other)), ("cross_entropy", -100, 1, 3));
        }
        let none = cross_entropy(&x, &ints(&[-100; 4], [4], device)).unwrap();
        assert!(none.item::<f32>().unwrap().is_nan(), "{name}");
        // 156 is -100 in eight bits, and no class.
        let bytes = ints(&[2, 156, 1, 0], [4], device).to_dtype(DType::U8);
        is_index(&error(read(cross_entropy(&x, &bytes))), ("cross_entropy", 156, 1, 3));
        let ignored = CrossEntropy::new().ignore_index(156).loss(&x, &bytes).unwrap().item::<f32>().unwrap();
        assert!((ignored - 1.7409394).abs() < 1e-6, "{name}: {ignored}");
        let high = Tensor::from_slice(&[2, u64::MAX - 99, 1, 0], [4], device).unwrap();
        is_index(&error(read(cross_entropy(&x, &high))), ("cross_entropy", (u64::MAX - 99).into(), 1, 3));
        let first = CrossEntropy::new().ignore_index(0).loss(&x, &ints(&[0; 4], [4], device)).unwrap();
        assert!(first.item::<f32>().unwrap().is_nan(), "{name}");
    }
}

type LossFn = fn(&Tensor, &Tensor) -> Result<Tensor>;

#[test]
fn a_sample_without_a_class_has_no_finite_gradient() {
    let _turn = turn();
    let losses: [(&str, LossFn); 4] = [
        ("cross_entropy", cross_entropy),
        ("cross_entropy", |x, ids| CrossEntropy::new().label_smoothing(0.1).loss(x, ids)),
        ("cross_entropy", |x, ids| {
            let weight = Tensor::from_slice(&[1.0f32, 2.0, 3.0], [3], x.device())?;
            CrossEntropy::new().weight(&weight).loss(x, ids)
        }),
        ("nll", |x, ids| Nll::new().loss(&x.log_softmax(1)?, ids)),
    ];
    for (name, device) in devices() {
        for (op, loss) in losses {
            for wrong in [3, -1, 1 << 32, (1 << 32) + 1] {
                let x = range([3, 3], device).requires_grad();
                let y = loss(&x, &lazy(&[0, wrong, 2], [3], device)).unwrap();
                let g = grad(&y, &[&x], false).unwrap().remove(0);
                is_index(&error(device.sync()), (op, wrong.into(), 1, 3));
                if device.is_cpu() {
                    is_index(&error(y.item::<f32>()), (op, wrong.into(), 1, 3));
                    is_index(&error(g.to_vec::<f32>()), (op, wrong.into(), 1, 3));
                    continue;
                }
                assert!(y.item::<f32>().unwrap().is_nan(), "{op} on {name}");
                let g = g.to_vec::<f32>().unwrap();
                assert!(g[3..6].iter().all(|g| g.is_nan()), "{op} on {name}: {g:?}");
                if op == "cross_entropy" {
                    assert!(g[..3].iter().chain(&g[6..]).all(|g| g.is_finite()), "{op} on {name}: {g:?}");
                }
            }
        }
        // The gradient of a table has a mark where it misses something.
        let table = range([3, 2], device).requires_grad();
        let y = embedding(&lazy(&[0, 5], [2], device), &table, None).and_then(|y| y.sum(())).unwrap();
        let g = grad(&y, &[&table], false).unwrap().remove(0);
        is_index(&error(device.sync()), ("embedding", 5, 0, 3));
        if device.is_cpu() {
            is_index(&error(g.to_vec::<f32>()), ("embedding", 5, 0, 3));
        } else {
            assert!(g.to_vec::<f32>().unwrap().iter().all(|g| g.is_nan()), "{name}");
        }
    }
}

#[test]
fn padding_that_the_dtype_does_not_hold_pads_nothing() {
    let _turn = turn();
    for (name, device) in devices() {
        let table = (range([300, 1], device) + 1.0).requires_grad();
        // 299 is 43 in eight bits.
        let ids = ints(&[43, 1], [2], device).to_dtype(DType::U8);
        let gradient = |padding| {
            let y = embedding(&ids, &table, Some(padding)).and_then(|y| y.sum(())).unwrap();
            values(&grad(&y, &[&table], false).unwrap().remove(0))
        };
        assert_eq!((gradient(299)[43], gradient(43)[43], gradient(43)[1]), (1.0, 0.0, 1.0), "{name}");
    }
}
