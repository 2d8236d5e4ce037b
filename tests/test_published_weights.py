"""The real files: EasyOCR's english_g2 and its CRAFT detector."""

import pytest
import torch

from dtrb import easyocr_catalog
from dtrb.checkpoints.files import read_recogniser
from dtrb.checkpoints.transfer import load_strictly, transfer
from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer

pytestmark = pytest.mark.slow
DATA = ("--train_data", "x", "--valid_data", "y")


@pytest.fixture
def english(published_weights):
    return published_weights / "english_g2.pth"


def config_of(checkpoint, **other):
    known = {option: setting.value for option, setting in checkpoint.known.items()}
    return ModelConfig(**{**known, **other})


def test_inspect_knows_english_g2(run, english):
    code, out, _ = run("inspect", english)
    assert code == 0
    assert out.startswith(f"{english}: EasyOCR english_g2\n")
    assert "output_channel     256   (FeatureExtraction.ConvNet.18.weight is 256×256×2×2)" in out
    assert "96 characters 0123456789!\"…opqrstuvwxyz   (EasyOCR's english_g2, known by its md5)" in out
    assert "geometry           easyocr" in out


def test_inspect_knows_the_detector(run, published_weights):
    code, out, _ = run("inspect", published_weights / "craft_mlt_25k.pth")
    assert code == 0
    assert "EasyOCR's CRAFT text detector: it finds where text is and cannot read it" in out


def test_the_seed_command_is_refused(run, published_weights):
    """As it was typed, with the real detector."""
    code, _, err = run(
        "train", *DATA, "--select_data", "/", "--batch_ratio", "1", "--Transformation", "None",
        "--FeatureExtraction", "VGG", "--SequenceModeling", "BiLSTM", "--Prediction", "CTC", "--saved_model",
        published_weights / "craft_mlt_25k.pth", "--FT", "--batch_max_length", "200", "--valInterval", "2000",
    )  # fmt: skip
    assert code == 2
    assert "EasyOCR's CRAFT text detector" in err


@torch.no_grad()
def test_our_network_computes_what_easyocrs_does(english):
    from easyocr.recognition import get_recognizer

    checkpoint = read_recogniser(str(english))
    model = Recognizer(config_of(checkpoint)).eval()
    load_strictly(model, checkpoint)
    sizes = {"input_channel": 1, "output_channel": 256, "hidden_size": 256}
    theirs, _ = get_recognizer(
        "generation2",
        sizes,
        checkpoint.charset.characters,
        {},
        {},
        str(english),
        device="cpu",
        quantize=False,
    )
    images = torch.randn(4, 1, 64, 320)
    torch.testing.assert_close(model(images), theirs.eval()(images, None), rtol=0, atol=1e-4)


@torch.no_grad()
def test_transfer_to_korean_keeps_every_ascii_row(english):
    """Proven by the logits, not by the weights."""
    checkpoint = read_recogniser(str(english))
    korean = easyocr_catalog.recogniser("korean_g2").characters
    base, tuned = (
        Recognizer(config_of(checkpoint)).eval(),
        Recognizer(config_of(checkpoint, character=korean)).eval(),
    )
    load_strictly(base, checkpoint)
    report = transfer(tuned, checkpoint, checkpoint.charset)
    assert str(report).startswith("44/44 tensors loaded; head: 96 rows kept, 913 new, 1 dropped")

    images = torch.randn(4, 1, 64, 320)
    before, after = base(images), tuned(images)
    ascii_characters = [character for character in checkpoint.charset if character.isascii()]
    assert len(ascii_characters) == 95
    old = [0, *(1 + checkpoint.charset.position[character] for character in ascii_characters)]
    new = [0, *(1 + korean.index(character) for character in ascii_characters)]
    torch.testing.assert_close(after[..., new], before[..., old], rtol=0, atol=1e-5)


def test_the_transfer_through_the_door(run, english):
    words = ["--config", "configs/korean_g2.yaml", "--saved_model", english, "--FT", *DATA, "--dry_run"]
    code, _, err = run("train", *words)
    assert code == 2
    assert "1 lost (€)" in err
    assert "--character checkpoint+" in err
    code, out, _ = run("train", *words, "--charset_change", "replace")
    assert code == 0
    assert "44/44 tensors loaded; head: 96 rows kept, 913 new, 1 dropped" in out
    code, out, _ = run("train", *words, "--character", "checkpoint+easyocr:korean_g2")
    assert code == 0
    assert "97 rows kept, 913 new, 0 dropped" in out


def test_easyocrs_network_is_trained_in_its_geometry_and_says_so(run, english):
    code, out, _ = run("train", "--saved_model", english, "--FT", *DATA, "--dry_run")
    assert code == 0
    assert (
        "note: this is a network of EasyOCR: images are prepared as EasyOCR does it (--geometry easyocr)"
        in out
    )


def test_a_flipped_bit_in_a_published_file_is_found(run, english, tmp_path):
    content = bytearray(english.read_bytes())
    content[7_000_000] ^= 1
    (tmp_path / "english_g2.pth").write_bytes(content)
    code, _, err = run("inspect", tmp_path / "english_g2.pth")
    assert code == 2
    assert "damaged archive" in err
