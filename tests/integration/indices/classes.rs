//! Class ids, and the rows of tables.

use kiln::{
    Result, grad,
    loss::{Nll, Reduction},
    nn::functional::embedding,
    prelude::*,
};
use kiln_tests::devices;

use super::{error, ints, is_index, lazy, range, read, values};

/// torch.nn.functional.cross_entropy and its gradient for logits [[1, 2, 3], [0.5, -1, 0], [2, 0, 1], [-1, 1, 0]]:
/// ids [2, -100, 1, 0], then the same with reduction="sum"; then all ids -100.
#[test]
fn the_ignored_class_is_minus_hundred() {
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
