"""Files of weights: ours describe themselves, other people's are recognised, damaged ones are refused."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections import OrderedDict
from random import Random

import pytest
import torch
from conftest import ROOT
from parity import NAMES, config_of, filled

from dtrb import easyocr_catalog
from dtrb.checkpoints import easyocr_weights, files
from dtrb.checkpoints.files import read, read_recogniser, save
from dtrb.checkpoints.transfer import load_strictly
from dtrb.config import ModelConfig
from dtrb.errors import CheckpointError
from dtrb.models.recognizer import Recognizer
from dtrb.settings import write_opt_txt

CRNN = "None-VGG-BiLSTM-CTC"


@pytest.fixture
def saved(tmp_path):
    """Save a small network and give its file."""
    model = filled(Recognizer(config_of(CRNN)))
    path = tmp_path / "best_accuracy.pth"
    save(path, model, iteration=7, metrics={"accuracy": 91.5}, data={"train": "abc"})
    return path


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        read_recogniser(str(path))
    return str(caught.value)


# --- ours -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_save_inspect_rebuild_gives_equal_logits(name, tmp_path):
    """A second salt and size: nothing here leans on the recorded numbers."""
    config = config_of(
        name, output_channel=48, hidden_size=24, imgH=48, imgW=128, num_fiducial=8, character="가나다 abc"
    )
    model = filled(Recognizer(config), salt=1).eval()
    path = tmp_path / "net.pth"
    save(path, model)

    checkpoint = read_recogniser(str(path))
    rebuilt = ModelConfig(**{option: setting.value for option, setting in checkpoint.known.items()})
    assert rebuilt == config
    again = Recognizer(rebuilt).eval()
    report = load_strictly(again, checkpoint)
    assert report.loaded == report.total == len(model.state_dict())
    images = torch.randn(2, 1, 48, 128)
    with torch.no_grad():
        assert torch.equal(model(images), again(images))


def test_a_file_says_what_it_is(saved):
    checkpoint = read(str(saved))
    assert checkpoint.prefix == "module."
    assert checkpoint.iteration == 7
    assert checkpoint.metadata["metrics"] == {"accuracy": 91.5}
    assert checkpoint.metadata["data"] == {"train": "abc"}
    assert checkpoint.metadata["versions"]["torch"] == torch.__version__
    assert checkpoint.charset.characters == "0123456789abcdefghijklmnopqrstuvwxyz"
    assert "made by dtrb" in checkpoint.description


def test_data_parallel_loads_it_strictly(saved):
    """As clova's train.py and test.py do."""
    wrapped = torch.nn.DataParallel(Recognizer(config_of(CRNN)))
    state = torch.load(saved, map_location="cpu", weights_only=True)
    assert state._metadata["module.FeatureExtraction.ConvNet.12"] == {"version": 2}, (
        "as DataParallel's own has"
    )
    wrapped.load_state_dict(state, strict=True)
    expected = filled(Recognizer(config_of(CRNN))).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in wrapped.module.state_dict().items())


@pytest.mark.parametrize("quantize", [False, True])
def test_easyocrs_own_loader_takes_it(tmp_path, quantize):
    """The built-in generation-2 network of the real easyocr, which cuts seven characters from each key."""
    from easyocr.recognition import get_recognizer

    config = ModelConfig(
        Transformation="None", FeatureExtraction="VGG", SequenceModeling="BiLSTM", Prediction="CTC",
        output_channel=32, hidden_size=16, character="가나다라", geometry="easyocr", imgH=64, imgW=600,
    )  # fmt: skip
    model = filled(Recognizer(config)).eval()
    path = tmp_path / "net.pth"
    save(path, model)
    sizes = {"input_channel": 1, "output_channel": 32, "hidden_size": 16}
    network, converter = get_recognizer(
        "generation2", sizes, config.character, {}, {}, str(path), device="cpu", quantize=quantize
    )
    assert len(converter.character) == config.num_class
    images = torch.randn(1, 1, 64, 256)
    with torch.no_grad():
        theirs, ours = network.eval()(images, None), model(images)
    if quantize:  # eight bits: alike, not equal
        assert (theirs - ours).abs().mean() < 0.05 * ours.std()
    else:
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)


def test_only_plain_values_ride_along(saved):
    state = torch.load(saved, weights_only=True)
    assert all(key.startswith("module.") for key in state)
    assert all(isinstance(value, torch.Tensor) for value in state.values())

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (str, int, float, bool)

    assert plain(state._metadata["dtrb"])


def test_the_same_network_gives_the_same_bytes(saved, tmp_path):
    model = filled(Recognizer(config_of(CRNN)))
    again = tmp_path / "another_name.pth"
    save(again, model, iteration=7, metrics={"accuracy": 91.5}, data={"train": "abc"})
    assert again.read_bytes() == saved.read_bytes()


def test_a_flipped_bit_in_a_weight_is_found(saved):
    """torch itself loads such a file without a word."""
    content = bytearray(saved.read_bytes())
    weights = torch.load(saved, weights_only=True)["module.FeatureExtraction.ConvNet.3.weight"]
    content[content.index(weights.numpy().tobytes()) + 40] ^= 0x10
    saved.write_bytes(content)
    torch.load(saved, weights_only=True)
    assert "a damaged archive (Bad CRC-32 for file" in refusal(saved)


def test_a_changed_weight_is_found(saved):
    """Written again by something that keeps our description, with checksums of its own."""
    state = torch.load(saved, weights_only=True)
    state["module.FeatureExtraction.ConvNet.3.weight"][0, 0, 0, 0] += 1e-6
    torch.save(state, saved)
    assert "do not match their checksums: 1 (FeatureExtraction.ConvNet.3.weight)" in refusal(saved)


def test_no_flipped_bit_changes_what_is_loaded(tmp_path):
    """Anywhere in the file: refused with a message, or (between the records) without any effect."""
    model = filled(Recognizer(config_of("None-VGG-None-CTC", output_channel=16, hidden_size=8)))
    path = tmp_path / "x.pth"
    save(path, model)
    content, whole = path.read_bytes(), read(str(path))
    random = Random(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        try:
            found = read(str(path))
        except CheckpointError:
            refused += 1
        else:
            assert (found.metadata, found.known) == (whole.metadata, whole.known)
            assert all(torch.equal(found.tensors[key], tensor) for key, tensor in whole.tensors.items())
    assert refused > 200


def test_a_changed_description_is_found(saved):
    state = torch.load(saved, weights_only=True)
    state._metadata["dtrb"]["config"]["character"] = "9876543210abcdefghijklmnopqrstuvwxyz"
    torch.save(state, saved)
    assert "its description does not match its checksum" in refusal(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["config"].update(character="abc"), "its tensors differ in num_class"),
        (lambda m: m["config"].update(hidden_size=99), "its tensors differ in hidden_size"),
        (lambda m: m.update(iteration=-1), "not one that dtrb writes"),
        (lambda m: m.update(iteration="7"), "not one that dtrb writes"),
        (lambda m: m.update(tensors=[]), "not one that dtrb writes"),
        (lambda m: m.update(versions={}), "not one that dtrb writes"),
        (lambda m: m["metrics"].update(accuracy=float("nan")), "not one that dtrb writes"),
        (lambda m: m["config"].update(new_option=1), "not understood"),
        (lambda m: m["config"].update(imgH="high"), "not understood"),
        (lambda m: m.pop("config"), "not one that dtrb writes"),
        (lambda m: m.pop("tensors"), "not one that dtrb writes"),
        (lambda m: m.update(format="new"), "not one that dtrb writes"),
    ],
)
def test_a_made_up_description_is_refused(saved, change, message):
    """With a checksum that fits: anybody can compute one."""
    state = torch.load(saved, weights_only=True)
    metadata = state._metadata["dtrb"]
    change(metadata)
    rest = {name: value for name, value in metadata.items() if name != "checksum"}
    metadata["checksum"] = hashlib.blake2b(
        json.dumps(rest, sort_keys=True).encode(), digest_size=8
    ).hexdigest()
    torch.save(state, saved)
    assert message in refusal(saved)


@pytest.mark.parametrize(
    "attached", [[], "text", 7, {"dtrb": []}, {"dtrb": torch.zeros(2)}, {"dtrb": {1: 2}}]
)
def test_odd_things_in_the_place_of_a_description(saved, attached):
    state = torch.load(saved, weights_only=True)
    state._metadata = attached
    torch.save(state, saved)
    if isinstance(attached, dict):
        assert "not one that dtrb writes" in refusal(saved)
    else:
        assert read_recogniser(str(saved)).metadata == {}


def test_a_file_of_a_newer_format_asks_for_an_update(saved):
    state = torch.load(saved, weights_only=True)
    state._metadata["dtrb"]["format"] = files.FORMAT + 1
    torch.save(state, saved)
    assert "update dtrb" in refusal(saved)


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from parity import config_of, filled
from dtrb.checkpoints.files import save
from dtrb.errors import CheckpointError
from dtrb.models.recognizer import Recognizer

model = filled(Recognizer(config_of("None-VGG-BiLSTM-CTC")), salt=9)
resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))  # a write beyond this fails, as on a full disk
try:
    save(Path(sys.argv[1]), model)
except CheckpointError as error:
    sys.exit(str(error))
"""


def test_a_failed_write_leaves_the_old_file(saved):
    before = saved.read_bytes()
    assert len(before) > 30000
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(saved), str(ROOT / "tests")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "not written: File too large; an older file of this name is as it was" in done.stderr
    assert "Traceback" not in done.stderr
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile], ids=["DataParallel", "compile"])
def test_a_wrapped_network_is_saved_as_it_is(saved, tmp_path, wrap):
    model = filled(Recognizer(config_of(CRNN)))
    save(
        tmp_path / "wrapped.pth", wrap(model), iteration=7, metrics={"accuracy": 91.5}, data={"train": "abc"}
    )
    assert (tmp_path / "wrapped.pth").read_bytes() == saved.read_bytes()


def test_limits_of_data_sets_become_one_limit_of_the_network(tmp_path):
    model = Recognizer(config_of("None-VGG-None-Attn", batch_max_length=(100, 1100)))
    save(tmp_path / "x.pth", model)
    checkpoint = read(str(tmp_path / "x.pth"))
    assert checkpoint.known["batch_max_length"].value == 1100
    assert checkpoint.metadata["config"]["batch_max_length"] == [100, 1100]


# --- other people's ---------------------------------------------------------------------------------


def bare(path, name=CRNN, prefix="module.", nest=None, **other):
    """Write a file as other trainers do: no description."""
    model = filled(Recognizer(config_of(name, **other)))
    state = OrderedDict((prefix + key, tensor) for key, tensor in model.state_dict().items())
    torch.save({nest: state, "optimizer": {"lr": 1.0}, "epoch": 3} if nest else state, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "model."])
@pytest.mark.parametrize("nest", [None, *files.NESTS])
def test_prefixes_and_nests_are_seen_through(tmp_path, prefix, nest):
    checkpoint = read(str(bare(tmp_path / "x.pth", prefix=prefix, nest=nest)))
    assert checkpoint.prefix == prefix
    assert checkpoint.nest == (nest or "")
    assert checkpoint.network.stages == CRNN
    assert checkpoint.charset is None, "shapes do not tell characters"


def test_a_legacy_file_is_read(tmp_path):
    model = Recognizer(config_of(CRNN))
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert read(str(tmp_path / "old.pth")).network.stages == CRNN


def test_clovas_opt_txt_gives_the_characters_and_the_pixels(tmp_path):
    path = bare(tmp_path / "best_accuracy.pth", character="ab c")
    options = "------------ Options -------------\n{}---------------------------------------\n"
    first = "character: xyz \nimgH: 32\n"
    second = "character: ab c\nimgH: 64\nimgW: 200\nPAD: True\nselect_data: ['MJ', 'ST']\nnum_class: 5\n"
    (tmp_path / "opt.txt").write_text(options.format(first) + options.format(second), encoding="utf-8")
    checkpoint = read(str(path))
    assert checkpoint.charset.characters == "ab c"
    assert checkpoint.known["imgH"].value == 64
    assert checkpoint.known["PAD"].value is True
    assert checkpoint.known["character"].source.endswith("opt.txt")


def test_easyocrs_trainer_keeps_its_characters_in_three_parts(tmp_path):
    path = bare(tmp_path / "iter_1.pth", character="01!?가나")
    (tmp_path / "iter_1.yaml").write_text(
        "number: '01'\nsymbol: '!?'\nlang_char: '가나'\nimgH: 64\nFT: False\n"
    )
    assert read(str(path)).charset.characters == "01!?가나"


def test_an_easyocr_network_yaml_says_characters_and_geometry(tmp_path):
    path = bare(tmp_path / "my_net.pth", character=" !가")
    (tmp_path / "my_net.yaml").write_text(
        "network_params: {input_channel: 1}\nimgH: 64\nlang_list: [ko]\ncharacter_list: ' !가'\n"
    )
    known = read(str(path)).known
    assert known["character"].value == " !가"
    assert (known["geometry"].value, known["imgH"].value, known["PAD"].value) == ("easyocr", 64, True)


def test_a_file_beside_it_that_describes_another_network_is_passed_over_aloud(tmp_path):
    path = bare(tmp_path / "x.pth")
    (tmp_path / "opt.txt").write_text("FeatureExtraction: ResNet\ncharacter: abc\n")
    checkpoint = read(str(path))
    assert checkpoint.charset is None
    assert "FeatureExtraction is ResNet, the file has VGG" in checkpoint.notes[0]
    assert "3 characters, the file has 36" in checkpoint.notes[0]


def test_our_own_opt_txt_is_read_back(tmp_path, saved):
    from dtrb.config import DataConfig, RunConfig, TrainConfig

    config = config_of(CRNN, character=" '\"#: \\가나"[1:])
    run = RunConfig(model=config, data=DataConfig(), train=TrainConfig())
    path = bare(tmp_path / "x.pth", character=config.character)
    (tmp_path / "opt.txt").write_text(write_opt_txt(run), encoding="utf-8")
    assert read(str(path)).charset.characters == config.character


def test_a_file_beside_it_without_characters_hides_no_other(tmp_path):
    """EasyOCR's trainer writes lang_char None when it took the characters from the data."""
    path = bare(tmp_path / "iter_1.pth", character="가나")
    (tmp_path / "iter_1.yaml").write_text("number: '01'\nsymbol: '!?'\nlang_char: None\nimgH: 64\n")
    (tmp_path / "opt.yaml").write_text("unrelated: 1\n")
    assert read(str(path)).known["imgH"].value == 64
    (tmp_path / "opt.txt").write_text("character: 가나\nrgb: True\n")
    checkpoint = read(str(path))
    assert checkpoint.charset.characters == "가나"
    assert "rgb" not in checkpoint.known, "the shapes tell the channels"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.yaml", b"character: aa", "repeated characters: 1 (a)"),
        ("x.yaml", b"[1, 2", "is not YAML"),
        ("x.yaml", "character: 가".encode("cp949"), "is not UTF-8 text (line 1)"),
        ("opt.txt", b"imgH: high\ncharacter: abc", "imgH is 'high', expected a whole number"),
    ],
)
def test_a_file_beside_it_that_cannot_be_used_is_passed_over_aloud(tmp_path, name, content, message):
    path = bare(tmp_path / "x.pth")
    (tmp_path / name).write_bytes(content)
    (note,) = read(str(path)).notes
    assert f"{name} is not used" in note
    assert message in note


@pytest.mark.parametrize("place", [".", "user_network"])
def test_a_user_network_in_easyocrs_folders_is_found(tmp_path, place):
    (tmp_path / "model").mkdir()
    (tmp_path / place).mkdir(exist_ok=True)
    path = bare(tmp_path / "model" / "my_net.pth", character=" !가")
    (tmp_path / place / "my_net.yaml").write_text("imgH: 64\ncharacter_list: ' !가'\n")
    known = read(str(path)).known
    assert known["character"].value == " !가"
    assert (known["imgH"].value, known["imgW"].value) == (64, 600)


def test_entries_that_are_no_tensors_are_left_out_aloud(tmp_path):
    state = {f"module.{key}": tensor for key, tensor in Recognizer(config_of(CRNN)).state_dict().items()}
    torch.save({**state, "epoch": 3, "best": 0.5}, tmp_path / "x.pth")
    checkpoint = read(str(tmp_path / "x.pth"))
    assert checkpoint.network.stages == CRNN
    assert checkpoint.notes == ("entries that are no tensors are left out: 2 (epoch, best)",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.to(torch.complex64), "Prediction.weight is torch.complex64"),
        (lambda t: t.to(torch.int8), "Prediction.weight is torch.int8"),
        (lambda t: t * float("nan"), "Prediction.weight holds NaN or infinity"),
        (lambda t: t / 0, "Prediction.weight holds NaN or infinity"),
        (lambda t: t.to_sparse(), "quantised, sparse or empty of values"),
        (lambda t: t.to("meta"), "quantised, sparse or empty of values"),
    ],
)
def test_weights_that_are_no_numbers_are_refused(tmp_path, change, message):
    state = filled(Recognizer(config_of(CRNN))).state_dict()
    state["Prediction.weight"] = change(state["Prediction.weight"])
    torch.save(state, tmp_path / "x.pth")
    assert message in refusal(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "change",
    [
        {"Prediction.weight": (0, 16), "Prediction.bias": (0,)},
        {"Prediction.weight": (1, 16), "Prediction.bias": (1,)},
        {"FeatureExtraction.ConvNet.0.weight": (4, 7, 3, 3)},
        {"FeatureExtraction.ConvNet.18.weight": (8, 8, 2, 2)},
    ],
)
def test_sizes_that_no_network_has_are_told(tmp_path, change):
    state = Recognizer(config_of(CRNN)).state_dict()
    torch.save({**state, **{key: torch.zeros(shape) for key, shape in change.items()}}, tmp_path / "x.pth")
    assert f"like {CRNN}, but not quite" in refusal(tmp_path / "x.pth")


# --- what is no checkpoint --------------------------------------------------------------------------


class Exploit:
    def __reduce__(self):
        return os.mkdir, (os.environ["DTRB_EXPLOIT"],)


def _zip_of(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")


@pytest.mark.parametrize("way", ["zip", "legacy", "pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(tmp_path, monkeypatch, way):
    flag = tmp_path / "it_ran"
    monkeypatch.setenv("DTRB_EXPLOIT", str(flag))
    path = tmp_path / "model.pth"
    content = OrderedDict(weight=torch.zeros(2), extra=Exploit())
    if way == "pickle":
        path.write_bytes(pickle.dumps(Exploit()))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    message = refusal(path)
    assert "refused: loading it would call posix.mkdir" in message
    assert not flag.exists()


def test_a_whole_pickled_model_is_refused_by_name(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    assert "refused: loading it would call torch.nn.modules.linear.Linear" in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file (0 bytes)"),
        (b"<!DOCTYPE html><html><head>", "not a PyTorch checkpoint: an HTML page"),
        (b"\n <html>", "not a PyTorch checkpoint: an HTML page"),
        (b"\xef\xbb\xbf<!-- sign in --><html>", "not a PyTorch checkpoint: an HTML page"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "not a PyTorch checkpoint: an HTML page, or XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b'\x40\0\0\0\0\0\0\0{"a":{}}', "a safetensors file"),
        (b"\0" * 1000, "not a PyTorch checkpoint"),
        (b"hello, world", "not a PyTorch checkpoint: neither a zip archive nor a pickle"),
        (b"\x80\x02garbage", "damaged or truncated"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, message):
    (tmp_path / "x.pth").write_bytes(content)
    assert message in refusal(tmp_path / "x.pth")


def test_an_archive_without_checksums_is_read(tmp_path):
    """torch can be told to write none."""
    torch.serialization.set_crc32_options(False)
    try:
        bare(tmp_path / "x.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert read(str(tmp_path / "x.pth")).network.stages == CRNN


def test_truncated_files_are_named(saved, tmp_path):
    content = saved.read_bytes()
    for share in (0.1, 0.5, 0.999):
        saved.write_bytes(content[: int(len(content) * share)])
        assert "a truncated archive" in refusal(saved)
    legacy = tmp_path / "legacy.pth"
    torch.save(Recognizer(config_of(CRNN)).state_dict(), legacy, _use_new_zipfile_serialization=False)
    legacy.write_bytes(legacy.read_bytes()[:5000])
    assert "damaged or truncated" in refusal(legacy)


def test_archives_of_other_kinds_are_named(tmp_path):
    path = tmp_path / "korean_g2.zip"
    _zip_of(path, ["korean_g2.pth"])
    assert "a zip archive, but no checkpoint; in it: 1 (korean_g2.pth); unpack it first" in refusal(path)
    _zip_of(path, ["net/constants.pkl", "net/data.pkl", "net/code/net.py"])
    assert "a TorchScript archive" in refusal(path)


def test_a_place_without_a_file_is_named(tmp_path, saved):
    assert "no such file; did you mean best_accuracy.pth?" in refusal(tmp_path / "best_acuracy.pth")
    assert "a folder; pass a file in it: best_accuracy.pth" in refusal(tmp_path)
    assert "a device or a pipe" in refusal("/dev/null")
    assert "not readable: File name too long" in refusal("x" * 300)
    assert refusal("a\0b")
    assert "no such file" in refusal("~nobody_of_this_name/x.pth")
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    assert refusal(tmp_path / "loop.pth")
    (tmp_path / "opt.txt").write_text("imgH: 32")
    assert "a text file; pass the .pth that it belongs to" in refusal(tmp_path / "opt.txt")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "data.mdb").write_bytes(b"x")
    assert "a data set (LMDB)" in refusal(tmp_path / "data")
    assert "a data set (LMDB)" in refusal(tmp_path / "data" / "data.mdb")
    assert "did you mean easyocr:korean_g2?" in refusal("korean_g2.pth")
    assert "did you mean easyocr:korean_g2?" in refusal("EasyOCR:korean_g2")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_file_is_named(saved):
    saved.chmod(0)
    assert "not readable: Permission denied" in refusal(saved)


def test_a_harmless_pickle_of_a_newer_protocol_is_no_exploit(tmp_path):
    torch.save(Recognizer(config_of(CRNN)).state_dict(), tmp_path / "x.pth", pickle_protocol=4)
    assert "written with a pickle protocol that torch does not load safely" in refusal(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02(S'/tmp/it_ran'\niposix\nmkdir\n.",  # INST
        b"\x80\x04\x8c\x05posix\x94\x8c\x05mkdir\x940h\x00h\x01\x93)R.",  # the names from the memo
    ],
)
def test_hidden_calls_are_named(tmp_path, code):
    (tmp_path / "x.pth").write_bytes(code)
    assert "refused: loading it would call posix.mkdir" in refusal(tmp_path / "x.pth")


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], torch.zeros(3), {"model": {"a": 1}}])
def test_a_file_without_a_network_is_named(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    assert "no weights of a network in it" in refusal(tmp_path / "x.pth")


# --- easyocr:NAME -----------------------------------------------------------------------------------


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Publish a small network as korean_g2, at an address of its own."""
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path / "easyocr"))
    source = tmp_path / "korean_g2.pth"
    bare(source, character="가나")
    archive = tmp_path / "korean_g2.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(source, "korean_g2.pth")
    network = easyocr_catalog.PublishedNetwork(
        "korean_g2",
        "korean_g2.pth",
        "https://example.invalid/korean_g2.zip",
        easyocr_weights.md5(source),
        2,
        "가나",
    )
    monkeypatch.setattr(easyocr_catalog, "recognisers", lambda: {"korean_g2": network})
    return archive, source, tmp_path / "easyocr" / "model" / "korean_g2.pth"


def test_a_network_in_easyocrs_folder_is_taken_by_name(catalogue):
    _, source, path = catalogue
    path.parent.mkdir(parents=True)
    shutil.copy(source, path)
    checkpoint = read_recogniser("easyocr:korean_g2")
    assert checkpoint.description == "EasyOCR korean_g2"
    assert checkpoint.charset.characters == "가나"
    known = {name: checkpoint.known[name].value for name in ("geometry", "imgH", "imgW", "PAD")}
    assert known == {"geometry": "easyocr", "imgH": 64, "imgW": 600, "PAD": True}


def test_another_file_under_its_name_is_refused(catalogue):
    _, _, path = catalogue
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    assert "its md5 is 795f3202b17cb6bc3d4b771d8c6c9eaf, expected" in refusal("easyocr:korean_g2")


def test_a_missing_network_is_downloaded_as_easyocr_does(catalogue, monkeypatch, capsys):
    archive, source, path = catalogue
    asked = []

    def fetch(url, timeout):
        asked.append(url)
        return archive.open("rb")

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    read_recogniser("easyocr:korean_g2")
    assert asked == ["https://example.invalid/korean_g2.zip"]
    assert path.read_bytes() == source.read_bytes()
    assert "downloading https://example.invalid/korean_g2.zip" in capsys.readouterr().err
    assert os.listdir(path.parent) == ["korean_g2.pth"]


@pytest.mark.parametrize("content", ["other", "broken"])
def test_a_wrong_download_is_thrown_away(catalogue, monkeypatch, content):
    archive, _, path = catalogue
    if content == "other":
        _zip_of(archive, ["korean_g2.pth"])
    else:
        archive.write_bytes(b"PK\x03\x04 but no more")
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: archive.open("rb"))
    assert "korean_g2.pth into" in refusal("easyocr:korean_g2")
    assert os.listdir(path.parent) == []


def test_an_address_that_is_not_safe_is_not_asked(catalogue, monkeypatch):
    from dataclasses import replace

    network = replace(easyocr_catalog.recognisers()["korean_g2"], url="http://example.invalid/korean_g2.zip")
    monkeypatch.setattr(easyocr_catalog, "recognisers", lambda: {"korean_g2": network})
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: pytest.fail("it was asked"))
    assert "is not a safe address" in refusal("easyocr:korean_g2")


def test_a_published_list_that_repeats_characters_is_a_note(catalogue, monkeypatch):
    from dataclasses import replace

    _, source, path = catalogue
    path.parent.mkdir(parents=True)
    shutil.copy(source, path)
    network = replace(easyocr_catalog.recognisers()["korean_g2"], characters="가가")
    monkeypatch.setattr(easyocr_catalog, "recognisers", lambda: {"korean_g2": network})
    checkpoint = read("easyocr:korean_g2")
    assert checkpoint.charset is None
    assert "EasyOCR's list for korean_g2 cannot be used" in checkpoint.notes[0]


def test_a_folder_in_its_place_is_named(catalogue):
    catalogue[2].mkdir(parents=True)
    assert "cannot be read: Is a directory" in refusal("easyocr:korean_g2")


def test_offline_it_says_where_to_put_the_file(catalogue, monkeypatch):
    from urllib.error import URLError

    def fetch(url, timeout):
        raise URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    message = refusal("easyocr:korean_g2")
    assert "could not be downloaded" in message
    assert f"put korean_g2.pth into {catalogue[2].parent}" in message
