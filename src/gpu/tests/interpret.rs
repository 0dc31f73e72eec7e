//! The meaning of a kernel, one element after the other in `f64`.

use std::{cell::RefCell, collections::HashMap};

use crate::{
    Scalar,
    graph::{
        kernel::{Body, Code, Fused, Kernel, Leaf},
        kinds::{Line, Matrix, Product, ScatterAdd},
    },
    op::{BinaryOp, Combine, ReduceOp, StructuredOp, UnaryOp, binary::binary_table, numeric::Real, unary::unary_table},
};

/// The value of a column of the registry, or another one where it is empty.
macro_rules! column {
    ([$($args:ident)*] [$other:expr]) => {
        $other
    };
    ([$x:ident] [$other:expr] |$a:ident| $value:expr) => {{
        let $a = $x;
        f64::from($value)
    }};
    ([$x:ident $y:ident] [$other:expr] |$a:ident, $b:ident| $value:expr) => {{
        let ($a, $b) = ($x, $y);
        f64::from($value)
    }};
}

macro_rules! define_unary {
    ($($variant:ident $name:ident $class:ident $domain:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        /// In `f64`, as the rows say, whose values `tests/integration/accuracy.rs` compares with exact ones.
        pub(super) fn unary(op: UnaryOp, x: f64) -> f64 {
            match op {
                // Of bools alone: the others have tests of their own.
                $(UnaryOp::$variant => column!([x] [f64::from(x == 0.0)] $($float)*),)*
            }
        }
    };
}
unary_table!(define_unary);

macro_rules! define_binary {
    ($($variant:ident $name:ident $(($($parameter:tt)*))? $class:ident $da:tt $db:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        /// As [`unary`].
        pub(super) fn binary(op: BinaryOp, x: f64, y: f64) -> f64 {
            match op {
                $(BinaryOp::$variant => column!([x y] [bits(op, x as i64, y as i64)] $($float)*),)*
            }
        }
    };
}
binary_table!(define_binary);

/// Of bools and of integers.
fn bits(op: BinaryOp, a: i64, b: i64) -> f64 {
    let value = match op {
        BinaryOp::And | BinaryOp::BitAnd => a & b,
        BinaryOp::Or | BinaryOp::BitOr => a | b,
        BinaryOp::Xor | BinaryOp::BitXor => a ^ b,
        _ => unreachable!("the row says what it computes of floats"),
    };
    value as f64
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
            Combine::SqL2 => acc + (x - y).powi(2),
            Combine::L1 => acc + (x - y).abs(),
            Combine::Lp(p) => acc + (x - y).abs().powf(p),
            Combine::Chebyshev => f64::max(acc, (x - y).abs()),
            Combine::Hamming => acc + f64::from(x != y),
            Combine::LpGrad(_) => unreachable!("the tests of gradients compare devices"),
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
