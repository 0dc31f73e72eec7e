//! Axes of which a kernel goes through more elements than drivers on the CPU allow a thread turns of a loop: Mesa's leave
//! loops after 65,535 turns, all loops of a thread together, without a word.

use kiln::{DType, Device, Result, Tensor};
use kiln_tests::devices;

/// Calls a function with each fused device.
fn each(f: impl Fn(&str, &Device) -> Result<()>) {
    for (name, device) in devices().iter().filter(|(name, _)| ["cpu", "gpu"].contains(name)) {
        f(name, device).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// `0, 1, 2, 0, 1, 2 ..`
fn thirds(shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    (Tensor::arange(0, count as i64, 1, DType::I32, device)? % 3).to_dtype(dtype).reshape(shape)
}

fn all(y: &Tensor) -> Result<Vec<f64>> {
    y.to_dtype(DType::F64).to_vec::<f64>()
}

#[test]
fn products() {
    each(|name, d| {
        for (k, dtypes) in
            [(70_000, &[DType::F32, DType::I32, DType::I64, DType::F64, DType::F16][..]), (300_001, &[DType::F32])]
        {
            for &dtype in dtypes {
                for [m, n] in [[2, 3], [8, 4], [1, 1]] {
                    let a = Tensor::ones([m, k], dtype, d);
                    let b = thirds(&[k, n], dtype, d)?;
                    let halves = dtype == DType::F16;
                    let y = a.matmul(&if halves { b * 0.1 } else { b })? + 1;
                    let columns = (0..n).map(|j| (0..k).map(|i| ((i * n + j) % 3) as f64).sum::<f64>());
                    let want: Vec<f64> = columns.map(|sum| if halves { sum * 0.1 + 1.0 } else { sum + 1.0 }).collect();
                    for (i, got) in all(&y)?.into_iter().enumerate() {
                        let near = (got - want[i % n]).abs() <= if halves { 16.0 } else { want[i % n] * 1e-6 };
                        assert!(near, "{m}x{k}x{n} of {dtype}, {name}: {got}, not {}", want[i % n]);
                    }
                }
            }
        }
        let a = thirds(&[3, 70_000], DType::F32, d)?;
        for p in [0.0, 1.0, 2.0, 3.0, f64::INFINITY] {
            let y = all(&a.cdist(&(&a + 1.0), p)?)?;
            let distance = |i: usize, j: usize| {
                let d = (0..70_000).map(|k| ((i * 70_000 + k) % 3).abs_diff((j * 70_000 + k) % 3 + 1) as f64);
                match p {
                    0.0 => d.filter(|d| *d != 0.0).count() as f64,
                    p if p.is_infinite() => d.fold(0.0, f64::max),
                    p => d.map(|d| d.powf(p)).sum::<f64>().powf(1.0 / p),
                }
            };
            for (at, got) in y.into_iter().enumerate() {
                let want = distance(at / 3, at % 3);
                assert!((got - want).abs() <= want * 1e-5, "distance by {p}, {name}: {got}, not {want}");
            }
        }
        Ok(())
    });
}

#[test]
fn scatter_add_and_its_like() {
    each(|name, d| {
        let count = 200_000;
        let index = thirds(&[count], DType::I64, d)?;
        let y = Tensor::zeros([4], DType::F32, d).scatter_add(0, &index, &Tensor::ones([count], DType::F32, d))?;
        let share = |k: usize| ((count + 2 - k) / 3) as f64;
        assert_eq!(all(&y)?, [share(0), share(1), share(2), 0.0], "{name}");
        let y = Tensor::zeros([4], DType::U8, d).scatter_add(0, &index, &Tensor::ones([count], DType::U8, d))?;
        assert_eq!(all(&y)?, [share(0) % 256.0, share(1) % 256.0, share(2) % 256.0, 0.0], "{name}");
        // A table with more rows than that, many of whose columns are cleared by one thread.
        let (rows, columns) = (100_000, 80);
        let index = Tensor::from_slice(&[99_999i64, 5, 99_999], [3], d)?;
        let table = Tensor::zeros([rows, columns], DType::F32, d).requires_grad();
        let grads = (table.index_select(0, &index)? * 2.0).sum(())?.backward()?;
        let sums = all(&grads.get(&table).expect("a gradient").sum(1)?)?;
        let expected = |row: usize| match row {
            5 => 2.0 * columns as f64,
            99_999 => 4.0 * columns as f64,
            _ => 0.0,
        };
        assert!(sums.iter().enumerate().all(|(row, &sum)| sum == expected(row)), "{name}");
        Ok(())
    });
}

#[test]
fn reductions_with_loops_in_their_steps() {
    each(|name, d| {
        // Rows enough for every thread, so that nothing is cut for speed; columns, and rows.
        for (shape, axis) in [([6_000, 2_048], 0), ([2_048, 6_000], 1)] {
            let x = Tensor::arange(0, shape.iter().product::<usize>() as i64, 1, DType::I32, d)?.reshape(shape)?;
            let y = ((x.to_dtype(DType::F32) * 1e3) % 7.0).sum(axis)?;
            let whole =
                all(&((x.to_dtype(DType::F64) * 1e3).to_dtype(DType::F32) % 7.0).to_dtype(DType::F64).sum(axis)?)?;
            for (got, want) in all(&y)?.iter().zip(&whole) {
                assert!((got - want).abs() <= want * 1e-5, "{shape:?} along {axis}, {name}: {got}, not {want}");
            }
        }
        let random = || Tensor::rand([8_000, 2_048], DType::F32, 3, d);
        let fused = all(&random()?.sum(0)?)?;
        let stored = random()?;
        d.sync()?;
        for (got, want) in fused.iter().zip(all(&stored.to_dtype(DType::F64).sum(0)?)?) {
            assert!((got - want).abs() <= want * 1e-5, "random columns, {name}: {got}, not {want}");
        }
        Ok(())
    });
}
