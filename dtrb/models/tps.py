"""Rectification by a thin-plate spline (RARE, Shi et al., arXiv 1603.03915, section 3.1).

The letters are the paper's: F fiducial points, C where they belong in the rectified image, C' where
the localisation network finds them in the input, P the rectified pixels, P' where each is read from.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class TPS(nn.Module):
    def __init__(self, input_channel: int, imgH: int, imgW: int, num_fiducial: int) -> None:
        super().__init__()
        self.size = (imgH, imgW)
        self.LocalizationNetwork = LocalizationNetwork(input_channel, num_fiducial)
        self.GridGenerator = GridGenerator(imgH, imgW, num_fiducial)

    def forward(self, images: Tensor) -> Tensor:  # [N, C, any H, any W] -> [N, C, imgH, imgW]
        fiducials = self.LocalizationNetwork(images)  # [N, F, 2]
        grid = self.GridGenerator(fiducials).reshape(-1, *self.size, 2)  # [N, imgH, imgW, 2]
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=True)


class LocalizationNetwork(nn.Module):
    """Finds the fiducial points: [N, C, H, W] -> C' [N, F, 2]."""

    def __init__(self, input_channel: int, num_fiducial: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((input_channel, 64), (64, 128), (128, 256), (256, 512)):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2, 2)]
        layers[-1] = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Sequential(*layers)  # [N, 512, 1, 1]
        self.localization_fc1 = nn.Sequential(nn.Linear(512, 256), nn.ReLU(inplace=True))
        self.localization_fc2 = nn.Linear(256, num_fiducial * 2)
        self.start_straight()

    def start_straight(self) -> None:
        """Begin with the same points for every image (the paper's figure 6 a)."""
        half = self.localization_fc2.out_features // 4
        x, falling = (
            torch.linspace(-1, 1, half, dtype=torch.float64),
            torch.linspace(1, 0, half, dtype=torch.float64),
        )
        top, bottom = torch.stack([x, falling - 1], dim=1), torch.stack([x, falling], dim=1)
        with torch.no_grad():
            self.localization_fc2.weight.zero_()
            self.localization_fc2.bias.copy_(torch.cat([top, bottom]).flatten())

    def forward(self, images: Tensor) -> Tensor:
        features = self.conv(images).flatten(1)  # [N, 512]
        points = self.localization_fc2(self.localization_fc1(features))  # [N, 2 * F]
        return points.unflatten(1, (-1, 2))


class GridGenerator(nn.Module):
    """Bends the rectified grid to the points that were found: C' [N, F, 2] -> P' [N, imgH * imgW, 2]."""

    inv_delta_C: Tensor
    P_hat: Tensor

    def __init__(self, imgH: int, imgW: int, num_fiducial: int) -> None:
        super().__init__()
        inv_delta_C, P_hat = spline_tables(imgH, imgW, num_fiducial)
        self.register_buffer("inv_delta_C", inv_delta_C)  # [F + 3, F + 3]
        self.register_buffer("P_hat", P_hat)  # [imgH * imgW, F + 3]

    def forward(self, fiducials: Tensor) -> Tensor:
        spline = self.inv_delta_C[:, : fiducials.size(1)] @ fiducials  # [N, F + 3, 2]
        return self.P_hat @ spline


def spline_tables(imgH: int, imgW: int, num_fiducial: int) -> tuple[Tensor, Tensor]:
    """Give the two constants of the spline, computed in float64 and kept in the default dtype."""
    half = num_fiducial // 2
    x = torch.linspace(-1, 1, half, dtype=torch.float64)
    ones = torch.ones_like(x)
    C = torch.cat([torch.stack([x, -ones], dim=1), torch.stack([x, ones], dim=1)])  # [F, 2]

    distance = torch.cdist(C, C, compute_mode="donot_use_mm_for_euclid_dist")
    distance.fill_diagonal_(1)  # so that its logarithm, and the entry, is zero
    delta_C = torch.zeros(num_fiducial + 3, num_fiducial + 3, dtype=torch.float64)
    delta_C[:num_fiducial, 0] = 1
    delta_C[:num_fiducial, 1:3] = C
    delta_C[:num_fiducial, 3:] = distance**2 * distance.log()
    delta_C[num_fiducial : num_fiducial + 2, 3:] = C.t()
    delta_C[num_fiducial + 2, 3:] = 1

    columns = (torch.arange(-imgW, imgW, 2, dtype=torch.float64) + 1) / imgW
    rows = (torch.arange(-imgH, imgH, 2, dtype=torch.float64) + 1) / imgH
    P = torch.stack([columns.repeat(imgH), rows.repeat_interleave(imgW)], dim=1)  # [imgH * imgW, 2]
    reach = torch.cdist(P, C, compute_mode="donot_use_mm_for_euclid_dist")
    radial = reach**2 * (reach + 1e-6).log()
    P_hat = torch.cat([torch.ones(len(P), 1, dtype=torch.float64), P, radial], dim=1)
    kept = torch.get_default_dtype()
    return delta_C.inverse().to(kept), P_hat.to(kept)
