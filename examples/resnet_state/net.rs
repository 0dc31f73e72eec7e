//! A small residual network, field by field as in `tests/goldens/resnet.py`: the names of its state are PyTorch's.

use kiln::{
    Result,
    nn::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, MaxPool2d},
    prelude::*,
};

#[derive(Module)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Option<Sequential>,
}

impl Block {
    fn new(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Result<Self> {
        let conv =
            |inputs, stride| Conv2d::new(inputs, outputs, 3, device).map(|c| c.stride(stride).padding(1).no_bias());
        let shortcut = || -> Result<Sequential> {
            let conv = Conv2d::new(inputs, outputs, 1, device)?.stride(stride).no_bias();
            Ok(Sequential::new().with(conv).with(BatchNorm2d::new(outputs, device)))
        };
        Ok(Self {
            conv1: conv(inputs, stride)?,
            bn1: BatchNorm2d::new(outputs, device),
            conv2: conv(outputs, 1)?,
            bn2: BatchNorm2d::new(outputs, device),
            downsample: (stride != 1 || inputs != outputs).then(shortcut).transpose()?,
        })
    }
}

impl Forward for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.bn1.forward(&self.conv1.forward(x)?)?.relu();
        let y = self.bn2.forward(&self.conv2.forward(&y)?)?;
        let x = self.downsample.as_ref().map_or(Ok(x.clone()), |shortcut| shortcut.forward(x))?;
        Ok(y.add(x)?.relu())
    }
}

/// From pictures `[batch, 3, height, width]` to scores `[batch, 5]`.
#[derive(Module)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    maxpool: MaxPool2d,
    layer1: Sequential,
    layer2: Sequential,
    layer3: Sequential,
    avgpool: AdaptiveAvgPool2d,
    fc: Linear,
}

impl ResNet {
    pub fn new(device: &Device) -> Result<Self> {
        let block = |inputs, outputs, stride| Block::new(inputs, outputs, stride, device);
        Ok(Self {
            conv1: Conv2d::new(3, 4, 7, device)?.stride(2).padding(3).no_bias(),
            bn1: BatchNorm2d::new(4, device),
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            layer1: Sequential::new().with(block(4, 4, 1)?).with(block(4, 4, 1)?),
            layer2: Sequential::new().with(block(4, 8, 2)?).with(block(8, 8, 1)?),
            layer3: Sequential::new().with(block(8, 12, 2)?),
            avgpool: AdaptiveAvgPool2d::new(1),
            fc: Linear::new(12, 5, device)?,
        })
    }
}

impl Forward for ResNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.maxpool.forward(&self.bn1.forward(&self.conv1.forward(x)?)?.relu())?;
        let x = [&self.layer1, &self.layer2, &self.layer3].into_iter().try_fold(x, |x, layer| layer.forward(&x))?;
        self.fc.forward(&self.avgpool.forward(&x)?.flatten(1, -1)?)
    }
}
