"""The features of GRCNN, a gated recurrent convolution network (Wang & Hu, NIPS 2017)."""

import torch
from torch import Tensor, nn


class RCNN(nn.Module):
    first_conv = "ConvNet.0.weight"
    last_conv = "ConvNet.9.weight"

    def __init__(self, input_channel: int, output_channel: int) -> None:
        super().__init__()
        a, b, c, d = output_channel // 8, output_channel // 4, output_channel // 2, output_channel
        self.ConvNet = nn.Sequential(
            nn.Conv2d(input_channel, a, 3, 1, 1), nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2),  # [N, a, H/2, W/2]
            GatedRecurrentConv(a, a),
            nn.MaxPool2d(2, 2),  # [N, a, H/4, W/4]
            GatedRecurrentConv(a, b),
            nn.MaxPool2d(2, (2, 1), (0, 1)),  # [N, b, H/8, W/4 + 1]
            GatedRecurrentConv(b, c),
            nn.MaxPool2d(2, (2, 1), (0, 1)),  # [N, c, H/16, W/4 + 2]
            nn.Conv2d(c, d, 2, 1, 0, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True),
        )  # [N, d, H/16 - 1, W/4 + 1]  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.ConvNet(images)

    @staticmethod
    def frames(width: int) -> int:
        return width // 4 + 1


class GatedRecurrentConv(nn.Module):
    """A convolution that looks at its own output again, through a gate, `iterations` times.

    The two recurrent convolutions are shared by all iterations; the normalisations are not.
    """

    def __init__(self, input_channel: int, output_channel: int, iterations: int = 5) -> None:
        super().__init__()
        self.wgf_u = nn.Conv2d(input_channel, output_channel, 1, bias=False)
        self.wgr_x = nn.Conv2d(output_channel, output_channel, 1, bias=False)
        self.wf_u = nn.Conv2d(input_channel, output_channel, 3, padding=1, bias=False)
        self.wr_x = nn.Conv2d(output_channel, output_channel, 3, padding=1, bias=False)
        self.BN_x_init = nn.BatchNorm2d(output_channel)
        self.GRCL = nn.Sequential(*(GatedIteration(output_channel) for _ in range(iterations)))

    def forward(self, u: Tensor) -> Tensor:  # [N, input_channel, H, W] -> [N, output_channel, H, W]
        gate_of_u, feed_of_u = self.wgf_u(u), self.wf_u(u)
        x = torch.relu(self.BN_x_init(feed_of_u))
        for iteration in self.GRCL:
            x = iteration(gate_of_u, self.wgr_x(x), feed_of_u, self.wr_x(x))
        return x


class GatedIteration(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.BN_gfu = nn.BatchNorm2d(channels)
        self.BN_grx = nn.BatchNorm2d(channels)
        self.BN_fu = nn.BatchNorm2d(channels)
        self.BN_rx = nn.BatchNorm2d(channels)
        self.BN_Gx = nn.BatchNorm2d(channels)

    def forward(self, gate_of_u: Tensor, gate_of_x: Tensor, feed_of_u: Tensor, feed_of_x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.BN_gfu(gate_of_u) + self.BN_grx(gate_of_x))
        return torch.relu(self.BN_fu(feed_of_u) + self.BN_Gx(self.BN_rx(feed_of_x) * gate))
