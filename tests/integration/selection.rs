//! What is not chosen does not show: values and gradients at NaN, infinities, ties and zeros, against PyTorch's.

use kiln::{
    DType, Device, Error, Result, Tensor, grad,
    loss::{BceWithLogits, CrossEntropy, L1, Loss, Nll, Reduction, SmoothL1, bce, bce_with_logits},
    nn::functional::{
        AttentionOptions, dropout, layer_norm, pairwise_distance, rms_norm, scaled_dot_product_attention,
    },
    op,
};
use kiln_tests::{
    devices,
    golden::{check, scalar},
};
use serde_json::Value;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    check(include_str!("../goldens/selection.jsonl"), 87, apply);
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let number = |key: &str| args[key].as_f64().expect("a number");
    let p = || scalar(&args["p"]).to_f64();
    let y = match name {
        "elu" => x[0].elu(number("alpha")),
        "celu" => x[0].celu(number("alpha")),
        "leaky_relu" => x[0].leaky_relu(number("slope")),
        "clamp" => x[0].clamp(number("low"), number("high"))?,
        "max" => x[0].max(())?,
        "min" => x[0].min(())?,
        "prod" => x[0].prod(())?,
        "std" => x[0].std((), 1.0)?,
        "var" => x[0].var((), 1.0)?,
        "softmax" => x[0].softmax(-1)?,
        "log_softmax" => x[0].log_softmax(-1)?,
        "logsumexp" => x[0].logsumexp(-1)?,
        "cross_entropy" => {
            let mut loss = CrossEntropy::new().label_smoothing(args["label_smoothing"].as_f64().unwrap_or(0.0));
            if let Some(id) = args["ignore_index"].as_i64() {
                loss = loss.ignore_index(id);
            }
            if let Some(weight) = x.get(2) {
                loss = loss.weight(weight);
            }
            loss.loss(&x[0], &x[1])?
        }
        "bce" => bce(&x[0], &x[1].detach())?,
        "bce_with_logits" => bce_with_logits(&x[0], &x[1])?,
        "smooth_l1" => SmoothL1::new().reduction(Reduction::None).loss(&x[0], &x[0].detach().zeros_like())?,
        "l1" => L1::new().reduction(Reduction::None).loss(&x[0], &x[0].detach().zeros_like())?,
        "attention" => {
            let options = AttentionOptions { attn_mask: Some(x[3].detach()), ..Default::default() };
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &options)?
        }
        "pairwise_distance" => pairwise_distance(&x[0], &x[1], p(), 0.0, false)?,
        "cdist" => x[0].cdist(&x[1], p())?,
        "layer_norm" => layer_norm(&x[0], &[3], None, None, 1e-5)?,
        "rms_norm" => rms_norm(&x[0], &[3], None, Some(1e-5))?,
        "where" => x[0].where_(&x[1], x[1].exp())?,
        _ => match (
            op::UnaryOp::ALL.iter().find(|op| op.info().name == name),
            op::BinaryOp::ALL.iter().find(|op| op.info().name == name),
        ) {
            (Some(&op), _) => x[0].unary(op)?,
            (_, Some(&op)) => x[0].binary(op, &x[1])?,
            _ => panic!("no op {name}"),
        },
    };
    Ok(vec![y])
}

/// The value of a function, and its gradient for the first input, given that of the result.
fn both(f: impl Fn(&Tensor) -> Result<Tensor>, x: &[f32], g: Option<f32>, device: &Device) -> Result<[Vec<f32>; 2]> {
    let x = Tensor::from_slice(x, [x.len()], device)?.requires_grad();
    let y = f(&x)?;
    let seed = y.detach().full_like(g.unwrap_or(1.0))?;
    let g = y.backward_from(&seed)?.remove(&x).ok_or_else(|| Error::Gradient("none".into()))?;
    Ok([y.to_vec()?, g.to_vec()?])
}

fn same(case: &str, found: &[f32], wanted: &[f32]) {
    let is_same = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-5 * b.abs();
    assert!(
        found.len() == wanted.len() && found.iter().zip(wanted).all(is_same),
        "{case}: {found:?} instead of {wanted:?}"
    );
}

#[test]
fn an_infinite_gradient_does_not_reach_what_was_not_chosen() -> Result<()> {
    // PyTorch's values for an incoming gradient of infinity.
    type Case<'a> = (&'a str, &'a dyn Fn(&Tensor) -> Result<Tensor>, [f32; 5]);
    let x = [-4.0, -1.0, 0.5, 4.0, NAN];
    let cases: [Case<'_>; 6] = [
        ("relu", &|x| Ok(x.relu()), [0.0, 0.0, INF, INF, INF]),
        ("hardsigmoid", &|x| Ok(x.hardsigmoid()), [0.0, INF, INF, 0.0, 0.0]),
        ("hardswish", &|x| Ok(x.hardswish()), [0.0, INF, INF, INF, INF]),
        ("clamp", &|x| x.clamp(-2.0, 2.0), [0.0, INF, INF, 0.0, 0.0]),
        ("maximum", &|x| x.maximum(0.5), [0.0, 0.0, INF, INF, INF]),
        ("minimum", &|x| x.minimum(0.5), [INF, INF, INF, 0.0, INF]),
    ];
    for (device_name, device) in devices() {
        for (name, f, wanted) in &cases {
            same(&format!("{name} on {device_name}"), &both(f, &x, Some(INF), device)?[1], wanted);
        }
    }
    Ok(())
}

/// Where PyTorch gives NaN, or a gradient that is wrong: the values by the definitions.
#[test]
fn right_where_pytorch_is_not() -> Result<()> {
    for (name, device) in devices() {
        // d/dy atan2(y, x) = x / (x^2 + y^2): PyTorch squares numbers whose squares are past the range.
        for (size, wanted) in [(1e-30f32, 5e29), (1e30, 5e-31)] {
            let [_, g] = both(|y| y.atan2(size), &[size], None, device)?;
            same(&format!("atan2 on {name}"), &g, &[wanted]);
        }
        // Far out the slope is 1 or 0.
        let [_, g] = both(|x| Ok(x.gelu_tanh()), &[1e20, -1e20, INF, -300.0], None, device)?;
        same(&format!("gelu_tanh on {name}"), &g, &[1.0, 0.0, 1.0, 0.0]);
        // A certain class costs nothing.
        let y = Tensor::from_slice(&[1.0f32, 0.0], [2], device)?;
        let logits = BceWithLogits::new().reduction(Reduction::None);
        let [loss, g] = both(|x| logits.loss(x, &y), &[INF, -INF], None, device)?;
        same(&format!("bce_with_logits on {name}"), &loss, &[0.0, 0.0]);
        same(&format!("bce_with_logits, gradient on {name}"), &g, &[0.0, 0.0]);
        // A class of probability 0 may have no chance.
        let q = Tensor::from_slice(&[0.4f32, 0.6, 0.0], [1, 3], device)?;
        let soft = |x: &Tensor| CrossEntropy::new().loss(&x.reshape([1, 3])?, &q);
        let [loss, g] = both(soft, &[1.0, 2.0, -INF], None, device)?;
        // log(1 + e) - 0.6; e / (1 + e) - 0.6.
        same(&format!("soft targets on {name}"), &loss, &[0.713_261_7]);
        same(&format!("soft targets, gradient on {name}"), &g, &[-0.131_058_58, 0.131_058_58, 0.0]);
        // A class of weight 0 counts neither way.
        let (ids, weight) =
            (Tensor::from_slice(&[2i64, 1], [2], device)?, Tensor::from_slice(&[1.0f32, 1.0, 0.0], [3], device)?);
        let weighted = |x: &Tensor| CrossEntropy::new().weight(&weight).loss(&x.reshape([2, 3])?, &ids);
        let [loss, g] = both(weighted, &[1.0, 2.0, -INF, 1.0, 2.0, -INF], None, device)?;
        same(&format!("weight 0 on {name}"), &loss, &[0.313_261_7]);
        let slope = 0.268_941_43;
        same(&format!("weight 0, gradient on {name}"), &g, &[0.0, 0.0, 0.0, slope, -slope, 0.0]);
    }
    Ok(())
}

#[test]
fn rows_that_are_ignored_have_no_gradient_whatever_they_hold() -> Result<()> {
    let x = [1.0, 2.0, NAN, 0.5, 1.0, 3.0, -INF, -INF, -INF, INF, 0.0, 1.0];
    // exp(x) / sum(exp(x)) - [0, 0, 1] for x = [0.5, 1, 3].
    let (a, b) = (0.067_425_355, 0.111_165_61);
    let wanted = [0.0, 0.0, 0.0, a, b, -a - b, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for (name, device) in devices() {
        let ids = Tensor::from_slice(&[-1i64, 2, -1, -1], [4], device)?;
        let weight = Tensor::from_slice(&[1.0f32, 1.0, 1.0], [3], device)?;
        let losses = [CrossEntropy::new(), CrossEntropy::new().weight(&weight)];
        for (i, loss) in losses.into_iter().enumerate() {
            let loss = loss.ignore_index(-1);
            let [y, g] = both(|x| loss.loss(&x.reshape([4, 3])?, &ids), &x, None, device)?;
            same(&format!("loss {i} on {name}"), &y, &[0.196_734_15]);
            same(&format!("gradient {i} on {name}"), &g, &wanted);
        }
        let smooth = CrossEntropy::new().ignore_index(-1).label_smoothing(0.3);
        let [y, g] = both(|x| smooth.loss(&x.reshape([4, 3])?, &ids), &x, None, device)?;
        assert!(y[0].is_finite() && g.iter().all(|g| g.is_finite()), "smoothing on {name}: {y:?} {g:?}");
        assert!(g[..3].iter().chain(&g[6..]).all(|&g| g == 0.0), "smoothing on {name}: {g:?}");
    }
    Ok(())
}

#[test]
fn a_score_without_a_chance_costs_nothing_elsewhere() -> Result<()> {
    for (name, device) in devices() {
        let log = [-INF, -0.5, -INF, -1.0];
        let ids = Tensor::from_slice(&[1i64, 1], [2], device)?;
        let [y, g] = both(|x| Nll::new().loss(&x.reshape([2, 2])?, &ids), &log, None, device)?;
        same(&format!("nll on {name}"), &y, &[0.75]);
        same(&format!("nll, gradient on {name}"), &g, &[0.0, -0.5, 0.0, -0.5]);
    }
    Ok(())
}

#[test]
fn a_query_that_sees_nothing_has_no_gradient() -> Result<()> {
    for (name, device) in devices() {
        let draw = |seed| Ok::<_, Error>(Tensor::randn([1, 40, 8], DType::F32, seed, device)?.requires_grad());
        let (q, k, v) = (draw(1)?, draw(2)?, draw(3)?);
        let rows = Tensor::arange(0, 40, 1, DType::I32, device)?.reshape([40, 1])?;
        let hidden = rows.lt(5i64)?.logical_or(rows.eq(20i64)?)?.expand([40, 40])?;
        let masks = [
            hidden.where_(f64::NEG_INFINITY, 0.0)?,
            hidden.logical_not(),
            hidden.where_(f64::NEG_INFINITY, 0.0)?.requires_grad(),
        ];
        for (i, mask) in masks.into_iter().enumerate() {
            let options = AttentionOptions { attn_mask: Some(mask), ..Default::default() };
            let y = scaled_dot_product_attention(&q, &k, &v, &options)?;
            assert_eq!(y.narrow(1, 0, 5)?.abs().max(())?.item::<f32>()?, 0.0, "mask {i} on {name}");
            let grads = grad(&y.square().sum(())?, &[&q, &k, &v], false)?;
            for (g, of) in grads.iter().zip(["q", "k", "v"]) {
                let sum = g.abs().sum(())?.item::<f32>()?;
                assert!(sum.is_finite() && sum > 0.0, "{of}, mask {i} on {name}: {sum}");
            }
            assert_eq!(grads[0].narrow(1, 0, 5)?.abs().max(())?.item::<f32>()?, 0.0, "q, mask {i} on {name}");
        }
    }
    Ok(())
}

#[test]
fn dropout_multiplies_as_pytorch_does() -> Result<()> {
    for (name, device) in devices() {
        let [y, g] = both(|x| dropout(x, 1.0), &[INF, NAN, 1.0], None, device)?;
        same(name, &y, &[NAN, NAN, 0.0]);
        same(name, &g, &[0.0; 3]);
        let [y, _] = both(|x| dropout(x, 0.5), &[INF; 64], None, device)?;
        assert!(y.iter().any(|y| y.is_nan()) && y.contains(&INF), "{name}: {y:?}");
    }
    Ok(())
}
