//! Normalisation, attention and embedding against PyTorch's, and their gradients of first and second order.

use kiln::{
    DType, Device, Error, Result, Scalar, Tensor, gradcheck, gradgradcheck,
    nn::{
        BatchNorm2d, Buffer, Embedding, Forward, Module,
        functional::{
            AttentionOptions, RunningStats, batch_norm, embedding, group_norm, instance_norm, layer_norm, rms_norm,
            scaled_dot_product_attention,
        },
    },
};
use kiln_tests::{
    devices,
    draw::Draw,
    golden::{check, scalar, usizes},
    values,
};
use serde_json::Value;

#[test]
fn norms() {
    check(include_str!("../../goldens/norm.jsonl"), 60, apply);
}

#[test]
fn attention_and_embedding() {
    check(include_str!("../../goldens/attention.jsonl"), 17, apply);
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let eps = args["eps"].as_f64();
    let some_eps = eps.unwrap_or(1e-5);
    let (w, b) = (x.get(1), x.get(2));
    let y = match name {
        "layer_norm" => layer_norm(&x[0], &usizes(&args["sizes"]), w, b, some_eps)?,
        "rms_norm" => rms_norm(&x[0], &usizes(&args["sizes"]), w, eps)?,
        "group_norm" => group_norm(&x[0], args["groups"].as_u64().expect("groups") as usize, w, b, some_eps)?,
        "instance_norm" => instance_norm(&x[0], None, None, some_eps)?,
        "batch_norm" | "batch_norm_statistics" => {
            let vector = |key: &str| {
                let numbers: Vec<Scalar> = args[key].as_array().expect("numbers").iter().map(scalar).collect();
                values::tensor(&numbers, &numbers.len().into(), x[0].dtype(), x[0].device())
            };
            let (mean, var) = (Buffer::new(vector("mean")?), Buffer::new(vector("var")?));
            let momentum = args["momentum"].as_f64().expect("a momentum");
            let running = RunningStats { mean: &mean, var: &var, momentum };
            let y = batch_norm(&x[0], Some(running), w, b, args["training"] == true, some_eps)?;
            if name == "batch_norm_statistics" {
                return Ok(vec![mean.tensor(), var.tensor()]);
            }
            y
        }
        "attention" => {
            let options = AttentionOptions {
                attn_mask: x.get(3).cloned(),
                is_causal: args["is_causal"] == true,
                scale: args["scale"].as_f64(),
                ..Default::default()
            };
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &options)?
        }
        "embedding" => embedding(&x[0], &x[1], args["padding_idx"].as_u64().map(|n| n as usize))?,
        _ => panic!("no op {name}"),
    };
    Ok(vec![y])
}

fn drawn(shape: &[usize], seed: u64) -> Tensor {
    let mut draw = Draw(seed);
    let numbers: Vec<Scalar> = (0..shape.iter().product()).map(|_| Scalar::Float(draw.float(-1.0, 1.0))).collect();
    values::tensor(&numbers, &shape.into(), DType::F64, &Device::cpu()).unwrap()
}

#[test]
fn gradients_of_second_order() {
    let (x, w, b) = (drawn(&[2, 4, 3], 1), drawn(&[4], 2), drawn(&[4], 3));
    let rows = drawn(&[3], 4);
    type Case<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;
    let cases: [Case; 5] = [
        &|x| layer_norm(&x[0], &[3], Some(&x[3]), None, 0.1),
        &|x| rms_norm(&x[0], &[3], Some(&x[3]), Some(0.1)),
        &|x| group_norm(&x[0], 2, Some(&x[1]), Some(&x[2]), 0.1),
        &|x| batch_norm(&x[0], None, Some(&x[1]), Some(&x[2]), true, 0.1),
        &|x| {
            let options = AttentionOptions { is_causal: true, ..Default::default() };
            scaled_dot_product_attention(&x[0], &x[0], &(&x[0] * &x[3]), &options)
        },
    ];
    for f in cases {
        // Inputs that a case leaves out have no gradient to check.
        let all = |x: &[Tensor]| Ok(f(x)? + (&x[1] + &x[2]).sum(())? * 0.1 + x[3].sum(())? * 0.1);
        gradcheck(all, &[&x, &w, &b, &rows]).unwrap();
        gradgradcheck(all, &[&x, &w, &b, &rows]).unwrap();
    }
}

#[test]
fn a_query_that_sees_nothing_gets_zeros() {
    for (name, device) in devices() {
        let x = Tensor::ones([2, 3], DType::F32, device);
        let mask = Tensor::from_slice(&[true, true, false, false], [2, 2], device).unwrap();
        let options = AttentionOptions { attn_mask: Some(mask), ..Default::default() };
        let y = scaled_dot_product_attention(&x, &x, &x, &options).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], "{name}");
    }
}

#[test]
fn layers_train_and_evaluate() {
    for (name, device) in devices() {
        let layer = BatchNorm2d::new(2, device);
        let x = Tensor::randn([4, 2, 3, 3], DType::F32, 7, device).unwrap() * 3.0 + 5.0;
        for _ in 0..200 {
            layer.forward(&x).unwrap();
        }
        assert_eq!(layer.num_batches_tracked.tensor().item::<i64>().unwrap(), 200);
        let trained = layer.forward(&x).unwrap();
        layer.set_training(false);
        let evaluated = layer.forward(&x).unwrap();
        // The running variance is a sample's: larger by 36 / 35.
        let apart = (trained - evaluated * (36.0f64 / 35.0).sqrt()).abs().max(()).unwrap().item::<f32>().unwrap();
        assert!(apart < 1e-4, "{name}: {apart}");
        let names: Vec<String> = layer.state_dict().into_keys().collect();
        assert_eq!(names, ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]);

        let table = Embedding::new(5, 3, device).unwrap().padding_idx(2).unwrap();
        let rows = table.forward(&Tensor::from_slice(&[2i64, 2], [2], device).unwrap()).unwrap();
        assert_eq!(rows.to_vec::<f32>().unwrap(), [0.0; 6]);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let cpu = &Device::cpu();
    let x = Tensor::ones([2, 4, 3], DType::F32, cpu);
    let v = |n: usize| Tensor::ones([n], DType::F32, cpu);
    assert!(matches!(layer_norm(&x, &[4], None, None, 1e-5), Err(Error::Shape { .. })));
    assert!(layer_norm(&x, &[3], Some(&v(4)), None, 1e-5).is_err());
    assert!(layer_norm(&x, &[], None, None, 1e-5).is_err());
    assert!(group_norm(&x, 3, None, None, 1e-5).is_err() && group_norm(&x, 0, None, None, 1e-5).is_err());
    assert!(group_norm(&v(3), 1, None, None, 1e-5).is_err());
    assert!(batch_norm(&x, None, Some(&v(3)), None, true, 1e-5).is_err());
    assert!(batch_norm(&Tensor::ones([1, 4], DType::F32, cpu), None, None, None, true, 1e-5).is_err());
    assert!(matches!(rms_norm(&x.to_dtype(DType::I32), &[3], None, None), Err(Error::DType { .. })));
    let (q, options) = (Tensor::ones([2, 3], DType::F32, cpu), AttentionOptions::default());
    assert!(scaled_dot_product_attention(&q, &Tensor::ones([2, 4], DType::F32, cpu), &q, &options).is_err());
    let both = AttentionOptions { attn_mask: Some(q.clone()), is_causal: true, ..Default::default() };
    assert!(scaled_dot_product_attention(&q, &q, &q, &both).is_err());
    assert!(embedding(&q, &q, None).is_err());
    assert!(Embedding::new(3, 2, cpu).unwrap().padding_idx(3).is_err());
}
