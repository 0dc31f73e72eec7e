//! The meaning of a kernel, one element after the other in `f64`.

use std::{cell::RefCell, collections::HashMap};

use crate::{
    Scalar,
    graph::{
        kernel::{Body, Code, Fused, Kernel, Leaf},
        kinds::{Line, Matrix, Product, ScatterAdd},
    },
    op::{BinaryOp, Combine, ReduceOp, StructuredOp, UnaryOp},
};

pub(super) fn unary(op: UnaryOp, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let hardsigmoid = |x: f64| ((x + 3.0) / 6.0).clamp(0.0, 1.0);
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign if x == 0.0 || x.is_nan() => 0.0,
        UnaryOp::Sign => x.signum(),
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        UnaryOp::Trunc => x.trunc(),
        UnaryOp::Square => x * x,
        UnaryOp::Exp => x.exp(),
        UnaryOp::Exp2 => x.exp2(),
        UnaryOp::Expm1 => x.exp_m1(),
        UnaryOp::Log => x.ln(),
        UnaryOp::Log2 => x.log2(),
        UnaryOp::Log1p => x.ln_1p(),
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => x.sqrt().recip(),
        UnaryOp::Reciprocal => x.recip(),
        UnaryOp::Sin => x.sin(),
        UnaryOp::Cos => x.cos(),
        UnaryOp::Tan => x.tan(),
        UnaryOp::Sinh => x.sinh(),
        UnaryOp::Cosh => x.cosh(),
        UnaryOp::Tanh => x.tanh(),
        UnaryOp::Asin => x.asin(),
        UnaryOp::Acos => x.acos(),
        UnaryOp::Atan => x.atan(),
        UnaryOp::Erf => libm::erf(x),
        UnaryOp::Sigmoid => sigmoid(x),
        UnaryOp::Softplus if x.is_nan() => x,
        UnaryOp::Softplus => softplus(x),
        UnaryOp::Relu if x.is_nan() => x,
        UnaryOp::Relu => x.max(0.0),
        UnaryOp::Selu if x > 0.0 => 1.050_700_987_355_480_5 * x,
        UnaryOp::Selu => 1.050_700_987_355_480_5 * 1.673_263_242_354_377_2 * x.exp_m1(),
        UnaryOp::Gelu => 0.5 * x * libm::erfc(-x / 2f64.sqrt()),
        UnaryOp::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }
        UnaryOp::Silu => x * sigmoid(x),
        UnaryOp::Mish => x * softplus(x).tanh(),
        UnaryOp::Hardswish => x * hardsigmoid(x),
        UnaryOp::Hardsigmoid if x.is_nan() => x,
        UnaryOp::Hardsigmoid => hardsigmoid(x),
        // Of bools alone: the others have tests of their own.
        UnaryOp::Not | UnaryOp::BitNot => f64::from(x == 0.0),
    }
}

pub(super) fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    let (p, q) = (a as i64, b as i64);
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::FloorDiv if b == 0.0 => a / b,
        BinaryOp::FloorDiv => {
            let r = a % b;
            ((a - r) / b).round() - f64::from(r != 0.0 && (r < 0.0) != (b < 0.0))
        }
        BinaryOp::Rem if a.is_nan() || b.is_nan() || a.is_infinite() || b == 0.0 => f64::NAN,
        BinaryOp::Rem if b.is_infinite() => {
            if a == 0.0 || (a < 0.0) == (b < 0.0) {
                a
            } else {
                b
            }
        }
        BinaryOp::Rem => {
            let r = a % b;
            if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
        }
        BinaryOp::Max => {
            if a.is_nan() || a > b {
                a
            } else {
                b
            }
        }
        BinaryOp::Min => {
            if a.is_nan() || a < b {
                a
            } else {
                b
            }
        }
        BinaryOp::Atan2 => a.atan2(b),
        BinaryOp::Eq => f64::from(a == b),
        BinaryOp::Ne => f64::from(a != b),
        BinaryOp::Lt => f64::from(a < b),
        BinaryOp::Le => f64::from(a <= b),
        BinaryOp::Gt => f64::from(a > b),
        BinaryOp::Ge => f64::from(a >= b),
        BinaryOp::And | BinaryOp::BitAnd => (p & q) as f64,
        BinaryOp::Or | BinaryOp::BitOr => (p | q) as f64,
        BinaryOp::Xor | BinaryOp::BitXor => (p ^ q) as f64,
    }
}

struct At<'a> {
    fused: &'a Fused,
    inputs: &'a [Vec<f64>],
    scalars: &'a [Scalar],
    acc: f64,
    /// Values per row, by step and row.
    rows: RefCell<HashMap<(u16, Vec<usize>), f64>>,
}

impl At<'_> {
    fn place(&self, leaf: &Leaf, at: &[usize]) -> isize {
        leaf.offset + at.iter().zip(&leaf.strides).map(|(c, s)| *c as isize * s).sum::<isize>()
    }

    fn element(&self, leaf: &Leaf, at: isize) -> f64 {
        self.inputs[leaf.input.expect("an input")][at as usize]
    }

    fn step(&self, step: u16, at: &[usize]) -> f64 {
        if !self.fused.code[step as usize].per_row {
            return self.compute(step, at);
        }
        let key = (step, at[..self.fused.kept].to_vec());
        if let Some(value) = self.rows.borrow().get(&key) {
            return *value;
        }
        let value = self.compute(step, at);
        self.rows.borrow_mut().insert(key, value);
        value
    }

    fn compute(&self, step: u16, at: &[usize]) -> f64 {
        let instr = &self.fused.code[step as usize];
        let leaf = |i: u16| &self.fused.leaves[i as usize];
        let arg = |i: usize| self.step(instr.args[i], at);
        let value = match instr.code {
            Code::Acc => self.acc,
            Code::Load(i) => self.element(leaf(i), self.place(leaf(i), at)),
            Code::LoadIf(i) => {
                if arg(0) != 0.0 {
                    self.element(leaf(i), self.place(leaf(i), at))
                } else {
                    0.0
                }
            }
            Code::Gather { leaf: i, .. } => {
                let (stride, size) = leaf(i).axis;
                let index = arg(0);
                let inside = index >= 0.0 && index < size as f64;
                if inside { self.element(leaf(i), self.place(leaf(i), at) + index as isize * stride) } else { 0.0 }
            }
            Code::ClassId(ids) => {
                let id = arg(0);
                if id >= 0.0 && id < ids.classes as f64 { id } else { -1.0 }
            }
            Code::Index(i) => self.place(leaf(i), at) as f64,
            Code::Scalar(i) => self.scalars[i as usize].to_f64(),
            Code::Random { .. } => panic!("tested apart"),
            Code::Unary(op) => unary(op, arg(0)),
            Code::Binary(op) => binary(op, arg(0), arg(1)),
            Code::Where => {
                if arg(0) != 0.0 {
                    arg(1)
                } else {
                    arg(2)
                }
            }
            Code::Cast => arg(0),
            Code::Reduce(op) => {
                let inner = &self.fused.dims[self.fused.kept..];
                let mut values = Vec::new();
                for flat in 0..inner.iter().product() {
                    let mut at = at[..self.fused.kept].to_vec();
                    at.extend(coordinates(flat, inner));
                    values.push(self.step(instr.args[0], &at));
                }
                values
                    .into_iter()
                    .reduce(|a, b| match op {
                        ReduceOp::Sum => a + b,
                        ReduceOp::Prod => a * b,
                        ReduceOp::Max => binary(BinaryOp::Max, a, b),
                        ReduceOp::Min => binary(BinaryOp::Min, a, b),
                    })
                    .expect("a row")
            }
        };
        let scalar =
            if instr.dtype.is_float() || value.is_nan() { Scalar::Float(value) } else { Scalar::Int(value as i64) };
        if instr.dtype.size() < 4 || !instr.dtype.is_float() { scalar.cast(instr.dtype).to_f64() } else { value }
    }

    fn store(&self, at: &[usize], outputs: &mut [Vec<f64>]) {
        let first = at[self.fused.kept..].iter().all(|c| *c == 0);
        for (output, store) in outputs.iter_mut().zip(&self.fused.outputs) {
            if self.fused.code[store.value as usize].per_row && !first {
                continue;
            }
            let place: isize = at.iter().zip(&store.strides).map(|(c, s)| *c as isize * s).sum();
            output[place as usize] = self.step(store.value, at);
        }
    }
}

pub(super) fn coordinates(mut flat: usize, dims: &[usize]) -> Vec<usize> {
    let mut at = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        at[axis] = flat % dims[axis];
        flat /= dims[axis];
    }
    at
}

fn product(product: &Product, inputs: &[Vec<f64>], at: &[usize]) -> f64 {
    let [batch @ .., i, j] = at else { unreachable!("a product has rows and columns") };
    let element = |of: &Matrix, row: usize, col: usize| {
        let base: isize = batch.iter().zip(of.operand.strides).map(|(&at, stride)| at as isize * stride).sum();
        inputs[of.operand.input][(of.operand.offset + base + row as isize * of.row + col as isize * of.col) as usize]
    };
    (0..product.k).map(|k| (element(&product.a, *i, k), element(&product.b, k, *j))).fold(0.0, |acc, (x, y)| {
        match product.combine {
            Combine::Product => acc + x * y,
            Combine::Square => acc + (x - y).powi(2),
            Combine::Absolute => acc + (x - y).abs(),
            Combine::Power(p) => acc + (x - y).abs().powf(p),
            Combine::Largest => f64::max(acc, (x - y).abs()),
            Combine::Unequal => acc + f64::from(x != y),
            Combine::Pull(_) => unreachable!("the tests of gradients compare devices"),
        }
    })
}

pub(super) fn run(kernel: &Kernel, inputs: &[Vec<f64>], scalars: &[Scalar]) -> Vec<Vec<f64>> {
    let mut outputs: Vec<_> = kernel.outputs.iter().map(|b| vec![f64::NAN; b.numel]).collect();
    match &kernel.body {
        Body::Fused(fused) => {
            let all = At { fused, inputs, scalars, acc: 0.0, rows: RefCell::default() };
            for flat in 0..fused.dims.iter().product() {
                all.store(&coordinates(flat, &fused.dims), &mut outputs);
            }
        }
        Body::Structured(s) if matches!(s.op, StructuredOp::Matmul(_)) => {
            let (fused, of) = (&s.epilogue, Product::of(s));
            for flat in 0..fused.dims.iter().product() {
                let at = coordinates(flat, &fused.dims);
                let acc = product(&of, inputs, &at);
                At { fused, inputs, scalars, acc, rows: RefCell::default() }.store(&at, &mut outputs);
            }
        }
        Body::Structured(s) => {
            let s = ScatterAdd::of(s);
            outputs[0].fill(0.0);
            for flat in 0..s.lines.iter().product() {
                let at = coordinates(flat, &s.lines);
                let base = |l: &Line| l.offset + at.iter().zip(&l.strides).map(|(c, s)| *c as isize * s).sum::<isize>();
                for i in 0..s.from as isize {
                    let to = inputs[1][(base(&s.index) + i * s.index.axis) as usize];
                    if to >= 0.0 && to < s.to as f64 {
                        let value = inputs[0][(base(&s.src) + i * s.src.axis) as usize];
                        outputs[0][(base(&s.out) + to as isize * s.out.axis) as usize] += value;
                    }
                }
            }
        }
    }
    outputs
}
