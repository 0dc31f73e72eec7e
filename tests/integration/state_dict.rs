//! States of modules in files, to and from PyTorch.
#![cfg(feature = "safetensors")]

#[path = "../../examples/resnet_state/net.rs"]
mod net;

use kiln::{io::safetensors, prelude::*};
use kiln_tests::devices;
use net::ResNet;

const STATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/goldens/resnet.safetensors");
const IO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/goldens/resnet_io.safetensors");

#[test]
fn a_network_of_pytorch_gives_its_outputs() -> Result<()> {
    let (state, io) = (safetensors::load(STATE)?, safetensors::load(IO)?);
    for (name, device) in devices() {
        let net = ResNet::new(device)?;
        net.load_state_dict(&state)?;
        net.set_training(false);
        let y = no_grad(|| net.forward(&io["x"].to_device(device)?))?.to_vec::<f32>()?;
        for (got, want) in y.into_iter().zip(io["y"].to_vec::<f32>()?) {
            assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{got} is not {want} on {name}");
        }
    }
    Ok(())
}

#[test]
fn a_state_goes_through_a_file_unchanged() -> Result<()> {
    let net = ResNet::new(&Device::cpu())?;
    net.load_state_dict(&safetensors::load(STATE)?)?;
    let written = safetensors::to_bytes(&net.state_dict())?;
    let read = safetensors::from_bytes(&written)?;
    assert_eq!(read["bn1.num_batches_tracked"].to_vec::<i64>()?, [3]);
    for (name, x) in safetensors::load(STATE)? {
        assert_eq!((x.dtype(), x.shape()), (read[&name].dtype(), read[&name].shape()), "{name}");
        let bits = |x: &Tensor| x.to_dtype(DType::F32).to_vec::<f32>();
        assert_eq!(bits(&x)?, bits(&read[&name])?, "{name}");
    }
    Ok(())
}

#[test]
fn other_dtypes_are_converted() -> Result<()> {
    let net = ResNet::new(&Device::cpu())?;
    let mut state = safetensors::load(STATE)?;
    for value in state.values_mut() {
        *value = value.to_dtype(DType::F64);
    }
    net.load_state_dict(&state)?;
    let state = net.state_dict();
    assert_eq!((state["fc.weight"].dtype(), state["bn1.num_batches_tracked"].dtype()), (DType::F32, DType::I64));
    assert_eq!(state["bn1.num_batches_tracked"].item::<i64>()?, 3);
    Ok(())
}

#[test]
fn names_that_do_not_fit_are_told_with_the_nearest() -> Result<()> {
    let net = ResNet::new(&Device::cpu())?;
    let before = net.state_dict();
    let reason = |state: &_| net.load_state_dict(state).unwrap_err().to_string();

    let mut state = safetensors::load(STATE)?;
    let weight = state.remove("layer1.0.conv1.weight").unwrap();
    state.insert("layer1.0.conv.weight".into(), weight);
    state.remove("fc.bias");
    state.insert("epoch".into(), Tensor::scalar(3i64, &Device::cpu()));
    assert_eq!(
        reason(&state),
        "load_state_dict: missing: `fc.bias`, `layer1.0.conv1.weight` (the state has `layer1.0.conv.weight`); \
         unexpected: `epoch`, `layer1.0.conv.weight` (the module has `layer1.0.conv1.weight`)"
    );

    let state = safetensors::load(STATE)?;
    let prefixed = state.iter().map(|(name, value)| (format!("module.{name}"), value.clone())).collect();
    let error = reason(&prefixed);
    assert!(error.starts_with("load_state_dict: missing: `bn1.bias` (the state has `module.bn1.bias`), "), "{error}");
    let more = state.len() - 8;
    let rest = format!(", and {more} more; unexpected: `module.bn1.bias` (the module has `bn1.bias`), ");
    assert!(error.contains(&rest) && error.ends_with(&format!(", and {more} more")), "{error}");

    let mut state = safetensors::load(STATE)?;
    state.insert("fc.weight".into(), Tensor::zeros([12, 5], DType::F32, &Device::cpu()));
    assert_eq!(
        reason(&state),
        "load_state_dict: shapes [5, 12] and [12, 5]: `fc.weight` has the first shape in the module and the second \
         in the state"
    );
    // Nothing was assigned meanwhile.
    for (name, value) in net.state_dict() {
        assert_eq!(value.to_dtype(DType::F32).to_vec::<f32>()?, before[&name].to_dtype(DType::F32).to_vec::<f32>()?);
    }
    Ok(())
}
