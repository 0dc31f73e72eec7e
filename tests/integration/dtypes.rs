//! Every op on every dtype and device: it works, or says which op cannot take which dtype. Nothing panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kiln::{
    DType, Device, Error, Result, Scalar, Shape, Tensor,
    nn::functional::{self as f, ConvOptions, PoolOptions},
    op::{BinaryOp, UnaryOp},
};
use kiln_tests::{
    device,
    draw::Draw,
    gpu_with,
    values::{difference, tensor, values},
};

/// Name under which errors speak of the op, shapes of the inputs, and the call.
type Call = (&'static str, Vec<Vec<usize>>, Box<dyn Fn(&[Tensor]) -> Result<Tensor>>);

fn calls() -> Vec<Call> {
    let matrix = || vec![5, 6];
    let unary =
        UnaryOp::ALL.iter().map(|&op| -> Call { (op.info().name, vec![matrix()], Box::new(move |x| x[0].unary(op))) });
    let binary = BinaryOp::ALL
        .iter()
        .map(|&op| -> Call { (op.info().name, vec![matrix(), vec![6]], Box::new(move |x| x[0].binary(op, &x[1]))) });
    let mut all: Vec<Call> = unary.chain(binary).collect();
    macro_rules! call {
        ($name:expr, [$($shape:expr),*], |$x:ident| $body:expr) => {
            all.push(($name, vec![$($shape.to_vec()),*], Box::new(|$x: &[Tensor]| $body)))
        };
    }
    call!("sum", [[5, 6]], |x| x[0].sum(1));
    call!("prod", [[5, 3]], |x| x[0].prod(1));
    call!("mean", [[5, 6]], |x| x[0].mean(0));
    call!("max", [[5, 6]], |x| x[0].max(()));
    call!("min", [[5, 6]], |x| x[0].min(0));
    call!("any", [[5, 6]], |x| x[0].any(1));
    call!("all", [[5, 6]], |x| x[0].all(1));
    call!("argmax", [[5, 6]], |x| x[0].argmax(1));
    call!("argmin", [[5, 6]], |x| x[0].argmin(0));
    call!("var", [[5, 6]], |x| x[0].var(1, 1.0));
    call!("logsumexp", [[5, 6]], |x| x[0].logsumexp(1));
    call!("softmax", [[5, 6]], |x| x[0].softmax(1));
    call!("matmul", [[5, 6], [6, 7]], |x| x[0].matmul(&x[1]));
    call!("matmul", [[2, 5, 6], [6, 8]], |x| x[0].matmul(&x[1]));
    call!("conv1d", [[1, 2, 7], [3, 2, 3]], |x| f::conv1d(&x[0], &x[1], None, &ConvOptions::new()));
    call!("max_pool1d", [[1, 2, 7]], |x| f::max_pool1d(&x[0], PoolOptions::new(2)));
    call!("avg_pool1d", [[1, 2, 7]], |x| f::avg_pool1d(&x[0], PoolOptions::new(2)));
    call!("layer_norm", [[5, 6]], |x| f::layer_norm(&x[0], &[6], None, None, 1e-5));
    call!("group_norm", [[2, 4, 3]], |x| f::group_norm(&x[0], 2, None, None, 1e-5));
    call!("where", [[5, 6], [6]], |x| Tensor::eye(6, DType::Bool, x[0].device()).narrow(0, 0, 5)?.where_(&x[0], &x[1]));
    call!("masked_fill", [[6, 6]], |x| x[0].masked_fill(&Tensor::eye(6, DType::Bool, x[0].device()), 1.0));
    call!("cat", [[5, 6], [5, 3]], |x| Tensor::cat(x, 1));
    call!("stack", [[5, 3], [5, 3]], |x| Tensor::stack(x, 0));
    call!("pad", [[5, 6]], |x| x[0].pad(&[(1, 0), (2, 1)]));
    call!("contiguous", [[5, 7]], |x| Ok(x[0].t().contiguous()));
    call!("flip", [[5, 7]], |x| Ok(x[0].flip([1])?.contiguous()));
    call!("gather", [[5, 6]], |x| x[0].gather(1, &places(5, x)?.reshape([5, 1])?));
    call!("index_select", [[5, 6]], |x| x[0].index_select(0, &places(3, x)?));
    call!("scatter_add", [[5, 6], [5, 1]], |x| x[0].scatter_add(1, &places(5, x)?.reshape([5, 1])?, &x[1]));
    // The tensor as the index.
    call!("gather", [[5]], |x| places(9, x)?.gather(0, &x[0]));
    call!("one_hot", [[5]], |x| x[0].one_hot(4));
    for to in DType::ALL {
        all.push(("to_dtype", vec![vec![5, 7]], Box::new(move |x| Ok(x[0].to_dtype(to)))));
    }
    all
}

fn places(count: usize, like: &[Tensor]) -> Result<Tensor> {
    Tensor::from_vec((0..count as i64).map(|i| i * 2 % 5).collect(), [count], like[0].device())
}

fn evaluate(call: &Call, dtype: DType, device: &Device) -> Result<(DType, Vec<Scalar>)> {
    let mut draw = Draw(call.0.len() as u64);
    let mut make = |shape: &Vec<usize>| {
        let numbers: Vec<Scalar> = (0..shape.iter().product())
            .map(|_| match dtype {
                DType::Bool => Scalar::Bool(draw.bits() & 1 == 1),
                _ if dtype.is_float() => Scalar::Float(draw.float(0.1, 0.9)),
                _ => Scalar::UInt(draw.bits() % 4),
            })
            .collect();
        tensor(&numbers, &Shape::from(shape.clone()), dtype, device)
    };
    let y = (call.2)(&call.1.iter().map(&mut make).collect::<Result<Vec<_>>>()?)?;
    Ok((y.dtype(), values(&y)?))
}

/// Why a result is not what it should be: as on the CPU, or an error that names the op and the dtype.
fn fault(call: &Call, dtype: DType, device: &Device) -> Option<String> {
    let of = |device| catch_unwind(AssertUnwindSafe(|| evaluate(call, dtype, device)));
    let (Ok(got), Ok(expected)) = (of(device), of(&Device::cpu())) else { return Some("a panic".into()) };
    match (got, expected) {
        (Ok((dtype, got)), Ok((expected_dtype, expected))) => {
            let (relative, absolute) = match dtype {
                DType::F16 => (1e-3, 1e-3),
                DType::BF16 => (8e-3, 8e-3),
                DType::F64 => (1e-12, 1e-12),
                _ => (1e-5, 1e-5),
            };
            let other = (dtype != expected_dtype).then(|| format!("{dtype} instead of {expected_dtype}"));
            other.or_else(|| difference(&got, &expected, relative, absolute))
        }
        (Ok(_), Err(error)) => Some(format!("the CPU refuses: {error}")),
        (Err(Error::DType { op, dtype, .. }), _) if !op.is_empty() && DType::ALL.contains(&dtype) => None,
        (Err(error), _) => Some(format!("no error of op and dtype: {error}")),
    }
}

/// Every op on these dtypes works, or names itself and the dtype.
fn check(device: &Device, dtypes: &[DType]) {
    let (mut failures, mut count) = (Vec::new(), 0);
    for call in calls() {
        for &dtype in dtypes {
            count += 1;
            failures.extend(fault(&call, dtype, device).map(|why| format!("{} of {dtype}: {why}", call.0)));
        }
    }
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_cpu_takes_every_dtype_or_names_it() {
    check(device("cpu"), &DType::ALL);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn a_gpu_takes_every_dtype_or_names_it() {
    check(device("gpu"), &DType::ALL);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn the_least_gpu_takes_every_dtype_or_names_it() {
    let least = gpu_with(|o| (o.subgroups, o.immediates, o.int64, o.f64) = (false, false, false, false));
    // The other dtypes are what they are on the GPU.
    check(&least, &[DType::I64, DType::U64, DType::F64]);
}
