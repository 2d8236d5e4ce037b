"""The residual features of FAN (Cheng et al., ICCV 2017)."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn


class ResNet(nn.Module):
    first_conv = "ConvNet.conv0_1.weight"
    last_conv = "ConvNet.conv4_2.weight"

    def __init__(self, input_channel: int, output_channel: int) -> None:
        super().__init__()
        stem, a, b, c, d = (output_channel // share for share in (16, 8, 4, 2, 1))
        layers: OrderedDict[str, nn.Module] = OrderedDict()

        def conv(name: str, inputs: int, outputs: int, kernel: int, stride: Any, padding: Any) -> None:
            layers[f"conv{name}"] = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
            layers[f"bn{name}"] = nn.BatchNorm2d(outputs)
            layers[f"relu{name}"] = nn.ReLU(inplace=True)

        conv("0_1", input_channel, stem, 3, 1, 1)
        conv("0_2", stem, a, 3, 1, 1)
        layers["maxpool1"] = nn.MaxPool2d(2, 2)  # [N, a, H/2, W/2]
        layers["layer1"] = residual_blocks(a, b, 1)
        conv("1", b, b, 3, 1, 1)
        layers["maxpool2"] = nn.MaxPool2d(2, 2)  # [N, b, H/4, W/4]
        layers["layer2"] = residual_blocks(b, c, 2)
        conv("2", c, c, 3, 1, 1)
        layers["maxpool3"] = nn.MaxPool2d(2, (2, 1), (0, 1))  # [N, c, H/8, W/4 + 1]
        layers["layer3"] = residual_blocks(c, d, 5)
        conv("3", d, d, 3, 1, 1)
        layers["layer4"] = residual_blocks(d, d, 3)
        conv("4_1", d, d, 2, (2, 1), (0, 1))  # [N, d, H/16, W/4 + 2]
        conv("4_2", d, d, 2, 1, 0)  # [N, d, H/16 - 1, W/4 + 1]
        self.ConvNet = nn.Sequential(layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.ConvNet(images)

    @staticmethod
    def frames(width: int) -> int:
        return width // 4 + 1


def residual_blocks(inputs: int, outputs: int, count: int) -> nn.Sequential:
    rest = (BasicBlock(outputs, outputs) for _ in range(count - 1))
    return nn.Sequential(BasicBlock(inputs, outputs), *rest)


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:  # [N, inputs, H, W] -> [N, outputs, H, W]
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)
