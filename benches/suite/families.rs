//! A table per kernel family: typical and awkward shapes, forward and on the way back.

use kiln::{
    Result,
    nn::functional::{
        AttentionOptions, ConvOptions, avg_pool2d, batch_norm, conv_transpose2d, conv2d, layer_norm, max_pool2d,
        scaled_dot_product_attention,
    },
    prelude::*,
};

use super::Suite;

/// What is counted beside the time.
#[derive(Clone, Copy)]
enum Work {
    /// Bytes read and written.
    Bytes(usize),
    /// Multiplications and additions.
    Flops(usize),
}

type Op<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Rows of one family.
struct Family<'a> {
    suite: &'a Suite,
    name: &'static str,
}

impl Family<'_> {
    fn row(&self, name: &str, work: Work, f: impl Fn() -> Result<Tensor>) -> Result<()> {
        let t = self.suite.repeat(f)?;
        let (metric, value) = match work {
            Work::Bytes(n) => ("gb_per_s", n as f64 / t.median / 1e6),
            Work::Flops(n) => ("gflops", n as f64 / t.median / 1e6),
        };
        self.suite.line(self.name, name, metric, value, &t);
        Ok(())
    }

    /// An op, and the gradients of all its inputs. The way back counts twice the work.
    fn both(&self, name: &str, work: Work, inputs: &[Tensor], op: Op) -> Result<()> {
        self.row(name, work, || op(inputs))?;
        let tracked: Vec<Tensor> = inputs.iter().map(Tensor::requires_grad).collect();
        let y = op(&tracked)?;
        let g = y.ones_like().contiguous();
        self.suite.device.sync()?;
        let twice = match work {
            Work::Bytes(n) => Work::Bytes(2 * n),
            Work::Flops(n) => Work::Flops(2 * n),
        };
        let refs: Vec<&Tensor> = tracked.iter().collect();
        self.row(&format!("{name}, back"), twice, || {
            let grads = grad(&y.mul(&g)?.sum(())?, &refs, false)?;
            // One number from each keeps them all alive.
            let ends = grads.iter().map(|g| g.reshape([g.numel()])?.narrow(0, 0, 1)).collect::<Result<Vec<_>>>()?;
            self.suite.device.flush()?;
            Tensor::cat(&ends, 0)
        })
    }
}

pub fn families(suite: &Suite) -> Result<()> {
    let family = |name| Family { suite, name };
    pointwise(&family("pointwise"))?;
    reduce(&family("reduce"))?;
    matmul(&family("matmul"))?;
    conv(&family("conv"))?;
    pool(&family("pool"))?;
    norm(&family("norm"))?;
    attention(&family("attention"))?;
    index(&family("index"))
}

fn pointwise(family: &Family) -> Result<()> {
    let x = family.suite.uniform([1024, 1024], 1)?;
    let row = family.suite.uniform([1024], 2)?;
    let bytes = Work::Bytes(8 << 20);
    family.row("add the transpose", Work::Bytes(12 << 20), || x.add(x.t()))?;
    family.row("add a row", bytes, || x.add(&row))?;
    family.row("transpose", bytes, || Ok(x.t().contiguous()))?;
    family.row("exp", bytes, || Ok(x.exp()))?;
    family.row("sin", bytes, || Ok(x.sin()))?;
    family.row("to float16", Work::Bytes(6 << 20), || Ok(x.to_dtype(DType::F16).to_dtype(DType::F32)))?;
    family.row("dropout", bytes, || nn::dropout(&x, 0.5))
}

fn reduce(family: &Family) -> Result<()> {
    let x = family.suite.uniform([1024, 1024], 1)?;
    let long = family.suite.uniform([4, 1 << 18], 2)?;
    let bytes = Work::Bytes(4 << 20);
    family.row("sum of all", bytes, || x.sum(()))?;
    family.row("sum of rows", bytes, || x.sum(1))?;
    family.row("sum of columns", bytes, || x.sum(0))?;
    family.row("sum of long rows", bytes, || long.sum(1))?;
    family.row("max of rows", bytes, || x.max(1))?;
    family.row("variance of rows", bytes, || x.var(1, 1.0))?;
    family.row("argmax of rows", bytes, || Ok(x.argmax(1)?.to_dtype(DType::F32)))?;
    family.row("softmax of rows", Work::Bytes(8 << 20), || x.softmax(1))
}

fn matmul(family: &Family) -> Result<()> {
    for [batch, m, k, n] in [
        [1, 512, 512, 512],
        [1, 64, 784, 512],
        [1, 2048, 64, 64],
        [1, 64, 4096, 64],
        [1, 1, 1024, 1024],
        [64, 64, 32, 64],
    ] {
        let (a, b) = (family.suite.uniform([batch, m, k], 1)?, family.suite.uniform([batch, k, n], 2)?);
        let flops = Work::Flops(2 * batch * m * k * n);
        family.both(&format!("{batch}x{m}x{k}x{n}"), flops, &[a, b], &|x| x[0].matmul(&x[1]))?;
    }
    Ok(())
}

fn conv(family: &Family) -> Result<()> {
    // Name, input, weight, options, size of the result.
    let plain = ConvOptions::new();
    for (name, x, w, options, places) in [
        ("3x3, 1 to 32", [16, 1, 28, 28], [32, 1, 3, 3], plain.padding(1), 784),
        ("3x3, 32 to 64", [16, 32, 14, 14], [64, 32, 3, 3], plain.padding(1), 196),
        ("3x3 by 2, 32 to 64", [16, 32, 28, 28], [64, 32, 3, 3], plain.padding(1).stride(2), 196),
        ("1x1, 64 to 64", [16, 64, 14, 14], [64, 64, 1, 1], plain, 196),
        ("depthwise 3x3, 64", [16, 64, 14, 14], [64, 1, 3, 3], plain.padding(1).groups(64), 196),
    ] {
        let flops = Work::Flops(2 * x[0] * places * w.iter().product::<usize>());
        let inputs = [family.suite.uniform(x, 1)?, family.suite.uniform(w, 2)?];
        family.both(name, flops, &inputs, &|x| conv2d(&x[0], &x[1], None, &options))?;
    }
    let inputs = [family.suite.uniform([16, 64, 14, 14], 1)?, family.suite.uniform([64, 32, 2, 2], 2)?];
    let flops = Work::Flops(2 * 16 * 196 * 64 * 32 * 4);
    let options = plain.stride(2);
    family.both("transposed 2x2 by 2", flops, &inputs, &|x| conv_transpose2d(&x[0], &x[1], None, &options, 0))
}

fn pool(family: &Family) -> Result<()> {
    let x = [family.suite.uniform([16, 32, 28, 28], 1)?];
    let bytes = Work::Bytes(x[0].numel() * 5);
    family.both("max 2x2", bytes, &x, &|x| max_pool2d(&x[0], 2))?;
    family.both("mean 2x2", bytes, &x, &|x| avg_pool2d(&x[0], 2))
}

fn norm(family: &Family) -> Result<()> {
    let suite = family.suite;
    let rows = [suite.uniform([1024, 256], 1)?, suite.uniform([256], 2)?, suite.uniform([256], 3)?];
    let bytes = Work::Bytes(rows[0].numel() * 8);
    family.both("layer", bytes, &rows, &|x| layer_norm(&x[0], &[256], Some(&x[1]), Some(&x[2]), 1e-5))?;
    let maps = [suite.uniform([16, 32, 28, 28], 1)?, suite.uniform([32], 2)?, suite.uniform([32], 3)?];
    let bytes = Work::Bytes(maps[0].numel() * 8);
    family.both("batch", bytes, &maps, &|x| batch_norm(&x[0], None, Some(&x[1]), Some(&x[2]), true, 1e-5))
}

fn attention(family: &Family) -> Result<()> {
    for (length, is_causal) in [(64, true), (512, false), (512, true), (1024, true)] {
        let draw = |seed| family.suite.uniform([1, 8, length, 64], seed);
        let inputs = [draw(1)?, draw(2)?, draw(3)?];
        let options = AttentionOptions { is_causal, ..Default::default() };
        let name = format!("{length}{}", if is_causal { ", causal" } else { "" });
        let flops = Work::Flops(4 * 8 * length * length * 64);
        family.both(&name, flops, &inputs, &|x| scaled_dot_product_attention(&x[0], &x[1], &x[2], &options))?;
    }
    Ok(())
}

fn index(family: &Family) -> Result<()> {
    let suite = family.suite;
    let table = [suite.uniform([4096, 128], 1)?];
    let places = Tensor::randint(0, 4096, [8192], DType::I32, 2, &suite.device)?;
    let bytes = Work::Bytes(8192 * 128 * 8);
    family.both("rows of a table", bytes, &table, &|x| x[0].index_select(0, &places))?;
    let parts = [suite.uniform([512, 512], 3)?, suite.uniform([512, 512], 4)?];
    family.both("cat", Work::Bytes(4 << 20), &parts, &|x| Tensor::cat(x, 1))
}
