//! Learns exclusive or: `cargo run --release --example xor`.

use kiln::prelude::*;

#[derive(Module)]
struct Net {
    hidden: Linear,
    out: Linear,
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.out.forward(&self.hidden.forward(x)?.tanh())
    }
}

fn main() -> Result<()> {
    let device = Device::best();
    let x = Tensor::from_slice(&[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2], &device)?;
    let y = Tensor::from_slice(&[0.0f32, 1.0, 1.0, 0.0], [4, 1], &device)?;

    let net = Net { hidden: Linear::new(2, 8, &device)?, out: Linear::new(8, 1, &device)? };
    let mut optimizer = Adam::new(0.05).with(net.parameters());
    for step in 0..=300 {
        let loss = bce_with_logits(&net.forward(&x)?, &y)?;
        optimizer.step(loss.backward()?)?;
        if step % 100 == 0 {
            println!("step {step:3}  loss {:.5}", loss.item::<f32>()?);
        }
    }
    println!("{}", no_grad(|| net.forward(&x))?.sigmoid());
    Ok(())
}
