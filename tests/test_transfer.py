"""Fine-tuning onto other characters or another head keeps what was learned, by character."""

import pytest
import torch
from conftest import ROOT
from parity import config_of, filled

from dtrb.charset import read_file
from dtrb.checkpoints.agreement import agree
from dtrb.checkpoints.files import read_recogniser, save
from dtrb.checkpoints.transfer import load_strictly, start, transfer
from dtrb.errors import CheckpointError
from dtrb.models.recognizer import Recognizer
from dtrb.settings import read_command_line

IMAGES = torch.randn(16, 1, 32, 100, generator=torch.Generator().manual_seed(0))
IMAGES *= torch.linspace(0.1, 2, 16)[
    :, None, None, None
]  # unlike each other, so that networks say unlike things


@pytest.fixture
def saved_as(tmp_path):
    def saved_as(name, salt=0, **config):
        model = filled(Recognizer(config_of(name, **config)), salt).eval()
        save(tmp_path / "base.pth", model)
        return model, read_recogniser(str(tmp_path / "base.pth"))

    return saved_as


def moved(checkpoint, name, **config):
    model = Recognizer(config_of(name, **config)).eval()
    return model, transfer(model, checkpoint, checkpoint.charset)


@torch.no_grad()
def test_ctc_rows_go_by_character(saved_as):
    """The new set has another order, has lost b and e and has won x and y."""
    base, checkpoint = saved_as("None-VGG-BiLSTM-CTC", character="abcde")
    tuned, report = moved(checkpoint, "None-VGG-BiLSTM-CTC", character="xdcya")
    before, after = base(IMAGES), tuned(IMAGES)
    for character in "acd":
        torch.testing.assert_close(
            after[..., 1 + "xdcya".index(character)],
            before[..., 1 + "abcde".index(character)],
            rtol=0,
            atol=1e-5,
        )
    torch.testing.assert_close(after[..., 0], before[..., 0], rtol=0, atol=1e-5)
    assert (report.rows_kept, report.rows_new, report.rows_dropped, report.rows_moved) == (4, 2, 2, 2)
    assert str(report) == (
        "44/44 tensors loaded; head: 4 rows kept, 2 new, 2 dropped\n2 rows moved to another class, by character"
    )


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "salt"), [("None-VGG-BiLSTM-CTC", 3), ("None-VGG-BiLSTM-Attn", 3), ("TPS-ResNet-None-Attn", 2)]
)
def test_a_grown_network_reads_what_it_read_before(saved_as, name, salt):
    """No new class wins anywhere: each starts as the mean of the others, and a mean is never the maximum."""
    known, grown = "가나다라마바사아", "가나다라마바사아했었겠갔왔봤"
    base, checkpoint = saved_as(name, salt, character=known)
    tuned, report = moved(checkpoint, name, character=grown)
    before, after = base(IMAGES), tuned(IMAGES)
    classes = base.config.num_class
    assert len(before.argmax(dim=-1).unique()) > 2, "a network that says one thing would prove nothing"
    assert torch.equal(before.argmax(dim=-1), after.argmax(dim=-1))
    torch.testing.assert_close(after[..., :classes], before, rtol=0, atol=1e-4)
    assert (report.rows_kept, report.rows_new, report.rows_dropped) == (classes, 6, 0)


@torch.no_grad()
def test_attention_told_old_characters_goes_on_as_before(saved_as):
    """The decoder's input columns move by character too."""
    base, checkpoint = saved_as("None-VGG-None-Attn", character="abcd")
    tuned, _ = moved(checkpoint, "None-VGG-None-Attn", character="zdcba")
    text = torch.tensor([[0, 2 + 0, 2 + 3, 2 + 2]])  # a d c
    moved_text = torch.tensor([[0, 2 + 4, 2 + 1, 2 + 2]])
    before, after = base(IMAGES[:1], text), tuned(IMAGES[:1], moved_text)
    places = [0, 1, *(2 + "zdcba".index(character) for character in "abcd")]
    torch.testing.assert_close(after[..., places], before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("after", ["abxyz", "axyz", "xyz"], ids=["two kept", "one kept", "none kept"])
def test_new_rows_are_told_apart(saved_as, after):
    _, checkpoint = saved_as("None-VGG-None-CTC", character="ab")
    tuned, report = moved(checkpoint, "None-VGG-None-CTC", character=after)
    assert len(tuned.Prediction.weight.unique(dim=0)) == report.rows_kept + report.rows_new == len(after) + 1


def test_the_special_classes_have_no_part_in_new_rows(saved_as):
    base, checkpoint = saved_as("None-VGG-None-CTC", character="abc")
    tuned, _ = moved(checkpoint, "None-VGG-None-CTC", character="abcx")
    mean = base.Prediction.weight[1:].mean(dim=0)
    torch.testing.assert_close(
        tuned.Prediction.weight[4], mean, rtol=0, atol=0.1 * base.Prediction.weight.std().item()
    )


@torch.no_grad()
@pytest.mark.parametrize(("before", "after"), [("CTC", "Attn"), ("Attn", "CTC")])
def test_another_head_keeps_the_body(saved_as, before, after):
    base, checkpoint = saved_as(f"None-RCNN-BiLSTM-{before}")
    tuned, report = moved(checkpoint, f"None-RCNN-BiLSTM-{after}")
    for stage in ("FeatureExtraction", "SequenceModeling"):
        theirs, ours = getattr(base, stage).state_dict(), getattr(tuned, stage).state_dict()
        assert all(torch.equal(tensor, ours[key]) for key, tensor in theirs.items())
    body = sum(not key.startswith("Prediction.") for key in tuned.state_dict())
    assert report.loaded == body
    assert str(report) == f"{body}/{report.total} tensors loaded; head: new (nothing of the file's fits)"


@torch.no_grad()
def test_tps_tables_are_rebuilt_for_another_size(saved_as):
    _, checkpoint = saved_as("TPS-VGG-None-CTC")
    tuned, report = moved(checkpoint, "TPS-VGG-None-CTC", imgH=64, imgW=200)
    fresh = Recognizer(config_of("TPS-VGG-None-CTC", imgH=64, imgW=200))
    table = "Transformation.GridGenerator.P_hat"
    assert torch.equal(tuned.state_dict()[table], fresh.state_dict()[table])
    assert tuned(torch.zeros(1, 1, 64, 200)).shape[1] == 200 // 4 - 1
    assert report.rebuilt == (table,)
    assert report.loaded == report.total - 1


def test_tps_tables_of_as_many_other_points_are_rebuilt(saved_as):
    _, checkpoint = saved_as("TPS-VGG-None-CTC", imgH=32, imgW=100)
    tuned, report = moved(checkpoint, "TPS-VGG-None-CTC", imgH=64, imgW=50)
    fresh = Recognizer(config_of("TPS-VGG-None-CTC", imgH=64, imgW=50))
    table = "Transformation.GridGenerator.P_hat"
    assert report.rebuilt == (table,)
    assert torch.equal(tuned.state_dict()[table], fresh.state_dict()[table])


def test_half_precision_is_taken_up(saved_as, tmp_path):
    base, _ = saved_as("None-VGG-BiLSTM-Attn", character="abc")
    save(tmp_path / "half.pth", base.half())
    checkpoint = read_recogniser(str(tmp_path / "half.pth"))
    tuned, report = moved(checkpoint, "None-VGG-BiLSTM-Attn", character="abcd")
    assert report.rows_kept == 5
    assert all(p.dtype == torch.float32 for p in tuned.parameters())


def test_a_head_of_another_size_is_new(saved_as):
    _, checkpoint = saved_as("None-VGG-None-Attn", hidden_size=16)
    _, report = moved(checkpoint, "None-VGG-None-Attn", hidden_size=24)
    assert report.new_head


def test_the_tables_of_an_equal_size_come_from_the_file(saved_as):
    _, checkpoint = saved_as("TPS-VGG-None-CTC")
    _, report = moved(checkpoint, "TPS-VGG-None-CTC")
    assert report.rebuilt == ()
    assert report.loaded == report.total


def test_too_little_in_common_is_refused(saved_as):
    _, checkpoint = saved_as("None-VGG-BiLSTM-CTC")
    with pytest.raises(
        CheckpointError, match=r"only 20 of the 42 tensors .* at least 90% must.*: 4×1×3×3 in the file, 8×1"
    ):
        moved(checkpoint, "None-VGG-BiLSTM-CTC", output_channel=64)


def test_strict_loading_names_what_differs(saved_as):
    _, checkpoint = saved_as("None-VGG-BiLSTM-CTC", character="abc")
    with pytest.raises(
        CheckpointError, match=r"Prediction.weight is 4×16 in the file, 5×16 in the network.*; pass --FT"
    ):
        load_strictly(Recognizer(config_of("None-VGG-BiLSTM-CTC", character="abcd")), checkpoint)


def test_strict_loading_knows_tables_of_another_size(saved_as):
    """32×100 and 64×50 have as many points, so the shapes are the same."""
    _, checkpoint = saved_as("TPS-VGG-None-CTC", imgH=32, imgW=100)
    with pytest.raises(CheckpointError, match="P_hat is that of another image size"):
        load_strictly(Recognizer(config_of("TPS-VGG-None-CTC", imgH=64, imgW=50)), checkpoint)


def test_what_is_not_in_the_file_is_named(saved_as, tmp_path):
    _, checkpoint = saved_as("None-ResNet-BiLSTM-CTC")
    checkpoint.tensors.pop("FeatureExtraction.ConvNet.bn4_2.weight")
    _, report = moved(checkpoint, "None-ResNet-BiLSTM-CTC")
    assert "not in the file, so new: FeatureExtraction.ConvNet.bn4_2.weight" in str(report)


def test_new_rows_are_the_same_for_the_same_seed(saved_as, run, tmp_path):
    saved_as("None-VGG-None-CTC", character="ab")
    settings = ["--saved_model", str(tmp_path / "base.pth"), "--FT", "--character", "abc"]

    def weights(seed):
        words = [*settings, "--train_data", "x", "--valid_data", "y", "--manualSeed", str(seed)]
        model, _ = start(agree(read_command_line("train", words), lambda _: ""))
        return model.state_dict()

    one, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["Prediction.weight"], other["Prediction.weight"])


def test_korean_g2_grows_to_modern_korean(saved_as):
    """Every class of korean_g2, the blank included, and every syllable of KS X 1001 that it lacks."""
    g2 = read_file(ROOT / "configs/charsets/korean_g2.txt")
    syllables = "".join(bytes([r, c]).decode("euc_kr") for r in range(0xB0, 0xC9) for c in range(0xA1, 0xFF))
    sizes = {"output_channel": 256, "hidden_size": 256}
    _, checkpoint = saved_as("None-VGG-BiLSTM-CTC", character=g2.characters, **sizes)
    grown = g2.joined_with(syllables)
    _, report = moved(checkpoint, "None-VGG-BiLSTM-CTC", character=grown.characters, **sizes)
    assert str(report) == "44/44 tensors loaded; head: 1,009 rows kept, 1,437 new, 0 dropped"


def test_without_known_characters_every_row_is_new(saved_as):
    _, checkpoint = saved_as("None-VGG-BiLSTM-CTC")
    model = Recognizer(config_of("None-VGG-BiLSTM-CTC"))
    report = transfer(model, checkpoint, None)
    assert report.new_head
    assert (report.rows_kept, report.rows_new) == (0, 37)
