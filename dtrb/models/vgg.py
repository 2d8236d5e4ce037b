"""The features of CRNN (Shi et al., arXiv 1507.05717)."""

from torch import Tensor, nn


class VGG(nn.Module):
    # Where a file of weights shows this backbone, its input channels and its output channels.
    first_conv = "ConvNet.0.weight"
    last_conv = "ConvNet.18.weight"

    def __init__(self, input_channel: int, output_channel: int) -> None:
        super().__init__()
        a, b, c, d = output_channel // 8, output_channel // 4, output_channel // 2, output_channel
        self.ConvNet = nn.Sequential(
            nn.Conv2d(input_channel, a, 3, 1, 1), nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2),  # [N, a, H/2, W/2]
            nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2),  # [N, b, H/4, W/4]
            nn.Conv2d(b, c, 3, 1, 1), nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, 1, 1), nn.ReLU(inplace=True),
            nn.MaxPool2d((2, 1), (2, 1)),  # [N, c, H/8, W/4]
            nn.Conv2d(c, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True),
            nn.Conv2d(d, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True),
            nn.MaxPool2d((2, 1), (2, 1)),  # [N, d, H/16, W/4]
            nn.Conv2d(d, d, 2, 1, 0), nn.ReLU(inplace=True),  # [N, d, H/16 - 1, W/4 - 1]
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.ConvNet(images)

    @staticmethod
    def frames(width: int) -> int:
        return width // 4 - 1
