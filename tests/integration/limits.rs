//! Tensors that no kernel can bind as a whole: the same results in pieces.

use kiln::{DType, Device, Error, Result, Scalar, Tensor};
use kiln_tests::{
    device,
    draw::Draw,
    gpu_with,
    values::{difference, tensor, values},
};

/// A device whose kernels see this many bytes of a buffer.
fn limited(bytes: u64) -> Device {
    gpu_with(|options| options.max_binding_bytes = Some(bytes))
}

fn input(shape: &[usize], dtype: DType, seed: u64, device: &Device) -> Result<Tensor> {
    let mut draw = Draw(seed);
    let count = shape.iter().product();
    let numbers: Vec<Scalar> = (0..count)
        .map(|_| match dtype {
            DType::Bool => Scalar::Bool(draw.bits() & 1 == 1),
            _ if dtype.is_float() => Scalar::Float(draw.float(-2.0, 2.0)),
            _ if dtype.is_signed() => Scalar::Int(draw.bits() as i64 % 10),
            _ => Scalar::UInt(draw.bits() % 10),
        })
        .collect();
    tensor(&numbers, &shape.into(), dtype, device)
}

type Function = fn(&[Tensor]) -> Result<Tensor>;

/// Name, whether sums may differ in their last digits, shapes, and the function.
type Case = (&'static str, bool, &'static [&'static [usize]], Function);

fn index(values: impl Iterator<Item = i64>, like: &Tensor) -> Result<Tensor> {
    let values: Vec<i64> = values.collect();
    let count = values.len();
    Tensor::from_vec(values, [count], like.device())
}

const CASES: [Case; 44] = [
    ("relu and add", false, &[&[4001], &[4001]], |x| Ok(x[0].relu() + &x[1])),
    ("bias", false, &[&[37, 130], &[130]], |x| Ok(&x[0] * 2.0 + &x[1])),
    ("bias of odd rows", false, &[&[5, 1333], &[1333]], |x| Ok(&x[0] + &x[1])),
    ("outer sum", false, &[&[90, 1], &[1, 77]], |x| Ok(&x[0] + &x[1])),
    ("sum with the flipped", false, &[&[5003]], |x| Ok(&x[0] + x[0].flip([0])?)),
    ("sum with the transposed", false, &[&[70, 70]], |x| Ok(&x[0] + x[0].t())),
    ("transpose", false, &[&[96, 128]], |x| Ok(x[0].t().contiguous())),
    ("transpose of odd sizes", false, &[&[61, 83]], |x| Ok(x[0].t().contiguous())),
    ("permute", false, &[&[9, 20, 33]], |x| Ok(x[0].permute([2, 0, 1])?.contiguous())),
    ("slices", false, &[&[41, 150]], |x| Ok(x[0].slice(0, -1, isize::MIN, -2)?.slice(1, 3, 140, 3)? * 3.0)),
    ("cat of rows", false, &[&[30, 60], &[50, 60], &[1, 60]], |x| Tensor::cat(x, 0)),
    ("cat of columns", false, &[&[60, 31], &[60, 50], &[60, 2]], |x| Tensor::cat(x, 1)),
    ("stack", false, &[&[60, 31], &[60, 31]], |x| Tensor::stack(x, 2)),
    ("pad", false, &[&[51, 63]], |x| x[0].exp().pad(&[(3, 4), (1, 2)])),
    ("a frame larger than what it frames", false, &[&[5, 6]], |x| x[0].pad(&[(40, 30), (3, 50)])),
    ("expand", false, &[&[50, 1, 3]], |x| Ok(x[0].expand([50, 40, 3])?.contiguous())),
    ("arange", false, &[&[4000]], |x| {
        Ok(Tensor::arange(0.0, 4000.0, 1.0, DType::I32, x[0].device())?.to_dtype(x[0].dtype()) + &x[0])
    }),
    ("where", false, &[&[70, 70], &[70, 70]], |x| x[0].gt(0.25)?.where_(&x[0], &x[1])),
    ("compare", false, &[&[4099], &[4099]], |x| x[0].lt(&x[1])),
    ("compare with odd rows", false, &[&[5, 1333], &[1333]], |x| x[0].lt(&x[1])),
    ("compare with the transposed", false, &[&[67, 67]], |x| x[0].lt(x[0].t())),
    ("to bytes", false, &[&[5, 1333]], |x| Ok((x[0].abs() * 9.0).to_dtype(DType::U8))),
    ("bytes transposed", false, &[&[67, 131]], |x| (x[0].t().abs() * 9.0).to_dtype(DType::U8).bitwise_not()),
    ("one element of many", false, &[&[4001]], |x| Ok(x[0].slice(0, 4000, 4001, 1)? * 2.0)),
    ("rank 8", false, &[&[3, 2, 5, 2, 3, 2, 7, 3]], |x| Ok(x[0].permute([7, 0, 6, 2, 4, 1, 3, 5])? * 2.0)),
    ("sum of all", true, &[&[9001]], |x| x[0].sum(())),
    ("product of all", true, &[&[3001]], |x| (&x[0] * 0.001 + 1.0).prod(())),
    ("max of all", false, &[&[5001]], |x| x[0].max(())),
    ("min, and what follows", true, &[&[5001]], |x| Ok(x[0].min(())?.exp() * 2.0)),
    ("mean of rows", true, &[&[40, 130]], |x| x[0].mean(1)),
    ("mean of columns", true, &[&[130, 40]], |x| x[0].mean(0)),
    ("sum of columns, keepdim", true, &[&[5, 1600]], |x| x[0].exp().sum_keepdim(0)),
    ("sum of long rows", true, &[&[3, 3000]], |x| x[0].exp().sum_keepdim(1)),
    ("sum of the middle", true, &[&[9, 30, 40]], |x| x[0].sum(1)),
    ("sum of both sides", true, &[&[30, 9, 40]], |x| x[0].sum([0, 2])),
    ("any", false, &[&[40, 130]], |x| x[0].gt(1.9)?.any(1)),
    ("all of all", false, &[&[5000]], |x| x[0].gt(-1.999)?.all(())),
    ("argmax of columns", false, &[&[130, 40]], |x| x[0].argmax(0)),
    ("softmax of rows", true, &[&[60, 70]], |x| x[0].softmax(1)),
    ("softmax of columns", true, &[&[60, 70]], |x| x[0].softmax(0)),
    ("softmax of long rows", true, &[&[2, 3000]], |x| x[0].softmax(1)),
    ("variance", true, &[&[60, 70]], |x| x[0].var(0, 1.0)),
    ("layer norm", true, &[&[60, 70], &[70]], |x| {
        let centred = &x[0] - &x[0].mean_keepdim(1)?;
        Ok(&centred * &(x[0].var_keepdim(1, 0.0)? + 1e-5).rsqrt() * &x[1])
    }),
    ("rows by index", false, &[&[12, 60]], |x| x[0].index_select(0, &index((0..90).map(|i| i * 7 % 12), &x[0])?)),
];

/// Products, whose kernels take a driver long to compile: at sizes of which many pieces are alike.
const PRODUCTS: [Case; 5] = [
    ("matmul", true, &[&[128, 128], &[128, 128]], |x| x[0].matmul(&x[1])),
    ("matmul, transposed", true, &[&[128, 128], &[64, 128]], |x| x[0].t().matmul(&x[1].t())),
    ("matmul, long", true, &[&[4, 3000], &[3000, 4]], |x| Ok(x[0].matmul(&x[1])?.relu() + 0.5)),
    ("matmul with itself", true, &[&[128, 64]], |x| x[0].matmul(&x[0].t())),
    ("matmul in batches", true, &[&[6, 1, 20, 60], &[5, 60, 24]], |x| x[0].matmul(&x[1])),
];

fn compare(cases: &[Case], limited: &Device, expected: &Device, dtypes: &[DType]) {
    let mut failures = Vec::new();
    for &(name, sums, shapes, f) in cases {
        for &dtype in dtypes {
            let run = |device: &Device| -> Result<(DType, Vec<Scalar>)> {
                let inputs = shapes.iter().zip(1..).map(|(shape, seed)| input(shape, dtype, seed, device));
                let y = f(&inputs.collect::<Result<Vec<_>>>()?)?;
                Ok((y.dtype(), values(&y)?))
            };
            let why = match (run(limited), run(expected)) {
                (Err(error), Ok(_)) => Some(error.to_string()),
                (_, Err(error)) => panic!("{name} of {dtype} without the limit: {error}"),
                (Ok((dtype, got)), Ok((_, expected))) => {
                    let tolerance = match dtype {
                        _ if !sums => (0.0, 0.0),
                        DType::F16 => (2e-3, 2e-3),
                        _ => (1e-5, 1e-5),
                    };
                    difference(&got, &expected, tolerance.0, tolerance.1)
                }
            };
            failures.extend(why.map(|why| format!("{name} of {dtype}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn pieces_give_what_the_whole_gives() {
    let limited = limited(4096);
    compare(&CASES, &limited, device("gpu"), &[DType::F32, DType::F16]);
    let memory = limited.memory().live;
    assert_eq!(memory, 0, "bytes are still held");
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn products_in_pieces_give_what_the_whole_gives() {
    let limited = limited(16 << 10);
    compare(&PRODUCTS, &limited, device("gpu"), &[DType::F32]);
    let pipelines = limited.stats().pipelines;
    assert!(pipelines <= 40, "{pipelines} pipelines: pieces of one product share them");
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn tables_past_the_limit_are_refused_by_name() {
    let limited = limited(1024);
    let x = input(&[40, 30], DType::F32, 1, &limited).expect("x");
    let rows = index([3, 1, 39].into_iter(), &x).expect("rows");
    match x.index_select(0, &rows).and_then(|y| y.to_vec::<f32>()) {
        Err(Error::TooLarge { op: "gather", bytes, limit: 1024, .. }) => assert!((1025..=4864).contains(&bytes)),
        other => panic!("{other:?}"),
    }
    let to = rows.reshape([3, 1]).and_then(|rows| rows.expand([3, 30])).expect("rows");
    let src = input(&[3, 30], DType::F32, 2, &limited).expect("src");
    match x.scatter_add(0, &to, &src).and_then(|y| y.to_vec::<f32>()) {
        Err(Error::TooLarge { op: "scatter_add", limit: 1024, .. }) => {}
        other => panic!("{other:?}"),
    }
    // Along the other axis each line fits.
    let columns =
        rows.reshape([1, 3]).and_then(|columns| (columns * 0.5).to_dtype(DType::I64).expand([40, 3])).expect("columns");
    let cpu = Device::cpu();
    let moved = |t: &Tensor| t.to_device(&cpu).expect("on the CPU");
    let got = x.gather(1, &columns).and_then(|y| y.to_vec::<f32>()).expect("gathered");
    assert_eq!(got, moved(&x).gather(1, &moved(&columns)).and_then(|y| y.to_vec::<f32>()).expect("gathered"));
    let src = input(&[40, 3], DType::F32, 3, &limited).expect("src");
    let got = x.scatter_add(1, &columns, &src).and_then(|y| y.to_vec::<f32>()).expect("scattered");
    let expected = moved(&x).scatter_add(1, &moved(&columns), &moved(&src)).and_then(|y| y.to_vec::<f32>());
    assert_eq!(got, expected.expect("scattered"));
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn tensors_of_200_mib_are_worked_on_in_pieces() {
    const ROWS: usize = 51_200;
    const COLUMNS: usize = 1024;
    let gpu = limited(128 << 20);
    let data: Vec<f32> = (0..ROWS * COLUMNS).map(|i| (i * 7919 % 1021) as f32 / 512.0 - 1.0).collect();
    let at = |i: usize, j: usize| data[i * COLUMNS + j];
    let near = |got: f32, expected: f64, what: &str| {
        assert!((got as f64 - expected).abs() <= 1e-5 * expected.abs() + 1e-5, "{what}: {got}, not {expected}");
    };
    let x = Tensor::from_vec(data.clone(), [ROWS, COLUMNS], &gpu).expect("x");
    assert_eq!(x.to_vec::<f32>().expect("values"), data);

    let y = (x.relu() + &x).to_vec::<f32>().expect("values");
    assert!(y.iter().zip(&data).all(|(y, x)| *y == x.max(0.0) + x));
    drop(y);
    let turned = x.t().contiguous().to_vec::<f32>().expect("values");
    assert!((0..ROWS * COLUMNS).step_by(997).all(|i| turned[i] == at(i % ROWS, i / ROWS)));
    drop(turned);

    let all: f64 = data.iter().map(|v| *v as f64).sum();
    let sum = x.sum(()).and_then(|y| y.item::<f32>()).expect("sum");
    assert!((sum as f64 - all).abs() < 1e-6 * (ROWS * COLUMNS) as f64, "{sum} instead of {all}");
    let columns = x.mean(0).and_then(|y| y.to_vec::<f32>()).expect("means");
    let rows = x.mean(1).and_then(|y| y.to_vec::<f32>()).expect("means");
    for i in (0..ROWS).step_by(911) {
        near(rows[i], (0..COLUMNS).map(|j| at(i, j) as f64).sum::<f64>() / COLUMNS as f64, "mean of a row");
    }
    for j in [0, 511, 1023] {
        near(columns[j], (0..ROWS).map(|i| at(i, j) as f64).sum::<f64>() / ROWS as f64, "mean of a column");
    }
    let softmax = x.softmax(1).and_then(|y| y.to_vec::<f32>()).expect("softmax");
    for i in (0..ROWS).step_by(911) {
        let sum: f64 = (0..COLUMNS).map(|j| (at(i, j) as f64).exp()).sum();
        near(softmax[i * COLUMNS + 7], (at(i, 7) as f64).exp() / sum, "softmax");
    }
    drop(softmax);

    // Both ways through a product: its left operand is too large, then, transposed, its inner axis.
    let weights: Vec<f32> = (0..COLUMNS * 8).map(|i| (i % 13) as f32 / 13.0 - 0.5).collect();
    let w = Tensor::from_vec(weights.clone(), [COLUMNS, 8], &gpu).expect("w");
    let product = x.matmul(&w).expect("product");
    let back = x.t().matmul(&product).and_then(|y| y.to_vec::<f32>()).expect("product");
    let product = product.to_vec::<f32>().expect("values");
    for i in (0..ROWS).step_by(911) {
        let exact: f64 = (0..COLUMNS).map(|k| at(i, k) as f64 * weights[k * 8 + 3] as f64).sum();
        assert!((product[i * 8 + 3] as f64 - exact).abs() < 1e-3, "{} instead of {exact}", product[i * 8 + 3]);
    }
    let exact: f64 = (0..ROWS).map(|i| at(i, 5) as f64 * product[i * 8 + 2] as f64).sum();
    assert!((back[5 * 8 + 2] as f64 - exact).abs() < 1e-5 * ROWS as f64, "{} instead of {exact}", back[5 * 8 + 2]);
}
