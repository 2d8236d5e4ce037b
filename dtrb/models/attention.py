"""The attention decoder of RARE (Shi et al., arXiv 1603.03915): one character at a time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

GO, END = 0, 1  # class ids; the characters follow


class Attention(nn.Module):
    def __init__(self, input_size: int, hidden_size: int, num_class: int) -> None:
        super().__init__()
        self.attention_cell = AttentionCell(input_size, hidden_size, num_class)
        self.generator = nn.Linear(hidden_size, num_class)

    def forward(self, frames: Tensor, text: Tensor | None, max_steps: int) -> Tensor:
        """Give the logits of each step: frames [N, T, D] -> [N, steps, num_class].

        With `text` [N, steps], whose first column is [GO], each step is told the right character
        before it. Without, it is told what the step before it chose, and the decoding ends when
        every row has chosen [s], or after `max_steps`.
        """
        if text is not None:
            return self.follow(frames, text)
        return self.choose(frames, max_steps)

    def follow(self, frames: Tensor, text: Tensor) -> Tensor:
        cell = self.attention_cell
        keys, table, state = cell.start(frames)
        inputs = functional.embedding(text, table)  # [N, steps, 4 * hidden]
        outputs = []
        for step in range(text.size(1)):
            state = cell(frames, keys, inputs[:, step], state)
            outputs.append(state[0])
        return self.generator(torch.stack(outputs, dim=1))

    def choose(self, frames: Tensor, max_steps: int) -> Tensor:
        cell = self.attention_cell
        keys, table, state = cell.start(frames)
        chosen = torch.full((frames.size(0),), GO, device=frames.device)
        ended = torch.zeros_like(chosen, dtype=torch.bool)
        logits = []
        for _ in range(max_steps):
            state = cell(frames, keys, functional.embedding(chosen, table), state)
            logits.append(self.generator(state[0]))  # [N, num_class]
            chosen = logits[-1].argmax(dim=1)
            ended |= chosen == END
            if ended.all():
                break
        return torch.stack(logits, dim=1)


class AttentionCell(nn.Module):
    """One step: look at the frames, then move the LSTM on by the character before."""

    def __init__(self, input_size: int, hidden_size: int, num_class: int) -> None:
        super().__init__()
        self.i2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)
        self.rnn = nn.LSTMCell(input_size + num_class, hidden_size)  # context, then a one-hot character

    def start(self, frames: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Do once what does not change from step to step.

        The LSTM's input weights for the one-hot characters are a table of embeddings: taking a row
        is what multiplying by a one-hot vector comes to. Both biases are added to it here.
        """
        keys = self.i2h(frames)  # [N, T, hidden]
        table = self.rnn.weight_ih[:, frames.size(2) :].t() + (self.rnn.bias_ih + self.rnn.bias_hh)
        zeros = frames.new_zeros(frames.size(0), self.rnn.hidden_size)
        return keys, table, (zeros, zeros)  # table: [num_class, 4 * hidden]

    def forward(
        self, frames: Tensor, keys: Tensor, character: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        hidden, memory = state  # [N, hidden] each
        energy = self.score(torch.tanh(keys + self.h2h(hidden).unsqueeze(1)))  # [N, T, 1]
        weights = energy.softmax(dim=1).transpose(1, 2)  # [N, 1, T]
        context = torch.bmm(weights, frames).squeeze(1)  # [N, D]
        gates = (
            character
            + functional.linear(context, self.rnn.weight_ih[:, : context.size(1)])
            + functional.linear(hidden, self.rnn.weight_hh)
        )  # [N, 4 * hidden]
        let_in, keep, new, show = gates.chunk(4, dim=1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(let_in) * torch.tanh(new)
        return torch.sigmoid(show) * torch.tanh(memory), memory
