//! Attention with several heads against PyTorch's layer, attention in blocks against all at once, and checkpoints.

use kiln::{
    DType, Device, Error, Param, Result, Tensor, checkpoint, grad, gradcheck, gradgradcheck,
    nn::{
        Forward, Linear, Module, MultiHeadAttention, MultiHeadOptions,
        functional::{AttentionOptions, scaled_dot_product_attention},
    },
    no_grad,
};
use kiln_tests::{
    devices,
    golden::{self, check},
    values,
};
use serde_json::Value;

#[test]
fn several_heads() {
    check(include_str!("../goldens/heads.jsonl"), 11, apply);
}

fn apply(_: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let [size, heads, kdim, vdim] = golden::usizes(&args["sizes"]).try_into().expect("four sizes");
    let layer = MultiHeadAttention::with_sizes(size, heads, kdim, vdim, x[0].device())?;
    let params = args["params"].as_object().expect("parameters");
    let layer = if params.contains_key("in_proj_bias") { layer } else { layer.no_bias() };
    let state = params.iter().map(|(name, value)| Ok((name.clone(), golden::argument(value, x[0].device())?)));
    layer.load_state_dict(&state.collect::<Result<_>>()?)?;
    let masks = args["masks"].as_array().expect("masks");
    let mask = |name: &str| masks.iter().position(|m| m == name).map(|i| x[3 + i].clone());
    let options = MultiHeadOptions {
        attn_mask: mask("attn_mask"),
        key_padding_mask: mask("key_padding_mask"),
        is_causal: args["is_causal"] == true,
    };
    let (y, weights) = layer.attend_with_weights(&x[0], &x[1], &x[2], &options)?;
    let plain = layer.attend(&x[0], &x[1], &x[2], &options)?;
    assert_eq!(values::values(&y)?, values::values(&plain)?);
    Ok(vec![y, weights])
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).abs().max(()).unwrap().item::<f32>().unwrap()
}

#[test]
fn self_attention_in_one_product_is_that_in_three() {
    for (name, device) in devices() {
        let layer = MultiHeadAttention::new(8, 2, device).unwrap();
        let x = Tensor::randn([2, 5, 8], DType::F32, 3, device).unwrap();
        let weight = layer.in_proj_weight.as_ref().unwrap().tensor();
        let one = layer.forward(&x).unwrap();
        let three = layer.attend(&x, &(&x * 1.0), &(&x * 1.0), &MultiHeadOptions::default()).unwrap();
        assert!(largest_difference(&one, &three) < 1e-6, "{name}");
        let grad = |y: Tensor| y.square().sum(()).unwrap().backward().unwrap().remove(&weight).unwrap();
        assert!(largest_difference(&grad(one), &grad(three)) < 1e-5, "{name}");
    }
}

/// All scores at once, from single ops.
fn naive(q: &Tensor, k: &Tensor, v: &Tensor, is_causal: bool) -> Tensor {
    let scores = (q * 0.25).matmul(&k.t()).unwrap();
    let (queries, keys) = (scores.size(-2).unwrap(), scores.size(-1).unwrap());
    let seen = Tensor::ones([queries, keys], DType::Bool, q.device()).tril(0).unwrap();
    let scores = if is_causal { seen.where_(&scores, f32::NEG_INFINITY).unwrap() } else { scores };
    scores.softmax(-1).unwrap().matmul(v).unwrap()
}

#[test]
fn attention_in_blocks_is_attention_at_once() {
    for (name, device) in devices().iter().filter(|(name, _)| !name.contains("unfused")) {
        let draw = |seed, n| Tensor::randn([2, 4, n, 16], DType::F32, seed, device).unwrap().requires_grad();
        // 9 MiB of scores, and a last block that is not full.
        for keys in [530, 500] {
            let (q, k, v) = (draw(1, 550), draw(2, keys), draw(3, keys));
            let options = AttentionOptions { is_causal: true, ..Default::default() };
            let y = scaled_dot_product_attention(&q, &k, &v, &options).unwrap();
            let expected = naive(&q, &k, &v, true);
            assert!(largest_difference(&y, &expected) < 2e-6, "{name}");
            let grads = |y: &Tensor| y.square().sum(()).unwrap().backward().unwrap();
            let (found, wanted) = (grads(&y), grads(&expected));
            for x in [&q, &k, &v] {
                let apart = largest_difference(found.get(x).unwrap(), wanted.get(x).unwrap());
                assert!(apart < 2e-5, "{name}: {apart}");
            }
        }
    }
}

#[test]
fn blocks_keep_less_memory() {
    let device = Device::cpu_with(kiln::DeviceOptions::default());
    let draw = |seed| Tensor::randn([1, 4, 1024, 16], DType::F32, seed, &device).unwrap().requires_grad();
    let (q, k, v) = (draw(1), draw(2), draw(3));
    device.sync().unwrap();
    let options = AttentionOptions { is_causal: true, ..Default::default() };
    let y = scaled_dot_product_attention(&q, &k, &v, &options).unwrap();
    y.square().sum(()).unwrap().backward().unwrap().get(&q).unwrap().to_vec::<f32>().unwrap();
    // All scores would be 16 MiB, and the way back needs several of their kind.
    let peak = device.stats().memory.peak >> 20;
    assert!(peak < 24, "{peak} MiB");
}

#[test]
fn dropout_in_blocks_is_the_same_on_the_way_back() {
    let device = &Device::cpu();
    let draw = |seed| Tensor::randn([1, 8, 600, 4], DType::F32, seed, device).unwrap();
    let (q, k) = (draw(1), draw(2));
    let v = draw(3).requires_grad();
    let options = AttentionOptions { is_causal: true, dropout_p: 0.3, ..Default::default() };
    let y = scaled_dot_product_attention(&q, &k, &v, &options).unwrap();
    // The result is linear in the values: its sum is their product with the gradient.
    let total = y.sum(()).unwrap();
    let sum = total.item::<f32>().unwrap();
    let grad = total.backward().unwrap().remove(&v).unwrap();
    let again = (grad * v.detach()).sum(()).unwrap().item::<f32>().unwrap();
    assert!((sum - again).abs() < 1e-3 * sum.abs().max(1.0), "{sum} {again}");
}

#[test]
fn checkpoints_have_the_same_gradients_to_any_order() {
    let x = Tensor::from_slice(&[0.3f64, -0.7, 1.1], [3], &Device::cpu()).unwrap();
    // The second input is computed from the first: its gradient must not count twice.
    let f = |x: &[Tensor]| {
        let x = &x[0];
        checkpoint(|x| x[0].exp().mul(x[1].sin()), &[x, &x.square()])?.sum(())
    };
    gradcheck(f, &[&x]).unwrap();
    gradgradcheck(f, &[&x]).unwrap();
    let tracked = x.requires_grad();
    let first = grad(&f(std::slice::from_ref(&tracked)).unwrap(), &[&tracked], true).unwrap().remove(0);
    assert!(first.is_tracked());
    assert!(!no_grad(|| f(std::slice::from_ref(&tracked))).unwrap().is_tracked());
}

#[test]
fn what_does_not_fit_is_an_error() {
    let device = &Device::cpu();
    assert!(MultiHeadAttention::new(7, 2, device).is_err() && MultiHeadAttention::new(4, 0, device).is_err());
    let layer = MultiHeadAttention::new(4, 2, device).unwrap();
    let x = Tensor::ones([2, 3, 4], DType::F32, device);
    let wrong = |attn_mask: Option<Tensor>, key_padding_mask: Option<Tensor>| {
        let options = MultiHeadOptions { attn_mask, key_padding_mask, is_causal: false };
        matches!(layer.attend(&x, &x, &x, &options), Err(Error::Shape { .. }))
    };
    assert!(wrong(Some(Tensor::ones([3, 2], DType::Bool, device)), None));
    assert!(wrong(None, Some(Tensor::ones([3, 2], DType::Bool, device))));
    assert!(layer.forward(&Tensor::ones([2, 3, 5], DType::F32, device)).is_err());
    assert!(layer.forward(&Tensor::ones([4], DType::F32, device)).is_err());
    assert!(layer.attend(&x, &Tensor::ones([2, 3, 5], DType::F32, device), &x, &MultiHeadOptions::default()).is_err());
    let options = AttentionOptions { dropout_p: 1.5, ..Default::default() };
    assert!(scaled_dot_product_attention(&x, &x, &x, &options).is_err());
}

#[test]
fn a_summary_follows_the_layers() {
    use kiln::nn::{BatchNorm2d, Conv2d, Dropout, Flatten, MaxPool2d, Relu, Sequential};

    #[derive(Module)]
    struct Net {
        body: Sequential,
        head: Linear,
        scale: Param,
    }
    impl Forward for Net {
        fn forward(&self, x: &Tensor) -> Result<Tensor> {
            self.head.forward(&self.body.forward(x)?)?.mul(self.scale.tensor())
        }
    }
    let device = &Device::cpu();
    let body = Sequential::new()
        .with(Conv2d::new(1, 4, 3, device).unwrap().padding(1))
        .with(BatchNorm2d::new(4, device))
        .with(Relu)
        .with(MaxPool2d::new(2))
        .with(Flatten)
        .with(Relu)
        .with(Dropout::new(0.5).unwrap());
    let head = Linear::new(4 * 14 * 14, 10, device).unwrap();
    head.bias.as_ref().unwrap().set_frozen(true);
    let net = Net { body, head, scale: Param::new(Tensor::ones([1], DType::F32, device)) };
    let summary = net.summary(&Tensor::zeros([2, 1, 28, 28], DType::F32, device)).unwrap();
    let expected = "\
Net
─────────────────────┬────────────────┬───────────
layer (type)         │ output shape   │ parameters
─────────────────────┼────────────────┼───────────
body.0 (Conv2d)      │ [2, 4, 28, 28] │         40
body.1 (BatchNorm2d) │ [2, 4, 28, 28] │          8
body.2 (Relu)        │ [2, 4, 28, 28] │          0
body.3 (MaxPool2d)   │ [2, 4, 14, 14] │          0
body.4 (Flatten)     │ [2, 784]       │          0
body.5 (Relu)        │ [2, 784]       │          0
body.6 (Dropout)     │ [2, 784]       │          0
head (Linear)        │ [2, 10]        │      7,850
parameters outside of layers │ ";
    let text = summary.to_string();
    let narrow = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ").replace('─', "");
    assert!(narrow(&text).starts_with(&narrow(expected)), "{text}");
    assert!(text.ends_with("7,899 parameters, 7,889 of them trainable; 9 numbers in buffers"), "{text}");
    let state = net.state_dict();
    assert_eq!(state["body.1.num_batches_tracked"].item::<i64>().unwrap(), 0, "a summary trains nothing");
    assert!(net.summary(&Tensor::zeros([2, 3, 28, 28], DType::F32, device)).is_err());
}
