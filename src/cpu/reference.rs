//! A slow interpreter of kernels, one element after the other: what the fast one is tested against.

use super::{
    convert::{Bit, Stored, cast, for_compute, for_stored},
    loops, reduce,
};
use crate::{
    DType, Scalar,
    graph::{
        kernel::{Body, Code, Fused, Instr, Kernel, Leaf, Structured},
        kinds::{Line, Matrix, Product, ScatterAdd},
    },
    layout::{Strides, contiguous_strides},
    op::{Class, Combine, StructuredOp},
};

/// A held value: the bytes of its compute type.
type Value = [u8; 8];

fn pack<T: Copy>(value: T) -> Value {
    let mut out = [0; 8];
    // SAFETY: compute types are plain numbers of at most eight bytes.
    unsafe { out.as_mut_ptr().cast::<T>().write_unaligned(value) };
    out
}

fn unpack<T: Copy>(value: Value) -> T {
    // SAFETY: as above; `Bit` takes any byte.
    unsafe { value.as_ptr().cast::<T>().read_unaligned() }
}

pub fn load(data: &[u8], dtype: DType, at: isize) -> Value {
    let bytes = &data[at as usize * dtype.size()..][..dtype.size()];
    // SAFETY: the slice holds one element; every bit pattern is one.
    for_stored!(dtype, S => pack(unsafe { bytes.as_ptr().cast::<S>().read_unaligned() }.load()))
}

pub fn store(data: &mut [u8], dtype: DType, at: isize, value: Value) {
    let bytes = &mut data[at as usize * dtype.size()..][..dtype.size()];
    // SAFETY: as above.
    for_stored!(dtype, S => unsafe { bytes.as_mut_ptr().cast::<S>().write_unaligned(S::store(unpack(value))) });
}

fn wrap(value: Value, dtype: DType) -> Value {
    let mut bytes = [0; 8];
    store(&mut bytes, dtype, 0, value);
    load(&bytes, dtype, 0)
}

fn place(dims: &[usize], strides: &[isize], mut at: usize) -> isize {
    let mut place = 0;
    for axis in (0..dims.len()).rev() {
        place += (at % dims[axis]) as isize * strides[axis];
        at /= dims[axis];
    }
    place
}

fn index(value: Value, dtype: DType) -> i64 {
    match dtype {
        DType::I64 | DType::U64 => unpack::<i64>(value),
        DType::U32 | DType::U16 | DType::U8 => unpack::<u32>(value) as i64,
        _ => unpack::<i32>(value) as i64,
    }
}

/// What a kernel writes to its outputs.
pub fn run(kernel: &Kernel, inputs: &[Vec<u8>], scalars: &[Scalar]) -> Vec<Vec<u8>> {
    let mut outputs: Vec<Vec<u8>> = kernel.outputs.iter().map(|o| vec![0xa5; o.numel * o.dtype.size()]).collect();
    match &kernel.body {
        Body::Fused(f) => fused(f, kernel, inputs, scalars, None, &mut outputs),
        Body::Structured(s) => match s.op {
            StructuredOp::Matmul(_) => {
                let acc = matmul(s, kernel, inputs);
                fused(&s.epilogue, kernel, inputs, scalars, Some(&acc), &mut outputs);
            }
            StructuredOp::ScatterAdd { .. } => scatter(s, kernel, inputs, &mut outputs[0]),
            StructuredOp::Scan { .. } => unreachable!("scans are tested against plain loops"),
        },
    }
    outputs
}

fn fused(
    f: &Fused,
    kernel: &Kernel,
    inputs: &[Vec<u8>],
    scalars: &[Scalar],
    acc: Option<&[Value]>,
    outputs: &mut [Vec<u8>],
) {
    let inner: usize = f.dims[f.kept..].iter().product();
    let rows: usize = f.dims[..f.kept].iter().product();
    for row in 0..rows {
        let mut values: Vec<Vec<Value>> = Vec::new();
        for instr in &f.code {
            let next = match instr.code {
                Code::Reduce(op) => {
                    let arg = &values[instr.args[0] as usize];
                    let (op, compute) = reduce::resolved(op, instr.dtype.compute());
                    let total = for_compute!(compute, C => {
                        let mut total = [<C as reduce::Fold>::identity(op)];
                        arg.iter().for_each(|v| reduce::onto(op, &mut total, &[unpack::<C>(*v)]));
                        pack(total[0])
                    });
                    vec![wrap(total, instr.dtype); inner]
                }
                _ => (0..inner)
                    .map(|i| {
                        let args = instr.args.map(|a| values.get(a as usize).map_or([0; 8], |v| v[i]));
                        step(f, instr, args, row * inner + i, inputs, scalars, acc)
                    })
                    .collect(),
            };
            values.push(next);
        }
        for ((output, data), binding) in f.outputs.iter().zip(&mut *outputs).zip(&kernel.outputs) {
            for (i, &value) in values[output.value as usize].iter().enumerate() {
                let at = output.offset + place(&f.dims, &output.strides, row * inner + i);
                store(data, binding.dtype, at, value);
            }
        }
    }
}

fn step(
    f: &Fused,
    instr: &Instr,
    args: [Value; 3],
    at: usize,
    inputs: &[Vec<u8>],
    scalars: &[Scalar],
    acc: Option<&[Value]>,
) -> Value {
    let compute = instr.dtype.compute();
    let leaf_at = |leaf: &Leaf| leaf.offset + place(&f.dims, &leaf.strides, at);
    let data = |leaf: &Leaf| &inputs[leaf.input.unwrap()];
    let of = |arg: usize| f.code[instr.args[arg] as usize].dtype;
    let mut out = [0; 8];
    let value = match instr.code {
        Code::Acc => acc.unwrap()[at],
        Code::Load(leaf) => {
            let leaf = &f.leaves[leaf as usize];
            load(data(leaf), leaf.dtype, leaf_at(leaf))
        }
        Code::LoadIf(leaf) => {
            let leaf = &f.leaves[leaf as usize];
            if args[0][0] != 0 { load(data(leaf), leaf.dtype, leaf_at(leaf)) } else { out }
        }
        Code::Gather { leaf, .. } => {
            let leaf = &f.leaves[leaf as usize];
            let i = index(args[0], of(0));
            let inside = (0..leaf.axis.1 as i64).contains(&i);
            if inside { load(data(leaf), leaf.dtype, leaf_at(leaf) + i as isize * leaf.axis.0) } else { out }
        }
        Code::ClassId(ids) => {
            let id = index(args[0], of(0));
            let class = if (0..ids.classes as i64).contains(&id) { id } else { -1 };
            if instr.dtype == DType::I64 { pack(class) } else { pack(class as i32) }
        }
        Code::Index(leaf) => {
            let at = leaf_at(&f.leaves[leaf as usize]);
            if instr.dtype == DType::I64 { pack(at as i64) } else { pack(at as i32) }
        }
        Code::Scalar(s) => match scalars[s as usize].cast(instr.dtype) {
            Scalar::Bool(v) => pack(v),
            Scalar::Int(v) if instr.dtype == DType::I64 => pack(v),
            Scalar::Int(v) => pack(v as i32),
            Scalar::UInt(v) if instr.dtype == DType::U64 => pack(v),
            Scalar::UInt(v) => pack(v as u32),
            Scalar::Float(v) if instr.dtype == DType::F64 => pack(v),
            Scalar::Float(v) => pack(v as f32),
        },
        Code::Random { seed, word } => {
            let key = [0, 1].map(|i| scalars[seed as usize + i].to_u64() as u32);
            let mut out = [0u32];
            loops::philox(&mut out, &[unpack(args[0])], key, word);
            pack(out[0])
        }
        Code::Unary(op) => {
            macro_rules! unary {
                ($f:path, $t:ty) => {{
                    let mut out: [$t; 1] = [unpack(args[0])];
                    let src = out;
                    $f(op, &mut out, &src);
                    pack(out[0])
                }};
            }
            use crate::dtype::Compute as K;
            match compute {
                K::Bool => pack(unpack::<u8>(args[0]) ^ 1),
                K::I32 => unary!(loops::unary_int, i32),
                K::U32 => unary!(loops::unary_int, u32),
                K::I64 => unary!(loops::unary_int, i64),
                K::U64 => unary!(loops::unary_int, u64),
                K::F32 => unary!(loops::unary_float, f32),
                K::F64 => unary!(loops::unary_float, f64),
            }
        }
        Code::Binary(op) if op.info().class == Class::Compare => for_compute!(of(0).compute(), C => {
            let mut out = [Bit(0)];
            loops::compare::<C>(op, &mut out, &[unpack(args[0])], &[unpack(args[1])]);
            pack(out[0])
        }),
        Code::Binary(op) => {
            macro_rules! binary {
                ($f:path, $t:ty) => {{
                    let mut out: [$t; 1] = [unpack(args[0])];
                    let src = out;
                    $f(op, &mut out, &src, &[unpack(args[1])]);
                    pack(out[0])
                }};
            }
            use crate::dtype::Compute as K;
            match compute {
                K::Bool => binary!(loops::logic, Bit),
                K::I32 => binary!(loops::binary_int, i32),
                K::U32 => binary!(loops::binary_int, u32),
                K::I64 => binary!(loops::binary_int, i64),
                K::U64 => binary!(loops::binary_int, u64),
                K::F32 => binary!(loops::binary_float, f32),
                K::F64 => binary!(loops::binary_float, f64),
            }
        }
        Code::Where => {
            if args[0][0] != 0 {
                args[1]
            } else {
                args[2]
            }
        }
        Code::Cast => {
            // SAFETY: `out` has room for every compute type, and is aligned enough for a write through a copy.
            for_compute!(of(0).compute(), C => unsafe {
                let mut wide = [0u64; 1];
                cast::<C>(compute, wide.as_mut_ptr().cast(), &[unpack(args[0])]);
                out = wide[0].to_ne_bytes();
            });
            out
        }
        Code::Reduce(_) => unreachable!(),
    };
    wrap(value, instr.dtype)
}

fn matmul(s: &Structured, kernel: &Kernel, inputs: &[Vec<u8>]) -> Vec<Value> {
    let Product { combine, batches, m, n, k, a, b, .. } = Product::of(s);
    let at = |matrix: &Matrix, batch: usize, i: usize, j: usize| {
        let at = s.start(&matrix.operand, batch) + i as isize * matrix.row + j as isize * matrix.col;
        load(&inputs[matrix.operand.input], kernel.inputs[matrix.operand.input].dtype, at)
    };
    let mut out = Vec::new();
    for line in 0..batches * m * n {
        let (batch, i, j) = (line / (m * n), line / n % m, line % n);
        let pairs = (0..k).map(|p| (at(&a, batch, i, p), at(&b, batch, p, j)));
        use crate::dtype::Compute as K;
        let sum = match s.dtype.compute() {
            K::F32 if combine != Combine::Product => {
                let wide = |v| unpack::<f32>(v) as f64;
                pack(distance(combine, pairs.map(|(x, y)| (wide(x) - wide(y)).abs())) as f32)
            }
            K::F64 if combine != Combine::Product => {
                pack(distance(combine, pairs.map(|(x, y)| (unpack::<f64>(x) - unpack::<f64>(y)).abs())))
            }
            K::F32 => pack(pairs.map(|(x, y)| unpack::<f32>(x) as f64 * unpack::<f32>(y) as f64).sum::<f64>() as f32),
            K::F64 => pack(pairs.map(|(x, y)| unpack::<f64>(x) * unpack::<f64>(y)).sum::<f64>()),
            K::I64 | K::U64 => {
                pack(pairs.fold(0i64, |s, (x, y)| s.wrapping_add(unpack::<i64>(x).wrapping_mul(unpack(y)))))
            }
            _ => pack(pairs.fold(0i32, |s, (x, y)| s.wrapping_add(unpack::<i32>(x).wrapping_mul(unpack(y))))),
        };
        out.push(wrap(sum, s.dtype));
    }
    out
}

fn distance(combine: Combine, differences: impl Iterator<Item = f64>) -> f64 {
    match combine {
        Combine::Product | Combine::LpGrad(_) => unreachable!("neither is of differences alone"),
        Combine::SqL2 => differences.map(|d| d * d).sum(),
        Combine::L1 => differences.sum(),
        Combine::Lp(p) => differences.map(|d| d.powf(p)).sum(),
        Combine::Chebyshev => differences.fold(0.0, f64::max),
        Combine::Hamming => differences.filter(|&d| d != 0.0).count() as f64,
    }
}

fn scatter(s: &Structured, kernel: &Kernel, inputs: &[Vec<u8>], out: &mut [u8]) {
    let [source, indices] = [0, 1].map(|operand| s.operands[operand].input);
    let s = ScatterAdd::of(s);
    let lines: usize = s.lines.iter().product();
    for line in 0..lines {
        let at = |l: &Line, i: usize| l.offset + place(&s.lines, &l.strides, line) + i as isize * l.axis;
        let mut sums = vec![[0; 8]; s.to];
        for i in 0..s.from {
            let j = index(
                load(&inputs[indices], kernel.inputs[indices].dtype, at(&s.index, i)),
                kernel.inputs[indices].dtype,
            );
            if (0..s.to as i64).contains(&j) {
                let value = load(&inputs[source], s.dtype, at(&s.src, i));
                let (op, compute) = reduce::resolved(crate::op::ReduceOp::Sum, s.dtype.compute());
                for_compute!(compute, C => {
                    let mut sum = [unpack::<C>(sums[j as usize])];
                    reduce::onto(op, &mut sum, &[unpack::<C>(value)]);
                    sums[j as usize] = pack(sum[0]);
                });
            }
        }
        sums.iter().enumerate().for_each(|(j, v)| store(out, s.dtype, at(&s.out, j), *v));
    }
}

/// The strides of a contiguous array, for tests.
pub fn dense(dims: &[usize]) -> Strides {
    contiguous_strides(dims)
}
