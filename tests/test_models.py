"""The network is clova's, number for number, in all 24 combinations."""

import numpy as np
import pytest
import torch
from parity import FOLDER, NAMES, config_of, filled

from dtrb import stages
from dtrb.models.attention import END
from dtrb.models.recognizer import Recognizer
from dtrb.models.tps import spline_tables


@pytest.fixture
def float64():
    """Build in float64 throughout: the recorded TPS starts from points that were never rounded."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def recorded_model(name):
    model = filled(Recognizer(config_of(name)))
    tables = np.load(FOLDER / "tps_tables.npz")
    state = model.state_dict()
    for table in ("inv_delta_C", "P_hat"):
        if f"Transformation.GridGenerator.{table}" in state:
            state[f"Transformation.GridGenerator.{table}"] = torch.from_numpy(tables[table])
    model.load_state_dict(state)
    return model


def test_all_combinations_are_recorded():
    assert len(NAMES) == 2 * 3 * 2 * 2


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_shapes_are_those_of_the_original(name):
    recorded = np.load(FOLDER / f"{name}.npz")["shapes"].tolist()
    state = Recognizer(config_of(name)).state_dict()
    ours = [f"{key} {'x'.join(map(str, tensor.shape))}".strip() for key, tensor in state.items()]
    assert ours == recorded


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_the_original(name, float64):
    recorded = np.load(FOLDER / f"{name}.npz")
    model = recorded_model(name).eval()
    x, text = torch.from_numpy(recorded["x"]).double(), torch.from_numpy(recorded["text"])
    with torch.no_grad():
        torch.testing.assert_close(model(x, text), torch.from_numpy(recorded["eval"]), rtol=0, atol=1e-6)
        model.train()
        torch.testing.assert_close(model(x, text), torch.from_numpy(recorded["train"]), rtol=0, atol=1e-6)


def up_to_each_end(logits):
    """Give the steps of each row up to its [s]; what comes after it is nobody's business."""
    for row in logits:
        ends = np.flatnonzero(row.argmax(axis=1) == END)
        yield row[: ends[0] + 1] if len(ends) else row


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("Attn")])
def test_greedy_logits_are_those_of_the_original(name, float64):
    recorded = np.load(FOLDER / f"{name}.npz")
    model = recorded_model(name).eval()
    x = torch.from_numpy(recorded["x"]).double()
    with torch.no_grad():
        greedy = model(x).numpy()
        model.Prediction.generator.bias[END] += float(recorded["stop_bias"])
        stopped = model(x).numpy()
    for ours, theirs in ((greedy, recorded["greedy"]), (stopped, recorded["greedy_stop"])):
        for row, expected in zip(up_to_each_end(ours), up_to_each_end(theirs), strict=True):
            np.testing.assert_allclose(row, expected, rtol=0, atol=1e-6)
    last = max(len(row) for row in up_to_each_end(recorded["greedy_stop"]))
    assert stopped.shape[1] == last, "decoding ends when the last row has ended, not before and not after"


def test_tps_tables_are_those_of_the_original():
    recorded = np.load(FOLDER / "tps_tables.npz")
    inv_delta_C, P_hat = spline_tables(32, 100, 20)  # noqa: N806
    np.testing.assert_allclose(inv_delta_C, recorded["inv_delta_C"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(P_hat, recorded["P_hat"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", stages.FEATURE_EXTRACTORS)
@pytest.mark.parametrize("width", [8, 99, 100, 133, 600])
def test_any_width_gives_the_frames_that_the_backbone_states(name, width):
    model = Recognizer(config_of(f"None-{name}-None-CTC")).eval()
    frames = stages.load(stages.FEATURE_EXTRACTORS[name]).frames(width)
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 64, width)).shape == (1, frames, model.config.num_class)


@pytest.mark.parametrize("name", stages.FEATURE_EXTRACTORS)
def test_a_backbone_says_where_its_channels_are(name):
    backbone = stages.load(stages.FEATURE_EXTRACTORS[name])(3, 48)
    state = backbone.state_dict()
    assert state[backbone.first_conv].shape[1] == 3
    assert state[backbone.last_conv].shape[0] == 48


def test_tps_takes_any_image_and_gives_its_own_size():
    model = Recognizer(config_of("TPS-VGG-None-CTC")).eval()
    with torch.no_grad():
        assert model.Transformation(torch.zeros(2, 1, 64, 320)).shape == (2, 1, 32, 100)


def test_an_unmoved_tps_starts_as_clova_does():
    """Every image gets the same points at the start: the top row falls, the bottom row falls below it."""
    localization = Recognizer(config_of("TPS-VGG-None-CTC")).eval().Transformation.LocalizationNetwork
    with torch.no_grad():
        points = localization(torch.randn(2, 1, 32, 100))
    assert torch.equal(points[0], points[1])
    assert points[0, 0].tolist() == [-1, 0]
    assert points[0, 9].tolist() == [1, -1]
    assert points[0, 10].tolist() == [-1, 1]
    assert points[0, 19].tolist() == [1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_reaches_every_parameter(name):
    model = Recognizer(config_of(name))
    if name.startswith("TPS"):  # its last layer starts at zero, and stops the gradient there once
        torch.nn.init.normal_(model.Transformation.LocalizationNetwork.localization_fc2.weight, std=0.01)
    text = torch.randint(2, model.config.num_class, (2, 5))
    model(torch.randn(2, 1, 32, 100), text).square().sum().backward()
    without = [key for key, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    # A bias before a normalisation, or under a softmax over all frames, changes nothing; there is none here.
    assert without == []


def test_initial_weights_go_by_the_type_of_the_module():
    torch.manual_seed(0)
    model = Recognizer(config_of("None-VGG-BiLSTM-CTC", output_channel=256, hidden_size=256))
    convolution, normalisation = model.FeatureExtraction.ConvNet[3], model.FeatureExtraction.ConvNet[12]
    fan_in = convolution.weight[0].numel()
    assert convolution.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
    assert convolution.bias.abs().sum() == 0
    assert (normalisation.weight == 1).all()
    assert (normalisation.bias == 0).all()
    assert model.SequenceModeling[0].rnn.bias_ih_l0.abs().sum() == 0


def test_attention_needs_no_text_longer_than_the_batch():
    """Teacher forcing makes as many steps as the text has columns, whatever batch_max_length says."""
    model = Recognizer(config_of("None-VGG-None-Attn", batch_max_length=1100)).eval()
    text = torch.tensor([[0, 5, 6], [0, 7, 1]])
    with torch.no_grad():
        assert model(torch.zeros(2, 1, 32, 100), text).shape[1] == 3


def test_is_train_is_taken_and_text_decides():
    model = Recognizer(config_of("None-VGG-BiLSTM-Attn")).eval()
    images, text = torch.randn(2, 1, 32, 100), torch.tensor([[0, 5, 6], [0, 7, 1]])
    with torch.no_grad():
        assert torch.equal(model(images, text, is_train=False), model(images, text, is_train=True))
        assert torch.equal(model(images, None, is_train=True), model(images))
