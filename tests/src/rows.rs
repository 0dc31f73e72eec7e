//! Every op as a row of a table, with the inputs to try it on.

use kiln::{
    DType, Device, Result, Scalar, Shape, Tensor,
    op::{BinaryOp, Class, UnaryOp},
};

use crate::{draw::Draw, values::tensor};

/// How an input lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Row by row.
    Contiguous,
    /// All axes in reverse order.
    Transposed,
    /// One row, repeated.
    Broadcast,
    /// Backwards in every second place of the last axis.
    Stepped,
}

/// Every layout.
pub const LAYOUTS: [Layout; 4] = [Layout::Contiguous, Layout::Transposed, Layout::Broadcast, Layout::Stepped];

/// One input of a row: its shape and where its values are drawn from.
pub type Input = (Vec<usize>, (f64, f64));

/// The op, called with its inputs.
pub type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// One op under test.
pub struct Row {
    /// What it is called in messages.
    pub name: String,
    /// Its inputs, in the order of the call.
    pub inputs: Vec<Input>,
    /// What the inputs may be.
    pub dtypes: Vec<DType>,
    /// Whether it has a gradient.
    pub differentiable: bool,
    /// The op itself.
    pub f: Function,
}

impl Row {
    /// Inputs of a dtype in a layout, the same ones for every device.
    ///
    /// # Errors
    /// If the device has no such tensors.
    pub fn draw(&self, dtype: DType, layout: Layout, device: &Device) -> Result<Vec<Tensor>> {
        let mut draw = Draw(self.name.bytes().map(u64::from).sum());
        self.inputs.iter().map(|(shape, domain)| place(&mut draw, shape, *domain, dtype, layout, device)).collect()
    }
}

fn place(
    draw: &mut Draw,
    shape: &[usize],
    domain: (f64, f64),
    dtype: DType,
    layout: Layout,
    device: &Device,
) -> Result<Tensor> {
    let (low, high) = if dtype.is_float() { domain } else { (if dtype.is_signed() { -9.0 } else { 0.0 }, 9.99) };
    let mut of = |shape: Vec<usize>| {
        let numbers = (0..shape.iter().product()).map(|_| match dtype {
            DType::Bool => Scalar::Bool(draw.bits() & 1 == 1),
            _ => Scalar::Float(draw.float(low, high)),
        });
        tensor(&numbers.collect::<Vec<_>>(), &Shape::from(shape), dtype, device)
    };
    let rank = shape.len();
    let mut from = shape.to_vec();
    match layout {
        _ if rank == 0 => of(from),
        Layout::Contiguous => of(from),
        Layout::Transposed => {
            from.reverse();
            of(from)?.permute((0..rank as isize).rev().collect::<Vec<_>>())
        }
        Layout::Broadcast => {
            from[0] = from[0].min(1);
            of(from)?.expand(shape)
        }
        Layout::Stepped => {
            let size = from[rank - 1];
            from[rank - 1] = 2 * size + 1;
            of(from)?.slice(-1, 2 * size as isize - 1, isize::MIN, -2)
        }
    }
}

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

fn dtypes(class: Class) -> Vec<DType> {
    match class {
        Class::Float => FLOATS.into_iter().chain([DType::I32, DType::U8, DType::Bool]).collect(),
        Class::NumberOnly => FLOATS.into_iter().chain(DType::ALL.into_iter().filter(|d| d.is_int())).collect(),
        Class::Number | Class::NumberOrBool | Class::Compare | Class::Logic => {
            FLOATS.into_iter().chain(DType::ALL.into_iter().filter(|d| !d.is_float())).collect()
        }
        Class::Bits => DType::ALL.into_iter().filter(|d| !d.is_float()).collect(),
    }
}

/// The value itself by two ops more, so that there is something to fuse.
fn around(x: &Tensor) -> Tensor {
    if x.dtype() == DType::Bool { x.logical_not().logical_not() } else { -&-x }
}

/// A row per op of the registry; the shapes are for the test to choose.
pub fn elementwise() -> Vec<Row> {
    let unary = UnaryOp::ALL.iter().map(|&op| {
        let info = op.info();
        let f = Box::new(move |x: &[Tensor]| around(&x[0]).unary(op));
        Row {
            name: info.name.into(),
            inputs: vec![(vec![], info.domain)],
            dtypes: dtypes(info.class),
            differentiable: info.class.is_differentiable(),
            f,
        }
    });
    let binary = BinaryOp::ALL.iter().map(|&op| {
        let info = op.info();
        let f = Box::new(move |x: &[Tensor]| around(&x[0]).binary(op, &x[1]));
        let inputs = info.domains.iter().map(|&d| (vec![], d)).collect();
        Row {
            name: info.name.into(),
            inputs,
            dtypes: dtypes(info.class),
            differentiable: info.class.is_differentiable(),
            f,
        }
    });
    unary.chain(binary).collect()
}

/// The ops that are not elementwise, and what is made of several ops.
pub fn structured() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: String, shapes: &[&[usize]], f: Function| {
        let inputs = shapes.iter().map(|s| (s.to_vec(), (-2.0, 2.0))).collect();
        rows.push(Row { name, inputs, dtypes: vec![DType::F32, DType::F64, DType::F16], differentiable: true, f });
    };
    macro_rules! row {
        ($name:expr, [$($shape:expr),*], |$x:ident| $body:expr) => {
            row($name.into(), &[$(&$shape),*], Box::new(move |$x: &[Tensor]| $body))
        };
    }
    for n in [1, 3, 4, 5, 33] {
        row!(format!("sum of columns, {n}"), [[6, n]], |x| x[0].sum(0));
        row!(format!("sum of rows, {n}"), [[6, n]], |x| x[0].exp().sum_keepdim(1));
        row!(format!("prod, {n}"), [[2, n.min(5)]], |x| x[0].prod(1));
        row!(format!("max, {n}"), [[3, n]], |x| x[0].max(-1));
        row!(format!("min, {n}"), [[n, 3]], |x| x[0].min(0));
        row!(format!("softmax, {n}"), [[3, n]], |x| x[0].softmax(1));
        row!(format!("log_softmax, {n}"), [[n, 3]], |x| x[0].log_softmax(0));
        row!(format!("matmul, {n}"), [[3, n], [n, 5]], |x| x[0].matmul(&x[1]));
        row!(format!("cat, {n}"), [[2, n], [2, 3]], |x| Tensor::cat(x, 1));
    }
    row!("mean of two axes", [[2, 3, 4]], |x| x[0].mean([0, 2]));
    row!("sum of all", [[2, 3, 4]], |x| x[0].sum(()));
    row!("sum of the middle", [[2, 5, 4]], |x| x[0].sum(1));
    row!("logsumexp", [[3, 5]], |x| x[0].logsumexp(1));
    row!("var", [[3, 5]], |x| x[0].var(1, 1.0));
    row!("std", [[5, 3]], |x| x[0].std(0, 0.0));
    row!("matmul with bias and relu", [[4, 7], [7, 5], [5]], |x| Ok((x[0].matmul(&x[1])? + &x[2]).relu()));
    row!("matmul with residual", [[4, 4], [4, 4]], |x| Ok((x[0].matmul(&x[1])? * 0.5 + &x[0]).tanh()));
    row!("matmul transposed", [[7, 4], [5, 7]], |x| x[0].t().matmul(&x[1].t()));
    row!("matmul in batches", [[2, 1, 3, 4], [3, 4, 2]], |x| x[0].matmul(&x[1]));
    row!("matmul of vectors", [[6], [6]], |x| x[0].matmul(&x[1]));
    row!("matmul of a vector", [[2, 3, 4], [4]], |x| x[0].matmul(&x[1]));
    row!("matmul above one tile", [[33, 70], [70, 35]], |x| x[0].matmul(&x[1]));
    row!("cdist", [[2, 3, 4], [5, 4]], |x| x[0].cdist(&x[1], 2.0));
    row!("cdist above one tile", [[33, 5], [70, 5]], |x| x[0].cdist(&x[1], 1.0));
    row!("a kernel of distances", [[4, 3], [6, 3]], |x| Ok((x[0].cdist(&x[1], 1.5)? * -0.5).exp()));
    row!("attention", [[2, 5, 4], [2, 5, 4], [2, 5, 4]], |x| {
        (x[0].matmul(&x[1].t())? * 0.5).softmax(-1)?.matmul(&x[2])
    });
    row!("layer norm", [[4, 6], [6], [6]], |x| {
        let centred = &x[0] - &x[0].mean_keepdim(1)?;
        Ok(&centred * &(x[0].var_keepdim(1, 0.0)? + 1e-5).rsqrt() * &x[1] + &x[2])
    });
    row!("two reductions of one row", [[4, 6]], |x| Ok(x[0].sum_keepdim(1)? * x[0].square().sum_keepdim(1)? + &x[0]));
    row!("reductions of reductions", [[3, 4, 5]], |x| x[0].sum(2)?.exp().mean(1));
    row!("where", [[3, 4], [4]], |x| x[0].gt(0.25)?.where_(&x[0], &x[1]));
    row!("clamp", [[3, 4]], |x| x[0].clamp(-0.7, 0.9));
    row!("leaky_relu", [[3, 4]], |x| Ok(x[0].leaky_relu(0.1)));
    row!("elu", [[3, 4]], |x| Ok(x[0].elu(1.3)));
    row!("celu", [[3, 4]], |x| Ok(x[0].celu(0.7)));
    row!("elu with an alpha per column", [[3, 4], [4]], |x| x[0].binary(BinaryOp::Elu, &x[1]));
    row!("pad", [[2, 3]], |x| x[0].tanh().pad(&[(1, 0), (2, 1)]));
    row!("pad after pad", [[2, 3]], |x| x[0].pad(&[(1, 0), (0, 1)])?.pad(&[(0, 2), (1, 1)]));
    row!("flip and slice", [[4, 5]], |x| Ok(x[0].flip([0])?.slice(1, 1, 5, 2)? * x[0].slice(1, -1, 0, -2)?));
    row!("reshape of a transpose", [[4, 6]], |x| Ok(x[0].t().reshape([8, 3])?.exp()));
    row!("expand and sum", [[3, 1]], |x| Ok(x[0].expand([3, 4])?.exp().sum(1)? + x[0].sum(())?));
    row!("stack", [[2, 3], [2, 3]], |x| Tensor::stack(x, 1));
    row!("gather", [[3, 4]], |x| x[0].gather(1, &indices(&[0, 0, 3, 2, 1, 1], [3, 2], x)?));
    row!("index_select", [[3, 4]], |x| x[0].exp().index_select(0, &indices(&[2, 0, 2, 2], [4], x)?));
    row!("scatter_add", [[3, 4], [3, 2]], |x| x[0].scatter_add(1, &indices(&[0, 0, 3, 2, 1, 1], [3, 2], x)?, &x[1]));
    row!("masked_fill", [[3, 4]], |x| x[0].masked_fill(&x[0].detach().lt(0.0)?, -3.0));
    rows
}

fn indices<const N: usize>(values: &[i64], shape: [usize; N], like: &[Tensor]) -> Result<Tensor> {
    Tensor::from_slice(values, shape, like[0].device())
}

/// Relative and absolute tolerance between devices; halves may be off by one unit in the last place.
pub fn tolerance(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::F16 => (1e-3, 1e-3),
        DType::BF16 => (8e-3, 8e-3),
        DType::F64 => (1e-12, 1e-12),
        // Of a sum whose terms cancel, to the size of the terms.
        _ => (1e-5, 1e-5),
    }
}
