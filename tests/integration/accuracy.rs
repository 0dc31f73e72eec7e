//! Every elementwise op of floats over the whole range of its dtype, on both devices, against correctly rounded values:
//! no result lies further from them than the registry says (`kiln::op::Accuracy`).
//!
//! `KILN_TEST_POINTS` is the number of random arguments for each op; a million takes some minutes. `KILN_TEST_OPS` names the
//! ops to look at. With `--nocapture` the worst result of each op is printed.

mod angle;
mod functions;
mod pairs;
mod points;
mod wide;

use kiln::{
    Device, Result, Tensor,
    op::{Accuracy, BinaryOp, Class, UnaryOp},
};
use points::Float;
use wide::{Value, Wide, power_of_two};

/// Random arguments for each op.
fn count() -> usize {
    std::env::var("KILN_TEST_POINTS").map_or(50_000, |n| n.parse().expect("KILN_TEST_POINTS is a number"))
}

fn tensor(float: Float, points: &[f64], device: &Device) -> Result<Tensor> {
    match float {
        Float::F32 => {
            let points: Vec<f32> = points.iter().map(|&x| x as f32).collect();
            Tensor::from_slice(&points, [points.len()], device)
        }
        Float::F64 => Tensor::from_slice(points, [points.len()], device),
    }
}

fn values(float: Float, tensor: &Tensor) -> Result<Vec<f64>> {
    match float {
        Float::F32 => Ok(tensor.to_vec::<f32>()?.into_iter().map(f64::from).collect()),
        Float::F64 => tensor.to_vec::<f64>(),
    }
}

/// Whether a device reads or writes subnormal numbers as zeros.
fn flushes(float: Float, device: &Device) -> Result<bool> {
    let small = float.smallest_normal() / 8.0;
    let x = tensor(float, &[small, float.smallest_normal()], device)?;
    let sums = values(float, &(&x + &x.flip([0])?))?;
    let halves = values(float, &(x * 0.5))?;
    Ok(sums[0] != small * 9.0 || halves[1] != small * 4.0)
}

/// What an argument may be read as.
fn readings(float: Float, x: f64, flush: bool) -> impl Iterator<Item = f64> + Clone {
    let flushed = flush && x != 0.0 && x.abs() < float.smallest_normal();
    [Some(x), flushed.then_some(0f64.copysign(x))].into_iter().flatten()
}

/// By how many floats a result differs from the correctly rounded one; `None` if it is wrong in kind.
fn distance(float: Float, got: f64, exact: Value, flush: bool) -> Option<u64> {
    let rounded = match float {
        Float::F32 => exact.to_f32() as f64,
        Float::F64 => exact.to_f64(),
    };
    if rounded.is_nan() || got.is_nan() {
        return (rounded.is_nan() && got.is_nan()).then_some(0);
    }
    if got == 0.0 && flush && rounded.abs() < float.smallest_normal() {
        return (got.is_sign_negative() == rounded.is_sign_negative()).then_some(0);
    }
    // Signs of zeros count.
    if (got == 0.0 || rounded == 0.0) && got.is_sign_negative() != rounded.is_sign_negative() {
        return None;
    }
    Some(float.rank(got).abs_diff(float.rank(rounded)))
}

/// The worst result of one op on one device.
struct Worst {
    distance: Option<u64>,
    what: String,
}

impl Worst {
    fn new() -> Self {
        Self { distance: Some(0), what: String::new() }
    }

    fn add(&mut self, distance: Option<u64>, what: impl FnOnce() -> String) {
        let order = |d: Option<u64>| d.unwrap_or(u64::MAX);
        if order(distance) > order(self.distance) {
            (self.distance, self.what) = (distance, what());
        }
    }
}

/// What was found about one op, a line each.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &str, float: Float, device: &str, bound: Accuracy, worst: Worst) {
        let bound = match float {
            Float::F32 => bound.f32,
            Float::F64 => bound.f64,
        };
        let found = worst.distance.map_or("wrong".into(), |d| d.to_string());
        let line = format!("{name} of {float:?} on the {device}: {found}, bound {bound}; {}", worst.what);
        if worst.distance.is_none_or(|d| d > bound as u64) {
            self.failures.push(line.clone());
        }
        self.lines.push(line);
    }

    fn finish(self) {
        println!("{}", self.lines.join("\n"));
        assert!(self.failures.is_empty(), "{} fail:\n{}", self.failures.len(), self.failures.join("\n"));
    }
}

/// The devices, and whether they flush.
fn devices(float: Float) -> Result<Vec<(&'static str, &'static Device, bool)>> {
    // Unfused devices run the same functions.
    let fused = kiln_tests::devices().iter().filter(|(name, _)| !name.contains("unfused"));
    fused.map(|(name, device)| Ok((*name, device, flushes(float, device)?))).collect()
}

/// Whether `KILN_TEST_OPS`, if there is one, has that name.
fn chosen(name: &str) -> bool {
    std::env::var("KILN_TEST_OPS").map_or(true, |ops| ops.split(',').any(|op| op == name))
}

fn check_unary(float: Float) -> Result<()> {
    let points = float.singles(count());
    let mut report = Report::default();
    for op in UnaryOp::ALL
        .iter()
        .copied()
        .filter(|op| !matches!(op.info().class, Class::Logic | Class::Bits) && chosen(op.info().name))
    {
        let exact: Vec<Value> = points.iter().map(|&x| functions::unary(op, x)).collect();
        for (name, device, flush) in devices(float)? {
            let x = tensor(float, &points, device)?;
            // Alone, and where fusion has something to work on.
            for y in [x.unary(op)?, -(-(-(-&x)).unary(op)?)] {
                let mut worst = Worst::new();
                for ((&x, got), exact) in points.iter().zip(values(float, &y)?).zip(&exact) {
                    let mut found = distance(float, got, *exact, flush);
                    for x in readings(float, x, flush).skip(1) {
                        let other = distance(float, got, functions::unary(op, x), flush);
                        found = [found, other].into_iter().flatten().min();
                    }
                    worst.add(found, || format!("f({x:e}) = {got:e} instead of {:e}", exact.to_f64()));
                }
                report.add(op.info().name, float, name, op.info().accuracy, worst);
            }
        }
    }
    for (name, device, flush) in devices(float)? {
        let found = tensor(float, &points, device)?.logical_not().to_vec::<bool>()?;
        let mut worst = Worst::new();
        for (&x, got) in points.iter().zip(found) {
            let right = readings(float, x, flush).any(|x| (x == 0.0) == got);
            worst.add(right.then_some(0), || format!("f({x:e}) = {got}"));
        }
        report.add("logical_not", float, name, UnaryOp::Not.info().accuracy, worst);
    }
    report.finish();
    Ok(())
}

fn check_binary(float: Float) -> Result<()> {
    let (a, b) = float.pairs(count());
    let mut report = Report::default();
    for op in BinaryOp::ALL.iter().copied().filter(|op| op.info().class != Class::Bits && chosen(op.info().name)) {
        for (name, device, flush) in devices(float)? {
            let (x, y) = (tensor(float, &a, device)?, tensor(float, &b, device)?);
            let mut worst = Worst::new();
            if matches!(op.info().class, Class::Compare | Class::Logic) {
                let found = x.binary(op, &y)?.to_vec::<bool>()?;
                for ((&a, &b), got) in a.iter().zip(&b).zip(found) {
                    let right = readings(float, a, flush)
                        .any(|a| readings(float, b, flush).any(|b| pairs::compare(op, a, b) == got));
                    worst.add(right.then_some(0), || format!("f({a:e}, {b:e}) = {got}"));
                }
            } else {
                let found = values(float, &x.binary(op, &y)?)?;
                for ((&a, &b), got) in a.iter().zip(&b).zip(found).filter(|((_, b), _)| pairs::is_bounded(op, **b)) {
                    let all = readings(float, a, flush).flat_map(|a| readings(float, b, flush).map(move |b| (a, b)));
                    let found = all.filter_map(|(a, b)| distance(float, got, pairs::binary(op, a, b), flush)).min();
                    worst.add(found, || {
                        format!("f({a:e}, {b:e}) = {got:e} instead of {:e}", pairs::binary(op, a, b).to_f64())
                    });
                }
            }
            report.add(op.info().name, float, name, op.info().accuracy, worst);
        }
    }
    report.finish();
    Ok(())
}

#[test]
fn functions_of_one_f32_keep_their_bounds() -> Result<()> {
    check_unary(Float::F32)
}

#[test]
fn functions_of_two_f32_keep_their_bounds() -> Result<()> {
    check_binary(Float::F32)
}

#[test]
fn functions_of_one_f64_keep_their_bounds() -> Result<()> {
    check_unary(Float::F64)
}

#[test]
fn functions_of_two_f64_keep_their_bounds() -> Result<()> {
    check_binary(Float::F64)
}

/// The references themselves: against mpmath's values (`goldens/accuracy.py`), far below the rounding of `f64`.
#[test]
fn references_agree_with_mpmath() {
    let hex = |word: &str| f64::from_bits(u64::from_str_radix(word, 16).expect("hexadecimal digits"));
    let mut count = 0;
    for line in include_str!("../goldens/accuracy.txt").lines() {
        count += 1;
        let words: Vec<&str> = line.split(' ').collect();
        let (args, value) = words[1..].split_at(words.len() - 4);
        let args: Vec<f64> = args.iter().map(|word| hex(word)).collect();
        let unary = UnaryOp::ALL.iter().find(|op| op.info().name == words[0]);
        let binary = BinaryOp::ALL.iter().find(|op| op.info().name == words[0]);
        let found = match (unary, binary) {
            (Some(&op), _) => functions::unary(op, args[0]),
            (_, Some(&op)) => pairs::binary(op, args[0], args[1]),
            _ => panic!("{line}: no such op"),
        };
        let exact = Wide { hi: hex(value[0]), lo: hex(value[1]) };
        let scale = found.exp - value[2].parse::<i32>().expect("an exponent");
        let found = found.wide.scale(power_of_two(scale.clamp(-1000, 1000)));
        let error = ((found - exact) / exact).hi;
        assert!(error.abs() < 1e-26, "{line}: {found:?} at {args:?}, off by {error:e}");
    }
    assert!(count >= 1160, "{count} values");
}
