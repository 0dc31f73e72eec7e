//! Indices out of range: which error comes, when, and what is left of the result.

use kiln::{nn::functional::embedding, prelude::*};
use kiln_tests::{devices, gpu_with};

use super::{OPS, error, gpus, ints, is_index, lazy, range, read, same, values};

#[test]
fn out_of_range_is_an_error_with_all_it_takes_to_find_it() {
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
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn a_gpu_marks_what_is_wrong_and_tells_it_once() {
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
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn pieces_of_a_kernel_check_their_part() {
    let device = gpu_with(|o| o.max_binding_bytes = Some(1024));
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
fn many_threads_find_one_error() {
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
