//! Saves a network for PyTorch: `cargo run --features safetensors --example resnet_state -- STATE IO [DEVICE]`.
//!
//! STATE gets the state of a small residual network, IO an input and what the network makes of it.
//! `python/tests/test_state_dict.py` loads both into PyTorch.

mod net;

use std::{error::Error as StdError, process::ExitCode};

use kiln::{io::safetensors, prelude::*};
use net::ResNet;

fn run() -> Result<(), Box<dyn StdError>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (state, io, device) = match &arguments[..] {
        [state, io] => (state, io, Device::best()),
        [state, io, device] => (state, io, device.parse()?),
        _ => return Err("usage: resnet_state STATE.safetensors IO.safetensors [DEVICE]".into()),
    };
    manual_seed(0);
    let net = ResNet::new(&device)?;
    // A few batches move the running statistics.
    for seed in 0..3 {
        net.forward(&(Tensor::randn([8, 3, 33, 35], DType::F32, seed, &device)? * 2.0 + 0.5))?;
    }
    net.set_training(false);
    let x = Tensor::randn([4, 3, 33, 35], DType::F32, 3, &device)?;
    let y = no_grad(|| net.forward(&x))?;
    safetensors::save(state, &net.state_dict())?;
    safetensors::save(io, [("x", &x), ("y", &y)])?;
    println!("{} tensors saved to {state}, input and output to {io}", net.state_dict().len());
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("resnet_state: {error}");
            ExitCode::FAILURE
        }
    }
}
