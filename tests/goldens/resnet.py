"""Writes a small residual network and what it makes of an input: python tests/goldens/resnet.py

`resnet.safetensors` is the state_dict as safetensors' own library writes it, `resnet_io.safetensors` input and output.
"""

import pathlib

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8, 1))
        self.layer3 = nn.Sequential(Block(8, 12, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(12, classes)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.avgpool(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.flatten(1))


if __name__ == "__main__":
    from safetensors.torch import save_file

    torch.manual_seed(0)
    net = ResNet()
    # Statistics, scales and shifts that are not those of a new network.
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    for _ in range(3):
        net(torch.randn(8, 3, 33, 35) * 2 + 0.5)
    net.eval()
    x = torch.randn(4, 3, 33, 35)
    with torch.no_grad():
        y = net(x)
    folder = pathlib.Path(__file__).parent
    save_file(net.state_dict(), folder / "resnet.safetensors", {"format": "pt"})
    save_file({"x": x, "y": y}, folder / "resnet_io.safetensors")
