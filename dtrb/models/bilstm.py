"""Two bidirectional LSTMs over the frames, each followed by a projection."""

from torch import Tensor, nn


class StackedBiLSTM(nn.Sequential):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(
            BidirectionalLSTM(input_size, hidden_size), BidirectionalLSTM(hidden_size, hidden_size)
        )


class BidirectionalLSTM(nn.Module):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(hidden_size * 2, hidden_size)

    def forward(self, frames: Tensor) -> Tensor:  # [N, T, input_size] -> [N, T, hidden_size]
        recurrent, _ = self.rnn(frames)  # [N, T, 2 * hidden_size]
        return self.linear(recurrent)
